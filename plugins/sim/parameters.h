// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/uuid.h"

namespace nvmigrate::sim {

/// Whose behaviour the controlling functions show: that of the specification, or that of the known
/// emulator with its quirks (only whole images, CSUP only in the header, other statuses).
enum class Personality { spec, emulator };
std::string_view to_string(Personality personality) noexcept;

/// What a simulated subsystem is made of. Defaults make a useful one: eight VFs, none enabled,
/// migration in the NVMe format and one vendor format.
struct Parameters {
  Personality personality = Personality::spec;
  unsigned controlling = 1;  ///< controlling functions; ids 0 … controlling-1
  unsigned vfs_total = 8;    ///< VFs of each controlling function
  unsigned others = 0;       ///< controllers that are no VFs and no secondaries
  unsigned secondaries = 0;  ///< secondary controllers of the first one that are no VFs (VFN 0)
  bool migration = true;     ///< HMLMS
  std::optional<std::uint32_t> vq{},
      vi{};  ///< flexible resources of a primary; 8 and 4 a VF; 0: none
  std::uint16_t vq_max = 16, vi_max = 8;  ///< most for one secondary
  std::uint16_t grain = 1;  ///< assignments are rounded up to a multiple (NRM differs from NR)

  /// Bytes of a whole image, a multiple of 4: 48 means a bare header with neither part; more than
  /// the queues need goes to the vendor part, or, without one, pads the NVMe part. Nothing: 64 KiB
  /// and 20 bytes of vendor part.
  std::optional<std::uint64_t> state_size{};
  bool vendor = true;                ///< a vendor part; never with the emulator's personality
  std::vector<Uuid> vendor_uuids{};  ///< formats of the vendor part; empty: one of the simulator
  std::vector<std::uint16_t> versions{0};  ///< of the NVMe controller state
  bool renumber_formats = false;           ///< odd controlling functions number formats backwards
  /// Most bytes of one command: 0 for no limit or a power of 2 from 8 KiB on. Nothing: 512 KiB
  /// (spec), no limit (emulator).
  std::optional<std::uint64_t> mdts{};

  bool iommu = true;
  bool shared_groups = false;    ///< VFs 1 and 2 share an IOMMU group, 3 and 4, …
  std::string variant_driver{};  ///< a vfio variant driver that claims the VFs; empty: none
  unsigned reset_ms = 0;         ///< how long a function level reset takes

  std::string model = "nvmigrate simulated controller";
  std::string firmware = "1.0";
  std::string nqn{};  ///< empty: one made of the subsystem's name
  std::uint64_t seed = 1;

  bool operator==(const Parameters&) const = default;
};

/// Fills in what is left to defaults for a subsystem called `name`.
/// \throws usage_error naming the parameter that cannot be
Parameters completed(Parameters parameters, const std::string& name);

}  // namespace nvmigrate::sim
