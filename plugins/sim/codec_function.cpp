// SPDX-License-Identifier: LGPL-2.1-or-later
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "plugins/sim/codec_parts.h"

namespace nvmigrate::sim {
namespace {

Json json_of(const Queues& queues) {
  Json submission = Json::array(), completion = Json::array();
  for (const auto& q : queues.submission) {
    submission.push_back(
        Json::array({q.prp1, q.size, q.id, q.cq_id, q.attributes, q.head, q.tail}));
  }
  for (const auto& q : queues.completion) {
    completion.push_back(Json::array({q.prp1, q.size, q.id, q.attributes, q.head, q.tail}));
  }
  return Json::array({std::move(submission), std::move(completion)});
}

Queues queues_from(const Json& json) {
  Queues queues;
  for (const auto& q : json.at(0)) {
    queues.submission.push_back({.prp1 = q.at(0),
                                 .size = q.at(1),
                                 .id = q.at(2),
                                 .cq_id = q.at(3),
                                 .attributes = q.at(4),
                                 .head = q.at(5),
                                 .tail = q.at(6)});
  }
  for (const auto& q : json.at(1)) {
    queues.completion.push_back({.prp1 = q.at(0),
                                 .size = q.at(1),
                                 .id = q.at(2),
                                 .head = q.at(4),
                                 .tail = q.at(5),
                                 .attributes = q.at(3)});
  }
  return queues;
}

Json json_of(const Snapshot& snapshot) {
  return Json::array({snapshot.progress, json_of(snapshot.queues), snapshot.vendor_digest});
}

Snapshot snapshot_from(const Json& json) {
  return {.progress = json.at(0), .queues = queues_from(json.at(1)), .vendor_digest = json.at(2)};
}

Json json_of(const Guest& guest) {
  return Json::array(
      {guest.seed(), guest.began_at(), guest.progress(), json_of(guest.began_with())});
}

Guest guest_from(const Json& json) {
  return {json.at(0).get<std::uint64_t>(), json.at(1).get<std::uint64_t>(),
          json.at(2).get<std::uint64_t>(), queues_from(json.at(3))};
}

std::string hex_of(const std::vector<std::byte>& bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4U];
    text += digits[std::to_integer<unsigned>(byte) & 0xFU];
  }
  return text;
}

unsigned digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  throw std::runtime_error("no hexadecimal digit");
}

std::vector<std::byte> bytes_from(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) << 4U | digit(hex[i + 1])));
  }
  return bytes;
}

Json json_of(const OpenSequence& sequence) {
  return Json::array({sequence.token, sequence.through, sequence.version, sequence.vendor,
                      hex_of(sequence.prefix), sequence.position, sequence.intact});
}

OpenSequence sequence_from(const Json& json) {
  return {.token = json.at(0),
          .through = json.at(1),
          .version = json.at(2),
          .vendor = json.at(3),
          .prefix = bytes_from(json.at(4)),
          .position = json.at(5),
          .intact = json.at(6)};
}

template <typename T, typename Convert>
void put(Json& json, const char* name, const std::optional<T>& value, const Convert& convert) {
  if (value) json[name] = convert(*value);
}

template <typename T, typename Convert>
void take(const Json& json, const char* name, std::optional<T>& value, const Convert& convert) {
  value.reset();
  if (json.contains(name)) value = convert(json.at(name));
}

constexpr auto to_json_of = [](const auto& value) { return json_of(value); };
constexpr auto as_is = [](const auto& value) { return Json(value); };
constexpr auto as_text = [](const Json& json) { return json.get<std::string>(); };

void read_migration(const Json& json, Function& function) {
  take(json, "suspended_by", function.suspended_by,
       [](const Json& each) { return each.get<std::uint16_t>(); });
  take(json, "guest", function.guest, guest_from);
  take(json, "sequence", function.sequence, sequence_from);
  take(json, "loaded", function.loaded, [](const Json& each) { return Loaded{each}; });
  take(json, "stopped", function.stopped, snapshot_from);
  take(json, "continued", function.continued, snapshot_from);
  function.was_set = json.value("was_set", false);
}

}  // namespace

Json json_of(const Function& function) {
  Json json{{"id", function.id},
            {"online", function.online},
            {"vq", function.vq},
            {"vi", function.vi},
            {"instance", function.instance}};
  put(json, "suspended_by", function.suspended_by, as_is);
  put(json, "guest", function.guest, to_json_of);
  put(json, "sequence", function.sequence, to_json_of);
  put(json, "loaded", function.loaded, [](const Loaded& each) { return Json(each.vendor_digest); });
  put(json, "stopped", function.stopped, to_json_of);
  put(json, "continued", function.continued, to_json_of);
  put(json, "driver", function.driver, as_is);
  put(json, "override", function.override_to, as_is);
  if (function.was_set) json["was_set"] = true;
  for (const auto& use : function.uses) {
    json["uses"].push_back(Json::array({use.kind, use.object}));
  }
  return json;
}

void read(const Json& json, Function& function) {
  json.at("online").get_to(function.online);
  json.at("vq").get_to(function.vq);
  json.at("vi").get_to(function.vi);
  json.at("instance").get_to(function.instance);
  read_migration(json, function);
  take(json, "driver", function.driver, as_text);
  take(json, "override", function.override_to, as_text);
  function.uses.clear();
  if (!json.contains("uses")) return;
  for (const auto& use : json.at("uses"))
    function.uses.push_back({use.at(0), use.at(1)});
}

}  // namespace nvmigrate::sim
