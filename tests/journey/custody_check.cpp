// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/stream.h"
#include "tests/journey/custody_world.h"

namespace nvmigrate::test {
namespace {

bool is_of_the_tool(Verb verb) { return verb < Verb::start_guest; }

/// Whether the step is an operator's act without the tool, which may end a guest.
bool may_end_guests(const Step& step) { return !is_of_the_tool(step.verb) && !step.advised; }

struct FileFacts {
  std::uint64_t seed = 0, progress = 0;
};

/// The guest in a state file that is complete. The seed and the progress are in its vendor part.
std::optional<FileFacts> guest_in(const std::string& content) {
  static std::map<std::string, std::optional<FileFacts>> known;
  const auto found = known.find(content);
  if (found != known.end()) return found->second;
  MemoryFiles own, shared{{"/files/x.state", content}};
  Watcher watcher;
  MemoryIo io(own, shared, watcher);
  std::optional<FileFacts> facts;
  try {
    const auto state = StoredState::open(io, "/files/x.state");
    const auto source = state.source();
    const auto bytes = source->view(source->size());
    wire::StateHeader head{};  // also that of a state that only the device can read
    std::memcpy(&head, bytes.data(), sizeof head);
    const auto* vendor = bytes.data() + sizeof head + 4 * std::uint64_t{head.nvmecss};
    FileFacts read;
    std::memcpy(&read.seed, vendor + 8, 8);
    std::memcpy(&read.progress, vendor + 16, 8);
    facts = read;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it has none
  }
  return known.emplace(content, facts).first->second;
}

class Check {
 public:
  Check(const CustodyWorld& before, const Step& step, Outcome& outcome)
      : before_(&before), step_(&step), outcome_(&outcome) {}

  void all() {
    auto& world = outcome_->world;
    note_foreign();
    for (auto& [seed, fate] : world.guests) {
      look_at_runs(seed, fate);
      look_at_loss(seed, fate);
    }
    for (std::size_t i = 0; i < subsystem_names.size(); ++i)
      look_at_records(i);
  }

 private:
  void fault(const std::string& what) { outcome_->faults.push_back(what); }

  [[nodiscard]] bool overridden() const { return !step_->allow.empty(); }

  /// The explorer always exports with `overwrite`.
  [[nodiscard]] bool overwrites() const {
    const bool exports = step_->verb == Verb::export_file || step_->verb == Verb::snapshot;
    return exports && before_->shared.contains(file_of(step_->at));
  }

  void note_foreign() {
    auto& foreign = outcome_->world.foreign;
    if (step_->verb == Verb::raw_suspend) foreign.insert(step_->at);
    std::erase_if(foreign, [this](std::size_t subsystem) {
      return !function_of(outcome_->world, subsystem).suspended();
    });
  }

  [[nodiscard]] std::size_t running(std::uint64_t seed) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(outcome_->world, i);
      if (has_guest(function) && function.running() && function.guest->seed() == seed) ++count;
    }
    return count;
  }

  void look_at_runs(std::uint64_t seed, Fate& fate) {
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(outcome_->world, i);
      if (has_guest(function) && function.running() && function.guest->seed() == seed) {
        fate.latest = std::max(fate.latest, function.guest->progress());
      }
    }
    // After an override that lets a guest run although its state was exported, a second copy may
    // start at any time.
    if ((overridden() || step_->verb == Verb::raw_resume) && is_at(seed)) fate.doubled = true;
    note_load(seed, fate);
    if (running(seed) < 2) return;
    if (!fate.doubled) fault("guest " + std::to_string(seed) + " runs twice");
  }

  void note_load(std::uint64_t seed, Fate& fate) {
    const bool imports = step_->verb == Verb::import_file || step_->verb == Verb::import_and_resume;
    const auto file = before_->shared.find(file_of(step_->other));
    if (!imports || file == before_->shared.end()) return;
    const auto guest = guest_in(file->second);
    if (!guest || guest->seed != seed || !is_at(seed)) return;
    auto& hosts = fate.loaded_at[guest->progress];
    hosts.insert(host_of(step_->at));
    if (hosts.size() > 1) fate.doubled = true;
  }

  [[nodiscard]] bool is_at(std::uint64_t seed) const {
    const auto& function = function_of(outcome_->world, step_->at);
    return has_guest(function) && function.guest->seed() == seed;
  }

  /// Whether there is a copy as recent as the guest was when it last ran.
  [[nodiscard]] bool exists(std::uint64_t seed, std::uint64_t latest) const {
    const auto& world = outcome_->world;
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(world, i);
      if (has_guest(function) && function.guest->seed() == seed &&
          function.guest->progress() >= latest) {
        return true;
      }
    }
    return std::any_of(world.shared.begin(), world.shared.end(), [&](const auto& file) {
      const auto guest = guest_in(file.second);
      return guest && guest->seed == seed && guest->progress >= latest;
    });
  }

  void look_at_loss(std::uint64_t seed, Fate& fate) {
    if (fate.ended || fate.given_up || fate.doubled || exists(seed, fate.latest)) return;
    if (may_end_guests(*step_)) {
      fate.ended = true;
    } else if (overridden() || overwrites()) {
      fate.given_up = true;
    } else {
      fault("guest " + std::to_string(seed) + " is lost");
    }
  }

  /// A suspended function must be on record, unless another tool suspended it.
  void look_at_records(std::size_t subsystem) {
    const auto& function = function_of(outcome_->world, subsystem);
    if (!function.suspended() || outcome_->world.foreign.contains(subsystem)) return;
    const auto& files = outcome_->world.files.at(host_of(subsystem));
    const auto journal = files.find("/run/journal.json");
    const bool recorded =
        journal != files.end() &&
        journal->second.find("\"SIM-" + std::string{subsystem_names.at(subsystem)} + "\"") !=
            std::string::npos;
    if (!recorded) fault(device_of(subsystem) + " is suspended, and nothing says so");
  }

  const CustodyWorld* before_;
  const Step* step_;
  Outcome* outcome_;
};

