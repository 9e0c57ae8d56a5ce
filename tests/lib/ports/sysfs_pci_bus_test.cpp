// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/sysfs_pci_bus.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "nvmigrate/base/error.h"
#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto pf = "0000:01:00.0";
constexpr auto vf = "0000:01:00.1";

class SysfsPciBusTest : public ::testing::Test {
 protected:
  SysfsPciBusTest() {
    sysfs_.physical(pf, 4, 1);
    sysfs_.bind(pf, "nvme");
    sysfs_.virtual_function(pf, 1, vf);
    sysfs_.group(11, {vf});
  }

  template <typename Call>
  static Error failure(Call call) {
    try {
      call();
    } catch (const Error& error) {
      return error;
    }
    throw std::logic_error("it did not fail");
  }
  static std::string of(const std::string& attribute) {
    return test::FakeSysfs::of(vf) + "/" + attribute;
  }

  test::FakeSysfs sysfs_;
  SystemIo system_;
  test::FakeKernelIo io_{system_, sysfs_};
  std::vector<std::string> loaded_;
  SysfsPciBus bus_{io_, sysfs_.root(), [this](const std::string& module) {
                     loaded_.push_back(module);
                     if (module == "vfio-pci") sysfs_.driver_known(module);
                     if (module == "nvme_vfio_pci") sysfs_.driver_known("nvme-vfio-pci");
                   }};
};

TEST_F(SysfsPciBusTest, ReadsAFunction) {
  const auto function = bus_.find(vf);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->address, vf);
  EXPECT_EQ(function->vendor, 0x1b36);
  EXPECT_EQ(function->device, 0x0010);
  EXPECT_EQ(function->class_code, 0x010802U);
  EXPECT_EQ(function->driver, std::nullopt);
  EXPECT_EQ(function->override_to, std::nullopt);
  EXPECT_EQ(function->iommu_group, 11U);
  EXPECT_EQ(function->physical, pf);
}

TEST_F(SysfsPciBusTest, ReadsDriverAndOverride) {
  sysfs_.bind(vf, "vfio-pci");
  sysfs_.file(of("driver_override"), "vfio-pci\n");
  EXPECT_EQ(bus_.find(vf)->driver, "vfio-pci");
  EXPECT_EQ(bus_.find(vf)->override_to, "vfio-pci");
  EXPECT_EQ(bus_.find(pf)->driver, "nvme");
  EXPECT_EQ(bus_.find(pf)->iommu_group, std::nullopt);
  EXPECT_EQ(bus_.find(pf)->physical, std::nullopt);
}

TEST_F(SysfsPciBusTest, FindsNothingWhereNothingIs) {
  EXPECT_FALSE(bus_.find("0000:09:00.0"));
  EXPECT_FALSE(bus_.find(""));
  EXPECT_FALSE(bus_.find("../devices"));
}

TEST_F(SysfsPciBusTest, AnAttributeThatMayNotBeReadIsAnError) {
  io_.refuse("open", of("driver_override"), EACCES);
  const auto error = failure([&] { bus_.find(vf); });
  EXPECT_EQ(error.status(), ExitStatus::permission);
  EXPECT_THAT(error.what(), HasSubstr(of("driver_override")));
  io_.refuse("readlink", of("driver"), EIO);
  EXPECT_THAT(failure([&] { bus_.find(vf); }).what(), HasSubstr(of("driver")));
}

TEST_F(SysfsPciBusTest, ReadsGroups) {
  sysfs_.group(11, {"0000:01:00.2", vf});
  EXPECT_THAT(bus_.group_members(11), ElementsAre(vf, "0000:01:00.2"));
  EXPECT_THAT(bus_.group_members(12), IsEmpty());
}

TEST_F(SysfsPciBusTest, KnowsWhetherThereIsAnIommu) {
  EXPECT_TRUE(bus_.has_iommu());
  sysfs_.remove("/sys/kernel/iommu_groups");
  EXPECT_FALSE(bus_.has_iommu());
  sysfs_.folder("/sys/class/iommu/dmar0");
  EXPECT_TRUE(bus_.has_iommu());
}

