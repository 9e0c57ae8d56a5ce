// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <chrono>

#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto physical = "0000:01:00.0";
constexpr auto first_vf = "0000:01:00.1";

class SimPci : public testing::Test {
 protected:
  void make(const sim::Parameters& parameters = {}) {
    lab_.create("a", parameters);
    bench_.emplace(lab_, "sim:a");
  }
  PciBus& pci() { return bench_->pci(); }
  std::optional<std::string> driver(const std::string& address) {
    return pci().find(address)->driver;
  }
  void bind(const std::string& address, const std::string& driver) {
    pci().set_override(address, driver);
    pci().unbind(address);
    pci().probe(address);
  }
  std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const auto& each : pci().controllers())
      names.push_back(each.name);
    return names;
  }

  Lab lab_;
  std::optional<Bench> bench_;
};

TEST_F(SimPci, ShowsThePhysicalFunction) {
  make();
  EXPECT_EQ(bench_->device().address(), physical);
  const auto function = *pci().find(physical);
  EXPECT_EQ(function.class_code, 0x010802U);
  EXPECT_EQ(function.driver, "nvme");
  EXPECT_EQ(function.physical, std::nullopt);
  const auto sriov = pci().sriov(physical);
  EXPECT_EQ(sriov.total, 8U);
  EXPECT_EQ(sriov.enabled, 0U);
  EXPECT_TRUE(sriov.autoprobe);
}

TEST_F(SimPci, VfsAppearWhenTheyAreEnabled) {
  make({.vfs_total = 300, .others = 1});
  EXPECT_EQ(pci().find(first_vf), std::nullopt);
  EXPECT_EQ(pci().virtual_function(physical, 1), std::nullopt);
  pci().set_enabled_vfs(physical, 300);
  EXPECT_EQ(pci().find(first_vf)->physical, physical);
  EXPECT_EQ(pci().virtual_function(physical, 1), first_vf);
  EXPECT_EQ(pci().virtual_function(physical, 8), "0000:01:01.0");
  EXPECT_EQ(pci().virtual_function(physical, 300), "0000:02:05.4");
  EXPECT_EQ(pci().virtual_function(physical, 301), std::nullopt);
  EXPECT_TRUE(pci().find("0000:03:00.0")) << "the other controller lies behind";
}

TEST_F(SimPci, OtherControllersHaveBusesOfTheirOwn) {
  make({.others = 2});
  EXPECT_EQ(driver("0000:02:00.0"), "nvme");
  EXPECT_EQ(driver("0000:03:00.0"), "nvme");
  EXPECT_EQ(pci().sriov("0000:02:00.0").total, 0U);
}

TEST_F(SimPci, TheVfCountChangesAsTheKernelHasIt) {
  make();
  EXPECT_THAT(error_of([&] { pci().set_enabled_vfs(physical, 9); }, ExitStatus::io),
              HasSubstr("sriov_numvfs"));
  pci().set_enabled_vfs(physical, 2);
  pci().set_enabled_vfs(physical, 2);
  try {
    pci().set_enabled_vfs(physical, 3);
    FAIL() << "must be busy";
  } catch (const OsError& error) {
    EXPECT_EQ(error.error_number(), EBUSY);
  }
  pci().set_enabled_vfs(physical, 0);
  pci().set_enabled_vfs(physical, 3);
  EXPECT_EQ(pci().sriov(physical).enabled, 3U);
  EXPECT_THROW(pci().set_enabled_vfs(first_vf, 1), OsError);
  EXPECT_THROW(pci().set_autoprobe(first_vf, true), OsError);
}

TEST_F(SimPci, TheNvmeDriverTakesOnlyWhatIsOnline) {
  make();
  pci().set_enabled_vfs(physical, 1);
  EXPECT_EQ(driver(first_vf), std::nullopt);
  bench_->assign(1, command::Resource::queues, 2);
  bench_->assign(1, command::Resource::interrupts, 1);
  bench_->online(1);
  pci().probe(first_vf);
  EXPECT_EQ(driver(first_vf), "nvme");
}

TEST_F(SimPci, WithoutAutoprobeAVfNeedsAnOverride) {
  make();
  bench_->provision(1);
  pci().probe(first_vf);
  EXPECT_EQ(driver(first_vf), std::nullopt);
  pci().set_override(first_vf, "nvme");
  pci().probe(first_vf);
  EXPECT_EQ(driver(first_vf), "nvme");
}

