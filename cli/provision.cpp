// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision.h"

#include <algorithm>
#include <set>
#include <span>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

constexpr std::uint64_t most = 0xFFFF;

struct Provisioning : Changing {
  std::optional<std::uint64_t> vfs, queues, interrupts;
  bool recreate = false, release_primary = false;
  std::optional<std::string> attach;
};

Json object_of(const ProvisionedFunction& function) {
  return {{"controller_id", or_null(function.cntlid)},
          {"virtual_function", vfn_or_null(function.vfn)},
          {"address", text_or_null(function.address)},
          {"online", function.online},
          {"queues", function.queues},
          {"interrupts", function.interrupts}};
}

using Steps = std::span<const ProvisionStep>;

/// `1-4, 7` of the steps' functions, by controller id or, where the device has none, by VF number.
std::string numbers_of(Steps steps) {
  std::vector<std::uint32_t> numbers;
  for (const auto& step : steps)
    numbers.push_back(step.cntlid.value_or(step.vfn));
  return ranges_of(numbers);
}

std::string who(Steps steps) {
  const auto& first = steps.front();
  if (!first.cntlid) return "VFs " + numbers_of(steps);
  if (steps.size() > 1) return "controlled functions " + numbers_of(steps);
  return "controlled function " + label_of(*first.cntlid, first.vfn);
}

/// What steps that are alike come to.
std::string words_of(Steps steps) {
  using enum ProvisionAction;
  const auto value = steps.front().value;
  const auto each = steps.size() > 1 ? " each" : "";
  switch (steps.front().action) {
    case unbind:
      return "take " + who(steps) + " from the driver";
    case set_autoprobe:
      return value == 0 ? "keep host drivers off new VFs" : "let host drivers take new VFs";
    case set_vfs:
      return value == 0 ? "disable all VFs" : "enable " + plural(value, "VF");
    case allocate_queues:
      return "let the controlling function hold " + plural(value, "flexible queue");
    case allocate_interrupts:
      return "let the controlling function hold " + plural(value, "flexible interrupt");
    case reset_controlling:
      return "reset the controlling function";
    case attach:
      return "attach namespace " + std::to_string(value) + " to " + who(steps);
    case detach:
      return "detach namespace " + std::to_string(value) + " from " + who(steps);
    case forget:
      return "forget marks and bindings of " + who(steps);
    case offline:
      return "take " + who(steps) + " offline";
    case assign_queues:
      return "assign " + plural(value, "queue") + each + " to " + who(steps);
    case assign_interrupts:
      return "assign " + plural(value, "interrupt") + each + " to " + who(steps);
    case reset:
      return "reset " + who(steps);
    case online:
      return "bring " + who(steps) + " online";
  }
  return {};
}

std::string functions_text(const ProvisionResult& result) {
  Table table{{"ID", "VF", "ADDRESS", "STATE", "VQ", "VI"}};
  for (const std::size_t numbers : {0U, 1U, 4U, 5U})
    table.align_right(numbers);
  for (const auto& function : result.functions) {
    table.add({function.cntlid ? std::to_string(*function.cntlid) : "",
               function.vfn == 0 ? "" : std::to_string(function.vfn), function.address,
               function.online ? "online" : "offline", std::to_string(function.queues),
               std::to_string(function.interrupts)});
  }
  return table.text(2);
}

std::string headline(const Changing& given, const ProvisionResult& result) {
  auto vfs = plural(result.vfs, "VF");
  if (const auto& ids = result.namespaces; !ids.empty()) {
    vfs += std::string{" with namespace"} + (ids.size() > 1 ? "s " : " ") + ranges_of(ids);
  }
  if (!result.changed()) return given.device + " already has " + vfs + "; nothing to do\n";
  if (given.dry_run) return given.device + " would have " + vfs + ":\n";
  return given.device + " has " + vfs + "\n";
}

std::string release_text(const PrimaryRelease& release) {
  return "the controlling function was reset (" +
         (release.methods.empty() ? "method unknown" : release.methods) +
         (release.controller_reset ? ", then a controller reset" : "") + ") and gave back " +
         plural(release.queues, "queue") + " and " + plural(release.interrupts, "interrupt");
}

Json object_of(const PrimaryRelease& release) {
  return {{"queues", release.queues},
          {"interrupts", release.interrupts},
          {"reset_methods", text_or_null(release.methods)},
          {"controller_reset", release.controller_reset}};
}

void tell(Context& context, const Changing& given, const ProvisionResult& result) {
  if (result.unfinished && !given.dry_run) {
    context.note("finished what '" + result.unfinished->command + "' (pid " +
                 std::to_string(result.unfinished->pid) + ") had begun");
  }
  if (result.release && !given.dry_run) context.note(release_text(*result.release));
  context.warn(result.findings);
}