TEST_F(SysfsPciBusTest, GroupsOfTheUnsafeModeAreNoIommu) {
  sysfs_.file("/sys/kernel/iommu_groups/11/name", "vfio-noiommu\n");
  EXPECT_FALSE(bus_.has_iommu());
}

TEST_F(SysfsPciBusTest, ReadsSriov) {
  const auto state = bus_.sriov(pf);
  EXPECT_EQ(state.total, 4U);
  EXPECT_EQ(state.enabled, 1U);
  EXPECT_TRUE(state.autoprobe);
  sysfs_.file(test::FakeSysfs::of(pf) + "/sriov_drivers_autoprobe", "0\n");
  EXPECT_FALSE(bus_.sriov(pf).autoprobe);
  EXPECT_EQ(bus_.sriov(vf).total, 0U);
  EXPECT_EQ(failure([&] { bus_.sriov("0000:09:00.0"); }).status(), ExitStatus::not_found);
}

TEST_F(SysfsPciBusTest, FindsVirtualFunctionsByTheirNumber) {
  EXPECT_EQ(bus_.virtual_function(pf, 1), vf);
  EXPECT_EQ(bus_.virtual_function(pf, 2), std::nullopt);
  EXPECT_EQ(bus_.virtual_function(pf, 0), std::nullopt);
}

TEST_F(SysfsPciBusTest, WritesWhatTheKernelWants) {
  sysfs_.bind(vf, "nvme");
  bus_.set_autoprobe(pf, false);
  bus_.set_enabled_vfs(pf, 4);
  bus_.set_override(vf, "vfio-pci");
  bus_.set_override(vf, std::nullopt);
  bus_.unbind(vf);
  bus_.probe(vf);
  bus_.reset(vf);
  const std::string physical = test::FakeSysfs::of(pf);
  EXPECT_THAT(io_.written(),
              ElementsAre(physical + "/sriov_drivers_autoprobe=0", physical + "/sriov_numvfs=4",
                          of("driver_override=vfio-pci\n"), of("driver_override=\n"),
                          "/sys/bus/pci/drivers/nvme/unbind=0000:01:00.1",
                          "/sys/bus/pci/drivers_probe=0000:01:00.1", of("reset=1")));
}

TEST_F(SysfsPciBusTest, UnbindingADriverlessFunctionWritesNothing) {
  bus_.unbind(vf);
  EXPECT_THAT(io_.written(), IsEmpty());
}

TEST_F(SysfsPciBusTest, WhatSomebodyElseUnboundMeanwhileIsUnbound) {
  sysfs_.bind(vf, "nvme");
  io_.refuse("write", "/sys/bus/pci/drivers/nvme/unbind", ENODEV);
  EXPECT_EQ(failure([&] { bus_.unbind(vf); }).status(), ExitStatus::io);
  io_.react("/sys/bus/pci/drivers/nvme/unbind",
            [this](const std::string&) { sysfs_.remove(of("driver")); });
  EXPECT_NO_THROW(bus_.unbind(vf));
}

TEST_F(SysfsPciBusTest, RefusedWritesNameTheAttribute) {
  const auto attribute = test::FakeSysfs::of(pf) + "/sriov_numvfs";
  io_.refuse("write", attribute, EBUSY);
  const auto busy = failure([&] { bus_.set_enabled_vfs(pf, 2); });
  EXPECT_EQ(busy.status(), ExitStatus::io);
  EXPECT_THAT(busy.what(), HasSubstr(attribute));
  io_.refuse("open", attribute, EACCES);
  EXPECT_EQ(failure([&] { bus_.set_enabled_vfs(pf, 2); }).status(), ExitStatus::permission);
}

TEST_F(SysfsPciBusTest, AnErrnoOfTheNumberOfVfsHasItsMeaning) {
  const auto attribute = test::FakeSysfs::of(pf) + "/sriov_numvfs";
  for (const auto& [code, words] : std::map<int, std::string>{{ENOMEM, "pci=realloc"},
                                                              {ENOSPC, "pci=realloc"},
                                                              {EBUSY, "another number"},
                                                              {EIO, "InitialVFs"},
                                                              {EINVAL, "kernel log"},
                                                              {ERANGE, "sriov_totalvfs"},
                                                              {ENOENT, "no driver"},
                                                              {ENODEV, "physical function"},
                                                              {ENOSYS, "physical function"},
                                                              {EPERM, "assigned to guests"}}) {
    io_.refuse("write", attribute, code);
    EXPECT_THAT(failure([&] { bus_.set_enabled_vfs(pf, 2); }).advice(), HasSubstr(words));
  }
  io_.refuse("write", attribute, EFAULT);
  EXPECT_EQ(failure([&] { bus_.set_enabled_vfs(pf, 2); }).advice(), "");
}

