// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "cli/ssh.h"
#include "cli/text/json.h"
#include "cli/text/screen.h"
#include "cli/text/visible.h"
#include "nvmigrate/nvme/status.h"

namespace nvmigrate::cli {
namespace {

using Action = Remedy::Action;
using Argv = std::vector<std::string>;

/// Where a command names its functions.
constexpr std::size_t at_functions = 3;

std::string id_of(const Remedy& remedy) {
  return remedy.function ? std::to_string(*remedy.function) : "all";
}

std::string sim_name(const Remedy& remedy) {
  const auto name = remedy.device.substr(remedy.device.find(':') + 1);
  return name.substr(0, name.find('/'));
}

/// Whether one command marks both functions.
bool marks_alike(const Remedy& one, Remedy other) {
  if (one.action != Action::mark || !one.function || !other.function || is_ssh(one.device)) {
    return false;
  }
  other.function = one.function;
  return one == other;
}

Argv reset_of(const Remedy& remedy) {
  if (remedy.device.starts_with("sim:")) {
    return {"nvmigrate", "sim", "change", sim_name(remedy), "--reset", remedy.object};
  }
  return {"sh", "-c", "echo 1 > /sys/bus/pci/devices/" + remedy.object + "/reset"};
}

Argv allowing(Argv command, const Remedy& remedy) {
  std::istringstream codes(remedy.allow);
  for (std::string code; std::getline(codes, code, ',');)
    command.insert(command.end(), {"--allow", code});
  return command;
}

Argv naming_backend(Argv command, const Remedy& remedy) {
  if (!remedy.backend.empty()) command.insert(command.end(), {"--backend", remedy.backend});
  return command;
}

Argv of_function(const std::string& verb, const Remedy& remedy) {
  return allowing(naming_backend({"nvmigrate", verb, remedy.device, id_of(remedy)}, remedy),
                  remedy);
}

Argv of_device(const std::string& verb, const Remedy& remedy) {
  return {"nvmigrate", verb, remedy.device};
}

Argv provision_of(const Remedy& remedy) {
  Argv command{"nvmigrate", "provision", remedy.device, "--vfs", std::to_string(remedy.count)};
  const auto add = [&](const char* option, const std::optional<std::uint16_t>& count) {
    if (count) command.insert(command.end(), {option, std::to_string(*count)});
  };
  add("--vq", remedy.queues);
  add("--vi", remedy.interrupts);
  if (!remedy.object.empty()) command.insert(command.end(), {"--attach", remedy.object});
  if (remedy.release_primary) command.emplace_back("--release-primary");
  if (remedy.action == Action::recreate) command.emplace_back("--recreate");
  return allowing(std::move(command), remedy);
}

Argv apply_of(const Remedy& remedy) {
  Argv command{"nvmigrate", "apply"};
  if (!remedy.object.empty()) command.push_back(remedy.object);
  command.insert(command.end(), {"--device", remedy.device});
  if (remedy.action == Action::apply_anew) command.emplace_back("--recreate");
  return allowing(std::move(command), remedy);
}

/// The command of another host, through ssh.
Argv on_its_host(const Remedy& remedy) {
  const auto target = parse_ssh(remedy.device);
  auto there = remedy;
  there.device = target.device;
  Argv command{"ssh"};
  if (!target.port.empty()) command.insert(command.end(), {"-p", target.port});
  command.push_back(target.login);
  for (auto& word : command_of(there))
    command.push_back(std::move(word));
  return command;
}

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view{"-_./:,=+@%"}.find(c) != std::string_view::npos;
}

/// As bash, zsh and ksh read it: a name with control characters can be pasted.
std::string ansi_quoted(const std::string& word) {
  std::string text = "$'";
  for (const char c : word) {
    if (c == '\'' || c == '\\') {
      text += std::string{'\\', c};
    } else if (is_visible({&c, 1})) {
      text += c;
    } else {
      text += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    }
  }
  return text + "'";
}

std::string quoted(const std::string& word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
  if (!is_visible(word)) return ansi_quoted(word);
  return quoted_for_sh(word);
}

std::string override_line(const Finding& found, std::size_t indent) {
  if (!found.stands() || !found.overridable) return {};
  const bool shown = std::any_of(found.remedies.begin(), found.remedies.end(),
                                 [&](const Remedy& remedy) { return remedy.allow == found.code; });
  if (shown) return {};
  return std::string(indent, ' ') + "(--allow " + found.code + " overrides this)\n";
}

Tone tone_of(const Finding& found) {
  if (found.severity == Severity::ok) return Tone::plain;
  return found.severity == Severity::warning || found.allowed ? Tone::warning : Tone::problem;
}

Json nvme_json(const Error& error) {
  const auto* nvme = dynamic_cast<const NvmeError*>(&error);
  if (nvme == nullptr) return nullptr;
  const auto status = nvme->nvme_status();
  return {
      {"sct", status.sct()}, {"sc", status.sc()}, {"dnr", status.dnr()}, {"name", name_of(status)}};
}

/// The advice of the library, with the option of the command line that follows it.
std::string advice_of(const Error& error) {
  if (error.status() == ExitStatus::busy) return error.advice() + "; --wait SECONDS does that";
  if (error.code() == "file_exists") return error.advice() + ", or replace it with --overwrite";
  if (error.code() == "not_tracked") return error.advice() + " with 'nvmigrate track start'";
  if (error.code() == "raw_layout") return error.advice() + " with --backend";
  if (error.code() == "not_a_state_file") return error.advice() + " with --raw";
  return error.advice();
}

template <typename Answer>
Answer of_failure(const std::exception_ptr& failure, const Answer& none,
                  const std::function<Answer(const Error&)>& answer) {
  if (!failure) return none;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return answer(error);
  } catch (const std::exception& error) {
    return answer(Error(ExitStatus::internal, error.what()));
  }
}

