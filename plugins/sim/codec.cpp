// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "plugins/sim/store.h"

// The text has of the functions only what differs from a new subsystem.

using Json = nlohmann::json;

template <typename T>
struct nlohmann::adl_serializer<std::optional<T>> {
  static void to_json(Json& json, const std::optional<T>& value) {
    json = value ? Json(*value) : Json();
  }
  static void from_json(const Json& json, std::optional<T>& value) {
    value = json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
  }
};

template <>
struct nlohmann::adl_serializer<nvmigrate::Uuid> {
  static void to_json(Json& json, const nvmigrate::Uuid& uuid) {
    json = nvmigrate::to_string(uuid);
  }
  static void from_json(const Json& json, nvmigrate::Uuid& uuid) {
    const auto parsed = nvmigrate::parse_uuid(json.get<std::string>());
    if (!parsed) throw std::runtime_error("a UUID is malformed");
    uuid = *parsed;
  }
};

namespace nvmigrate::sim {

inline void to_json(Json& json, Personality personality) { json = to_string(personality); }

inline void from_json(const Json& json, Personality& personality) {
  const auto named = personality_of(json.get<std::string>());
  if (!named) throw std::runtime_error("the personality is unknown");
  personality = *named;
}

inline void to_json(Json& json, PrimaryReset reset) { json = to_string(reset); }

inline void from_json(const Json& json, PrimaryReset& reset) {
  const auto known = primary_reset_of(json.get<std::string>());
  if (!known) throw std::runtime_error("the reset of the primary is unknown");
  reset = *known;
}

inline void to_json(Json& json, Effects effects) { json = to_string(effects); }

inline void from_json(const Json& json, Effects& effects) {
  const auto known = effects_of(json.get<std::string>());
  if (!known) throw std::runtime_error("the command effects are unknown");
  effects = *known;
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    Parameters, personality, controlling, vfs_total, elsewhere, others, secondaries, migration, vq,
    vi, vq_max, vi_max, vq_private, grain, round_down, primary_holds, primary_reset,
    namespace_management, namespaces, namespace_size, block_size, private_namespaces, detached,
    state_size, vendor, vendor_uuids, versions, renumber_formats, mdts, effects, iommu, vfio_groups,
    vfio_cdevs, shared_groups, variant_driver, odd_list, reset_ms, serial, model, firmware, nqn,
    seed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Primary, enabled_vfs, autoprobe, vq, vi,
                                                vq_after_reset, vi_after_reset)

// Queues are many, so their records have no names.
inline void to_json(Json& json, const SubmissionQueue& q) {
  json = Json::array({q.prp1, q.size, q.id, q.cq_id, q.attributes, q.head, q.tail});
}

inline void from_json(const Json& json, SubmissionQueue& q) {
  q = {.prp1 = json.at(0),
       .size = json.at(1),
       .id = json.at(2),
       .cq_id = json.at(3),
       .attributes = json.at(4),
       .head = json.at(5),
       .tail = json.at(6)};
}

inline void to_json(Json& json, const CompletionQueue& q) {
  json = Json::array({q.prp1, q.size, q.id, q.attributes, q.head, q.tail});
}

inline void from_json(const Json& json, CompletionQueue& q) {
  q = {.prp1 = json.at(0),
       .size = json.at(1),
       .id = json.at(2),
       .head = json.at(4),
       .tail = json.at(5),
       .attributes = json.at(3)};
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Queues, submission, completion)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Snapshot, progress, queues, vendor_digest)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OpenSequence, token, through, version, vendor, prefix, position,
                                   intact)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Loaded, vendor_digest)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostUse, kind, object)

inline void to_json(Json& json, const Guest& guest) {
  json = {{"seed", guest.seed()},
          {"began_at", guest.began_at()},
          {"progress", guest.progress()},
          {"began_with", guest.began_with()}};
}

inline void from_json(const Json& json, Guest& guest) {
  guest = Guest(json.at("seed").get<std::uint64_t>(), json.at("began_at").get<std::uint64_t>(),
                json.at("progress").get<std::uint64_t>(), json.at("began_with").get<Queues>());
}

// Kind, primary and VF number follow from the id and the parameters.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Function, online, vq, vi, namespaces, suspended_by, guest,
                                   sequence, loaded, was_set, stopped, continued, driver,
                                   override_to, instance, uses)

