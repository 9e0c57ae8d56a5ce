// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/host/access.h"
#include "tests/support/fake_subsystem.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {

/// For gtest's messages.
inline void PrintTo(const Error& error, std::ostream* out) {
  *out << row_of(error.status()).name << ": " << error.what() << " | " << error.hint();
}

}  // namespace nvmigrate

namespace nvmigrate::test {

/// A fake subsystem with records of its own, empty at first.
class HostTest : public testing::Test {
 protected:
  HostTest() { set_interrupted(false); }
  ~HostTest() override { set_interrupted(false); }

  [[nodiscard]] Topology topology() { return access.topology(); }
  /// As the next run of the tool would read them.
  [[nodiscard]] Journal journal_again() {
    return {io, folder.folders(), FakeSubsystem::nqn, "test"};
  }
  [[nodiscard]] Registry registry_again() { return {io, folder.folders(), FakeSubsystem::nqn}; }

  /// VFs that are there and online, bound to the host's driver.
  void bring_up(unsigned count, std::uint16_t queues = 4, std::uint16_t interrupts = 4) {
    device.bus.enable(count);
    for (auto& one : device.secondary) {
      if (one.vfn <= count) one = {one.cntlid, 0, true, one.vfn, queues, interrupts};
    }
  }
  static std::string vf(unsigned vfn) { return FakePciBus::vf_address(vfn); }

  TemporaryFolder folder;
  SystemIo io;
  FakeSubsystem device;
  Registry registry{io, folder.folders(), FakeSubsystem::nqn};
  Journal journal{io, folder.folders(), FakeSubsystem::nqn, "test"};
  HostAccess access{device, registry, journal};
};

/// The error that `what` throws. Fails the test when it throws none.
template <typename What>
Error error_of(What what) {
  try {
    what();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ExitStatus::ok, ""};
}

/// Matches an error by status and a part of its sentence.
inline auto fails(ExitStatus status, const std::string& sentence) {
  const auto sentence_of = [](const Error& error) { return std::string{error.what()}; };
  return testing::AllOf(testing::Property("status", &Error::status, status),
                        testing::ResultOf("sentence", sentence_of, testing::HasSubstr(sentence)));
}
/// Matches an error by a part of its hint.
inline auto hints(const std::string& hint) {
  return testing::Property("hint", &Error::hint, testing::HasSubstr(hint));
}

}  // namespace nvmigrate::test