// --- equal worlds

/// Gives numbers, ids and digests labels in the order of their appearance.
class Labels {
 public:
  std::string of(const std::string& kind, const std::string& value) {
    const auto [found, fresh] = known_.try_emplace(kind + value, "");
    if (fresh) found->second = kind + std::to_string(++counts_[kind]);
    return found->second;
  }

 private:
  std::map<std::string, std::string> known_;
  std::map<std::string, unsigned> counts_;
};

/// A record without the members that differ between runs. Relies on one member per line.
std::string canonical(const std::string& record, Labels& labels) {
  static const std::set<std::string_view> dropped{"time", "pid", "since_ns", "schema"};
  std::string text;
  for (std::size_t begin = 0; begin < record.size();) {
    const auto end = std::min(record.find('\n', begin), record.size() - 1) + 1;
    const auto line = std::string_view{record}.substr(begin, end - begin);
    begin = end;
    const auto open = line.find('"');
    const auto close = line.find("\": ", open + 1);
    const auto name =
        close == std::string_view::npos ? "" : line.substr(open + 1, close - open - 1);
    if (dropped.contains(name)) continue;
    if (name == "sha256" || name == "transfer") {
      const auto value = line.substr(close + 3, line.rfind('"') - close - 3);
      text += labels.of(std::string{name}, std::string{value}) + "\n";
    } else {
      text += line;
    }
  }
  return text;
}

std::string text_of(const sim::Function& function, Labels& labels) {
  std::string text = function.online ? "on" : "off";
  if (function.suspended()) text += " suspended";
  if (function.loaded) text += " loaded";
  if (function.sequence) text += " open";
  text += " " + function.driver.value_or("-") + " " + std::to_string(function.vq);
  if (!function.guest) return text;
  if (!function.guest->has_queues()) return text + " empty";
  const auto seed = std::to_string(function.guest->seed());
  return text + " guest" + seed +
         labels.of("p" + seed + "-", std::to_string(function.guest->progress()));
}

}  // namespace

void check(const CustodyWorld& before, const Step& step, Outcome& outcome) {
  Check(before, step, outcome).all();
}

std::string signature_of(const CustodyWorld& world) {
  Labels labels;
  std::string text;
  for (const auto& [name, content] : world.shared) {
    const auto guest = guest_in(content);
    if (!guest) continue;
    const auto seed = std::to_string(guest->seed);
    text += name + " " + seed + labels.of("p" + seed + "-", std::to_string(guest->progress)) +
            (content.find("\"source_resumed\":true") != std::string::npos ? " snapshot" : "") +
            "\n";
  }
  for (const auto& subsystem : world.subsystems) {
    text += text_of(subsystem->functions.at(vf), labels) + " " +
            std::to_string(subsystem->primaries.front().enabled_vfs) + "\n";
  }
  for (const auto& files : world.files) {
    for (const auto& [name, content] : files) {
      if (!name.ends_with(".json")) continue;
      text += name + canonical(content, labels) + "\n";
    }
  }
  for (const auto& [seed, fate] : world.guests) {
    text += std::to_string(seed) +
            labels.of("p" + std::to_string(seed) + "-", std::to_string(fate.latest)) +
            (fate.ended ? " ended" : "") + (fate.doubled ? " doubled" : "") +
            (fate.given_up ? " given up" : "") + "\n";
    for (const auto& [progress, hosts] : fate.loaded_at) {
      text += "loaded " + labels.of("p" + std::to_string(seed) + "-", std::to_string(progress));
      for (const auto host : hosts)
        text += " " + std::to_string(host);
    }
  }
  for (const auto subsystem : world.foreign)
    text += "foreign " + std::to_string(subsystem) + "\n";
  return text;
}

}  // namespace nvmigrate::test
