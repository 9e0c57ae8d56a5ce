// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "nvmigrate/host/functions.h"

namespace nvmigrate::cli {
namespace {

struct BindOptions : Changing {
  std::optional<std::string> driver, owner;
};

std::string result_word(const Changing& given, const BindingChange& change) {
  if (change.failure) return "failed";
  if (change.skipped) return "skipped";
  if (!change.changed) return "unchanged";
  if (change.gone && !given.dry_run) return "gone";
  return given.dry_run ? "planned" : "changed";
}

Json object_of(const Changing& given, const BindingChange& change) {
  return {{"controller_id", change.cntlid},
          {"address", text_or_null(change.address)},
          {"result", result_word(given, change)},
          {"changed", change.changed},
          {"driver_before", or_null(change.from)},
          {"driver", or_null(change.to)},
          {"vfio_group", or_null(change.nodes.group)},
          {"vfio_device", or_null(change.nodes.device)},
          {"error", change.failure ? json_of(*change.failure) : Json(nullptr)}};
}

ExitStatus binding_status(const BindingResult& result) {
  if (result.skipped()) return ExitStatus::interrupted;
  return result.failed() ? ExitStatus::partial : ExitStatus::ok;
}

void tell(Context& context, const BindingResult& result) {
  context.warn(result.findings);
  std::size_t failed = 0;
  for (const auto& change : result.functions) {
    if (!change.failure) continue;
    context.warn(change.failure->what());
    ++failed;
  }
  context.warn_of_failed(failed, result.functions.size());
}

Outcome outcome_of(Context& context, const Changing& given, const BindingResult& result) {
  if (result.functions.size() == 1 && result.functions.front().failure) {
    throw Error(*result.functions.front().failure);
  }
  Outcome outcome{.document = given.document(result.changed())};
  outcome.status = binding_status(result);
  Table table{{"ID", "ADDRESS", "RESULT", "WAS", "DRIVER", "VFIO"}};
  table.align_right(0);
  outcome.document["functions"] = Json::array();
  for (const auto& change : result.functions) {
    outcome.document["functions"].push_back(object_of(given, change));
    const auto word = result_word(given, change);
    table.add({std::to_string(change.cntlid), change.address,
               word == "gone" ? "gone; record dropped" : word, change.from.value_or(""),
               change.to.value_or(""), vfio_node(change.nodes)});
  }
  outcome.document["findings"] = json_of(result.findings);
  tell(context, result);
  outcome.text = table.text();
  return outcome;
}

/// Those of which it is so now.
std::vector<std::uint16_t> done_of(const BindingResult& result) {
  std::vector<std::uint16_t> ids;
  for (const auto& change : result.functions) {
    if (!change.failure && !change.skipped) ids.push_back(change.cntlid);
  }
  return ids;
}

PersistedPart part_of(const BindingResult& result, bool wanted) {
  return {.kind = PersistedPart::Kind::driver, .wanted = wanted, .cntlids = done_of(result)};
}

Outcome bind_functions(Context& context, const BindOptions& given) {
  BindRequest request{.driver = given.driver, .allowed = given.allowed};
  if (given.owner) request.owner = parse_owner(*given.owner);
  request.timeout = context.globals().timeout.value_or(request.timeout);
  const auto session = context.open(given.device);
  Persisting persisting(given, *session);
  const auto functions = select_to_bind(session->topology(), given.functions);
  const auto result = given.dry_run ? plan_bind(*session, functions, request)
                                    : nvmigrate::bind(*session, functions, request);
  auto outcome = outcome_of(context, given, result);
  persisting.record(context, outcome, part_of(result, true));
  return outcome;
}

Outcome unbind_functions(Context& context, const Changing& given) {
  UnbindRequest request{.allowed = given.allowed};
  request.timeout = context.globals().timeout.value_or(request.timeout);
  const auto session = context.open(given.device);
  Persisting persisting(given, *session);
  const auto functions = select(session->topology(), given.functions, "unbind");
  const auto result = given.dry_run ? plan_unbind(*session, functions, request)
                                    : unbind(*session, functions, request);
  auto outcome = outcome_of(context, given, result);
  persisting.record(context, outcome, part_of(result, false));
  return outcome;
}

}  // namespace

Runner declare_bind(Options& options) {
  const auto given = std::make_shared<BindOptions>();
  given->declare_device(options);
  given->declare_functions(options, Completes::unbound_functions);
  options.text("--driver", given->driver,
               "The vfio driver; without it one that is made for the function, else vfio-pci",
               "NAME", Completes::vfio_drivers);
  options.setting();
  options.text("--owner", given->owner,
               "Give the vfio nodes of the functions to this user and group", "USER[:GROUP]",
               Completes::owner);
  options.setting();
  given->declare_persist(options, persist_help);
  given->declare_allow(options, "bind");
  return [given](Context& context) { return bind_functions(context, *given); };
}

Runner declare_unbind(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_functions(options, Completes::bound_functions);
  given->declare_persist(options, unpersist_help);
  given->declare_allow(options, "unbind");
  return [given](Context& context) { return unbind_functions(context, *given); };
}

}  // namespace nvmigrate::cli
