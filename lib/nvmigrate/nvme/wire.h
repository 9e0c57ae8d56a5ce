// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nvmigrate/nvme/endian.h"

/// The structures of live migration as they lie in memory: little-endian, byte packed, sizes
/// asserted. libnvme has all others; its release 1.3 does not have these.
namespace nvmigrate::wire {

/// Every Identify data structure, and the log page of command effects, has this size in bytes.
inline constexpr std::size_t identify_size = 4096;

/// OACS bit 11 of Identify Controller, HMLMS: the controller takes Migration Send and Receive.
inline constexpr std::uint16_t oacs_live_migration = 1U << 11U;

/// Command Submission and Execution (CSE) of a command in the Commands Supported and Effects log.
/// libnvme 1.3 has two of its three bits.
inline constexpr unsigned cse_shift = 16;
inline constexpr std::uint32_t cse_mask = 7;

/// Controller State header, Base 2.1 figure 358. Counts are 128 bit; the upper 64 are 0.
struct StateHeader {
  Le16 ver;
  std::uint8_t csattr{};  ///< b0: suspended during the whole command
  std::array<std::uint8_t, 13> reserved3{};
  Le64 nvmecss, nvmecss_high;  ///< dwords of NVMe controller state
  Le64 vss, vss_high;          ///< dwords of vendor specific state
};
static_assert(sizeof(StateHeader) == 48);
inline constexpr std::uint8_t csattr_suspended = 1U;

/// Head of the NVMe Controller State, version 0, Base 2.1 figure 359.
struct NvmeStateHeader {
  Le16 ver, niosq, niocq, reserved6;
};
static_assert(sizeof(NvmeStateHeader) == 8);

/// I/O Submission Queue state, Base 2.1 figure 360. qsize is 0's based.
struct SubmissionQueueState {
  Le64 prp1;
  Le16 qsize, qid, cqid;
  Le16 attributes;  ///< b0 PC, b2:1 QPRIO
  Le16 head, tail;
  Le32 reserved20;
};
static_assert(sizeof(SubmissionQueueState) == 24);

/// I/O Completion Queue state, Base 2.1 figure 361. qsize is 0's based.
struct CompletionQueueState {
  Le64 prp1;
  Le16 qsize, qid;
  Le16 head, tail;
  Le32 attributes;  ///< b0 PC, b1 IEN, b2 S0PT, b31:16 interrupt vector
  Le32 reserved20;
};
static_assert(sizeof(CompletionQueueState) == 24);

/// Exported NVM subsystem state header of Base 2.4 (NVM Command Set 1.3, figure 191). The figure
/// was not seen: the fields are taken to stand where they stand in StateHeader.
struct SubsystemStateHeader {
  Le16 ver;
  std::uint8_t csattr{};  ///< b0: suspended during the whole command
  std::array<std::uint8_t, 13> reserved3{};
  Le64 nvmecss, nvmecss_high;  ///< dwords that follow
  std::array<std::uint8_t, 32> reserved32{};
};
static_assert(sizeof(SubsystemStateHeader) == 64);
inline constexpr std::uint16_t subsystem_state_version = 1;  ///< of what follows the header

/// What Identify Controller says of tracking: bytes 570 to 576.
struct TrackingFields {
  Le16 cmmrtd, nmmrtd;
  std::uint8_t minmrtg{}, maxmrtg{};  ///< 2^n × 4 KiB
  std::uint8_t trattr{};              ///< b0 THMCS, b1 TUDCS, b2 MRTLL
};
static_assert(sizeof(TrackingFields) == 7);
inline constexpr std::size_t tracking_fields_at = 570;

/// Data of Track Send, Track Memory Changes; descriptors follow.
struct TrackedRanges {
  std::uint8_t ver{};
  Le16 reserved1;
  std::uint8_t rmrtg{};
  Le32 rnmrtd;
};
static_assert(sizeof(TrackedRanges) == 8);

/// A range to track; its length counts granules.
struct TrackedRange {
  Le64 saddr;
  Le32 length;
};
static_assert(sizeof(TrackedRange) == 12);

/// Head of the data of Track Receive; descriptors follow.
struct TrackedChanges {
  std::uint8_t ver{}, attributes{};  ///< b0 MTR, more to report; b1 SUSP
  Le16 cntlid;
  Le32 ntmcd;
  Le16 rpmpg;
  std::array<std::uint8_t, 6> reserved10{};
};
static_assert(sizeof(TrackedChanges) == 16);
inline constexpr std::uint8_t more_to_report = 1U, tracked_suspended = 2U;

/// A range that changed; its length counts granules.
struct TrackedChange {
  Le64 saddr;
  Le32 length, reserved12;
};
static_assert(sizeof(TrackedChange) == 16);

}  // namespace nvmigrate::wire
