// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/host/provision.h"
#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {

inline constexpr std::uint16_t do_not_retry = 0x4000;

/// Provisions the fake subsystem, and sees what was done to it.
class ProvisionTest : public HostTest {
 protected:
  ProvisionResult make(const ProvisionWish& wish) { return provision(access, wish, limits); }
  std::vector<std::string> effects() {
    auto all = device.commands;
    std::erase_if(all, [](const auto& words) { return words.starts_with("identify"); });
    return all;
  }
  Error refusal(const ProvisionWish& wish) {
    const auto error = error_of([&] { make(wish); });
    EXPECT_THAT(effects(), testing::IsEmpty()) << "refused before any effect";
    EXPECT_THAT(device.bus.changes, testing::IsEmpty());
    return error;
  }
  ProvisionLimits limits{std::chrono::milliseconds{20}, 16};
};

/// Fails the nth effect, of whichever seam, and what follows when `for_good`.
class ProvisionFailureTest : public ProvisionTest {
 protected:
  void fail(unsigned nth, bool for_good = false) {
    count = 0;
    const auto strikes = [this, nth, for_good] {
      ++count;
      return count == nth || (for_good && count > nth);
    };
    device.bus.before_change = [strikes](const std::string& change) {
      if (strikes()) throw OsError(EIO, "write", change);
    };
    device.before = [strikes](const AdminCommand& command) -> std::optional<AdminCompletion> {
      if (command.opcode == command::opcode::identify || !strikes()) return std::nullopt;
      return FakeSubsystem::error(sc::internal_error | do_not_retry);
    };
  }
  void heal() {
    device.bus.before_change = nullptr;
    device.before = nullptr;
  }
  unsigned count = 0;
};

}  // namespace nvmigrate::test