TEST_F(SysfsPciBusTest, TriesWritingWithoutAnyWrite) {
  bus_.try_writing(vf);
  bus_.try_writing(pf);
  EXPECT_THAT(io_.written(), IsEmpty());
  EXPECT_THAT(io_.opened(),
              ElementsAre(of("driver_override"), test::FakeSysfs::of(pf) + "/sriov_numvfs"));
  io_.refuse("open", of("driver_override"), EROFS);
  EXPECT_THAT(failure([&] { bus_.try_writing(vf); }).what(), HasSubstr(of("driver_override")));
}

TEST_F(SysfsPciBusTest, AFunctionThatWentAwayIsNotFound) {
  io_.refuse("write", of("reset"), ENODEV);
  EXPECT_EQ(failure([&] { bus_.reset(vf); }).status(), ExitStatus::io);
  io_.react(of("reset"), [this](const std::string&) { sysfs_.remove(test::FakeSysfs::of(vf)); });
  const auto error = failure([&] { bus_.reset(vf); });
  EXPECT_EQ(error.status(), ExitStatus::not_found);
  EXPECT_THAT(error.remedies(), ElementsAre(Remedy{.action = Remedy::Action::list}));
  EXPECT_EQ(failure([&] { bus_.reset(vf); }).status(), ExitStatus::not_found);
  EXPECT_EQ(failure([&] { bus_.probe(vf); }).status(), ExitStatus::not_found);
  EXPECT_EQ(failure([&] { bus_.unbind(vf); }).status(), ExitStatus::not_found);
}

TEST_F(SysfsPciBusTest, AMissingAbilityIsUnsupported) {
  sysfs_.remove(of("reset"));
  const auto error = failure([&] { bus_.reset(vf); });
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("0000:01:00.1"));
  EXPECT_EQ(failure([&] { bus_.set_enabled_vfs(vf, 1); }).status(), ExitStatus::unsupported);
}

TEST_F(SysfsPciBusTest, TellsHowItResets) {
  EXPECT_EQ(bus_.reset_methods(vf), "");
  sysfs_.file(of("reset_method"), "flr bus");
  EXPECT_EQ(bus_.reset_methods(vf), "flr bus");
}

TEST_F(SysfsPciBusTest, TellsTheLimitsOfTheControllerAtAnAddress) {
  sysfs_.controller(3, pf, 0);
  EXPECT_FALSE(bus_.queue_limits(pf));
  sysfs_.file("/sys/class/nvme/nvme3/nvme3n1/queue/max_hw_sectors_kb", "512");
  sysfs_.file("/sys/class/nvme/nvme3/nvme3n1/queue/max_segments", "127");
  EXPECT_EQ(bus_.queue_limits(pf)->segments, 127U);
  EXPECT_FALSE(bus_.queue_limits(vf));
}

TEST_F(SysfsPciBusTest, ResetsTheControllerThatTheDriverHasAtAnAddress) {
  sysfs_.controller(3, pf, 0);
  const std::string file = "/sys/class/nvme/nvme3/reset_controller";
  sysfs_.file(file, "");
  bus_.reset_controller(pf);
  EXPECT_THAT(io_.written(), testing::Contains(file + "=1"));
  EXPECT_EQ(failure([&] { bus_.reset_controller("0000:77:00.0"); }).status(),
            ExitStatus::not_found);
}

TEST_F(SysfsPciBusTest, InterruptedCallsAreMadeAgain) {
  io_.fail_kind("open", EINTR, 1, 1);
  io_.fail_kind("read", EINTR, 1, 1);
  EXPECT_EQ(bus_.sriov(pf).total, 4U);
}

