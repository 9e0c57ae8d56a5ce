// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/plugins.h"
#include "tests/plugins/conformance/sim_rig.h"
#include "tests/plugins/conformance/toy_backend.h"
#include "tests/plugins/conformance/vfio_rig.h"

namespace nvmigrate::test {
namespace {

std::unique_ptr<Rig> simulated(sim::Personality personality, bool vendor, std::uint64_t bytes) {
  sim::Parameters parameters{.personality = personality, .vendor = vendor};
  if (bytes != 0) parameters.state_size = bytes;
  return std::make_unique<SimRig>(parameters);
}

BackendRow built_in_row(std::string_view name) {
  const auto& rows = built_in().backends;
  return *std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
}

constexpr std::uint64_t kib = 1024;

Conforming standard() {
  return {.name = "nvme",
          .row = built_in_row("nvme"),
          .rig = [](std::uint64_t bytes) { return simulated(sim::Personality::spec, true, bytes); },
          .sizes = {0, 256 * kib, 256 * kib + 4, 3000 * kib + 20}};
}

Conforming vendor() {
  return {.name = "intel",
          .row = built_in_row("intel"),
          .rig = [](std::uint64_t bytes) { return simulated(sim::Personality::rfc, true, bytes); },
          .sizes = {0, 4 * kib, 100 * kib + 4, 256 * kib},
          .tells = false,
          .whole = true,
          .not_nameable = SimRig::without_vf};
}

Conforming variant() {
  auto row = built_in_row("vfio");
  row.make = VfioRig::make;
  return {.name = "vfio",
          .row = row,
          .rig = [](std::uint64_t bytes) -> std::unique_ptr<Rig> {
            return std::make_unique<VfioRig>(bytes);
          },
          .sizes = {0, 256 * kib, 1024 * kib, 3000 * kib + 20},
          .not_nameable = VfioRig::without_driver};
}

Conforming toy() {
  return {
      .name = "toy",
      .row = {.name = "toy",
              .summary = "the least that is a backend",
              .command_set = "a part of that of NVMe 2.1",
              .make = [](const BackendPlace& place) -> std::unique_ptr<MigrationBackend> {
                return std::make_unique<ToyBackend>(place);
              }},
      .rig = [](std::uint64_t bytes) { return simulated(sim::Personality::spec, false, bytes); },
      .sizes = {0, 4 * kib, 100 * kib + 4, 512 * kib},
      .whole = true,
      .not_nameable = Rig::unknown};
}

}  // namespace

const std::vector<Conforming>& all_conforming() {
  static const std::vector<Conforming> all{standard(), vendor(), variant(), toy()};
  return all;
}

}  // namespace nvmigrate::test
