// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/served.h"
#include "cli/table.h"

namespace nvmigrate::cli {
namespace {

Json json_of(const BackendRow& row) {
  return {{"name", row.name}, {"summary", row.summary}, {"command_set", row.command_set}};
}

Outcome built_in() {
  Outcome outcome{.document = {{"device", nullptr}, {"chosen", nullptr}}};
  auto& list = outcome.document["backends"] = Json::array();
  Table table{{"BACKEND", "COMMAND SET", "SUMMARY"}};
  for (const auto& row : backends()) {
    Json one = json_of(row);
    one["serves"] = nullptr;
    one["reason"] = nullptr;
    list.push_back(std::move(one));
    table.add({std::string{row.name}, std::string{row.command_set}, std::string{row.summary}});
  }
  outcome.text = table.text();
  return outcome;
}

Outcome serving(Context& context, const std::string& device) {
  const auto asked = ask_backends(context.open(device).device->admin());
  const auto* first = chosen(asked);
  Outcome outcome{
      .document = {{"device", device}, {"chosen", first ? Json(first->row->name) : Json(nullptr)}}};
  auto& list = outcome.document["backends"] = Json::array();
  Table table{{"BACKEND", "COMMAND SET", "SERVES", "REASON"}};
  for (const auto& served : asked) {
    Json one = json_of(*served.row);
    one["serves"] = served.query.has_value();
    one["reason"] = served.query ? Json(nullptr) : Json(served.reason);
    list.push_back(std::move(one));
    table.add({std::string{served.row->name}, std::string{served.row->command_set},
               &served == first ? "yes, used" : (served.query ? "yes" : "no"), served.reason});
  }
  outcome.text = table.text();
  return outcome;
}

}  // namespace

Runner declare_backends(Options& options) {
  const auto device = std::make_shared<std::optional<std::string>>();
  options.optional_positional("DEVICE", *device, "Say which of them would serve this device",
                              Offer::device);
  return [device](Context& context) { return *device ? serving(context, **device) : built_in(); };
}

}  // namespace nvmigrate::cli
