// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identify.h"

#include <endian.h>
#include <fmt/core.h>
#include <libnvme.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <type_traits>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate {
namespace {

constexpr std::size_t mdts_unit = 4096;
constexpr unsigned mdts_highest = 40;
constexpr std::size_t longest_nqn = 222;  ///< that Linux takes

constexpr std::string_view identity_name = "the identity of the controlling function";
constexpr std::string_view capabilities_name = "the primary controller capabilities";
constexpr std::string_view secondaries_name = "the list of secondary controllers";
constexpr std::string_view controllers_name = "the list of controllers";
constexpr std::string_view effects_name = "the Commands Supported and Effects log";
constexpr std::string_view namespaces_name = "the list of namespaces";
constexpr std::string_view formats_name = "the supported controller state formats";

[[noreturn]] void malformed(std::string_view what, std::string_view cause) {
  throw Error(ExitStatus::device, fmt::format("cannot read {}: {}", what, cause));
}

void check_size(std::span<const std::byte> data, std::string_view what) {
  if (data.size() >= wire::identify_size) return;
  malformed(what,
            fmt::format("the answer has {} bytes instead of {}", data.size(), wire::identify_size));
}

void check_count(std::size_t count, std::size_t most, std::string_view what) {
  if (count <= most) return;
  malformed(what, fmt::format("it counts {} entries and can hold {}", count, most));
}

template <typename Structure>
Structure overlay(std::span<const std::byte> data, std::string_view what) {
  static_assert(std::is_trivially_copyable_v<Structure>);
  static_assert(sizeof(Structure) == wire::identify_size);
  check_size(data, what);
  Structure structure{};
  std::memcpy(&structure, data.data(), sizeof structure);
  return structure;
}

template <std::size_t size>
std::string raw(const char (&field)[size]) {
  return {field, size};
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string cleaned(std::string text) {
  text.resize(std::min(text.size(), text.find('\0')));
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  text = text.substr(first, text.find_last_not_of(' ') - first + 1);
  std::replace_if(text.begin(), text.end(), std::not_fn(is_printable), '?');
  return text;
}

std::string_view without_padding(std::string_view field) {
  field = field.substr(0, field.find_last_not_of(std::string_view{" \0", 2}) + 1);
  return field.substr(std::min(field.size(), field.find_first_not_of(' ')));
}

void look_at_text(const std::string& field, std::string_view name, Oddities& oddities) {
  const auto text = without_padding(field);
  if (text.empty()) {
    oddities.push_back({fmt::format("the {} is empty", name)});
  } else if (!std::all_of(text.begin(), text.end(), is_printable)) {
    oddities.push_back({fmt::format("the {} has bytes that are not printable ASCII", name)});
  }
}

std::string nqn_of(const std::string& field) {
  return field.find('\0') <= longest_nqn ? cleaned(field) : std::string{};
}

std::size_t max_transfer_of(std::uint8_t mdts) {
  return mdts == 0 ? 0 : mdts_unit << std::min<unsigned>(mdts, mdts_highest);
}

std::vector<std::byte> identify(AdminPort& port, command::Cns cns, std::uint16_t from,
                                std::string_view what, std::uint32_t nsid = 0) {
  std::vector<std::byte> data(wire::identify_size);
  submit_or_throw(port, command::identify(cns, from, data, nsid), fmt::format("read {}", what));
  return data;
}

void note(Oddities* oddities, std::string what, bool hides = false) {
  if (oddities != nullptr) oddities->push_back({std::move(what), hides});
}

template <typename Entry, typename IdOf>
bool ascends(const std::vector<Entry>& entries, IdOf id_of) {
  return std::is_sorted(entries.begin(), entries.end(), [&](const Entry& one, const Entry& other) {
    return id_of(one) < id_of(other);
  });
}

std::string namespace_name(std::string_view what, std::uint32_t nsid) {
  return fmt::format("{} namespace {}", what, nsid);
}

std::uint32_t block_size_of(std::uint8_t exponent) {
  return exponent == 0 || exponent >= 32 ? 0 : std::uint32_t{1} << exponent;
}

/// Whether a full list is all: that from behind the lowest entry is shorter, with none new.
bool is_whole(auto ask, const auto& entries, auto id_of) {
  const auto lowest = id_of(std::ranges::min(entries, {}, id_of));
  const auto is_known = [&](auto id) { return std::ranges::count(entries, id, id_of) != 0; };
  const auto others = ask(static_cast<decltype(id_of(entries.front()))>(lowest + 1U));
  return others.size() < entries.size() && std::ranges::all_of(others, is_known, id_of);
}

/// Asks again from behind the last entry while the list is full.
/// \param ask gives the entries from an id on
template <typename Ask, typename IdOf>
auto read_pages(Ask ask, std::size_t page, std::string_view what, IdOf id_of, Oddities* oddities) {
  decltype(ask(0)) all;
  using Id = decltype(id_of(all.front()));
  for (Id from = 0;;) {
    const auto entries = ask(from);
    all.insert(all.end(), entries.begin(), entries.end());
    if (entries.size() < page) return all;
    // What follows in a list that is not sorted cannot be asked for, unless nothing follows.
    const bool sorted = ascends(entries, id_of);
    if (!sorted && is_whole(ask, entries, id_of)) return all;
    if (!sorted) malformed(what, "it is full and not sorted");
    const auto last = id_of(entries.back());
    if (last == std::numeric_limits<Id>::max()) return all;
    if (last < from) {
      note(oddities, fmt::format("{} has the same entries again when it is continued", what));
      return all;
    }
    from = static_cast<Id>(last + 1U);
  }
}

/// Sorted; entries of one controller stand together.
template <typename Ask, typename IdOf>
auto read_list(Ask ask, std::size_t page, std::string_view what, IdOf id_of, Oddities* oddities) {
  auto all = read_pages(ask, page, what, id_of, oddities);
  if (!ascends(all, id_of)) note(oddities, fmt::format("{} is not sorted", what));
  std::stable_sort(all.begin(), all.end(),
                   [&](const auto& one, const auto& other) { return id_of(one) < id_of(other); });
  const auto end = std::unique(all.begin(), all.end());
  if (end != all.end()) note(oddities, fmt::format("{} has an entry twice", what));
  all.erase(end, all.end());
  return all;
}

/// A list of controllers, of a namespace where `nsid` is not 0.
std::vector<std::uint16_t> list_controllers(AdminPort& port, command::Cns cns,
                                            std::string_view what, Oddities* oddities,
                                            std::uint32_t nsid = 0) {
  const auto ask = [&](std::uint16_t from) {
    return decode_controllers(identify(port, cns, from, what, nsid));
  };
  return read_list(
      ask, NVME_ID_CTRL_LIST_MAX, what, [](std::uint16_t id) { return id; }, oddities);
}

/// One entry a controller: where there are several, it is not known which is right.
std::vector<SecondaryController> without_rivals(const std::vector<SecondaryController>& all,
                                                Oddities* oddities) {
  std::vector<SecondaryController> kept;
  for (const auto& entry : all) {
    if (kept.empty() || kept.back().cntlid != entry.cntlid) {
      kept.push_back(entry);
      continue;
    }
    note(oddities,
         fmt::format("{} has different entries for controller {}", secondaries_name, entry.cntlid),
         true);
    kept.back() = {.cntlid = entry.cntlid, .primary = entry.primary};
  }
  return kept;
}

/// Two primary controllers may each have a VF of one number.
void part_rivals(std::vector<SecondaryController>& all, Oddities* oddities) {
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::vector<SecondaryController*>> by_place;
  for (auto& entry : all) {
    if (entry.vfn != 0) by_place[{entry.primary, entry.vfn}].push_back(&entry);
  }
  for (const auto& [place, rivals] : by_place) {
    if (rivals.size() < 2) continue;
    note(oddities,
         fmt::format("{} has VF {} as the controllers {} and {}", secondaries_name, place.second,
                     rivals[0]->cntlid, rivals[1]->cntlid),
         true);
    for (auto* rival : rivals)
      rival->vfn = 0;
  }
}

/// Invalid Field is how a device says that it does not have something. Some say it with a status
/// that Identify never has otherwise.
template <typename Read>
auto unless_unknown(std::string_view what, bool hides, Oddities* oddities, Read read)
    -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const NvmeError& error) {
    const auto code = error.nvme_status().code();
    if (code != sc::invalid_field && code != sc::invalid_controller_data_queue) throw;
    if (code != sc::invalid_field) {
      note(oddities,
           fmt::format("reading {} completes with {}", what, to_string(error.nvme_status())),
           hides);
    }
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

std::string to_string(const std::vector<NamespaceShape>& namespaces) {
  std::string text;
  for (const auto& one : namespaces) {
    const auto metadata = one.metadata == 0 ? "" : fmt::format(" and {} of metadata", one.metadata);
    text += fmt::format("{}{} ({} blocks of {} bytes{})", text.empty() ? "" : ", ", one.nsid,
                        one.blocks, one.block_size, metadata);
  }
  return text.empty() ? "none" : text;
}

std::string default_nqn(const ControllerIdentity& identity) {
  auto serial = identity.raw_serial, model = identity.raw_model;
  serial.resize(sizeof(nvme_id_ctrl::sn), ' ');
  model.resize(sizeof(nvme_id_ctrl::mn), ' ');
  const auto nqn = fmt::format("nqn.2014.08.org.nvmexpress:{:04x}{:04x}{}{}", identity.vendor,
                               identity.subsystem_vendor, serial, model);
  return nqn.substr(0, nqn.find('\0'));
}

std::string exact_text(std::string_view field) {
  std::string text;
  for (const char c : without_padding(field)) {
    const bool plain = is_printable(c) && c != '\\';
    text += plain ? std::string{c} : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

ControllerIdentity decode_identity(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_id_ctrl>(data, identity_name);
  const auto oacs = le16toh(wire.oacs);
  ControllerIdentity identity;
  identity.cntlid = le16toh(wire.cntlid);
  identity.vendor = le16toh(wire.vid);
  identity.subsystem_vendor = le16toh(wire.ssvid);
  identity.raw_serial = raw(wire.sn);
  identity.raw_model = raw(wire.mn);
  identity.serial = exact_text(identity.raw_serial);
  identity.model = cleaned(identity.raw_model);
  identity.firmware = cleaned(raw(wire.fr));
  look_at_text(identity.raw_serial, "serial number", identity.oddities);
  look_at_text(identity.raw_model, "model", identity.oddities);
  look_at_text(raw(wire.fr), "firmware revision", identity.oddities);
  identity.subsystem_nqn = nqn_of(raw(wire.subnqn));
  identity.version = le32toh(wire.ver);
  identity.max_transfer = max_transfer_of(wire.mdts);
  identity.virtualization_management = (oacs & NVME_CTRL_OACS_VIRT_MGMT) != 0;
  identity.namespace_management = (oacs & NVME_CTRL_OACS_NS_MGMT) != 0;
  identity.live_migration = (oacs & wire::oacs_live_migration) != 0;
  identity.first_vendor_byte = wire.vs[0];
  identity.effects_log = (wire.lpa & NVME_CTRL_LPA_CMD_EFFECTS) != 0;
  return identity;
}

PrimaryResources decode_primary_resources(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_primary_ctrl_cap>(data, capabilities_name);
  return {.queues = {.supported = (wire.crt & 1U) != 0,
                     .total = le32toh(wire.vqfrt),
                     .assigned = le32toh(wire.vqrfa),
                     .primary = le16toh(wire.vqrfap),
                     .private_ = le16toh(wire.vqprt),
                     .per_secondary = le16toh(wire.vqfrsm),
                     .granularity = le16toh(wire.vqgran)},
          .interrupts = {.supported = (wire.crt & 2U) != 0,
                         .total = le32toh(wire.vifrt),
                         .assigned = le32toh(wire.virfa),
                         .primary = le16toh(wire.virfap),
                         .private_ = le16toh(wire.viprt),
                         .per_secondary = le16toh(wire.vifrsm),
                         .granularity = le16toh(wire.vigran)}};
}

std::vector<SecondaryController> decode_secondaries(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_secondary_ctrl_list>(data, secondaries_name);
  check_count(wire.num, NVME_ID_SECONDARY_CTRL_MAX, secondaries_name);
  std::vector<SecondaryController> secondaries;
  for (const auto& entry : std::span{wire.sc_entry}.first(wire.num)) {
    secondaries.push_back({.cntlid = le16toh(entry.scid),
                           .primary = le16toh(entry.pcid),
                           .online = (entry.scs & 1U) != 0,
                           .vfn = le16toh(entry.vfn),
                           .queues = le16toh(entry.nvq),
                           .interrupts = le16toh(entry.nvi)});
  }
  return secondaries;
}

std::vector<std::uint16_t> decode_controllers(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_ctrl_list>(data, controllers_name);
  const std::uint16_t count = le16toh(wire.num);
  check_count(count, NVME_ID_CTRL_LIST_MAX, controllers_name);
  std::vector<std::uint16_t> ids;
  for (const auto id : std::span{wire.identifier}.first(count))
    ids.push_back(le16toh(id));
  return ids;
}

FormatTable decode_formats(std::span<const std::byte> data) {
  check_size(data, formats_name);
  const auto versions = std::to_integer<std::size_t>(data[0]);
  const auto vendors = std::to_integer<std::size_t>(data[1]);
  const std::size_t vendors_at = (versions + 1) * sizeof(Le16);
  if (vendors_at + vendors * sizeof(Uuid) > wire::identify_size) {
    malformed(formats_name, fmt::format("it counts {} versions and {} vendor formats, which do not "
                                        "fit into {} bytes",
                                        versions, vendors, wire::identify_size));
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

std::vector<CommandEffects> decode_effects(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_cmd_effects_log>(data, effects_name);
  std::vector<CommandEffects> all;
  for (const auto opcode : {command::opcode::virtualization_management,
                            command::opcode::migration_send, command::opcode::migration_receive}) {
    const std::uint32_t effects = le32toh(std::span{wire.acs}[opcode]);
    all.push_back(
        {.opcode = opcode,
         .supported = (effects & NVME_CMD_EFFECTS_CSUPP) != 0,
         .restriction = static_cast<std::uint8_t>(effects >> wire::cse_shift & wire::cse_mask)});
  }
  return all;
}

std::vector<std::uint32_t> decode_namespaces(std::span<const std::byte> data) {
  const auto wire = overlay<nvme_ns_list>(data, namespaces_name);
  std::vector<std::uint32_t> ids;
  for (const auto id : wire.ns) {
    if (id == 0) break;
    ids.push_back(le32toh(id));
  }
  return ids;
}

NamespaceIdentity decode_namespace(std::span<const std::byte> data, std::uint32_t nsid) {
  const auto wire = overlay<nvme_id_ns>(data, namespace_name("the identity of", nsid));
  const unsigned format = (wire.flbas & 0xFU) | (wire.flbas >> 1U & 0x30U);
  const auto& used = std::span{wire.lbaf}[format];
  return {.shape = {.nsid = nsid,
                    .blocks = le64toh(wire.nsze),
                    .block_size = block_size_of(used.ds),
                    .metadata = le16toh(used.ms)},
          .shared = (wire.nmic & 1U) != 0};
}

std::vector<std::byte> encode_controllers(std::span<const std::uint16_t> ids) {
  nvme_ctrl_list wire{};
  wire.num = htole16(static_cast<std::uint16_t>(ids.size()));
  std::transform(ids.begin(), ids.end(), wire.identifier,
                 [](std::uint16_t id) { return htole16(id); });
  const auto bytes = std::as_bytes(std::span{&wire, 1});
  return {bytes.begin(), bytes.end()};
}

ControllerIdentity read_identity(AdminPort& port) {
  return decode_identity(identify(port, command::Cns::controller, 0, identity_name));
}

std::optional<PrimaryResources> read_primary_resources(AdminPort& port, std::uint16_t own,
                                                       Oddities* oddities) {
  return unless_unknown(capabilities_name, false, oddities, [&] {
    return decode_primary_resources(
        identify(port, command::Cns::primary_capabilities, own, capabilities_name));
  });
}

bool is_primary(AdminPort& port, std::uint16_t cntlid) {
  std::vector<std::byte> data(wire::identify_size);
  const auto asked = command::identify(command::Cns::primary_capabilities, cntlid, data);
  if (!port.submit(asked).status.ok()) return false;
  const auto wire = overlay<nvme_primary_ctrl_cap>(data, capabilities_name);
  // An unused field is 0, so an answer for controller 0 must show resources too.
  const bool any = wire.crt != 0 || wire.vqprt != 0 || wire.viprt != 0;
  return any && le16toh(wire.cntlid) == cntlid;
}

std::vector<SecondaryController> read_secondaries(AdminPort& port, Oddities* oddities) {
  const auto ask = [&](std::uint16_t from) {
    return decode_secondaries(
        identify(port, command::Cns::secondary_controllers, from, secondaries_name));
  };
  const auto id_of = [](const SecondaryController& entry) { return entry.cntlid; };
  const auto all = unless_unknown(secondaries_name, true, oddities, [&] {
    return read_list(ask, NVME_ID_SECONDARY_CTRL_MAX, secondaries_name, id_of, oddities);
  });
  if (!all) return {};
  auto one_each = without_rivals(*all, oddities);
  part_rivals(one_each, oddities);
  return one_each;
}

std::vector<std::uint16_t> read_controllers(AdminPort& port, Oddities* oddities) {
  const auto read = [&] {
    return list_controllers(port, command::Cns::controllers, controllers_name, oddities);
  };
  return unless_unknown(controllers_name, false, oddities, read)
      .value_or(std::vector<std::uint16_t>{});
}

std::optional<std::vector<std::uint32_t>> read_namespaces(AdminPort& port, Oddities* oddities) {
  // The device lists those above the id that it is asked with.
  const auto ask = [&](std::uint32_t from) {
    return decode_namespaces(
        identify(port, command::Cns::namespaces, 0, namespaces_name, from == 0 ? from : from - 1));
  };
  return unless_unknown(namespaces_name, false, oddities, [&] {
    return read_list(
        ask, NVME_ID_NS_LIST_MAX, namespaces_name, [](std::uint32_t id) { return id; }, oddities);
  });
}

NamespaceIdentity read_namespace(AdminPort& port, std::uint32_t nsid) {
  return decode_namespace(identify(port, command::Cns::allocated_namespace, 0,
                                   namespace_name("the identity of", nsid), nsid),
                          nsid);
}

std::vector<std::uint16_t> read_attached(AdminPort& port, std::uint32_t nsid, Oddities* oddities) {
  return list_controllers(port, command::Cns::attached_controllers,
                          namespace_name("the controllers attached to", nsid), oddities, nsid);
}

FormatTable read_formats(AdminPort& port) {
  try {
    return decode_formats(identify(port, command::Cns::state_formats, 0, formats_name));
  } catch (const NvmeError& error) {
    const auto code = error.nvme_status().code();
    if (code != sc::invalid_field && code != sc::invalid_opcode) throw;
    throw unsupported(fmt::format("Identify CNS 20h ({}) completes with {}", formats_name,
                                  to_string(error.nvme_status())));
  }
}

std::vector<CommandEffects> read_effects(AdminPort& port) {
  std::vector<std::byte> data(wire::identify_size);
  submit_or_throw(port, command::effects_log(data), fmt::format("read {}", effects_name));
  return decode_effects(data);
}

}  // namespace nvmigrate