TEST_F(SysfsPciBusTest, LoadsADriverThatIsNotThere) {
  EXPECT_TRUE(bus_.has_driver("nvme"));
  EXPECT_THAT(loaded_, IsEmpty());
  EXPECT_TRUE(bus_.has_driver("vfio-pci"));
  EXPECT_FALSE(bus_.has_driver("nothing"));
  EXPECT_THAT(loaded_, ElementsAre("vfio-pci", "nothing"));
}

TEST_F(SysfsPciBusTest, ADriversNameIsNoPathAndNoOption) {
  for (const auto* name : {"", "..", "a/b", "-f", "a b", "x;y"}) {
    EXPECT_FALSE(bus_.has_driver(name)) << name;
  }
  EXPECT_THAT(loaded_, IsEmpty());
}

TEST_F(SysfsPciBusTest, BelowAnotherRootNoModuleIsLoaded) {
  EXPECT_FALSE(SysfsPciBus(io_, sysfs_.root()).has_driver("vfio-pci"));
}

TEST_F(SysfsPciBusTest, AVariantDriverIsLoadedAndNamedAsItRegistered) {
  sysfs_.file("/proc/sys/kernel/osrelease", "6.1.0\n");
  sysfs_.file("/lib/modules/6.1.0/modules.alias",
              "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
              "alias vfio_pci:v*d*sv*sd*bc01sc08i02* nvme_vfio_pci\n");
  EXPECT_EQ(bus_.variant_driver(vf), "nvme_vfio_pci");
  EXPECT_THAT(loaded_, IsEmpty()) << "asking changes nothing";
  EXPECT_EQ(bus_.load_variant_driver(vf), "nvme-vfio-pci");
  EXPECT_THAT(loaded_, ElementsAre("nvme_vfio_pci"));
  EXPECT_EQ(bus_.load_variant_driver(vf), "nvme-vfio-pci");
  EXPECT_EQ(loaded_.size(), 1U);
  EXPECT_EQ(bus_.variant_driver(vf), "nvme-vfio-pci");
  EXPECT_EQ(bus_.variant_driver("0000:09:00.0"), std::nullopt);
  EXPECT_EQ(bus_.load_variant_driver("0000:09:00.0"), std::nullopt);
}

TEST_F(SysfsPciBusTest, AVariantDriverThatDoesNotLoadIsNone) {
  sysfs_.file("/proc/sys/kernel/osrelease", "6.1.0\n");
  sysfs_.file("/lib/modules/6.1.0/modules.alias",
              "alias vfio_pci:v00001B36d*sv*sd*bc*sc*i* broken_vfio_pci\n");
  EXPECT_EQ(bus_.load_variant_driver(vf), std::nullopt);
}

TEST_F(SysfsPciBusTest, VfioNodesAreThoseThatExist) {
  sysfs_.bind(vf, "vfio-pci");
  EXPECT_EQ(bus_.vfio_nodes(vf).group, std::nullopt);
  sysfs_.file("/dev/vfio/11", "");
  sysfs_.folder(of("vfio-dev/vfio3"));
  EXPECT_EQ(bus_.vfio_nodes(vf).group, "/dev/vfio/11");
  EXPECT_EQ(bus_.vfio_nodes(vf).device, std::nullopt);
  sysfs_.file("/dev/vfio/devices/vfio3", "");
  EXPECT_EQ(bus_.vfio_nodes(vf).device, "/dev/vfio/devices/vfio3");
}

TEST_F(SysfsPciBusTest, AFunctionOfAnotherDriverHasNoVfioNodes) {
  sysfs_.file("/dev/vfio/11", "");
  EXPECT_EQ(bus_.vfio_nodes(vf).group, std::nullopt);
  sysfs_.bind(vf, "nvme");
  EXPECT_EQ(bus_.vfio_nodes(vf).group, std::nullopt);
  EXPECT_EQ(bus_.vfio_nodes("0000:09:00.0").group, std::nullopt);
}

TEST_F(SysfsPciBusTest, TellsTheOwnerOfANode) {
  sysfs_.file("/dev/vfio/11", "");
  EXPECT_EQ(bus_.owner("/dev/vfio/11"), (Owner{::geteuid(), ::getegid()}));
  EXPECT_THROW(static_cast<void>(bus_.owner("/dev/vfio/12")), OsError);
}

