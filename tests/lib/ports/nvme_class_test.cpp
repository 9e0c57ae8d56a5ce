// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/nvme_class.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "nvmigrate/base/error.h"
#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

TEST(ControllerNumber, TakesControllersOnly) {
  EXPECT_EQ(controller_number("nvme0"), 0U);
  EXPECT_EQ(controller_number("nvme12"), 12U);
  for (const auto* name : {"", "nvme", "nvme0n1", "nvme01", "nvm0", "nvme-1", "nvme99999999999"}) {
    EXPECT_EQ(controller_number(name), std::nullopt) << name;
  }
}

TEST(NamespaceHead, LeavesOutThePath) {
  EXPECT_EQ(namespace_head("nvme0n1"), "nvme0n1");
  EXPECT_EQ(namespace_head("nvme0c13n2"), "nvme0n2");
  for (const auto* name : {"", "nvme0", "nvme0n", "nvme0cn1", "nvme0c1", "nvme0n1p1", "ng0n1"}) {
    EXPECT_EQ(namespace_head(name), std::nullopt) << name;
  }
}

class NvmeClassTest : public ::testing::Test {
 protected:
  NvmeClassTest() {
    for (const unsigned number : {0U, 2U, 10U}) {
      const auto address = "0000:0" + std::to_string(number % 9) + ":00.0";
      sysfs_.function(address);
      sysfs_.controller(number, address, number + 100);
    }
  }

  test::FakeSysfs sysfs_;
  SystemIo system_;
  test::FakeKernelIo io_{system_, sysfs_};
};

TEST_F(NvmeClassTest, ReadsAllSortedByNumber) {
  const auto found = read_controllers(Sysfs(io_, sysfs_.root()));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "nvme0");
  EXPECT_EQ(found[0].address, "0000:00:00.0");
  EXPECT_EQ(found[0].transport, "pcie");
  EXPECT_EQ(found[0].state, "live");
  EXPECT_EQ(found[0].subsystem_nqn, "nqn.2019-08.org.qemu:ss0");
  EXPECT_EQ(found[0].cntlid, 100);
  EXPECT_EQ(found[1].name, "nvme2");
  EXPECT_EQ(found[2].name, "nvme10");
}

TEST_F(NvmeClassTest, NamespacesNameTheirControllers) {
  const Sysfs sysfs(io_, sysfs_.root());
  sysfs_.file("/sys/class/nvme/nvme0/nvme0n1/size", "8");
  sysfs_.file("/sys/class/nvme/nvme2/nvme4c2n1/size", "8");
  sysfs_.file("/sys/class/nvme/nvme10/nvme4c10n1/size", "8");
  const auto found = [&](const std::string& word) { return controllers_of_namespace(sysfs, word); };
  for (const auto* word : {"nvme0n1", "/dev/nvme0n1", "/dev/nvme0n1p2"})
    EXPECT_THAT(found(word), testing::ElementsAre("nvme0")) << word;
  EXPECT_THAT(found("nvme4n1"), testing::ElementsAre("nvme10", "nvme2"));
  for (const auto* word : {"", "nvme0", "nvme0n2", "/dev/sda", "/dev/null"})
    EXPECT_THAT(found(word), testing::IsEmpty()) << word;
}

TEST_F(NvmeClassTest, QueueLimitsAreThoseOfANamespace) {
  const Sysfs sysfs(io_, sysfs_.root());
  sysfs_.file("/sys/class/nvme/nvme0/hwmon1/queue/max_segments", "1");
  EXPECT_FALSE(read_queue_limits(sysfs, "nvme0")) << "it has no namespace";
  sysfs_.folder("/sys/class/nvme/nvme0/ng0n1");
  sysfs_.folder("/sys/class/nvme/nvme0/nvme0n1/queue");
  EXPECT_FALSE(read_queue_limits(sysfs, "nvme0")) << "the kernel does not tell";
  for (const auto* path : {"/sys/class/nvme/nvme0/nvme0n2", "/sys/class/nvme/nvme2/nvme1c2n7"}) {
    sysfs_.file(path + std::string{"/queue/max_hw_sectors_kb"}, "128\n");
    sysfs_.file(path + std::string{"/queue/max_segments"}, "33\n");
  }
  for (const auto* name : {"nvme0", "nvme2"}) {
    const auto limits = read_queue_limits(sysfs, name);
    ASSERT_TRUE(limits) << name;
    EXPECT_EQ(limits->bytes, 128U << 10U);
    EXPECT_EQ(limits->segments, 33U);
    EXPECT_EQ(limits->page, static_cast<std::size_t>(::getpagesize()));
  }
}

