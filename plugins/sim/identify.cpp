// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/libnvme.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/host.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint32_t version_2_1 = 0x00020100, version_2_4 = 0x00020400;
constexpr std::uint8_t io_controller = 1;
constexpr std::size_t emulator_format_bytes = 4;

template <std::size_t size>
void pad(char (&field)[size], const std::string& text) {
  std::memset(field, ' ', size);
  std::copy_n(text.begin(), std::min(text.size(), size), field);
}

bool virtualizes(const Parameters& p) { return p.vfs_total != 0 || p.secondaries != 0; }

/// libnvme 1.3 has these fields among the reserved ones.
void put_tracking(nvme_id_ctrl& data, const Parameters& p) {
  wire::TrackingFields fields;
  if (p.track_memory) {
    fields.cmmrtd = most_tracked_ranges;
    fields.nmmrtd = most_tracked_ranges_of_all;
    fields.maxmrtg = coarsest_exponent;
  }
  fields.trattr =
      static_cast<std::uint8_t>((p.track_memory ? 1U : 0U) | (p.track_user_data ? 2U : 0U));
  std::memcpy(reinterpret_cast<std::byte*>(&data) + wire::tracking_fields_at, &fields,
              sizeof fields);
}

nvme_id_ctrl controller(const Subsystem& subsystem, std::uint16_t id) {
  const auto& p = subsystem.parameters;
  const unsigned oacs = (virtualizes(p) ? unsigned{NVME_CTRL_OACS_VIRT_MGMT} : 0U) |
                        (p.namespace_management ? unsigned{NVME_CTRL_OACS_NS_MGMT} : 0U) |
                        (p.is_standard() ? wire::oacs_live_migration : 0U);
  const auto vendor = p.vendor_id();
  nvme_id_ctrl data{};
  data.vid = htole16(vendor);
  data.ssvid = htole16(vendor);
  data.vs[0] = p.is_vendors() && p.migration ? command::vf::supported : 0;
  pad(data.sn, serial_of(subsystem));
  pad(data.mn, bytes_of(p.model));
  pad(data.fr, bytes_of(p.firmware));
  data.cmic = NVME_CTRL_CMIC_MULTI_CTRL;
  data.mdts =
      *p.mdts == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::countr_zero(*p.mdts) - 12);
  data.cntlid = htole16(id);
  data.ver = htole32(p.exported_subsystem ? version_2_4 : version_2_1);
  data.cntrltype = io_controller;
  data.oacs = htole16(static_cast<std::uint16_t>(oacs));
  data.lpa = p.effects == Effects::absent ? 0 : NVME_CTRL_LPA_CMD_EFFECTS;
  data.nn = htole32(std::max(p.namespaces, 1U));
  std::copy(p.nqn.begin(), p.nqn.end(), data.subnqn);
  put_tracking(data, p);
  return data;
}

nvme_ctrl_list controllers(const Subsystem& subsystem, std::uint16_t from) {
  nvme_ctrl_list data{};
  std::uint16_t count = 0;
  for (const auto& function : subsystem.functions) {
    if (function.id < from || !subsystem.present(function)) continue;
    if (count == NVME_ID_CTRL_LIST_MAX) break;
    data.identifier[count++] = htole16(function.id);
  }
  data.num = htole16(count);
  return data;
}

nvme_primary_ctrl_cap capabilities(const Subsystem& subsystem, std::uint16_t id) {
  const auto& p = subsystem.parameters;
  const auto queues = pool_of(subsystem, id, 0), interrupts = pool_of(subsystem, id, 1);
  nvme_primary_ctrl_cap data{};
  data.cntlid = htole16(id);
  data.crt = static_cast<std::uint8_t>((*p.vq != 0 ? 1U : 0U) | (*p.vi != 0 ? 2U : 0U));
  data.vqfrt = htole32(queues.total);
  data.vqrfa = htole32(queues.assigned);
  data.vqrfap = htole16(queues.primary);
  data.vqprt = htole16(p.vq_private);
  data.vqfrsm = htole16(queues.per_secondary);
  data.vqgran = htole16(p.grain);
  data.vifrt = htole32(interrupts.total);
  data.virfa = htole32(interrupts.assigned);
  data.virfap = htole16(interrupts.primary);
  data.viprt = htole16(1);
  data.vifrsm = htole16(interrupts.per_secondary);
  data.vigran = htole16(p.grain);
  return data;
}

/// What some firmware makes of the list.
void spoil(nvme_secondary_ctrl_list& list, const Subsystem& subsystem, std::uint16_t id) {
  const auto& odd = subsystem.parameters.odd_list;
  const auto entries = std::span{list.sc_entry}.first(list.num);
  if (odd == "empty" && subsystem.primaries[id].enabled_vfs == 0) list = {};
  if (odd == "unsorted") std::reverse(entries.begin(), entries.end());
  if (entries.size() < 2) return;
  if (odd == "vfn") entries[1].vfn = entries[0].vfn;
  if (odd == "doubled" && list.num < NVME_ID_SECONDARY_CTRL_MAX) {
    list.sc_entry[list.num++] = entries[0];
  }
}

