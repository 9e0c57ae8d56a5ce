// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class HandleTest : public FakeSessionTest {
 protected:
  HandleTest() {
    bring_up(2);
    device.bus.give(vf(1), "vfio-pci");
  }
  Handle handle(std::uint16_t cntlid = 1) {
    session().refresh();
    return make_handle(session(), cntlid);
  }
};

TEST_F(HandleTest, HoldsTheFunctionAndItsControllingFunction) {
  registry().mark(1);
  const auto one = handle();
  EXPECT_EQ(one.cntlid, 1);
  EXPECT_EQ(one.vfn, 1U);
  EXPECT_EQ(one.address, vf(1));
  EXPECT_EQ(one.driver, "vfio-pci");
  EXPECT_FALSE(one.variant_driver);
  EXPECT_EQ(one.iommu_group, 11U);
  EXPECT_EQ(one.nodes.group, "/dev/vfio/11");
  EXPECT_TRUE(one.marked);
  EXPECT_TRUE(one.simulated);
  EXPECT_EQ(one.controlling.device, name);
  EXPECT_EQ(one.controlling.address, FakePciBus::physical);
  EXPECT_EQ(one.controlling.cntlid, 0);
  EXPECT_EQ(one.controlling.subsystem_nqn, FakeSubsystem::nqn);
}

TEST_F(HandleTest, AsksTheDeviceWhetherItIsSuspended) {
  EXPECT_FALSE(handle().suspended);
  backend[1].suspended = true;
  EXPECT_TRUE(handle().suspended) << "without a record";
  backend[1].suspended = false;
  journal().record(IntentKind::suspended, 1);
  EXPECT_FALSE(handle().suspended) << "whatever the record says";
}

TEST_F(HandleTest, BelievesTheRecordWhereTheDeviceDoesNotAnswer) {
  answer_nothing();
  EXPECT_FALSE(handle().suspended);
  journal().record(IntentKind::suspended, 1);
  EXPECT_TRUE(handle().suspended);
}

TEST_F(HandleTest, IsRefusedForAFunctionThatIsNotOnVfio) {
  const auto refusal = thrown_by<Refusal>([&] { handle(2); });
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("not_on_vfio"));
  EXPECT_THAT(refusal.remedies(), ElementsAre(of(Remedy::Action::bind, 2)));
}

TEST_F(HandleTest, IsRefusedForAFunctionThatIsNotOnTheBus) {
  const auto refusal = thrown_by<Refusal>([&] { handle(3); });
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("not_on_bus"));
}

TEST_F(HandleTest, IsRefusedForAnotherControllingFunction) {
  add_other(40).driver = "vfio-pci";
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_THAT(refusal_of([&] { handle(40); }), Contains("controlling_function"));
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
  EXPECT_EQ(as_qemu({handle()}),
            "-device vfio-pci,host=0000:01:00.1,id=nvmigrate-1-of-0000-01-00-0\n");
}

TEST_F(HandleTest, ForQemuFunctionsShareOneObjectOfIommufd) {
  device.bus.cdevs = true;
  device.bus.give(vf(2), "vfio-pci");
  EXPECT_EQ(as_qemu({handle(1), handle(2)}),
            "-object iommufd,id=nvmigrate-iommufd-0000-01-00-0\n"
            "-device vfio-pci,host=0000:01:00.1,id=nvmigrate-1-of-0000-01-00-0,"
            "iommufd=nvmigrate-iommufd-0000-01-00-0\n"
            "-device vfio-pci,host=0000:01:00.2,id=nvmigrate-2-of-0000-01-00-0,"
            "iommufd=nvmigrate-iommufd-0000-01-00-0\n");
}

TEST_F(HandleTest, ForQemuAWideDomainIsNamedBySysfs) {
  auto one = handle();
  one.address = "10000:01:00.1";
  EXPECT_THAT(as_qemu({one}), HasSubstr("sysfsdev=/sys/bus/pci/devices/10000:01:00.1,"));
}

TEST_F(HandleTest, IommufdIsChosenOnlyWhereItIsWhole) {
  device.bus.cdevs = true;
  EXPECT_TRUE(handle().by_iommufd);
  device.bus.iommufd.reset();
  EXPECT_FALSE(handle().by_iommufd) << "a cdev node without /dev/iommu";
  device.bus.iommufd = NodeRights{};
  device.bus.cdevs = false;
  EXPECT_FALSE(handle().by_iommufd) << "/dev/iommu without a cdev node";
}

TEST_F(HandleTest, TheInterfaceThatWasAskedForIsTakenOrRefused) {
  device.bus.cdevs = true;
  EXPECT_FALSE(make_handle(session(), 1, IommuInterface::group).by_iommufd);
  EXPECT_TRUE(make_handle(session(), 1, IommuInterface::iommufd).by_iommufd);
  device.bus.groups = false;
  session().refresh();
  EXPECT_THAT(refusal_of([&] { make_handle(session(), 1, IommuInterface::group); }),
              Contains("no_vfio_group"));
  device.bus.groups = true;
  device.bus.iommufd.reset();
  session().refresh();
  EXPECT_THAT(refusal_of([&] { make_handle(session(), 1, IommuInterface::iommufd); }),
              Contains("no_iommufd"));
}

TEST_F(HandleTest, ForLibvirtAnElementWithAComment) {
  const auto text = as_libvirt(handle());
  EXPECT_THAT(text, HasSubstr("<hostdev mode='subsystem' type='pci' managed='no'>"));
  EXPECT_THAT(text, HasSubstr("<address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>"));
  EXPECT_THAT(text, HasSubstr("<driver name='vfio'/>"));
  EXPECT_THAT(text, HasSubstr("controlled by sim:fake (0000:01:00.0"));
  EXPECT_THAT(text, HasSubstr("/dev/vfio/11"));
}

TEST_F(HandleTest, ForLibvirtHyphensDoNotEndTheComment) {
  auto one = handle();
  for (const auto* nqn : {"a--b", "a---b", "a----"}) {
    one.controlling.subsystem_nqn = nqn;
    const auto text = as_libvirt(one);
    const auto begin = text.find("<!--") + 4;
    EXPECT_THAT(text.substr(begin, text.find("-->") - begin), Not(HasSubstr("--"))) << nqn;
    EXPECT_THAT(text.substr(text.find("-->")), HasSubstr("<driver")) << nqn;
  }
}

TEST_F(HandleTest, ForLibvirtNoByteOfANameSpoilsTheDocument) {
  auto one = handle();
  one.controlling.subsystem_nqn = "a\x01\x1b[1m\xff\xc3\xa4\x7f";
  const auto text = as_libvirt(one);
  for (const char letter : text)
    EXPECT_TRUE(letter == '\n' || (letter >= ' ' && letter <= '~'));
}

TEST_F(HandleTest, ForLibvirtTheAliasTellsSubsystemsApart) {
  auto one = handle();
  one.controlling.address = "0000:02:00.0";
  EXPECT_THAT(as_libvirt(handle()), HasSubstr("<alias name='ua-nvmigrate-1-of-0000-01-00-0'/>"));
  EXPECT_THAT(as_libvirt(one), HasSubstr("<alias name='ua-nvmigrate-1-of-0000-02-00-0'/>"));
}

TEST_F(HandleTest, ForLibvirtAVariantDriverIsNamed) {
  device.bus.give(vf(1), "fast'vfio");
  EXPECT_THAT(as_libvirt(handle()), HasSubstr("<driver name='vfio' model='fast&apos;vfio'/>"));
}

}  // namespace
}  // namespace nvmigrate::test
