// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nvmigrate/nvme/endian.h"

/// The structures of the specification as they lie in memory: little-endian, byte packed, sizes
/// asserted. Structures that libnvme 1.3 (Debian 12) has, its headers have; the seams' simulator
/// and decoders must not depend on the library's version, so the few bytes used here are named
/// here.
namespace nvmigrate::wire {

inline constexpr std::size_t identify_size = 4096;

/// Identify Controller (CNS 01h), Base 2.1 figure 312; only the fields used here are named.
struct IdentifyController {
  Le16 vid, ssvid;
  std::array<char, 20> sn{};
  std::array<char, 40> mn{};
  std::array<char, 8> fr{};
  std::uint8_t rab{};
  std::array<std::uint8_t, 3> ieee{};
  std::uint8_t cmic{};
  std::uint8_t mdts{};  ///< 2^n units of 4 KiB; 0: no limit
  Le16 cntlid;
  Le32 ver;
  std::array<std::uint8_t, 27> reserved84{};
  std::uint8_t cntrltype{};
  std::array<std::uint8_t, 144> reserved112{};
  Le16 oacs;
  std::uint8_t acl{};
  std::array<std::uint8_t, 13> reserved259{};
  Le32 hmpre;
  std::array<std::uint8_t, 240> reserved276{};
  Le32 nn;
  std::array<std::uint8_t, 248> reserved520{};
  std::array<char, 256> subnqn{};
  std::array<std::uint8_t, 3072> reserved1024{};
};
static_assert(sizeof(IdentifyController) == identify_size);
static_assert(offsetof(IdentifyController, mdts) == 77);
static_assert(offsetof(IdentifyController, cntlid) == 78);
static_assert(offsetof(IdentifyController, cntrltype) == 111);
static_assert(offsetof(IdentifyController, oacs) == 256);
static_assert(offsetof(IdentifyController, hmpre) == 272);
static_assert(offsetof(IdentifyController, nn) == 516);
static_assert(offsetof(IdentifyController, subnqn) == 768);

inline constexpr std::uint8_t cmic_virtual_function = 1U << 2U;
inline constexpr std::uint16_t oacs_virtualization = 1U << 7U;
inline constexpr std::uint16_t oacs_live_migration = 1U << 11U;

/// Controller List (CNS 12h, 13h), Base 2.1 §4.6.1.
struct ControllerList {
  static constexpr std::size_t max_entries = 2047;
  Le16 count;
  std::array<Le16, max_entries> ids{};
};
static_assert(sizeof(ControllerList) == identify_size);

/// Primary Controller Capabilities (CNS 14h), Base 2.1 figure 330.
struct PrimaryCapabilities {
  Le16 cntlid, portid;
  std::uint8_t crt{};  ///< b0 VQ, b1 VI resources are supported
  std::array<std::uint8_t, 27> reserved5{};
  Le32 vqfrt, vqrfa;
  Le16 vqrfap, vqprt, vqfrsm, vqgran;
  std::array<std::uint8_t, 16> reserved48{};
  Le32 vifrt, virfa;
  Le16 virfap, viprt, vifrsm, vigran;
  std::array<std::uint8_t, 4016> reserved80{};
};
static_assert(sizeof(PrimaryCapabilities) == identify_size);
static_assert(offsetof(PrimaryCapabilities, vqfrt) == 32);
static_assert(offsetof(PrimaryCapabilities, vifrt) == 64);

/// Secondary Controller Entry, Base 2.1 figure 332.
struct SecondaryEntry {
  Le16 scid, pcid;
  std::uint8_t scs{};  ///< b0 Online
  std::array<std::uint8_t, 3> reserved5{};
  Le16 vfn, nvq, nvi;
  std::array<std::uint8_t, 18> reserved14{};
};
static_assert(sizeof(SecondaryEntry) == 32);

/// Secondary Controller List (CNS 15h), Base 2.1 figure 331.
struct SecondaryList {
  static constexpr std::size_t max_entries = 127;
  std::uint8_t count{};
  std::array<std::uint8_t, 31> reserved1{};
  std::array<SecondaryEntry, max_entries> entries{};
};
static_assert(sizeof(SecondaryList) == identify_size);

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

}  // namespace nvmigrate::wire