namespace {

constexpr int format = 2;

Json functions_of(const Subsystem& subsystem) {
  Json functions = Json::array();
  for (const auto& function : subsystem.functions) {
    const auto made = made_function(subsystem.parameters, function.id);
    if (function == made) continue;
    const Json before = made;
    Json after = function, changed{{"id", function.id}};
    for (auto& [name, value] : after.items()) {
      if (value != before.at(name)) changed[name] = std::move(value);
    }
    functions.push_back(std::move(changed));
  }
  return functions;
}

void read_functions(Json& functions, Subsystem& subsystem) {
  for (auto& changed : functions) {
    auto* const function = subsystem.find(changed.at("id").get<std::uint64_t>());
    if (function == nullptr) throw std::runtime_error("a function is beyond the last");
    Json whole = *function;
    for (auto& [name, value] : changed.items())
      whole[name] = std::move(value);
    whole.get_to(*function);
  }
}

void read_primaries(const Json& primaries, Subsystem& subsystem) {
  if (primaries.size() != subsystem.primaries.size()) {
    throw std::runtime_error("it does not have a primary for each controlling function");
  }
  primaries.get_to(subsystem.primaries);
  for (const auto& primary : subsystem.primaries) {
    if (primary.enabled_vfs > subsystem.parameters.vfs_total) {
      throw std::runtime_error("more VFs are enabled than exist");
    }
  }
}

// Format 1 had arrays in place of small objects, and prefixes in hex. A function was written whole,
// without what it did not have.
namespace first_format {

void name(Json& array, std::initializer_list<const char*> names) {
  Json object = Json::object();
  std::size_t place = 0;
  for (const auto* each : names)
    object[each] = std::move(array.at(place++));
  array = std::move(object);
}

constexpr auto queues = {"submission", "completion"};

void name_snapshot(Json& snapshot) {
  name(snapshot, {"progress", "queues", "vendor_digest"});
  name(snapshot["queues"], queues);
}

void name_sequence(Json& sequence) {
  name(sequence, {"token", "through", "version", "vendor", "prefix", "position", "intact"});
  const auto hex = sequence["prefix"].get<std::string>();
  Json bytes = Json::array();
  for (std::size_t at = 0; at < hex.size(); at += 2)
    bytes.push_back(std::stoi(hex.substr(at, 2), nullptr, 16));
  sequence["prefix"] = std::move(bytes);
}

void name_guest(Json& guest) {
  name(guest, {"seed", "began_at", "progress", "began_with"});
  name(guest["began_with"], queues);
}

void convert_function(Json& function) {
  function["override_to"] = function.value("override", Json());
  for (const auto* optional : {"driver", "guest", "sequence", "loaded", "stopped", "continued"})
    function.emplace(optional, nullptr);
  if (auto& guest = function["guest"]; !guest.is_null()) name_guest(guest);
  if (auto& sequence = function["sequence"]; !sequence.is_null()) name_sequence(sequence);
  if (auto& loaded = function["loaded"]; !loaded.is_null()) loaded = {{"vendor_digest", loaded}};
  for (const auto* snapshot : {"stopped", "continued"}) {
    if (!function[snapshot].is_null()) name_snapshot(function[snapshot]);
  }
  if (!function.contains("uses")) return;
  for (auto& use : function["uses"])
    name(use, {"kind", "object"});
}

void convert(Json& subsystem) {
  for (auto& primary : subsystem.at("primaries")) {
    name(primary, {"enabled_vfs", "autoprobe", "vq", "vi", "vq_after_reset", "vi_after_reset"});
  }
  for (auto& function : subsystem.at("functions"))
    convert_function(function);
}

}  // namespace first_format

Json parsed(const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw std::runtime_error(fmt::format("byte {} is not JSON", error.byte));
  }
}

}  // namespace

std::string to_text(const Subsystem& subsystem) {
  Json json{{"format", format},
            {"name", subsystem.name},
            {"parameters", subsystem.parameters},
            {"generation", subsystem.generation},
            {"primaries", subsystem.primaries},
            {"functions", functions_of(subsystem)}};
  if (!subsystem.owners.empty()) json["owners"] = subsystem.owners;
  return json.dump() + "\n";
}

Subsystem from_text(const std::string& text) {
  auto json = parsed(text);
  if (json.at("format") == 1) {
    first_format::convert(json);
  } else if (json.at("format") != format) {
    throw std::runtime_error("another version of nvmigrate wrote it");
  }
  auto subsystem = made(json.at("name"), json.at("parameters").get<Parameters>());
  json.at("generation").get_to(subsystem.generation);
  read_primaries(json.at("primaries"), subsystem);
  read_functions(json.at("functions"), subsystem);
  if (json.contains("owners")) json.at("owners").get_to(subsystem.owners);
  return subsystem;
}

}  // namespace nvmigrate::sim
