// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identify.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate {
namespace {

constexpr std::size_t mdts_unit = 4096;
constexpr unsigned mdts_highest = 40;

[[noreturn]] void malformed(const std::string& what) { throw Error(ExitStatus::device, what); }

void check_size(std::span<const std::byte> data, const char* what) {
  if (data.size() >= wire::identify_size) return;
  malformed(std::string{"decode "} + what + ": " + std::to_string(data.size()) +
            " bytes where 4096 are expected");
}

void check_count(std::size_t count, std::size_t most, const char* what) {
  if (count <= most) return;
  malformed(std::string{"decode "} + what + ": the device counts " + std::to_string(count) +
            " entries, and no more than " + std::to_string(most) + " fit");
}

template <typename Structure>
Structure overlay(std::span<const std::byte> data, const char* what) {
  static_assert(std::is_trivially_copyable_v<Structure>);
  check_size(data, what);
  Structure structure;
  std::memcpy(&structure, data.data(), sizeof structure);
  return structure;
}

/// Up to the first NUL, without padding, and safe to print.
template <std::size_t N>
std::string text_of(const std::array<char, N>& field) {
  std::string text(field.begin(), std::find(field.begin(), field.end(), '\0'));
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  text = text.substr(first, text.find_last_not_of(' ') - first + 1);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

/// Controllers before NVMe 1.2.1 have no NQN; this is the one they are to be known by (Base §4.7).
std::string made_up_nqn(const ControllerIdentity& identity, const wire::IdentifyController& wire) {
  return "nqn.2014.08.org.nvmexpress:" + to_hex(wire.vid, 4).substr(2) +
         to_hex(wire.ssvid, 4).substr(2) + identity.serial + identity.model;
}

std::size_t max_transfer_of(std::uint8_t mdts) {
  return mdts == 0 ? 0 : mdts_unit << std::min<unsigned>(mdts, mdts_highest);
}

std::vector<std::byte> identify(AdminPort& port, command::Cns cns, std::uint16_t from,
                                const std::string& what) {
  std::vector<std::byte> data(wire::identify_size);
  submit_or_throw(port, command::identify(cns, from, data), "identify " + what);
  return data;
}

void check_ascending(std::optional<std::uint16_t> before, std::uint16_t id, const char* what) {
  if (before && id <= *before) {
    malformed(std::string{"identify "} + what + ": controller id " + std::to_string(id) +
              " follows " + std::to_string(*before) + ", and the list must ascend");
  }
}

/// Asks again after the last entry while the list is full. Empty when the device has no such list.
template <typename Entry, typename Decode, typename IdOf>
std::vector<Entry> read_list(AdminPort& port, command::Cns cns, std::size_t page, const char* what,
                             Decode decode, IdOf id_of) {
  std::vector<Entry> all;
  std::optional<std::uint16_t> last;
  for (std::uint16_t from = 0;; from = static_cast<std::uint16_t>(*last + 1U)) {
    const auto entries = decode(identify(port, cns, from, what));
    for (const auto& entry : entries) {
      check_ascending(last, id_of(entry), what);
      last = id_of(entry);
      all.push_back(entry);
    }
    if (entries.size() < page || *last == 0xFFFF) return all;
  }
}

template <typename Read>
auto unless_unknown(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const NvmeError& error) {
    if (error.nvme_status().code() != sc::invalid_field) throw;
    return std::nullopt;
  }
}

}  // namespace

std::uint32_t FlexibleResources::free() const noexcept {
  const std::uint64_t taken = std::uint64_t{assigned} + primary;
  return taken > total ? 0 : static_cast<std::uint32_t>(total - taken);
}

std::uint8_t FormatTable::index_of(std::uint16_t version) const noexcept {
  const auto found = std::find(versions.begin(), versions.end(), version);
  return found == versions.end() ? std::uint8_t{0}
                                 : static_cast<std::uint8_t>(found - versions.begin() + 1);
}

std::uint8_t FormatTable::index_of(const Uuid& vendor) const noexcept {
  const auto found = std::find(vendors.begin(), vendors.end(), vendor);
  return found == vendors.end() ? std::uint8_t{0}
                                : static_cast<std::uint8_t>(found - vendors.begin() + 1);
}

ControllerIdentity decode_identity(std::span<const std::byte> data) {
  const auto wire = overlay<wire::IdentifyController>(data, "Identify Controller");
  ControllerIdentity identity;
  identity.cntlid = wire.cntlid;
  identity.vendor = wire.vid;
  identity.serial = text_of(wire.sn);
  identity.model = text_of(wire.mn);
  identity.firmware = text_of(wire.fr);
  identity.subsystem_nqn = text_of(wire.subnqn);
  if (identity.subsystem_nqn.empty()) identity.subsystem_nqn = made_up_nqn(identity, wire);
  identity.version = wire.ver;
  identity.max_transfer = max_transfer_of(wire.mdts);
  identity.virtualization_management = (wire.oacs & wire::oacs_virtualization) != 0;
  identity.live_migration = (wire.oacs & wire::oacs_live_migration) != 0;
  return identity;
}

