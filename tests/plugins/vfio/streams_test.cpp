// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/plugins/vfio/vfio_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t large = (std::size_t{3} << 20U) + 17;

class VfioSaveTest : public VfioBackendTest {
 protected:
  std::string save_fails(ExitStatus status) {
    return error_of([&] { saved(); }, status);
  }
};

class VfioLoadTest : public VfioBackendTest {
 protected:
  std::string load_fails(const std::vector<std::byte>& state, ExitStatus status) {
    return error_of([&] { load(state); }, status);
  }
};

// --- saving

TEST_F(VfioSaveTest, TheStreamIsTheState) {
  driver.guest = pattern(1000);
  suspended();
  EXPECT_EQ(saved(), driver.guest);
  EXPECT_THAT(driver.arcs,
              ElementsAre(S::Arc{S::stop, S::stop_copy}, S::Arc{S::stop_copy, S::stop}));
  EXPECT_THAT(driver.sessions, IsEmpty());
  EXPECT_EQ(saved(), driver.guest) << "reading it changes nothing";
  EXPECT_TRUE(backend().resume(id));
  EXPECT_EQ(driver.resets, 0U);
}

TEST_F(VfioSaveTest, ALargeStateIsReadTwiceForItsSize) {
  for (const auto size : {large, std::size_t{1} << 20U}) {
    driver.guest = pattern(size);
    driver.most = 100000;
    suspended();
    EXPECT_EQ(saved(), driver.guest);
    EXPECT_EQ(std::count(driver.arcs.begin(), driver.arcs.end(), S::Arc{S::stop, S::stop_copy}), 2);
    EXPECT_THAT(driver.sessions, IsEmpty());
  }
}

TEST_F(VfioSaveTest, ALargeStateThatChangesItsSizeIsNotTaken) {
  for (const auto growth : {std::size_t{1}, static_cast<std::size_t>(-1)}) {
    driver.guest = pattern(large);
    driver.most = 100000;
    driver.growth = growth;
    suspended();
    EXPECT_THAT(save_fails(ExitStatus::device), HasSubstr("changed its size while it was read"));
  }
}

TEST_F(VfioSaveTest, ARunningFunctionIsNotRead) {
  hold();
  EXPECT_THAT(save_fails(ExitStatus::device), HasSubstr("is not suspended"));
  EXPECT_THAT(driver.arcs, IsEmpty());
}

TEST_F(VfioSaveTest, AnEmptyStreamIsNoState) {
  driver.guest.clear();
  suspended();
  EXPECT_THAT(save_fails(ExitStatus::device), HasSubstr("the driver gives no state"));
}

TEST_F(VfioSaveTest, ReadsThatWereInterruptedAreRepeated) {
  suspended();
  driver.interruptions = 3;
  EXPECT_EQ(saved(), driver.guest);
}

TEST_F(VfioSaveTest, AReadThatFailsEndsIt) {
  suspended();
  for (const int code : {EIO, ENOMSG}) {  // ENOMSG belongs to PRE_COPY alone
    driver.data_error = code;
    driver.read_fails_at = 70;
    EXPECT_THAT(save_fails(ExitStatus::io), HasSubstr("cannot read the state of controlled"));
    EXPECT_THAT(driver.sessions, IsEmpty());
    EXPECT_EQ(driver.state, S::stop_copy);
    driver.read_fails_at.reset();
    EXPECT_EQ(saved(), driver.guest) << "another attempt";
  }
  driver.read_fails_at = 0;
  save_fails(ExitStatus::io);
  EXPECT_EQ(backend().look(id, {}).suspended, true);
  EXPECT_TRUE(backend().resume(id));
  EXPECT_EQ(driver.resets, 0U) << "its guest lives in it";
}

TEST_F(VfioSaveTest, WhatWasReadInPreCopyIsNotUsed) {
  driver.flags = vfio::uapi::stop_copy | vfio::uapi::pre_copy;
  driver.precopied = 10;
  hold(S::running);
  const int fd = [&] {
    vfio::uapi::DeviceState wanted{.state = S::pre_copy};
    driver.feature(vfio::uapi::feature_state | vfio::uapi::feature_set,
                   std::as_writable_bytes(std::span{&wanted, 1}));
    return wanted.data_fd;
  }();
  std::array<std::byte, 20> early{};
  EXPECT_EQ(driver.read(fd, early), 10);
  EXPECT_EQ(driver.read(fd, early), -1);
  EXPECT_EQ(errno, ENOMSG) << "the temporary end";
  backend().suspend(id);
  EXPECT_EQ(saved(), driver.guest);
}

TEST_F(VfioSaveTest, AStopSignalEndsIt) {
  suspended();
  const InterruptGuard guard;
  set_interrupted(true);
  error_of([&] { saved(); }, ExitStatus::interrupted);
  set_interrupted(false);
  EXPECT_TRUE(backend().resume(id));
}

