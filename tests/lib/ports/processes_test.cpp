// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/processes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

class RightsTest : public testing::Test {
 protected:
  bool with(const std::string& capabilities) {
    sysfs_.file("/proc/self/status",
                "Name:\tCapEff:\nCapPrm:\t000001ffffffffff\nCapEff:\t" + capabilities + "\n");
    return may_administrate(Sysfs(io_, sysfs_.root()));
  }

  test::FakeSysfs sysfs_;
  SystemIo io_;
};

TEST_F(RightsTest, AreThoseThatAreInEffect) {
  EXPECT_TRUE(with("000001ffffffffff"));
  EXPECT_TRUE(with("0000000000200000")) << "somebody else with CAP_SYS_ADMIN alone";
  EXPECT_FALSE(with("0000000000000000"));
  EXPECT_FALSE(with("00000000a80425fb")) << "root in a container";
  EXPECT_FALSE(with("nonsense"));
}

TEST_F(RightsTest, WithoutProcAreThoseOfRoot) {
  EXPECT_EQ(may_administrate(Sysfs(io_, sysfs_.root())), ::geteuid() == 0);
}

}  // namespace
}  // namespace nvmigrate