PrimaryResources decode_primary_resources(std::span<const std::byte> data) {
  const auto wire = overlay<wire::PrimaryCapabilities>(data, "Primary Controller Capabilities");
  return {.queues = {(wire.crt & 1U) != 0, wire.vqfrt, wire.vqrfa, wire.vqrfap, wire.vqprt,
                     wire.vqfrsm, wire.vqgran},
          .interrupts = {(wire.crt & 2U) != 0, wire.vifrt, wire.virfa, wire.virfap, wire.viprt,
                         wire.vifrsm, wire.vigran}};
}

std::vector<SecondaryController> decode_secondaries(std::span<const std::byte> data) {
  constexpr auto what = "Secondary Controller List";
  const auto wire = overlay<wire::SecondaryList>(data, what);
  check_count(wire.count, wire::SecondaryList::max_entries, what);
  std::vector<SecondaryController> secondaries;
  for (const auto& entry : std::span{wire.entries}.first(wire.count)) {
    secondaries.push_back(
        {entry.scid, entry.pcid, (entry.scs & 1U) != 0, entry.vfn, entry.nvq, entry.nvi});
  }
  return secondaries;
}

std::vector<std::uint16_t> decode_controllers(std::span<const std::byte> data) {
  constexpr auto what = "Controller List";
  const auto wire = overlay<wire::ControllerList>(data, what);
  check_count(wire.count, wire::ControllerList::max_entries, what);
  return {wire.ids.begin(), wire.ids.begin() + wire.count};
}

FormatTable decode_formats(std::span<const std::byte> data) {
  constexpr auto what = "Supported Controller State Formats";
  check_size(data, what);
  const auto versions = std::to_integer<std::size_t>(data[0]);
  const auto vendors = std::to_integer<std::size_t>(data[1]);
  const std::size_t vendors_at = (versions + 1) * sizeof(Le16);
  if (vendors_at + vendors * sizeof(Uuid) > wire::identify_size) {
    malformed(std::string{"decode "} + what + ": " + std::to_string(versions) + " versions and " +
              std::to_string(vendors) + " vendor formats do not fit into 4096 bytes");
  }
  FormatTable table;
  for (std::size_t i = 1; i <= versions; ++i) {
    Le16 version;
    std::memcpy(&version, &data[i * sizeof version], sizeof version);
    table.versions.push_back(version);
  }
  table.vendors.resize(vendors);
  if (vendors != 0) {
    std::memcpy(table.vendors.data(), &data[vendors_at], vendors * sizeof(Uuid));
  }
  return table;
}

ControllerIdentity read_identity(AdminPort& port) {
  return decode_identity(identify(port, command::Cns::controller, 0, "the controlling function"));
}

std::optional<PrimaryResources> read_primary_resources(AdminPort& port) {
  return unless_unknown([&] {
    return decode_primary_resources(
        identify(port, command::Cns::primary_capabilities, 0, "primary controller capabilities"));
  });
}

std::vector<SecondaryController> read_secondaries(AdminPort& port) {
  const auto read = [&] {
    return read_list<SecondaryController>(
        port, command::Cns::secondary_controllers, wire::SecondaryList::max_entries,
        "secondary controllers", decode_secondaries,
        [](const SecondaryController& entry) { return entry.cntlid; });
  };
  return unless_unknown(read).value_or(std::vector<SecondaryController>{});
}

std::vector<std::uint16_t> read_controllers(AdminPort& port) {
  const auto read = [&] {
    return read_list<std::uint16_t>(port, command::Cns::controllers,
                                    wire::ControllerList::max_entries,
                                    "the controllers of the subsystem", decode_controllers,
                                    [](std::uint16_t id) { return id; });
  };
  return unless_unknown(read).value_or(std::vector<std::uint16_t>{});
}

FormatTable read_formats(AdminPort& port) {
  try {
    return decode_formats(
        identify(port, command::Cns::state_formats, 0, "controller state formats (CNS 20h)"));
  } catch (const NvmeError& error) {
    const auto code = error.nvme_status().code();
    if (code != sc::invalid_field && code != sc::invalid_opcode) throw;
    throw unsupported("Identify CNS 20h (supported controller state formats) answers " +
                      to_string(error.nvme_status()));
  }
}

}  // namespace nvmigrate
