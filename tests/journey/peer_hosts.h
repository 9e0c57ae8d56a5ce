// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <ostream>
#include <string>

#include "nvmigrate/remote/peer.h"
#include "plugins/sim/sim.h"
#include "tests/journey/world.h"

namespace nvmigrate::test {

/// A pipe, both ends closed at the end.
class Pipe {
 public:
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  [[nodiscard]] int reading() const noexcept { return ends_[0]; }
  [[nodiscard]] int writing() const noexcept { return ends_[1]; }
  void close_reading();
  void close_writing();

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// How a side of a transfer ended.
struct SideEnd {
  std::string error{};   ///< empty: well
  std::string code{};    ///< of the error
  bool settles = false;  ///< its error says to settle the transfer
  bool resumed = false;  ///< the destination runs, says the source
};

/// What of a transfer is not as usual.
struct PeerMode {
  std::string name = "plain";
  bool suspended_before = false;  ///< the source
  bool keep_suspended = false;    ///< the destination
  std::string functions = "--vfs-total 1", function = "vf1";
  std::string marked_for{}, named{};  ///< backends: of the marks, and for the transfer
};

inline void PrintTo(const PeerMode& mode, std::ostream* out) { *out << mode.name; }

/// Two hosts with a simulated subsystem each: on sim:a of the first a guest runs, a function of
/// sim:b of the second has a VM that waits for it.
class PeerHosts {
 public:
  explicit PeerHosts(const std::string& state_size, PeerMode mode = {});

  World a, b;

  void restore();
  /// The two sides of a transfer, until the connection ends; their descriptors are closed then.
  SideEnd send(Pipe& from_there, Pipe& to_there);
  SideEnd serve(Pipe& from_source, Pipe& to_source);

  /// Whether a copy runs there now.
  [[nodiscard]] bool runs_on_a() const;
  [[nodiscard]] bool runs_on_b() const;
  /// Notes it when two copies run. Safe to call from every thread at any time.
  void observe();
  [[nodiscard]] bool was_doubled() const noexcept { return doubled_; }

  /// Whether the destination waits for the source to tell how a transfer ended.
  [[nodiscard]] bool is_in_doubt();
  /// \return nothing when it was refused because no record of the transfer is left
  std::optional<Settlement> settle();

  /// Does what the tool says after a disturbed transfer, and proves that one copy is left, that it
  /// continues, and that the transfer can be done then. Fails the test otherwise.
  /// \param settle_first whether the transfer is settled before the hosts are repaired, or after
  void expect_saved(const SideEnd& source, bool settle_first);

 private:
  void repair();
  void expect_one_copy();
  void expect_transfer();
  [[nodiscard]] nlohmann::json function(World& world, const std::string& device) const;
  [[nodiscard]] bool continues() const;

  PeerMode mode_;
  std::atomic<bool> doubled_ = false;
};

}  // namespace nvmigrate::test