std::vector<const Finding*> standing(const Refusal& refusal) {
  std::vector<const Finding*> found;
  for (const auto& one : refusal.findings()) {
    if (one.stands()) found.push_back(&one);
  }
  return found;
}

}  // namespace

std::vector<std::string> command_of(const Remedy& remedy) {
  if (is_ssh(remedy.device)) return on_its_host(remedy);
  switch (remedy.action) {
    case Action::resume:
      return of_function("resume", remedy);
    case Action::suspend:
      return of_function("suspend", remedy);
    case Action::mark: {
      auto command = of_function("mark", remedy);
      if (!remedy.object.empty()) command.insert(command.end(), {"--backend", remedy.object});
      return command;
    }
    case Action::unmark:
      return of_function("unmark", remedy);
    case Action::bind:
      return of_function("bind", remedy);
    case Action::unbind:
      return of_function("unbind", remedy);
    case Action::release:
      return of_function("release", remedy);
    case Action::settle: {
      const auto blank = remedy.object.rfind(' ');
      auto command = of_function("transfer", remedy);
      command.insert(command.end(),
                     {remedy.object.substr(0, blank), remedy.object.substr(blank + 1), "--settle"});
      return command;
    }
    case Action::import_state: {
      auto command = of_function("import", remedy);
      command.insert(command.end(), {"-f", remedy.object});
      return command;
    }
    case Action::track_stop:
      return {"nvmigrate", "track", "stop", remedy.device, id_of(remedy)};
    case Action::reset:
      return reset_of(remedy);
    case Action::list:
      return of_device("list", remedy);
    case Action::show:
      return of_device("show", remedy);
    case Action::provision:
    case Action::recreate:
      return provision_of(remedy);
    case Action::deprovision:
      return of_device("deprovision", remedy);
    case Action::repair:
      if (remedy.device.empty()) return {"nvmigrate", "doctor", "--repair"};
      return naming_backend({"nvmigrate", "doctor", remedy.device, "--repair"}, remedy);
    case Action::apply:
    case Action::apply_anew:
      return apply_of(remedy);
    case Action::make_folder:
      return {"mkdir", "-p", remedy.object};
    case Action::restrict_folder:
      return {"chmod", "go-w", remedy.object};
    case Action::give_to_root:
      return {"chown", "root", remedy.object};
    case Action::load_module:
      return {"modprobe", remedy.object};
    case Action::create_simulation:
      return {"nvmigrate", "sim", "create", remedy.object};
    case Action::destroy_simulation:
      return {"nvmigrate", "sim", "destroy", remedy.object};
    case Action::show_simulation:
      return {"nvmigrate", "sim", "show", remedy.object};
    case Action::list_simulations:
      return {"nvmigrate", "sim", "list"};
  }
  return {};
}

std::vector<Argv> commands_of(const std::vector<Remedy>& remedies) {
  std::vector<Argv> commands;
  const Remedy* before = nullptr;
  for (const auto& remedy : remedies) {
    if (before != nullptr && marks_alike(*before, remedy)) {
      commands.back()[at_functions] += "," + id_of(remedy);
    } else {
      commands.push_back(command_of(remedy));
    }
    before = &remedy;
  }
  return commands;
}

std::string quoted_for_sh(const std::string& word) {
  std::string text = "'";
  for (const char c : word)
    text += c == '\'' ? std::string{R"('\'')"} : std::string{c};
  return text + "'";
}

