// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/remote/message.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nvmigrate::remote {
namespace {

using Action = Remedy::Action;

/// In messages, remedies have names: their numbers may change.
constexpr std::array<std::pair<Action, std::string_view>, 27> action_names{{
    {Action::resume, "resume"},
    {Action::suspend, "suspend"},
    {Action::mark, "mark"},
    {Action::unmark, "unmark"},
    {Action::bind, "bind"},
    {Action::unbind, "unbind"},
    {Action::release, "release"},
    {Action::settle, "settle"},
    {Action::import_state, "import"},
    {Action::track_stop, "track_stop"},
    {Action::reset, "reset"},
    {Action::list, "list"},
    {Action::show, "show"},
    {Action::provision, "provision"},
    {Action::recreate, "recreate"},
    {Action::deprovision, "deprovision"},
    {Action::repair, "repair"},
    {Action::apply, "apply"},
    {Action::apply_anew, "apply_anew"},
    {Action::make_folder, "make_folder"},
    {Action::restrict_folder, "restrict_folder"},
    {Action::give_to_root, "give_to_root"},
    {Action::load_module, "load_module"},
    {Action::create_simulation, "create_simulation"},
    {Action::destroy_simulation, "destroy_simulation"},
    {Action::show_simulation, "show_simulation"},
    {Action::list_simulations, "list_simulations"},
}};

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <typename T>
std::optional<T> maybe(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

std::string_view name_of(Action action) {
  for (const auto& [each, name] : action_names) {
    if (each == action) return name;
  }
  return "unknown";
}

std::optional<Action> action_of(std::string_view wanted) {
  for (const auto& [each, name] : action_names) {
    if (name == wanted) return each;
  }
  return std::nullopt;
}

Json to_json(const std::vector<Remedy>& remedies) {
  Json list = Json::array();
  for (const auto& remedy : remedies) {
    list.push_back({{"action", name_of(remedy.action)},
                    {"device", remedy.device},
                    {"function", or_null(remedy.function)},
                    {"object", remedy.object},
                    {"allow", remedy.allow},
                    {"count", remedy.count},
                    {"queues", or_null(remedy.queues)},
                    {"interrupts", or_null(remedy.interrupts)},
                    {"release_primary", remedy.release_primary},
                    {"backend", remedy.backend}});
  }
  return list;
}

/// Remedies that this version does not know are left out.
std::vector<Remedy> remedies_of(const Json& json) {
  std::vector<Remedy> remedies;
  for (const auto& one : json) {
    const auto action = action_of(one.at("action").get<std::string>());
    if (!action) continue;
    remedies.push_back({.action = *action,
                        .device = one.at("device").get<std::string>(),
                        .function = maybe<std::uint16_t>(one, "function"),
                        .object = one.at("object").get<std::string>(),
                        .allow = one.at("allow").get<std::string>(),
                        .backend = one.value("backend", std::string{}),
                        .count = one.at("count").get<unsigned>(),
                        .queues = maybe<std::uint16_t>(one, "queues"),
                        .interrupts = maybe<std::uint16_t>(one, "interrupts"),
                        .release_primary = one.value("release_primary", false)});
  }
  return remedies;
}

Finding finding_of(const Json& json) {
  Finding found;
  found.code = json.at("code").get<std::string>();
  const auto severity = json.at("severity").get<std::string>();
  for (const auto each : {Severity::ok, Severity::warning, Severity::problem, Severity::blocker}) {
    if (to_string(each) == severity) found.severity = each;
  }
  found.status = static_cast<ExitStatus>(json.at("status").get<int>());
  found.message = json.at("message").get<std::string>();
  found.device = json.at("device").get<std::string>();
  found.cntlid = maybe<std::uint16_t>(json, "cntlid");
  found.offset = maybe<std::uint64_t>(json, "offset");
  found.overridable = json.at("overridable").get<bool>();
  found.allowed = json.at("allowed").get<bool>();
  found.advice = json.at("advice").get<std::string>();
  found.remedies = remedies_of(json.at("remedies"));
  return found;
}

[[noreturn]] void not_understood(const std::exception& error) {
  throw Error(ExitStatus::io, std::string{"a message cannot be understood: "} + error.what())
      .with_code("connection");
}

void name_host(std::vector<Remedy>& remedies, const std::string& prefix) {
  for (auto& remedy : remedies)
    remedy.device.insert(0, prefix);
}

}  // namespace

Json to_json(const Findings& findings) {
  Json list = Json::array();
  for (const auto& found : findings) {
    list.push_back({{"code", found.code},
                    {"severity", to_string(found.severity)},
                    {"status", static_cast<int>(found.status)},
                    {"message", found.message},
                    {"device", found.device},
                    {"cntlid", or_null(found.cntlid)},
                    {"offset", or_null(found.offset)},
                    {"overridable", found.overridable},
                    {"allowed", found.allowed},
                    {"advice", found.advice},
                    {"remedies", to_json(found.remedies)}});
  }
  return list;
}

Findings findings_of(const Json& json) {
  try {
    Findings findings;
    for (const auto& one : json)
      findings.push_back(finding_of(one));
    return findings;
  } catch (const Json::exception& error) {
    not_understood(error);
  }
}

Json error_json(const Error& error) {
  const auto* refusal = dynamic_cast<const Refusal*>(&error);
  return {{"status", static_cast<int>(error.status())},
          {"code", error.code()},
          {"message", error.what()},
          {"advice", error.advice()},
          {"device", error.device()},
          {"remedies", to_json(error.remedies())},
          {"action", refusal != nullptr ? Json(refusal->action()) : Json()},
          {"findings", refusal != nullptr ? to_json(refusal->findings()) : Json::array()}};
}

void throw_error(const Json& body) {
  try {
    const auto findings = findings_of(body.at("findings"));
    if (any_stands(findings)) {
      throw PeerError(std::make_shared<Refusal>(body.at("action").get<std::string>(), findings));
    }
    Error error(static_cast<ExitStatus>(body.at("status").get<int>()),
                body.at("message").get<std::string>(), body.at("advice").get<std::string>(),
                remedies_of(body.at("remedies")));
    error.set_code(body.at("code").get<std::string>());
    throw PeerError(std::make_shared<Error>(error));
  } catch (const Json::exception& error) {
    not_understood(error);
  }
}

void name_host(Findings& findings, const std::string& prefix) {
  for (auto& found : findings) {
    if (!found.device.empty()) found.device.insert(0, prefix);
    name_host(found.remedies, prefix);
  }
}

void rethrow_of_host(const Error& error, const std::string& host, const std::string& prefix) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) {
    auto findings = refusal->findings();
    name_host(findings, prefix);
    throw Refusal(refusal->action(), std::move(findings));
  }
  auto remedies = error.remedies();
  name_host(remedies, prefix);
  throw Error(error.status(), host + ": " + error.what(), error.advice(), std::move(remedies))
      .with_code(error.code());
}

}  // namespace nvmigrate::remote
