// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/ports/device.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate::test {

/// Two simulated devices for one backend, and one that it cannot serve. Controlled functions 1 and
/// 2 of each can be migrated; `empty` of the destination is open in a VM and holds no guest.
class Rig {
 public:
  static constexpr std::uint16_t guest = 1, idle = 2, unknown = 999;

  virtual ~Rig() = default;
  /// Its function 1 has a guest.
  virtual Device& source() = 0;
  virtual Device& destination() = 0;
  virtual Device& unserved() = 0;
  /// Of the source and of the destination.
  virtual const Topology& topology() = 0;
  /// Why the guest of the destination is not the one that stopped at the source; empty: it is.
  virtual std::vector<std::string> discontinuities() = 0;
  /// The calls into the source and the destination so far, and the most bytes that one carried.
  [[nodiscard]] virtual std::size_t calls() const = 0;
  [[nodiscard]] virtual std::size_t most_carried() const = 0;
  /// The call of this number, from 0, fails. \param by_kernel else the device answers an error
  virtual void fail(std::size_t call, bool by_kernel) = 0;
};

/// A backend, and what the suite has to know of it.
struct Conforming {
  std::string_view name;
  BackendRow row;
  /// With a guest whose state has about so many bytes. \param bytes 0: as small as it can be
  std::unique_ptr<Rig> (*rig)(std::uint64_t bytes);
  std::vector<std::uint64_t> sizes;  ///< of states that it must be able to move
  bool tells = true;                 ///< whether look() knows if a function is suspended
  bool whole = false;                ///< a state goes in one command, so that a limit may forbid it
  std::optional<std::uint16_t> not_nameable{};  ///< a function that check() must refuse
};

/// All of them. To add one, write a case in cases.cpp.
const std::vector<Conforming>& all_conforming();

}  // namespace nvmigrate::test