TEST_F(SimPci, AnOverrideChoosesTheDriver) {
  make();
  bench_->provision(1);
  bind(first_vf, "vfio-pci");
  EXPECT_EQ(driver(first_vf), "vfio-pci");
  EXPECT_EQ(pci().find(first_vf)->override_to, "vfio-pci");
  pci().probe(first_vf);
  EXPECT_EQ(driver(first_vf), "vfio-pci") << "bound already";
  bind(first_vf, "nobody");
  EXPECT_EQ(driver(first_vf), std::nullopt);
  pci().set_override(first_vf, std::nullopt);
  EXPECT_EQ(pci().find(first_vf)->override_to, std::nullopt);
}

TEST_F(SimPci, VfioGivesNodes) {
  make();
  bench_->provision(2);
  EXPECT_EQ(pci().vfio_nodes(first_vf).group, std::nullopt);
  bind(first_vf, "vfio-pci");
  bind("0000:01:00.2", "vfio-pci");
  const auto group = *pci().find(first_vf)->iommu_group;
  EXPECT_EQ(pci().vfio_nodes(first_vf).group, "/dev/vfio/" + std::to_string(group));
  EXPECT_EQ(pci().vfio_nodes(first_vf).device, "/dev/vfio/devices/vfio0");
  EXPECT_EQ(pci().vfio_nodes("0000:01:00.2").device, "/dev/vfio/devices/vfio1");
}

TEST_F(SimPci, NodesCanBeGivenAway) {
  make();
  bench_->provision(1);
  bind(first_vf, "vfio-pci");
  EXPECT_EQ(pci().owner("/dev/vfio/devices/vfio0"), Owner{});
  pci().set_owner("/dev/vfio/devices/vfio0", 1000, 1001);
  EXPECT_EQ(pci().owner("/dev/vfio/devices/vfio0"), (Owner{1000, 1001}));
  EXPECT_THAT(error_of([&] { pci().set_owner("/dev/vfio/999", 1, 1); }, ExitStatus::not_found),
              HasSubstr("/dev/vfio/999"));
  EXPECT_THAT(contents(lab_.file("a")), HasSubstr("vfio0"));
  pci().unbind(first_vf);
  EXPECT_THAT(contents(lab_.file("a")), testing::Not(HasSubstr("owners")));
}

TEST_F(SimPci, WithoutAnIommuVfioTakesNothing) {
  make({.iommu = false});
  EXPECT_FALSE(pci().has_iommu());
  bench_->provision(1);
  bind(first_vf, "vfio-pci");
  EXPECT_EQ(driver(first_vf), std::nullopt);
  EXPECT_EQ(pci().find(first_vf)->iommu_group, std::nullopt);
}

TEST_F(SimPci, GroupsAreOfOneFunctionOrOfTwoVfs) {
  make();
  pci().set_enabled_vfs(physical, 3);
  EXPECT_THAT(pci().group_members(*pci().find(first_vf)->iommu_group), ElementsAre(first_vf));
  lab_.create("b", {.shared_groups = true});
  Bench shared(lab_, "sim:b");
  shared.pci().set_enabled_vfs(physical, 3);
  const auto members = [&](const std::string& address) {
    return shared.pci().group_members(*shared.pci().find(address)->iommu_group);
  };
  EXPECT_THAT(members(first_vf), ElementsAre(first_vf, "0000:01:00.2"));
  EXPECT_THAT(members("0000:01:00.3"), ElementsAre("0000:01:00.3")) << "4 is not enabled";
  EXPECT_THAT(members(physical), ElementsAre(physical));
}

TEST_F(SimPci, AVariantDriverClaimsVfs) {
  make({.others = 1, .variant_driver = "nvme_vfio_pci"});
  bench_->provision(1);
  EXPECT_EQ(pci().variant_driver(first_vf), "nvme_vfio_pci");
  EXPECT_EQ(pci().variant_driver("0000:02:00.0"), std::nullopt);
  EXPECT_TRUE(pci().has_driver("nvme_vfio_pci"));
  EXPECT_TRUE(pci().has_driver("vfio-pci"));
  EXPECT_FALSE(pci().has_driver("uio"));
  bind(first_vf, "nvme_vfio_pci");
  EXPECT_EQ(driver(first_vf), "nvme_vfio_pci");
  EXPECT_TRUE(pci().vfio_nodes(first_vf).device);
  bind("0000:02:00.0", "nvme_vfio_pci");
  EXPECT_EQ(driver("0000:02:00.0"), std::nullopt);
}

