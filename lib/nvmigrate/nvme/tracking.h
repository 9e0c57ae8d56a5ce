// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nvmigrate/nvme/identity.h"

/// The data of Track Send and Track Receive, Base 2.1 §5.1.26 and §5.1.27.
namespace nvmigrate {

/// \param data of Identify Controller, 4096 bytes
TrackingAbility decode_tracking(std::span<const std::byte> data) noexcept;

/// Data of Track Send that names what to track.
/// \param granule bytes, 2^n × 4 KiB \param ranges multiples of it, each of less than 2^32 granules
std::vector<std::byte> encode_ranges(std::uint64_t granule, const std::vector<MemoryRange>& ranges);

/// The answer of Track Receive.
/// \throws Error(device) for another version or controller, more descriptors than the data can
/// hold, and ranges beyond the end of memory
TrackedMemory decode_changes(std::uint16_t controller, std::span<const std::byte> data);

}  // namespace nvmigrate
