// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/memory_tracker.h"

#include <gmock/gmock.h>

#include <array>

#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/error_of.h"

namespace nvmigrate::nvme {
namespace {

using test::error_of;
using testing::HasSubstr;

constexpr std::uint64_t page = 4096;

std::vector<std::byte> one_change() {
  wire::TrackedChanges head;
  head.cntlid = 5;
  head.ntmcd = 1;
  wire::TrackedChange change;
  change.saddr = page;
  change.length = 2;
  std::vector<std::byte> data(sizeof head + sizeof change);
  std::memcpy(data.data(), &head, sizeof head);
  std::memcpy(data.data() + sizeof head, &change, sizeof change);
  return data;
}

TEST(NvmeMemoryTracker, IsThereWhereIdentifySaysSo) {
  test::Target target;
  auto identity = target.identity();
  EXPECT_EQ(NvmeBackend(target.port, identity, {}).memory_tracker(), nullptr);
  identity.tracking.memory = true;
  EXPECT_NE(NvmeBackend(target.port, identity, {}).memory_tracker(), nullptr);
}

TEST(NvmeMemoryTracker, StartsReadsAndStops) {
  test::ScriptedPort port;
  NvmeMemoryTracker tracker(port, 8192);
  port.then(0).then(one_change()).then(0);
  tracker.start(5, page, {{0, page}});
  const auto memory = tracker.read(5);
  EXPECT_EQ(memory.ranges, (std::vector<MemoryRange>{{page, 2 * page}}));
  EXPECT_FALSE(memory.more);
  tracker.stop(5);
  EXPECT_EQ(port.sent().at(0).data.size(), 20U);
  EXPECT_EQ(port.sent().at(1).command.cdw12, 8192U / 4 - 1);
  EXPECT_EQ(port.sent().at(2).command.cdw10, 1U);
  for (const auto& sent : port.sent())
    EXPECT_EQ(sent.command.timeout, command::minimum_timeout);
}

TEST(NvmeMemoryTracker, SaysWhatTheDeviceCouldDo) {
  test::ScriptedPort port;
  port.then([](const AdminCommand&) {
    return AdminCompletion{{sc::not_enough_resources}, 0x10003, 12};
  });
  NvmeMemoryTracker tracker(port, 8192);
  try {
    tracker.start(5, page, {{0, page}});
    FAIL() << "it was started";
  } catch (const NvmeError& error) {
    EXPECT_THAT(error.advice(), HasSubstr("granularity of 32 KiB, and up to 12 ranges"));
  }
}

TEST(NvmeMemoryTracker, ExplainsEachStatusAtEachStep) {
  constexpr std::array<std::uint16_t, 4> statuses{0x11F, 0x139, 0x002, 0x006};
  for (const auto status : statuses) {
    test::ScriptedPort port([=](const AdminCommand&) { return AdminCompletion{{status}, 0, 0}; });
    NvmeMemoryTracker tracker(port, 8192);
    EXPECT_THAT(error_of(
                    [&] {
                      tracker.start(5, page, {{0, page}});
                    },
                    ExitStatus::device),
                HasSubstr("cannot track the memory of controller 5"));
    EXPECT_THAT(error_of([&] { tracker.stop(5); }, ExitStatus::device), HasSubstr("cannot stop"));
    EXPECT_THAT(error_of([&] { tracker.read(5); }, ExitStatus::device), HasSubstr("cannot read"));
  }
}

TEST(NvmeMemoryTracker, AsksForLessWhereTheKernelDoesNotSendSoMuch) {
  const auto kernel = test::kernel_that_takes(page);
  test::ScriptedPort port([&](const AdminCommand& command) {
    kernel(0, command);
    test::ScriptedPort::copy(one_change(), command.from_device);
    return AdminCompletion{};
  });
  NvmeMemoryTracker tracker(port, 4 * page);
  EXPECT_EQ(tracker.read(5).ranges.size(), 1U);
  EXPECT_EQ(port.sent().size(), 3U);
  EXPECT_EQ(tracker.read(5).ranges.size(), 1U);
  EXPECT_EQ(port.sent().size(), 4U) << "it remembers";
}

}  // namespace
}  // namespace nvmigrate::nvme
