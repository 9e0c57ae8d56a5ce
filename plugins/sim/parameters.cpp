// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/commands.h"
#include "plugins/sim/host.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint64_t page_size = 4096;
constexpr std::array<std::string_view, 4> personalities{"spec", "emulator", "rfc", "both"};
constexpr std::array<std::string_view, 4> primary_resets{"function", "controller", "both", "never"};
constexpr std::array<std::string_view, 5> all_effects{"absent", "free", "same-namespace",
                                                      "any-namespace", "unreadable"};
constexpr unsigned max_functions = 60000;
constexpr unsigned max_formats = 64;
constexpr unsigned max_namespaces = 1024;
constexpr std::uint16_t secondary_queues = 2, secondary_interrupts = 1;

void require(bool holds, std::string_view rule) {
  if (!holds) throw usage_error(fmt::format("a simulated subsystem has {}", rule));
}

void check_counts(const Parameters& p) {
  require(p.controlling >= 1 && p.controlling <= 16, "1 to 16 controlling functions");
  require(p.elsewhere < p.controlling, "a controlling function on this host");
  require(p.vfs_total <= 10000 && p.others <= 10000 && p.secondaries <= 10000,
          "at most 10000 functions of a kind");
  const unsigned total = p.controlling * (p.vfs_total + 1) + p.others + p.secondaries;
  require(total <= max_functions, fmt::format("at most {} functions in all", max_functions));
  require(p.elsewhere == 0 || *p.vq == 0 || *p.vq >= p.vfs_total * secondary_queues,
          fmt::format("{} flexible queues for each VF of another host", secondary_queues));
  require(p.elsewhere == 0 || *p.vi == 0 || *p.vi >= p.vfs_total * secondary_interrupts,
          fmt::format("{} flexible interrupt for each VF of another host", secondary_interrupts));
  require(p.grain >= 1, "a resource grain of 1 or more");
  require(!p.exported_subsystem || !p.is_emulator(), "no exported NVM subsystem as an emulator");
  require(!p.track_memory || !p.is_emulator(), "no tracking of memory as an emulator");
  require(*p.vq == 0 || *p.vq >= p.secondaries * secondary_queues,
          fmt::format("{} flexible queues for each secondary controller", secondary_queues));
  require(
      *p.vi == 0 || *p.vi >= p.secondaries * secondary_interrupts,
      fmt::format("{} flexible interrupts for each secondary controller", secondary_interrupts));
}

void check_sizes(const Parameters& p) {
  if (p.state_size) {
    require(*p.state_size % 4 == 0, "a state size that is a multiple of 4");
    require(*p.state_size == state_header_size || *p.state_size >= state_header_size + 8,
            "a state size of 48 (a bare header) or at least 56");
    require(*p.state_size <= std::uint64_t{1} << 60U, "a state size of at most 2^60");
    require(!p.is_vendors() || *p.state_size <= command::vf::most,
            "a state size of at most 256K with the commands of the RFC");
  }
  const std::uint64_t mdts = *p.mdts;
  require(mdts == 0 || (mdts > page_size && std::has_single_bit(mdts) && mdts >> 32U == 0),
          "a largest transfer of 0 (no limit) or a power of 2 from 8K on");
}

void check_namespaces(const Parameters& p) {
  require(p.namespaces <= max_namespaces, fmt::format("at most {} namespaces", max_namespaces));
  require(p.block_size >= 512 && p.block_size <= page_size && std::has_single_bit(p.block_size),
          "blocks of 512, 1024, 2048 or 4096 bytes");
  require(p.namespace_size != 0 && p.namespace_size % p.block_size == 0,
          "namespaces of one or more whole blocks");
}

void check_formats(const Parameters& p) {
  require(!p.versions.empty() && p.versions.size() <= max_formats, "1 to 64 state versions");
  const bool follows = p.personality == Personality::spec || p.personality == Personality::both;
  require(follows || p.versions.size() == 1,
          "a single state version, and so a single order of them, unless it follows the "
          "specification");
  require(p.vendor_uuids.size() <= max_formats, "at most 64 vendor formats");
  for (auto each = p.versions.begin(); each != p.versions.end(); ++each) {
    require(std::find(each + 1, p.versions.end(), *each) == p.versions.end(),
            fmt::format("state version {} only once", *each));
  }
  for (auto each = p.vendor_uuids.begin(); each != p.vendor_uuids.end(); ++each) {
    require(std::find(each + 1, p.vendor_uuids.end(), *each) == p.vendor_uuids.end(),
            fmt::format("vendor format {} only once", nvmigrate::to_string(*each)));
  }
}