std::string line_of(const std::vector<std::string>& command) {
  std::string line;
  for (const auto& word : command)
    line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

std::string message_of(const Finding& found) {
  return one_line(found.message) + (found.allowed ? " (allowed)" : "");
}

std::string next_steps(const std::string& advice, const std::vector<Remedy>& remedies,
                       std::size_t indent, const Screen& screen) {
  const std::string margin(indent, ' ');
  std::string text = advice.empty() ? "" : margin + wrapped(advice, indent, screen.width) + '\n';
  for (const auto& command : commands_of(remedies))
    text += margin + "-> " + line_of(command) + '\n';
  return text;
}

std::string text_of(const Finding& found, const std::string& mark, std::size_t indent,
                    const Screen& screen) {
  const auto below = indent + mark.size();
  return std::string(indent, ' ') + painted(screen, mark, tone_of(found)) +
         wrapped(message_of(found), below, screen.width) + '\n' +
         next_steps(found.advice, found.remedies, below, screen) + override_line(found, below);
}

std::string account_text(const Findings& account, std::size_t indent, const Screen& screen) {
  std::string text;
  for (const auto& found : account)
    text += text_of(found, found.severity == Severity::ok ? "* " : "! ", indent, screen);
  return text;
}

std::string text_of(const Findings& findings) {
  std::string text;
  for (const auto& found : findings) {
    const auto place =
        found.offset ? ", byte " + std::to_string(*found.offset) + " of the state" : std::string{};
    const auto label = found.allowed ? std::string_view{"allowed"} : to_string(found.severity);
    auto shown = found;
    if (found.allowed) shown.allowed = shown.overridable = false;  // the label says it
    text += text_of(shown, std::string{label} + " (" + found.code + place + "): ", 2);
  }
  return text;
}

std::string headline_of(const Error& error) {
  const auto* refusal = dynamic_cast<const Refusal*>(&error);
  if (refusal == nullptr || standing(*refusal).size() < 2) return one_line(error.what());
  return "cannot " + refusal->action() + ":";
}

std::string details_of(const Error& error) {
  const auto* refusal = dynamic_cast<const Refusal*>(&error);
  if (refusal == nullptr) return next_steps(advice_of(error), error.remedies(), 2);
  const auto findings = standing(*refusal);
  if (findings.size() == 1) {
    const auto& only = *findings.front();
    return next_steps(only.advice, only.remedies, 2) + override_line(only, 2);
  }
  const bool of_several = std::any_of(findings.begin(), findings.end(), [&](const Finding* one) {
    return one->device != findings.front()->device;
  });
  std::string text;
  for (const auto* found : findings) {
    auto named = *found;
    if (of_several && !named.device.empty()) named.message = named.device + ": " + named.message;
    text += text_of(named, "- ", 2);
  }
  return text;
}

Json commands_json(const std::vector<Remedy>& remedies) {
  Json list = Json::array();
  for (auto& command : commands_of(remedies))
    list.push_back(std::move(command));
  return list;
}

Json json_of(const Finding& found) {
  return {{"code", found.code},
          {"severity", to_string(found.severity)},
          {"class", row_of(found.severity == Severity::ok ? ExitStatus::ok : found.status).name},
          {"message", found.message},
          {"device", text_or_null(found.device)},
          {"controller_id", or_null(found.cntlid)},
          {"offset", or_null(found.offset)},
          {"overridable", found.overridable},
          {"allowed", found.allowed},
          {"advice", text_or_null(found.advice)},
          {"commands", commands_json(found.remedies)}};
}

Json json_of(const Findings& findings) {
  Json list = Json::array();
  for (const auto& found : findings)
    list.push_back(json_of(found));
  return list;
}

Json json_of(const Error& error) {
  const auto* refusal = dynamic_cast<const Refusal*>(&error);
  return {{"code", error.code()},
          {"class", row_of(error.status()).name},
          {"message", error.what()},
          {"advice", text_or_null(advice_of(error))},
          {"commands", commands_json(error.remedies())},
          {"device", text_or_null(error.device())},
          {"nvme_status", nvme_json(error)},
          {"findings", refusal != nullptr ? json_of(refusal->findings()) : Json::array()}};
}

Json failure_json(const std::exception_ptr& failure) {
  return of_failure<Json>(failure, nullptr, [](const Error& error) { return json_of(error); });
}

std::string failure_text(const std::string& who, const std::exception_ptr& failure) {
  return who + ": failed\n" + of_failure<std::string>(failure, {}, details_of);
}

ExitStatus status_of(const std::exception_ptr& failure) {
  return of_failure<ExitStatus>(failure, ExitStatus::ok,
                                [](const Error& error) { return error.status(); });
}

ExitStatus status_of(const Failures& failures) {
  const auto failed = std::count_if(failures.begin(), failures.end(),
                                    [](const auto& one) { return one != nullptr; });
  if (failed == 0) return ExitStatus::ok;
  if (failures.size() == 1) std::rethrow_exception(failures.front());
  const bool stopped = std::any_of(failures.begin(), failures.end(), [](const auto& one) {
    return status_of(one) == ExitStatus::interrupted;
  });
  return stopped ? ExitStatus::interrupted : ExitStatus::partial;
}

void tell(Context& context, const Failures& failures, std::string_view what) {
  std::size_t failed = 0;
  for (const auto& failure : failures) {
    if (!failure) continue;
    ++failed;
    if (status_of(failure) == ExitStatus::interrupted) continue;
    context.warn(of_failure<std::string>(
        failure, {}, [](const Error& error) { return std::string{error.what()}; }));
  }
  context.warn_of_failed(failed, failures.size(), what);
}

}  // namespace nvmigrate::cli