Outcome outcome_of(Context& context, const Changing& given, const ProvisionResult& result) {
  tell(context, given, result);
  Outcome outcome{.document = given.document(result.changed())};
  auto& document = outcome.document;
  document["was_vfs"] = result.was_vfs;
  document["vfs"] = result.vfs;
  document["finishes"] = result.unfinished ? json_of(*result.unfinished) : Json(nullptr);
  document["release"] = result.release ? object_of(*result.release) : Json(nullptr);
  document["namespaces"] = result.namespaces;
  document["plan"] = Json::array();
  for (const auto& step : result.steps)
    document["plan"].push_back(json_of(step));
  document["functions"] = Json::array();
  for (const auto& function : result.functions)
    document["functions"].push_back(object_of(function));
  document["findings"] = json_of(result.findings);
  outcome.text = headline(given, result);
  if (given.dry_run) outcome.text += steps_text(result.steps);
  if (!result.functions.empty()) outcome.text += functions_text(result);
  return outcome;
}

std::optional<std::uint16_t> small(const std::optional<std::uint64_t>& number) {
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

/// Ascending, each once; empty: all.
std::optional<std::vector<std::uint32_t>> namespaces_of(const std::optional<std::string>& attach) {
  if (!attach) return std::nullopt;
  std::vector<std::uint32_t> ids;
  if (*attach == "all") return ids;
  const auto given = parse_list(*attach, last_namespace);
  const std::set<std::uint32_t> sorted(given->begin(), given->end());
  return std::vector(sorted.begin(), sorted.end());
}

Outcome provision_device(Context& context, const Provisioning& given) {
  const ProvisionRequest request{.vfs = static_cast<unsigned>(given.vfs.value_or(0)),
                                 .queues = small(given.queues),
                                 .interrupts = small(given.interrupts),
                                 .recreate = given.recreate,
                                 .release_primary = given.release_primary,
                                 .attach = namespaces_of(given.attach),
                                 .allowed = given.allowed};
  const auto session = context.open(given.device);
  if (given.dry_run) return outcome_of(context, given, plan_provision(*session, request));
  Persisting persisting(given, *session);
  auto outcome =
      outcome_of(context, given, provision(*session, request, limits_of(context.globals())));
  persisting.record(context, outcome,
                    {.kind = PersistedPart::Kind::resources,
                     .namespaces = request.attach,
                     .release_primary = given.release_primary});
  return outcome;
}

Outcome deprovision_device(Context& context, const Changing& given) {
  const auto session = context.open(given.device);
  if (given.dry_run) return outcome_of(context, given, plan_deprovision(*session, given.allowed));
  Persisting persisting(given, *session);
  auto outcome = outcome_of(context, given,
                            deprovision(*session, given.allowed, limits_of(context.globals())));
  persisting.record(context, outcome, {.kind = PersistedPart::Kind::resources, .wanted = false});
  return outcome;
}

}  // namespace

Json json_of(const ProvisionStep& step) {
  return {{"step", to_string(step.action)},
          {"controller_id", or_null(step.cntlid)},
          {"virtual_function", vfn_or_null(step.vfn)},
          {"value", step.value}};
}

std::string steps_text(std::span<const ProvisionStep> steps) {
  std::string text;
  while (!steps.empty()) {
    const auto& first = steps.front();
    const auto other = std::find_if(steps.begin(), steps.end(), [&](const ProvisionStep& step) {
      return step.action != first.action || step.value != first.value;
    });
    const auto alike = static_cast<std::size_t>(other - steps.begin());
    text += "  " + words_of(steps.first(alike)) + '\n';
    steps = steps.subspan(alike);
  }
  return text;
}

Runner declare_provision(Options& options) {
  const auto given = std::make_shared<Provisioning>();
  given->declare_device(options);
  options.number("--vfs", given->vfs, "Number of virtual functions", 1, most);
  options.required();
  options.number("--vq", given->queues,
                 "Queues of each function; without it the free ones are shared evenly", 1, most);
  options.setting();
  options.number("--vi", given->interrupts,
                 "Interrupts of each function; without it the free ones are shared evenly", 1,
                 most);
  options.setting();
  options.flag("--recreate", given->recreate,
               "Destroy existing functions where the request cannot be met otherwise");
  options.flag("--release-primary", given->release_primary,
               "First give back what the controlling function holds; this resets it");
  options.text("--attach", given->attach, "Namespaces to attach to each function: 1,2 or all",
               "NSIDS", Completes::namespaces);
  options.setting();
  given->declare_persist(options, persist_help);
  given->declare_allow(options, "provision");
  return [given](Context& context) { return provision_device(context, *given); };
}

Runner declare_deprovision(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_persist(options, unpersist_help);
  given->declare_allow(options, "deprovision");
  return [given](Context& context) { return deprovision_device(context, *given); };
}

}  // namespace nvmigrate::cli