void check_texts(const Parameters& p) {
  const auto plain = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  };
  const auto fits = [&](const std::string& text, std::size_t most) {
    return plain(text) && bytes_of(text).size() <= most;
  };
  require(fits(p.serial.value_or(""), 20), "a serial number of at most 20 ASCII characters");
  require(fits(p.model, 40), "a model of at most 40 ASCII characters");
  require(fits(p.firmware, 8), "a firmware of at most 8 ASCII characters");
  require(p.nqn.size() <= 222 && plain(p.nqn) && p.nqn.starts_with("nqn."),
          "an NQN that begins with nqn. and has at most 222 ASCII characters");
  require(p.variant_driver != "nvme" && p.variant_driver != "vfio-pci",
          "a variant driver with a name of its own");
}

Uuid default_vendor() { return *parse_uuid("6e766d69-6772-4174-8573-696d756c6174"); }

Uuid next_vendor(Uuid uuid) {
  ++uuid.bytes.back();
  return uuid;
}

// Only two formats or more can be numbered in two ways.
void complete_formats(Parameters& p) {
  if (p.is_emulator()) p.vendor = false;
  if (p.vendor && p.vendor_uuids.empty()) p.vendor_uuids = {default_vendor()};
  if (!p.vendor) p.vendor_uuids.clear();
  if (!p.renumber_formats) return;
  if (p.versions.size() == 1) p.versions.push_back(static_cast<std::uint16_t>(p.versions[0] + 1));
  if (p.vendor_uuids.size() == 1) p.vendor_uuids.push_back(next_vendor(p.vendor_uuids[0]));
}

template <typename T>
std::vector<T> in_order_of(std::vector<T> values, const Parameters& p, std::uint16_t controlling) {
  if (p.renumber_formats && controlling % 2 != 0) std::reverse(values.begin(), values.end());
  return values;
}

template <typename Enum, typename Names>
std::optional<Enum> named_in(const Names& names, std::string_view name) noexcept {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(Personality personality) noexcept {
  return personalities.at(static_cast<std::size_t>(personality));
}

std::optional<Personality> personality_of(std::string_view name) noexcept {
  return named_in<Personality>(personalities, name);
}

std::string_view to_string(PrimaryReset reset) noexcept {
  return primary_resets.at(static_cast<std::size_t>(reset));
}

std::optional<PrimaryReset> primary_reset_of(std::string_view name) noexcept {
  return named_in<PrimaryReset>(primary_resets, name);
}

std::string_view to_string(Effects effects) noexcept {
  return all_effects.at(static_cast<std::size_t>(effects));
}

std::optional<Effects> effects_of(std::string_view name) noexcept {
  return named_in<Effects>(all_effects, name);
}

Parameters completed(Parameters p, const std::string& name) {
  const unsigned divided = std::max(1U, p.vfs_total + p.secondaries);
  if (!p.vq) p.vq = 8 * divided;
  if (!p.vi) p.vi = 4 * divided;
  if (!p.mdts) p.mdts = p.is_emulator() ? 0U : 512U << 10U;
  if (p.nqn.empty()) p.nqn = "nqn.2025-01.invalid.nvmigrate:sim:" + name;
  complete_formats(p);
  check_counts(p);
  check_sizes(p);
  check_namespaces(p);
  check_formats(p);
  check_texts(p);
  return p;
}

std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto escape = std::string_view{text}.substr(at, 4);
    const bool is_byte = escape.size() == 4 && escape.starts_with("\\x");
    const auto value = is_byte ? parse_number("0x" + std::string{escape.substr(2)}) : std::nullopt;
    bytes += value ? static_cast<char>(*value) : text[at];
    if (value) at += 3;
  }
  return bytes;
}

std::vector<std::uint16_t> versions_of(const Parameters& p, std::uint16_t controlling) {
  return in_order_of(p.versions, p, controlling);
}

std::vector<Uuid> vendors_of(const Parameters& p, std::uint16_t controlling) {
  return in_order_of(p.vendor_uuids, p, controlling);
}

std::uint16_t Parameters::vendor_id() const noexcept {
  return is_vendors() ? command::vf::vendor : pci_vendor;
}

}  // namespace nvmigrate::sim
