// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdexcept>

#include "tests/journey/custody_world.h"

namespace nvmigrate::test {

std::size_t subsystem_of(const std::string& device) {
  const auto name = device.substr(device.rfind(':') + 1, 1);
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    if (name == subsystem_names.at(i)) return i;
  }
  throw std::logic_error("no subsystem " + device);
}

std::vector<Step> all_steps() {
  std::vector<Step> steps;
  const auto of_each = [&](Verb verb, const std::string& allow = {}) {
    for (std::size_t at = 0; at < subsystem_names.size(); ++at)
      steps.push_back({.verb = verb, .at = at, .other = at, .allow = allow});
  };
  const auto of_pairs = [&](Verb verb, bool with_itself) {
    for (std::size_t at = 0; at < subsystem_names.size(); ++at) {
      for (std::size_t other = 0; other < subsystem_names.size(); ++other) {
        if (at != other || with_itself) steps.push_back({.verb = verb, .at = at, .other = other});
      }
    }
  };
  for (const auto verb :
       {Verb::suspend, Verb::resume, Verb::release, Verb::export_file, Verb::snapshot, Verb::bind,
        Verb::unbind, Verb::deprovision, Verb::recreate, Verb::repair, Verb::start_guest,
        Verb::start_empty, Verb::stop_guest, Verb::reset, Verb::power_cycle, Verb::raw_suspend,
        Verb::raw_resume}) {
    of_each(verb);
  }
  of_each(Verb::resume, "exported");
  of_each(Verb::release, "not_exported");
  of_pairs(Verb::export_pipe, false);
  of_pairs(Verb::import_file, true);
  of_pairs(Verb::import_and_resume, true);
  of_pairs(Verb::transfer, false);
  for (const std::size_t at : {0U, 1U})
    steps.push_back({.verb = Verb::settle, .at = at, .other = 2});
  for (const std::size_t other : {0U, 1U})
    steps.push_back({.verb = Verb::settle, .at = 2, .other = other});
  return steps;
}

std::string to_string(const Step& step) {
  static constexpr std::array names{"suspend",     "resume",      "release", "export",
                                    "snapshot",    "export_pipe", "import",  "import_and_resume",
                                    "transfer",    "settle",      "bind",    "unbind",
                                    "deprovision", "recreate",    "repair",  "start_guest",
                                    "start_empty", "stop_guest",  "reset",   "power_cycle",
                                    "raw_suspend", "raw_resume"};
  std::string text = std::string{names.at(static_cast<std::size_t>(step.verb))} + " " +
                     subsystem_names.at(step.at);
  if (step.other != step.at) text += std::string{" "} + subsystem_names.at(step.other);
  if (!step.allow.empty()) text += " --allow " + step.allow;
  return text + (step.advised ? " (advised)" : "");
}

std::optional<Step> step_of(const Remedy& remedy) {
  using Action = Remedy::Action;
  if (remedy.device.empty() || remedy.device.starts_with("ssh:")) return std::nullopt;
  Step step{.allow = remedy.allow, .advised = true};
  step.at = step.other = subsystem_of(remedy.device);
  switch (remedy.action) {
    case Action::resume:
      step.verb = Verb::resume;
      return step;
    case Action::suspend:
      step.verb = Verb::suspend;
      return step;
    case Action::release:
      step.verb = Verb::release;
      return step;
    case Action::bind:
      step.verb = Verb::bind;
      return step;
    case Action::unbind:
      step.verb = Verb::unbind;
      return step;
    case Action::deprovision:
      step.verb = Verb::deprovision;
      return step;
    case Action::recreate:
      step.verb = Verb::recreate;
      return step;
    case Action::repair:
      step.verb = Verb::repair;
      return step;
    case Action::reset:
      step.verb = Verb::reset;
      return step;
    case Action::import_state:
      if (remedy.object == pipe_name) return std::nullopt;
      step.verb = Verb::import_file;
      step.other = subsystem_of(":" + remedy.object.substr(7, 1));
      return step;
    case Action::settle:
      step.verb = Verb::settle;
      step.other = subsystem_of(remedy.object.substr(0, remedy.object.rfind(' ')));
      return step;
    default:
      return std::nullopt;
  }
}

}  // namespace nvmigrate::test