TEST_F(SimPci, WithoutAVariantDriverNoneIsOffered) {
  make();
  bench_->provision(1);
  EXPECT_EQ(pci().variant_driver(first_vf), std::nullopt);
}

TEST_F(SimPci, TheKernelNumbersItsControllers) {
  make({.controlling = 2, .vfs_total = 2, .others = 1});
  EXPECT_THAT(kernel_names(), ElementsAre("nvme0", "nvme1", "nvme2"));
  const auto all = pci().controllers();
  EXPECT_EQ(all[0].cntlid, 0);
  EXPECT_EQ(all[2].cntlid, 6);
  EXPECT_EQ(all[2].transport, "pcie");
  EXPECT_EQ(all[2].state, "live");
  EXPECT_EQ(all[2].subsystem_nqn, "nqn.2025-01.invalid.nvmigrate:sim:a");
  pci().unbind(all[2].address);
  EXPECT_THAT(kernel_names(), ElementsAre("nvme0", "nvme1"));
}

TEST_F(SimPci, AVfOfTheNvmeDriverIsAControllerToo) {
  make();
  bench_->provision(1);
  bind(first_vf, "nvme");
  const auto all = pci().controllers();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].name, "nvme1");
  EXPECT_EQ(all[1].cntlid, 1);
  bench_->offline(1);
  EXPECT_EQ(pci().controllers()[1].state, "dead");
}

TEST_F(SimPci, AGuestHoldsTheVfioNode) {
  make();
  bench_->provision(1);
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  EXPECT_THAT(pci().vfio_holders(first_vf), IsEmpty()) << "no driver, no node";
  bind(first_vf, "vfio-pci");
  const auto holders = pci().vfio_holders(first_vf);
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_THAT(holders[0].how, HasSubstr("/dev/vfio/devices/vfio0"));
  pci().unbind(first_vf);
  EXPECT_EQ(sim::guest_report(lab_.folders(), "sim:a", "vf1").state, "none");
}

TEST_F(SimPci, WhatIsNotThereIsNotFound) {
  make();
  const std::string address = "0000:09:00.0";
  EXPECT_EQ(pci().find(address), std::nullopt);
  const std::vector<std::function<void()>> calls{[&] { (void)pci().sriov(address); },
                                                 [&] { (void)pci().virtual_function(address, 1); },
                                                 [&] { pci().set_autoprobe(address, true); },
                                                 [&] { pci().set_enabled_vfs(address, 1); },
                                                 [&] { pci().set_override(address, "nvme"); },
                                                 [&] { pci().unbind(address); },
                                                 [&] { pci().probe(address); },
                                                 [&] { pci().reset(address); },
                                                 [&] { (void)pci().variant_driver(address); },
                                                 [&] { (void)pci().vfio_nodes(address); },
                                                 [&] { (void)pci().host_uses(address); },
                                                 [&] { (void)pci().vfio_holders(address); }};
  for (const auto& call : calls) {
    EXPECT_THAT(error_of(call, ExitStatus::not_found), HasSubstr(address));
  }
}

TEST_F(SimPci, AResetTakesTheTimeItIsSaidTo) {
  make({.reset_ms = 20});
  bench_->provision(1);
  const auto begin = std::chrono::steady_clock::now();
  pci().reset(first_vf);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
}

TEST_F(SimPci, DisablingVfsForgetsTheirDrivers) {
  make();
  bench_->provision(1);
  bind(first_vf, "vfio-pci");
  pci().set_enabled_vfs(physical, 0);
  pci().set_enabled_vfs(physical, 1);
  EXPECT_EQ(driver(first_vf), std::nullopt);
  EXPECT_EQ(pci().find(first_vf)->override_to, std::nullopt);
}

}  // namespace
}  // namespace nvmigrate::test
