// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/parameters.h"

#include <algorithm>
#include <bit>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint64_t header_size = 48;
constexpr std::uint64_t page_size = 4096;
constexpr unsigned max_functions = 60000;
constexpr unsigned max_formats = 64;
constexpr std::uint16_t secondary_queues = 2, secondary_interrupts = 1;

void demand(bool holds, const std::string& what) {
  if (!holds) throw usage_error("simulated subsystem: " + what);
}

void check_counts(const Parameters& p) {
  demand(p.controlling >= 1 && p.controlling <= 16, "1 to 16 controlling functions");
  demand(p.vfs_total <= 10000 && p.others <= 10000 && p.secondaries <= 10000,
         "at most 10000 functions of a kind");
  const unsigned total = p.controlling * (p.vfs_total + 1) + p.others + p.secondaries;
  demand(total <= max_functions, "at most " + std::to_string(max_functions) + " functions in all");
  demand(p.grain >= 1, "resources are assigned in grains of 1 or more");
  demand(*p.vq == 0 || *p.vq >= p.secondaries * secondary_queues,
         "the flexible queues do not suffice for the secondaries");
  demand(*p.vi == 0 || *p.vi >= p.secondaries * secondary_interrupts,
         "the flexible interrupts do not suffice for the secondaries");
}

void check_sizes(const Parameters& p) {
  if (p.state_size) {
    demand(*p.state_size % 4 == 0, "a state size is a multiple of 4");
    demand(*p.state_size == header_size || *p.state_size >= header_size + 8,
           "a state size is 48 (a bare header) or at least 56");
    demand(*p.state_size <= std::uint64_t{1} << 60U, "a state size is at most 2^60");
  }
  const std::uint64_t mdts = *p.mdts;
  demand(mdts == 0 || (mdts > page_size && std::has_single_bit(mdts) && mdts >> 32U == 0),
         "the largest transfer is 0 (no limit) or a power of 2 from 8K on");
}

void check_formats(const Parameters& p) {
  demand(!p.versions.empty() && p.versions.size() <= max_formats, "1 to 64 versions");
  demand(p.personality == Personality::spec || p.versions.size() == 1,
         "the emulator knows one version of the state, and so numbers it in one way");
  demand(p.vendor_uuids.size() <= max_formats, "at most 64 vendor formats");
  for (auto each = p.versions.begin(); each != p.versions.end(); ++each) {
    demand(std::find(each + 1, p.versions.end(), *each) == p.versions.end(),
           "version " + std::to_string(*each) + " is given twice");
  }
  for (auto each = p.vendor_uuids.begin(); each != p.vendor_uuids.end(); ++each) {
    demand(std::find(each + 1, p.vendor_uuids.end(), *each) == p.vendor_uuids.end(),
           "vendor format " + nvmigrate::to_string(*each) + " is given twice");
  }
}

void check_texts(const Parameters& p) {
  const auto plain = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  };
  demand(p.model.size() <= 40 && plain(p.model), "a model is at most 40 ASCII characters");
  demand(p.firmware.size() <= 8 && plain(p.firmware), "a firmware is at most 8 ASCII characters");
  demand(p.nqn.size() <= 223 && plain(p.nqn) && p.nqn.starts_with("nqn."),
         "an NQN begins with nqn. and has at most 223 ASCII characters");
  demand(p.variant_driver != "nvme" && p.variant_driver != "vfio-pci",
         "a variant driver has a name of its own");
}

Uuid default_vendor() { return *parse_uuid("6e766d69-6772-4174-8573-696d756c6174"); }

Uuid next_vendor(Uuid uuid) {
  ++uuid.bytes.back();
  return uuid;
}

// To be numbered in two ways there must be two.
void complete_formats(Parameters& p) {
  if (p.personality == Personality::emulator) p.vendor = false;
  if (p.vendor && p.vendor_uuids.empty()) p.vendor_uuids = {default_vendor()};
  if (!p.vendor) p.vendor_uuids.clear();
  if (!p.renumber_formats) return;
  if (p.versions.size() == 1) p.versions.push_back(static_cast<std::uint16_t>(p.versions[0] + 1));
  if (p.vendor_uuids.size() == 1) p.vendor_uuids.push_back(next_vendor(p.vendor_uuids[0]));
}

}  // namespace

std::string_view to_string(Personality personality) noexcept {
  return personality == Personality::spec ? "spec" : "emulator";
}

Parameters completed(Parameters p, const std::string& name) {
  const unsigned divided = std::max(1U, p.vfs_total + p.secondaries);
  if (!p.vq) p.vq = 8 * divided;
  if (!p.vi) p.vi = 4 * divided;
  if (!p.mdts) p.mdts = p.personality == Personality::spec ? 512U << 10U : 0U;
  if (p.nqn.empty()) p.nqn = "nqn.2025-01.invalid.nvmigrate:sim:" + name;
  complete_formats(p);
  check_counts(p);
  check_sizes(p);
  check_formats(p);
  check_texts(p);
  return p;
}

}  // namespace nvmigrate::sim
