// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/ledger.h"

#include <stdexcept>
#include <string_view>

#include "nvmigrate/store/document_json.h"

namespace nvmigrate::store {
namespace {

/// The most lines that the ledger keeps; the oldest are dropped.
constexpr std::size_t longest_ledger = 4096;
constexpr auto settled_member = "settled";

/// As this version writes it: the key of an earlier one may be that of another drive as well.
bool is_written_as(const Json& entry, const SubsystemKey& key) {
  return entry.at("subsystem") == Json(as_written(key.nqn)) &&
         entry.at("serial") == Json(as_written(key.serial));
}

Json to_json(const LedgerLine& line) {
  Json json{{"kind", line.kind == LedgerLine::Kind::loaded ? "loaded" : "resumed"},
            {"sha256", line.sha256},
            {"source", line.source ? Json{{"subsystem", line.source->nqn},
                                          {"serial", line.source->serial},
                                          {"controller", line.source_cntlid.value_or(0)}}
                                   : Json()},
            {"subsystem", line.place.nqn},
            {"serial", line.place.serial},
            {"controller", line.cntlid},
            {"device", line.device},
            {"command", line.command},
            {"time", line.time}};
  if (!line.transfer.empty()) json["transfer"] = line.transfer;
  return json;
}

}  // namespace
}  // namespace nvmigrate::store

namespace nvmigrate {

SubsystemKey SubsystemKey::former() const {
  SubsystemKey key{nqn};
  for (std::size_t at = 0; at < serial.size(); ++at) {
    if (serial[at] != '\\') {
      key.serial += serial[at];
      continue;
    }
    const std::string_view escape = std::string_view{serial}.substr(at, 4);
    if (escape == "\\x00") break;
    key.serial += escape == "\\x5c" ? '\\' : '?';
    at += 3;
  }
  key.serial.erase(key.serial.find_last_not_of(' ') + 1);
  return key;
}

}  // namespace nvmigrate

namespace nvmigrate::store {

LedgerLine line_of(const Json& json) {
  LedgerLine line;
  const auto kind = json.at("kind").get<std::string>();
  if (kind != "loaded" && kind != "resumed") {
    throw std::invalid_argument("'" + kind + "' is not a kind of line");
  }
  line.kind = kind == "loaded" ? LedgerLine::Kind::loaded : LedgerLine::Kind::resumed;
  line.sha256 = json.at("sha256").get<std::string>();
  line.transfer = json.value("transfer", std::string{});
  if (const auto& source = json.at("source"); !source.is_null()) {
    line.source = {source.at("subsystem").get<std::string>(),
                   source.at("serial").get<std::string>()};
    line.source_cntlid = controller_of(source.at("controller"));
  }
  line.place = {json.at("subsystem").get<std::string>(), json.at("serial").get<std::string>()};
  line.cntlid = controller_of(json.at("controller"));
  line.device = json.at("device").get<std::string>();
  line.command = json.at("command").get<std::string>();
  line.time = json.at("time").get<std::string>();
  return line;
}

bool is_of(const Json& json, const SubsystemKey& key) {
  const auto& serial = json.at("serial");
  return json.at("subsystem") == Json(as_written(key.nqn)) &&
         (serial == Json(as_written(key.serial)) ||
          serial == Json(as_written(key.former().serial)));
}

void append(Json& ledger, const LedgerLine& line) {
  ledger.push_back(to_json(line));
  if (ledger.size() > longest_ledger) ledger.erase(ledger.begin());
}

void drop_lines(Json& ledger, const std::function<bool(const Json&)>& which) {
  for (auto line = ledger.begin(); line != ledger.end();)
    line = which(*line) ? ledger.erase(line) : line + 1;
}

void drop_loads(Json& ledger, const SubsystemKey& key, std::uint16_t cntlid) {
  drop_lines(ledger, [&](const Json& line) {
    return is_of(line, key) && line.at("controller") == Json(cntlid) &&
           line.at("kind") == Json("loaded");
  });
}

void drop_past(Json& ledger, const SubsystemKey& key, std::uint16_t cntlid,
               const std::string& sha256) {
  drop_lines(ledger, [&](const Json& line) {
    const auto& source = line.at("source");
    return line.at("sha256") == Json(sha256) && !source.is_null() && is_of(source, key) &&
           source.at("controller") == Json(cntlid);
  });
}

std::set<std::uint16_t> settled_in(const Json& document, const SubsystemKey& key) {
  std::set<std::uint16_t> settled;
  if (!document.contains(settled_member)) return settled;
  for (const auto& entry : document.at(settled_member)) {
    for (const auto& controller : entry.at("controllers")) {
      const auto cntlid = controller_of(controller);
      if (is_written_as(entry, key)) settled.insert(cntlid);
    }
  }
  return settled;
}

void settle(Json& document, const SubsystemKey& key, std::uint16_t cntlid) {
  if (document["lost"].is_null()) return;
  auto settled = settled_in(document, key);
  if (!settled.insert(cntlid).second) return;
  auto& entries = document[settled_member];
  drop_lines(entries, [&](const Json& entry) { return is_written_as(entry, key); });
  entries.push_back({{"subsystem", key.nqn}, {"serial", key.serial}, {"controllers", settled}});
}

}  // namespace nvmigrate::store
