// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/codec.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "plugins/sim/codec_parts.h"

namespace nvmigrate::sim {
namespace {

constexpr int format = 1;

Json json_of(const Primary& primary) {
  return Json::array({primary.enabled_vfs, primary.autoprobe, primary.vq, primary.vi,
                      primary.vq_after_reset, primary.vi_after_reset});
}

Primary primary_from(const Json& json) {
  Primary primary;
  json.at(0).get_to(primary.enabled_vfs);
  json.at(1).get_to(primary.autoprobe);
  json.at(2).get_to(primary.vq);
  json.at(3).get_to(primary.vi);
  json.at(4).get_to(primary.vq_after_reset);
  json.at(5).get_to(primary.vi_after_reset);
  return primary;
}

Json functions_json(const Subsystem& subsystem) {
  Json functions = Json::array();
  for (const auto& function : subsystem.functions) {
    if (function != made_function(subsystem.parameters, function.id)) {
      functions.push_back(json_of(function));
    }
  }
  return functions;
}

void read_functions(const Json& json, Subsystem& subsystem) {
  for (const auto& each : json) {
    auto* const function = subsystem.find(each.at("id").get<std::uint64_t>());
    if (function == nullptr) throw std::runtime_error("a function beyond the last");
    read(each, *function);
  }
}

void read_primaries(const Json& json, Subsystem& subsystem) {
  if (json.size() != subsystem.primaries.size()) throw std::runtime_error("too few primaries");
  for (std::size_t i = 0; i < json.size(); ++i) {
    subsystem.primaries[i] = primary_from(json.at(i));
    if (subsystem.primaries[i].enabled_vfs > subsystem.parameters.vfs_total) {
      throw std::runtime_error("more VFs enabled than there are");
    }
  }
}

Json parsed(const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw std::runtime_error("it is no JSON (byte " + std::to_string(error.byte) + ")");
  }
}

}  // namespace

std::string to_text(const Subsystem& subsystem) {
  Json primaries = Json::array();
  for (const auto& primary : subsystem.primaries)
    primaries.push_back(json_of(primary));
  Json json{{"format", format},
            {"name", subsystem.name},
            {"parameters", json_of(subsystem.parameters)},
            {"generation", subsystem.generation},
            {"primaries", std::move(primaries)},
            {"functions", functions_json(subsystem)}};
  if (!subsystem.owners.empty()) json["owners"] = subsystem.owners;
  return json.dump() + "\n";
}

Subsystem from_text(const std::string& text) {
  const auto json = parsed(text);
  if (json.at("format") != format) throw std::runtime_error("a format of another version");
  auto subsystem = made(json.at("name"), parameters_from(json.at("parameters")));
  json.at("generation").get_to(subsystem.generation);
  read_primaries(json.at("primaries"), subsystem);
  read_functions(json.at("functions"), subsystem);
  if (json.contains("owners")) json.at("owners").get_to(subsystem.owners);
  return subsystem;
}

}  // namespace nvmigrate::sim
