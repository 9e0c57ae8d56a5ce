// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/host.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint32_t version_2_1 = 0x00020100;
constexpr std::uint8_t cmic_several_controllers = 2;
constexpr std::size_t emulator_format_bytes = 4;

template <std::size_t size>
void pad(std::array<char, size>& field, const std::string& text) {
  field.fill(' ');
  std::copy_n(text.begin(), std::min(text.size(), size), field.begin());
}

bool virtualizes(const Parameters& p) { return p.vfs_total != 0 || p.secondaries != 0; }

wire::IdentifyController controller(const Subsystem& subsystem, std::uint16_t id) {
  const auto& p = subsystem.parameters;
  wire::IdentifyController data{};
  data.vid = pci_vendor;
  data.ssvid = pci_vendor;
  pad(data.sn, "SIM-" + subsystem.name);
  pad(data.mn, p.model);
  pad(data.fr, p.firmware);
  data.cmic = cmic_several_controllers;
  data.mdts =
      *p.mdts == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::countr_zero(*p.mdts) - 12);
  data.cntlid = id;
  data.ver = version_2_1;
  data.cntrltype = 1;
  data.oacs = static_cast<std::uint16_t>((virtualizes(p) ? wire::oacs_virtualization : 0U) |
                                         (p.migration ? wire::oacs_live_migration : 0U));
  data.nn = 1;
  std::copy(p.nqn.begin(), p.nqn.end(), data.subnqn.begin());
  return data;
}

wire::ControllerList controllers(const Subsystem& subsystem, std::uint16_t from) {
  wire::ControllerList data{};
  std::size_t count = 0;
  for (const auto& function : subsystem.functions) {
    if (function.id < from || !subsystem.present(function)) continue;
    if (count == wire::ControllerList::max_entries) break;
    data.ids[count++] = function.id;
  }
  data.count = static_cast<std::uint16_t>(count);
  return data;
}

wire::PrimaryCapabilities capabilities(const Subsystem& subsystem, std::uint16_t id) {
  const auto& p = subsystem.parameters;
  const auto queues = pool_of(subsystem, id, 0), interrupts = pool_of(subsystem, id, 1);
  wire::PrimaryCapabilities data{};
  data.cntlid = id;
  data.crt = static_cast<std::uint8_t>((*p.vq != 0 ? 1U : 0U) | (*p.vi != 0 ? 2U : 0U));
  data.vqfrt = queues.total;
  data.vqrfa = queues.assigned;
  data.vqrfap = queues.primary;
  data.vqprt = std::uint16_t{2};
  data.vqfrsm = queues.per_secondary;
  data.vqgran = p.grain;
  data.vifrt = interrupts.total;
  data.virfa = interrupts.assigned;
  data.virfap = interrupts.primary;
  data.viprt = std::uint16_t{1};
  data.vifrsm = interrupts.per_secondary;
  data.vigran = p.grain;
  return data;
}

wire::SecondaryList secondaries(const Subsystem& subsystem, std::uint16_t id, std::uint16_t from) {
  wire::SecondaryList data{};
  for (const auto& function : subsystem.functions) {
    if (!function.is_secondary() || function.primary != id || function.id < from) continue;
    if (data.count == wire::SecondaryList::max_entries) break;
    auto& entry = data.entries[data.count++];
    entry.scid = function.id;
    entry.pcid = id;
    entry.scs = function.online ? 1 : 0;
    entry.vfn = function.vfn;
    entry.nvq = function.vq;
    entry.nvi = function.vi;
  }
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

template <typename T>
Answer answer_with(const T& data, std::span<std::byte> into,
                   std::size_t count = wire::identify_size) {
  static_assert(sizeof(T) == wire::identify_size);
  std::memcpy(into.data(), &data, count);
  return {};
}

template <typename T>
std::vector<T> in_order_of(std::vector<T> values, const Parameters& p, std::uint16_t id) {
  if (p.renumber_formats && id % 2 != 0) std::reverse(values.begin(), values.end());
  return values;
}

}  // namespace

std::vector<std::uint16_t> versions_of(const Parameters& p, std::uint16_t controlling) {
  return in_order_of(p.versions, p, controlling);
}

std::vector<Uuid> vendors_of(const Parameters& p, std::uint16_t controlling) {
  return in_order_of(p.vendor_uuids, p, controlling);
}

Answer identify(const Subsystem& subsystem, std::uint16_t id, std::uint8_t cns, std::uint16_t from,
                std::span<std::byte> into) {
  const auto& p = subsystem.parameters;
  switch (static_cast<command::Cns>(cns)) {
    case command::Cns::controller:
      return answer_with(controller(subsystem, id), into);
    case command::Cns::controllers:
      return answer_with(controllers(subsystem, from), into);
    case command::Cns::primary_capabilities:
      if (!virtualizes(p)) break;
      return answer_with(capabilities(subsystem, id), into);
    case command::Cns::secondary_controllers:
      if (!virtualizes(p)) break;
      return answer_with(secondaries(subsystem, id, from), into);
    case command::Cns::state_formats:
      if (!p.migration) break;
      return answer_with(
          formats(p, id), into,
          p.personality == Personality::emulator ? emulator_format_bytes : wire::identify_size);
  }
  return {.status = sc::invalid_field};
}

}  // namespace nvmigrate::sim
