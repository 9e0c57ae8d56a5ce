// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/host/provision.h"
#include "tests/support/fake_session.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {

inline constexpr std::uint16_t do_not_retry = 0x4000;

/// Provisions the fake subsystem, and sees what was done to it.
class ProvisionTest : public FakeSessionTest {
 protected:
  ProvisionResult make(const ProvisionRequest& request) {
    session().refresh();
    return provision(session(), request, limits);
  }
  ProvisionResult take_down(const Codes& allowed = {}) {
    session().refresh();
    return deprovision(session(), allowed, limits);
  }
  std::optional<ProvisionResult> finish() {
    session().refresh();
    return finish_provisioning(session(), limits);
  }
  /// Commands that change the device.
  std::vector<std::string> effects() {
    auto all = device.commands;
    std::erase_if(all, [](const auto& words) { return words.starts_with("identify"); });
    return all;
  }
  Refusal refusal(const ProvisionRequest& request) {
    auto error = thrown_by<Refusal>([&] { make(request); });
    EXPECT_THAT(effects(), testing::IsEmpty()) << "refused before any effect";
    EXPECT_THAT(device.bus.changes, testing::IsEmpty());
    return error;
  }
  /// The codes that stand against it.
  Codes refused(const ProvisionRequest& request) {
    return refusal_of([&] { throw refusal(request); });
  }
  SriovState& sriov() { return device.bus.sriov_of[FakePciBus::physical]; }
  /// Whether a provisioning that did not end is on record.
  bool is_unfinished() {
    return test::find(journal_again(), IntentKind::provisioning, 0).has_value();
  }

  ProvisionLimits limits{std::chrono::milliseconds{20}, 16};
};

/// Fails the nth effect, of whichever seam, and what follows when `for_good`.
class ProvisionFailureTest : public ProvisionTest {
 protected:
  void fail(unsigned nth, bool for_good = false) {
    count_ = 0;
    const auto strikes = [this, nth, for_good] {
      ++count_;
      return count_ == nth || (for_good && count_ > nth);
    };
    device.bus.before_change = [strikes](const std::string& change) {
      if (strikes()) throw OsError(EIO, "write", change);
    };
    device.before = [strikes](const AdminCommand& command) -> std::optional<AdminCompletion> {
      if (command.opcode == command::opcode::identify || !strikes()) return std::nullopt;
      return FakeSubsystem::error(sc::internal_error | do_not_retry);
    };
  }
  /// Fails the first effect, then the second, and so on until the request succeeds.
  /// \param check what holds after each failure \return how many effects there were to fail
  template <typename Check>
  unsigned fail_each(const ProvisionRequest& request, Check check) {
    for (unsigned nth = 1;; ++nth) {
      fail(nth);
      SCOPED_TRACE("effect " + std::to_string(nth));
      try {
        make(request);
        return nth - 1;
      } catch (const Error& error) {
        check(error);
      }
    }
  }
  void heal() {
    device.bus.before_change = nullptr;
    device.before = nullptr;
  }

 private:
  unsigned count_ = 0;
};

}  // namespace nvmigrate::test