nvme_secondary_ctrl_list secondaries(const Subsystem& subsystem, std::uint16_t id,
                                     std::uint16_t from) {
  nvme_secondary_ctrl_list data{};
  for (const auto& function : subsystem.functions) {
    if (!function.is_secondary() || function.primary != id || function.id < from) continue;
    if (data.num == NVME_ID_SECONDARY_CTRL_MAX) break;
    auto& entry = data.sc_entry[data.num++];
    entry.scid = htole16(function.id);
    entry.pcid = htole16(id);
    entry.scs = function.online ? 1 : 0;
    entry.vfn = htole16(function.vfn);
    entry.nvq = htole16(function.vq);
    entry.nvi = htole16(function.vi);
  }
  spoil(data, subsystem, id);
  return data;
}

std::array<std::byte, wire::identify_size> formats(const Parameters& p, std::uint16_t id) {
  std::array<std::byte, wire::identify_size> data{};
  const auto versions = versions_of(p, id);
  const auto vendors = vendors_of(p, id);
  data[0] = static_cast<std::byte>(versions.size());
  data[1] = static_cast<std::byte>(vendors.size());
  std::size_t at = 2;
  for (const std::uint16_t version : versions) {
    const Le16 value = version;
    std::memcpy(&data.at(at), &value, sizeof(value));
    at += sizeof(value);
  }
  for (const auto& vendor : vendors) {
    std::memcpy(&data.at(at), vendor.bytes.data(), vendor.bytes.size());
    at += vendor.bytes.size();
  }
  return data;
}

std::uint32_t restriction_of(Effects effects) {
  if (effects == Effects::same_namespace) return 1U << wire::cse_shift;
  return effects == Effects::any_namespace ? 2U << wire::cse_shift : 0U;
}

template <typename T>
Answer answer_with(const T& data, std::span<std::byte> into,
                   std::size_t count = wire::identify_size) {
  static_assert(sizeof(T) == wire::identify_size);
  std::memcpy(into.data(), &data, count);
  return {};
}

}  // namespace

Answer identify(const Subsystem& subsystem, std::uint16_t id, std::uint8_t cns, std::uint16_t from,
                std::uint32_t nsid, std::span<std::byte> into) {
  const auto& p = subsystem.parameters;
  const auto kind = static_cast<command::Cns>(cns);
  const bool of_namespaces =
      kind >= command::Cns::namespaces && kind <= command::Cns::attached_controllers;
  if (of_namespaces && p.namespace_management) {
    return identify_namespaces(subsystem, cns, from, nsid, into);
  }
  if (nsid != 0) return {.status = sc::invalid_field};
  switch (kind) {
    case command::Cns::controller:
      return answer_with(controller(subsystem, id), into);
    case command::Cns::controllers:
      if (p.odd_list == "status") return {.status = sc::invalid_controller_data_queue};
      return answer_with(controllers(subsystem, from), into);
    case command::Cns::primary_capabilities:
      if (!virtualizes(p)) break;
      // The emulator answers for itself, whatever controller is named.
      if (p.is_emulator()) return answer_with(capabilities(subsystem, id), into);
      if (from >= p.controlling) break;
      return answer_with(capabilities(subsystem, from), into);
    case command::Cns::secondary_controllers:
      if (!virtualizes(p)) break;
      return answer_with(secondaries(subsystem, id, from), into);
    case command::Cns::state_formats:
      if (!p.is_standard()) break;
      return answer_with(formats(p, id), into,
                         p.is_emulator() ? emulator_format_bytes : wire::identify_size);
    default:
      break;
  }
  return {.status = sc::invalid_field};
}

Answer effects_log(const Parameters& p, std::span<std::byte> into) {
  namespace opcode = command::opcode;
  if (p.effects == Effects::absent) return {.status = sc::invalid_log_page};
  if (p.effects == Effects::unreadable) return {.status = sc::internal_error};
  nvme_cmd_effects_log data{};
  const auto say = [&](std::uint8_t code, bool supported, std::uint32_t effects) {
    if (supported) std::span{data.acs}[code] = htole32(NVME_CMD_EFFECTS_CSUPP | effects);
  };
  say(opcode::get_log_page, true, 0);
  say(opcode::identify, true, 0);
  say(opcode::virtualization_management, virtualizes(p), restriction_of(p.effects));
  say(opcode::migration_send, p.is_standard(), restriction_of(p.effects));
  say(opcode::migration_receive, p.is_standard(), restriction_of(p.effects));
  return answer_with(data, into);
}

}  // namespace nvmigrate::sim