TEST(QueueLimits, ScatteredMemoryTakesASegmentForEachPageAndOneMore) {
  EXPECT_EQ((QueueLimits{}).most(), 0U);
  EXPECT_EQ((QueueLimits{.bytes = 128U << 10U}).most(), 128U << 10U);
  EXPECT_EQ((QueueLimits{.bytes = 128U << 10U, .segments = 33}).most(), 128U << 10U);
  EXPECT_EQ((QueueLimits{.bytes = 1280U << 10U, .segments = 127}).most(), 126U * 4096);
  EXPECT_EQ((QueueLimits{.segments = 128}).most(), 127U * 4096);
  EXPECT_EQ((QueueLimits{.segments = 127, .page = 65536}).most(), 126U * 65536);
  EXPECT_EQ((QueueLimits{.segments = 1}).most(), 4096U);
}

TEST_F(NvmeClassTest, TheQueuesOfTheDriverAreKnownWhereTheKernelSays) {
  sysfs_.file("/sys/class/nvme/nvme0/queue_count", "9");
  const auto found = read_controllers(Sysfs(io_, sysfs_.root()));
  EXPECT_EQ(found.at(0).queues, 9U);
  EXPECT_EQ(found.at(1).queues, std::nullopt);
}

TEST_F(NvmeClassTest, TheSerialNumberIsReadWithoutItsPadding) {
  sysfs_.file("/sys/class/nvme/nvme0/serial", "  S 1     ");
  const auto found = read_controllers(Sysfs(io_, sysfs_.root()));
  EXPECT_EQ(found[0].serial, "S 1");
  EXPECT_EQ(found[1].serial, "");
}

TEST_F(NvmeClassTest, TheDepthOfQueuesIsKnownWhereTheKernelWouldUseMore) {
  sysfs_.file("/sys/class/nvme/nvme0/sqsize", "127");
  sysfs_.file("/sys/class/nvme/nvme2/sqsize", "1023");
  const auto depths = [&] {
    std::vector<std::optional<std::uint32_t>> found;
    for (const auto& one : read_controllers(Sysfs(io_, sysfs_.root())))
      found.push_back(one.max_queue_entries);
    return found;
  };
  EXPECT_THAT(depths(), testing::ElementsAre(std::nullopt, std::nullopt, std::nullopt));
  sysfs_.file("/sys/module/nvme/parameters/io_queue_depth", "1024");
  EXPECT_THAT(depths(), testing::ElementsAre(128U, std::nullopt, std::nullopt));
}

TEST_F(NvmeClassTest, OneThatVanishesIsLeftOut) {
  io_.refuse("read", "/sys/class/nvme/nvme2/state", ENODEV);
  EXPECT_EQ(read_controllers(Sysfs(io_, sysfs_.root())).size(), 2U);
}

TEST_F(NvmeClassTest, OneWithoutIdentityStillCounts) {
  sysfs_.remove("/sys/class/nvme/nvme0/cntlid");
  sysfs_.file("/sys/class/nvme/nvme2/cntlid", "70000\n");
  const auto found = read_controllers(Sysfs(io_, sysfs_.root()));
  EXPECT_EQ(found.at(0).cntlid, std::nullopt);
  EXPECT_EQ(found.at(1).cntlid, std::nullopt);
}

TEST_F(NvmeClassTest, OneThatCannotBeReadSaysWhy) {
  for (const std::string attribute : {"transport", "state", "address", "subsysnqn", "cntlid"}) {
    test::FakeKernelIo io(system_, sysfs_);
    io.refuse("read", "/sys/class/nvme/nvme2/" + attribute, EIO);
    const auto found = read_controllers(Sysfs(io, sysfs_.root()));
    ASSERT_EQ(found.size(), 3U);
    EXPECT_THAT(found[1].unread, testing::HasSubstr("nvme2/" + attribute));
    EXPECT_EQ(found[1].address, "");
    EXPECT_EQ(found[0].unread + found[2].unread, "");
  }
}

TEST_F(NvmeClassTest, OtherFailuresAreErrors) {
  io_.refuse("list", "/sys/class/nvme", EACCES);
  EXPECT_THROW(read_controllers(Sysfs(io_, sysfs_.root())), OsError);
}

}  // namespace
}  // namespace nvmigrate
