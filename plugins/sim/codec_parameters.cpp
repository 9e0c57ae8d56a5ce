// SPDX-License-Identifier: LGPL-2.1-or-later
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "plugins/sim/codec_parts.h"

namespace nvmigrate::sim {
namespace {

// Calls `with` with the name and the member of everything that is kept as it is.
template <typename P, typename With>
void each_plain(P& p, const With& with) {
  with("controlling", p.controlling);
  with("vfs_total", p.vfs_total);
  with("others", p.others);
  with("secondaries", p.secondaries);
  with("migration", p.migration);
  with("vq_max", p.vq_max);
  with("vi_max", p.vi_max);
  with("grain", p.grain);
  with("vendor", p.vendor);
  with("versions", p.versions);
  with("renumber_formats", p.renumber_formats);
  with("iommu", p.iommu);
  with("shared_groups", p.shared_groups);
  with("variant_driver", p.variant_driver);
  with("reset_ms", p.reset_ms);
  with("model", p.model);
  with("firmware", p.firmware);
  with("nqn", p.nqn);
  with("seed", p.seed);
}

Uuid uuid_from(const std::string& text) {
  const auto uuid = parse_uuid(text);
  if (!uuid) throw std::runtime_error("no UUID: " + text);
  return *uuid;
}

Personality personality_from(const std::string& text) {
  if (text == "spec") return Personality::spec;
  if (text == "emulator") return Personality::emulator;
  throw std::runtime_error("no personality: " + text);
}

}  // namespace

Json json_of(const Parameters& parameters) {
  Json json = Json::object();
  each_plain(parameters, [&](const char* name, const auto& value) { json[name] = value; });
  json["personality"] = to_string(parameters.personality);
  json["vq"] = *parameters.vq;
  json["vi"] = *parameters.vi;
  json["mdts"] = *parameters.mdts;
  if (parameters.state_size) json["state_size"] = *parameters.state_size;
  json["vendor_uuids"] = Json::array();
  for (const auto& uuid : parameters.vendor_uuids) {
    json["vendor_uuids"].push_back(nvmigrate::to_string(uuid));
  }
  return json;
}

Parameters parameters_from(const Json& json) {
  Parameters parameters;
  each_plain(parameters, [&](const char* name, auto& value) { json.at(name).get_to(value); });
  parameters.personality = personality_from(json.at("personality"));
  parameters.vq = json.at("vq").get<std::uint32_t>();
  parameters.vi = json.at("vi").get<std::uint32_t>();
  parameters.mdts = json.at("mdts").get<std::uint64_t>();
  if (json.contains("state_size")) parameters.state_size = json["state_size"].get<std::uint64_t>();
  for (const auto& uuid : json.at("vendor_uuids")) {
    parameters.vendor_uuids.push_back(uuid_from(uuid));
  }
  return parameters;
}

}  // namespace nvmigrate::sim
