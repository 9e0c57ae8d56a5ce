// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_file.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/json_members.h"

namespace nvmigrate {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json formats_json(const FormatChoice& formats) {
  Json json = Json::object();
  json["version"] = or_null(formats.version);
  json["vendor"] = formats.vendor ? Json(to_string(*formats.vendor)) : Json(nullptr);
  return json;
}

FormatChoice decode_formats(const JsonMembers& members) {
  FormatChoice formats;
  formats.version = members.maybe_number<std::uint16_t>("version");
  if (const auto text = members.maybe_text("vendor")) {
    formats.vendor = parse_uuid(*text);
    if (!formats.vendor) members.fail("vendor", "is not a UUID");
  }
  return formats;
}

StateLayout decode_layout(const JsonMembers& members) {
  const auto text = members.text("layout");
  if (text == "nvme") return StateLayout::nvme;
  if (text != "opaque") members.fail("layout", "is unknown");
  return StateLayout::opaque;
}

Json namespaces_json(const std::vector<NamespaceShape>& namespaces) {
  Json list = Json::array();
  for (const auto& one : namespaces) {
    list.push_back({{"nsid", one.nsid},
                    {"blocks", one.blocks},
                    {"block_size", one.block_size},
                    {"metadata", one.metadata}});
  }
  return list;
}

std::optional<std::vector<NamespaceShape>> decode_shapes(const JsonMembers& members) {
  const auto objects = members.maybe_objects("namespaces");
  if (!objects) return std::nullopt;
  std::vector<NamespaceShape> shapes;
  for (const auto& one : *objects) {
    shapes.push_back({one.number<std::uint32_t>("nsid"), one.number<std::uint64_t>("blocks"),
                      one.number<std::uint32_t>("block_size"),
                      one.number<std::uint16_t>("metadata")});
  }
  return shapes;
}

void decode_source(const JsonMembers& members, StateIdentity& identity) {
  identity.subsystem_nqn = members.text("subsystem_nqn");
  identity.serial = members.text("serial");
  identity.model = members.text("model");
  identity.firmware = members.text("firmware");
  identity.vendor_id = members.number<std::uint16_t>("vendor_id");
  identity.controlling_function = members.number<std::uint16_t>("controlling_function");
  identity.controller = members.number<std::uint16_t>("controller");
  identity.vfn = members.number<std::uint16_t>("vfn");
  identity.address = members.text("address");
  identity.queues = members.maybe_number<std::uint16_t>("queues");
  identity.interrupts = members.maybe_number<std::uint16_t>("interrupts");
  identity.namespaces = decode_shapes(members);
  identity.subsystem_state = members.maybe_boolean("subsystem_state").value_or(false);
}

void put_source(const StateIdentity& identity, Json& json) {
  json["subsystem_nqn"] = printable(identity.subsystem_nqn);
  json["serial"] = printable(identity.serial);
  json["model"] = printable(identity.model);
  json["firmware"] = printable(identity.firmware);
  json["vendor_id"] = identity.vendor_id;
  json["controlling_function"] = identity.controlling_function;
  json["controller"] = identity.controller;
  json["vfn"] = identity.vfn;
  json["address"] = printable(identity.address);
  json["queues"] = or_null(identity.queues);
  json["interrupts"] = or_null(identity.interrupts);
  if (identity.namespaces) json["namespaces"] = namespaces_json(*identity.namespaces);
  if (identity.subsystem_state) json["subsystem_state"] = true;
}

}  // namespace

StateFileError::StateFileError(std::uint64_t offset, std::string code, const std::string& message,
                               std::string advice)
    : Error(bad_state(message, std::move(advice))), offset_(offset) {
  set_code(std::move(code));
}

state_file::RecordHeader make_record_header(std::array<char, 4> tag, bool critical,
                                            std::uint64_t number,
                                            std::span<const std::byte> body) noexcept {
  state_file::RecordHeader header{};
  header.tag = tag;
  header.flags = critical ? state_file::flag_critical : 0;
  header.length = body.size();
  header.number = number;
  header.body_sum = xxh3(body);
  header.header_sum = xxh3(
      std::as_bytes(std::span{&header, 1}).first(offsetof(state_file::RecordHeader, header_sum)));
  return header;
}

std::string encode(const StateIdentity& identity) {
  Json json = Json::object();
  json["tool"] = printable(identity.tool);
  json["host"] = printable(identity.host);
  json["time"] = printable(identity.time);
  json["backend"] = printable(identity.backend);
  json["layout"] = identity.layout == StateLayout::nvme ? "nvme" : "opaque";
  json["formats"] = formats_json(identity.formats);
  json["simulated"] = identity.simulated;
  put_source(identity, json);
  json["size"] = identity.size;
  json["blackout_ns"] = identity.blackout_ns;
  return dump(json);
}

StateIdentity decode_state_identity(std::string_view json, std::uint64_t offset) {
  const auto parsed = parse_record_object(json, offset);
  const JsonMembers members{parsed, offset};
  StateIdentity identity;
  identity.tool = members.text("tool");
  identity.host = members.text("host");
  identity.time = members.text("time");
  identity.backend = members.text("backend");
  identity.layout = decode_layout(members);
  identity.formats = decode_formats(members.object("formats"));
  identity.simulated = members.boolean("simulated");
  decode_source(members, identity);
  identity.size = members.number("size", state_file::max_payload);
  identity.blackout_ns = members.number<std::uint64_t>("blackout_ns");
  return identity;
}

std::string encode(const StateEnd& end) {
  Json json = Json::object();
  json["sha256"] = to_string(end.sha256);
  json["size"] = end.size;
  json["chunks"] = end.chunks;
  json["blackout_ns"] = end.blackout_ns;
  json["time"] = printable(end.time);
  if (end.source_resumed) json["source_resumed"] = *end.source_resumed;
  return dump(json);
}

StateEnd decode_state_end(std::string_view json, std::uint64_t offset) {
  const auto parsed = parse_record_object(json, offset);
  const JsonMembers members{parsed, offset};
  const auto digest = parse_sha256(members.text("sha256"));
  if (!digest) members.fail("sha256", "is not a SHA-256 digest");
  StateEnd end;
  end.sha256 = *digest;
  end.size = members.number("size", state_file::max_payload);
  end.chunks = members.number<std::uint64_t>("chunks");
  end.blackout_ns = members.number<std::uint64_t>("blackout_ns");
  end.time = members.text("time");
  end.source_resumed = members.maybe_boolean("source_resumed");
  return end;
}

}  // namespace nvmigrate
