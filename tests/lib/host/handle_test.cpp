// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/handle.h"

#include <gmock/gmock.h>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class HandleTest : public HostTest {
 protected:
  HandleTest() {
    bring_up(2);
    device.bus.give(vf(1), "vfio-pci");
  }
  Handle handle(const std::string& word = "1") {
    const auto now = topology();
    return make_handle(now, select_one(now, word));
  }
};

TEST_F(HandleTest, HoldsTheFunctionAndItsControllingFunction) {
  registry.mark(1);
  journal.record(IntentKind::suspended, 1);
  const auto one = handle();
  EXPECT_EQ(one.cntlid, 1);
  EXPECT_EQ(one.vfn, 1U);
  EXPECT_EQ(one.address, vf(1));
  EXPECT_EQ(one.driver, "vfio-pci");
  EXPECT_FALSE(one.variant_driver);
  EXPECT_EQ(one.iommu_group, 11U);
  EXPECT_EQ(one.nodes.group, "/dev/vfio/11");
  EXPECT_TRUE(one.marked);
  EXPECT_TRUE(one.suspended);
  EXPECT_TRUE(one.simulated);
  EXPECT_EQ(one.controlling.device, "sim:fake");
  EXPECT_EQ(one.controlling.address, FakePciBus::physical);
  EXPECT_EQ(one.controlling.cntlid, 0);
  EXPECT_EQ(one.controlling.subsystem_nqn, FakeSubsystem::nqn);
}

TEST_F(HandleTest, IsRefusedForAFunctionThatIsNotOnVfio) {
  for (const auto* word : {"2", "3"}) {
    const auto error = error_of([&] { handle(word); });
    EXPECT_THAT(error, fails(ExitStatus::refused, "not bound to vfio"));
    EXPECT_THAT(error, hints(std::string{"nvmigrate bind sim:fake "} + word));
  }
}

TEST_F(HandleTest, ForAShellEveryValueIsQuoted) {
  auto one = handle();
  one.controlling.subsystem_nqn = "it's $(here)";
  const auto text = as_environment(one);
  EXPECT_THAT(text, HasSubstr("NVMIGRATE_FUNCTION='0000:01:00.1'\n"));
  EXPECT_THAT(text, HasSubstr("NVMIGRATE_CONTROLLING_FUNCTION='sim:fake'\n"));
  EXPECT_THAT(text, HasSubstr("NVMIGRATE_CONTROLLING_ADDRESS='0000:01:00.0'\n"));
  EXPECT_THAT(text, HasSubstr("NVMIGRATE_VFIO_GROUP='/dev/vfio/11'\n"));
  EXPECT_THAT(text, HasSubstr("NVMIGRATE_VFIO_DEVICE=''\n"));
  EXPECT_THAT(text, HasSubstr(R"(NVMIGRATE_SUBSYSTEM_NQN='it'\''s $(here)')"));
}

TEST_F(HandleTest, ForQemuTheIdNamesBothFunctions) {
  EXPECT_EQ(as_qemu(handle()),
            "-device vfio-pci,host=0000:01:00.1,id=nvmigrate-1-of-0000.01.00.0\n");
  device.bus.cdevs = true;
  EXPECT_EQ(as_qemu(handle()),
            "-object iommufd,id=nvmigrate-1-of-0000.01.00.0-iommufd "
            "-device vfio-pci,host=0000:01:00.1,id=nvmigrate-1-of-0000.01.00.0,"
            "iommufd=nvmigrate-1-of-0000.01.00.0-iommufd\n");
}

TEST_F(HandleTest, ForLibvirtAnElementWithAComment) {
  auto one = handle();
  one.controlling.subsystem_nqn = "nqn.a--b";
  const auto text = as_libvirt(one);
  EXPECT_THAT(text, HasSubstr("<hostdev mode='subsystem' type='pci' managed='no'>"));
  EXPECT_THAT(text, HasSubstr("<address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>"));
  EXPECT_THAT(text, HasSubstr("<driver name='vfio'/>"));
  EXPECT_THAT(text, HasSubstr("controlled by sim:fake (0000:01:00.0"));
  EXPECT_THAT(text, HasSubstr("/dev/vfio/11"));
  EXPECT_THAT(text, HasSubstr("nqn.a- -b")) << "two hyphens would end the comment";
}

TEST_F(HandleTest, ForLibvirtAVariantDriverIsNamed) {
  device.bus.give(vf(1), "fast'vfio");
  EXPECT_THAT(as_libvirt(handle()), HasSubstr("<driver name='vfio' model='fast&apos;vfio'/>"));
}

}  // namespace
}  // namespace nvmigrate::test
