// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/json.h"
#include "cli/text/table.h"
#include "nvmigrate/plugins.h"

namespace nvmigrate::cli {
namespace {

Json object_of(const BackendRow& row) {
  return {{"name", row.name},
          {"summary", row.summary},
          {"command_set", row.command_set},
          {"only_by_name", row.only_by_name}};
}

/// How a backend would be used for a device.
std::string use_of(Session& session, const Serving& asked, const BackendChoice& choice) {
  if (!asked.query) return "no";
  if (&asked == choice.serving) {
    return choice.why == BackendChoice::Why::named ? "yes, as named" : "yes, used";
  }
  if (asked.row->only_by_name) return "only when named";
  return is_default(session, asked) ? "when none is named" : "when named";
}

Outcome all_backends() {
  Outcome outcome{.document = {{"device", nullptr}, {"chosen", nullptr}, {"chosen_as", nullptr}}};
  auto& list = outcome.document["backends"] = Json::array();
  Table table{{"BACKEND", "COMMAND SET", "SUMMARY"}};
  for (const auto& row : built_in().backends) {
    Json one = object_of(row);
    one["serves"] = nullptr;
    one["reason"] = nullptr;
    list.push_back(std::move(one));
    table.add({std::string{row.name}, std::string{row.command_set}, std::string{row.summary}});
  }
  outcome.text = table.text();
  return outcome;
}

Outcome serving(Context& context, const std::string& device) {
  const auto session = context.open(device);
  const auto choice = session->chosen();
  const auto* used = choice.serving;
  Outcome outcome{
      .document = {{"device", device},
                   {"chosen", used != nullptr ? Json(used->row->name) : Json(nullptr)},
                   {"chosen_as", used != nullptr ? Json(to_string(choice.why)) : Json(nullptr)}}};
  auto& list = outcome.document["backends"] = Json::array();
  Table table{{"BACKEND", "COMMAND SET", "SERVES", "REASON"}};
  for (const auto& asked : session->asked_backends()) {
    Json one = object_of(*asked.row);
    one["serves"] = asked.query.has_value();
    one["reason"] = asked.query ? Json(nullptr) : Json(asked.reason);
    list.push_back(std::move(one));
    table.add({std::string{asked.row->name}, std::string{asked.row->command_set},
               use_of(*session, asked, choice), asked.reason});
  }
  outcome.text = table.text();
  return outcome;
}

}  // namespace

Runner declare_backends(Options& options) {
  const auto device = std::make_shared<std::optional<std::string>>();
  options.optional_positional("DEVICE", *device, "Show which of them would serve this device",
                              Completes::device);
  options.backend();
  return
      [device](Context& context) { return *device ? serving(context, **device) : all_backends(); };
}

}  // namespace nvmigrate::cli