TEST_F(VfioSaveTest, AnArcIntoErrorIsAGuestLost) {
  for (const auto& arc : {S::Arc{S::stop, S::stop_copy}, S::Arc{S::stop_copy, S::stop}}) {
    end();
    driver = {};
    suspended();
    driver.failures[arc] = {EIO, true};
    EXPECT_THAT(save_fails(ExitStatus::device), HasSubstr("what it held is lost"));
    EXPECT_EQ(driver.resets, 1U);
    EXPECT_THAT(driver.sessions, IsEmpty());
  }
}

// --- loading

TEST_F(VfioLoadTest, TheStateArrivesAndIsCommitted) {
  suspended();
  load(pattern(large));
  EXPECT_EQ(driver.guest, pattern(large));
  EXPECT_THAT(driver.arcs, ElementsAre(S::Arc{S::stop, S::resuming}, S::Arc{S::resuming, S::stop}));
  EXPECT_THAT(driver.sessions, IsEmpty());
  EXPECT_EQ(driver.resets, 0U);
  EXPECT_EQ(backend().look(id, {}).suspended, true);
  EXPECT_TRUE(backend().resume(id));
  EXPECT_EQ(driver.guest, pattern(large));
}

TEST_F(VfioLoadTest, ARunningFunctionIsNotLoaded) {
  hold();
  EXPECT_THAT(load_fails(pattern(10), ExitStatus::device), HasSubstr("is not suspended"));
  EXPECT_THAT(driver.arcs, IsEmpty());
}

TEST_F(VfioLoadTest, WritesThatWereInterruptedAreRepeated) {
  suspended();
  driver.interruptions = 3;
  load(pattern(200));
  EXPECT_EQ(driver.guest, pattern(200));
}

TEST_F(VfioLoadTest, AfterAWriteThatFailedItNeitherRunsNorStays) {
  suspended();
  driver.write_fails_at = 70;
  EXPECT_THAT(load_fails(pattern(200), ExitStatus::io),
              HasSubstr("cannot load a state into controlled function 3 (vf 3)"));
  EXPECT_EQ(driver.resets, 0U);
  EXPECT_EQ(backend().look(id, {}).suspended, true);
  EXPECT_THAT(error_of([&] { backend().resume(id); }, ExitStatus::device),
              HasSubstr("holds an incomplete state"));
  driver.write_fails_at.reset();
  load(pattern(300));
  EXPECT_EQ(driver.resets, 1U) << "there is no other way out of RESUMING";
  EXPECT_EQ(driver.guest, pattern(300));
  EXPECT_TRUE(backend().resume(id));
}

TEST_F(VfioLoadTest, ALoadThatWasAbortedCanBeginAgainFromRunning) {
  hold(S::resuming);
  driver.failures[{S::running, S::stop}] = {EBUSY, false};
  load_fails(pattern(9), ExitStatus::io);
  EXPECT_EQ(driver.state, S::running);
  load(pattern(9));
  EXPECT_EQ(driver.guest, pattern(9));
  EXPECT_TRUE(backend().resume(id));
  EXPECT_THAT(load_fails(pattern(9), ExitStatus::device), HasSubstr("is not suspended"));
}

TEST_F(VfioLoadTest, WhatCannotBeAbortedIsNotLoadedAgain) {
  hold(S::resuming);
  driver.refusals["reset"] = EIO;
  EXPECT_THAT(load_fails(pattern(9), ExitStatus::io), HasSubstr("cannot reset controlled"));
  EXPECT_EQ(driver.state, S::resuming);
}

TEST_F(VfioLoadTest, AStateThatTheDriverDoesNotAcceptIsNotCommitted) {
  suspended();
  driver.accepts = [](const S::Bytes& state) { return state.size() == 64; };
  EXPECT_THAT(load_fails(pattern(63), ExitStatus::bad_state),
              HasSubstr("the driver of controlled function 3 (vf 3) does not accept the state"));
  EXPECT_EQ(driver.state, S::resuming);
  error_of([&] { backend().resume(id); }, ExitStatus::device);
  load(pattern(64));
  EXPECT_EQ(driver.state, S::stop);
}

TEST_F(VfioLoadTest, ACommitThatFailsForAnotherReasonIsNoVerdictOnTheState) {
  suspended();
  driver.failures[{S::resuming, S::stop}] = {EBUSY, false};
  EXPECT_THAT(load_fails(pattern(63), ExitStatus::io), HasSubstr("from RESUMING to STOP"));
}

TEST_F(VfioLoadTest, AnArcIntoErrorLosesWhatWasLoaded) {
  suspended();
  driver.failures[{S::resuming, S::stop}] = {EINVAL, true};
  EXPECT_THAT(load_fails(pattern(63), ExitStatus::device),
              HasSubstr("went into the state ERROR between RESUMING and STOP (Invalid argument): "
                        "it was reset"));
  EXPECT_EQ(driver.state, S::running);
}

TEST_F(VfioLoadTest, AStopSignalEndsIt) {
  suspended();
  const InterruptGuard guard;
  set_interrupted(true);
  load_fails(pattern(10), ExitStatus::interrupted);
  EXPECT_EQ(driver.state, S::resuming);
}

}  // namespace
}  // namespace nvmigrate::test