TEST_F(SysfsPciBusTest, ChangesTheOwnerOfANode) {
  bus_.set_owner("/dev/vfio/11", 107, 36);
  EXPECT_THAT(io_.written(), ElementsAre("/dev/vfio/11=107:36"));
  io_.refuse("chown", "/dev/vfio/11", EPERM);
  const auto error = failure([&] { bus_.set_owner("/dev/vfio/11", 107, 36); });
  EXPECT_EQ(error.status(), ExitStatus::permission);
  EXPECT_THAT(error.what(), HasSubstr("/dev/vfio/11"));
}

TEST_F(SysfsPciBusTest, NamesTheProcessesThatHoldAVfioNode) {
  sysfs_.bind(vf, "vfio-pci");
  sysfs_.file("/dev/vfio/11", "c 241:11\n");
  sysfs_.file("/dev/vfio/12", "c 241:12\n");
  sysfs_.file("/dev/elsewhere/11", "c 241:11\n");
  sysfs_.folder(of("vfio-dev/vfio3"));
  sysfs_.file("/dev/vfio/devices/vfio3", "c 242:3\n");
  EXPECT_THAT(bus_.vfio_holders(vf), IsEmpty());
  EXPECT_EQ(bus_.unseen(vf), "/proc is not mounted");
  sysfs_.process(4711, "qemu", "/dev/elsewhere/11");
  sysfs_.process(99, "other", "/dev/vfio/devices/vfio3");
  sysfs_.process(5, "else", "/dev/vfio/12");
  EXPECT_THAT(bus_.vfio_holders(vf), IsEmpty()) << "looked at once";
  bus_.look_again();
  const auto holders = bus_.vfio_holders(vf);
  ASSERT_EQ(holders.size(), 2U);
  EXPECT_EQ(holders[0].object, "pid 4711 (qemu)");
  EXPECT_EQ(holders[0].how, "has /dev/vfio/11 open");
  EXPECT_EQ(holders[1].object, "pid 99 (other)");
  EXPECT_EQ(holders[1].how, "has /dev/vfio/devices/vfio3 open");
  EXPECT_EQ(bus_.unseen(vf), "");
}

TEST_F(SysfsPciBusTest, AControllerThatTheDriverDoesNotShowMayBeUsed) {
  sysfs_.controller(3, vf, 3);
  sysfs_.link("/sys/bus/pci/drivers/nvme/" + std::string{vf}, "../../devices/x");
  ASSERT_EQ(bus_.controllers().size(), 1U);
  EXPECT_EQ(bus_.controllers()[0].unread, "");
  sysfs_.remove("/sys/class/nvme/nvme3/transport");
  ASSERT_EQ(bus_.controllers().size(), 1U);
  EXPECT_THAT(bus_.controllers()[0].unread, HasSubstr(vf));
  EXPECT_THAT(bus_.host_uses(vf), IsEmpty());
  EXPECT_THAT(bus_.unseen(vf), HasSubstr("shows no controller of it"));
}

TEST_F(SysfsPciBusTest, DoesNotKnowTheUsersOfOtherDrivers) {
  for (const auto* driver : {"uio_pci_generic", "pciback"}) {
    sysfs_.bind(vf, driver);
    EXPECT_THAT(bus_.vfio_holders(vf), IsEmpty());
    EXPECT_THAT(bus_.unseen(vf), HasSubstr(driver));
    bus_.look_again();
  }
  for (const auto* driver : {"nvme", "pci-stub"}) {
    sysfs_.bind(vf, driver);
    EXPECT_THAT(bus_.vfio_holders(vf), IsEmpty());
    EXPECT_EQ(bus_.unseen(vf), "");
  }
}

TEST(IsPciAddress, TakesTheWholeFormOnly) {
  for (const auto* good : {"0000:01:00.0", "10000:e1:1f.7", "abcd:EF:00.0"}) {
    EXPECT_TRUE(is_pci_address(good)) << good;
  }
  for (const auto* bad : {"", "01:00.0", "0000:01:00", "0000:01:00.8", "0000:01:00.0 ",
                          "000g:01:00.0", "0000:0g:00.0", "0000-01-00.0", "0000:01:00.00"}) {
    EXPECT_FALSE(is_pci_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace nvmigrate
