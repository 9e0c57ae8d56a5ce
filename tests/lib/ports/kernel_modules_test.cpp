// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/kernel_modules.h"

#include <gtest/gtest.h>

#include "nvmigrate/base/error.h"
#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

constexpr auto modalias = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02";

class KernelModulesTest : public ::testing::Test {
 protected:
  KernelModulesTest() { sysfs_.file("/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n"); }

  std::optional<std::string> variant(const std::string& aliases, const std::string& of = modalias) {
    sysfs_.file("/lib/modules/6.1.0-9-amd64/modules.alias", "# comment\n" + aliases);
    return variant_module(Sysfs(io_, sysfs_.root()), of);
  }

  test::FakeSysfs sysfs_;
  SystemIo io_;
};

TEST_F(KernelModulesTest, TheMostSpecificAliasWins) {
  const std::string by_class = "alias vfio_pci:v*d*sv*sd*bc01sc08i02* any_nvme_vfio_pci\n";
  const std::string by_id = "alias vfio_pci:v00001B36d00000010sv*sd*bc*sc*i* q_vfio_pci\n";
  EXPECT_EQ(variant(by_class), "any_nvme_vfio_pci");
  EXPECT_EQ(variant(by_class + by_id), "q_vfio_pci");
  EXPECT_EQ(variant(by_id + by_class), "q_vfio_pci");
}

TEST_F(KernelModulesTest, VfioPciItselfIsNoVariant) {
  EXPECT_EQ(variant("alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"), std::nullopt);
  EXPECT_EQ(variant("alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio-pci\n"), std::nullopt);
}

TEST_F(KernelModulesTest, AliasesOfOthersDoNotCount) {
  EXPECT_EQ(variant("alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"), std::nullopt);
  EXPECT_EQ(variant("alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n"),
            std::nullopt);
  EXPECT_EQ(variant("alias\nalias vfio_pci:\n"), std::nullopt);
  EXPECT_EQ(variant("alias vfio_pci:v*d*sv*sd*bc*sc*i* x\n", "usb:v1"), std::nullopt);
}

TEST_F(KernelModulesTest, WithoutModulesThereIsNone) {
  EXPECT_EQ(variant_module(Sysfs(io_, sysfs_.root()), modalias), std::nullopt);
  sysfs_.remove("/proc/sys/kernel/osrelease");
  EXPECT_EQ(variant_module(Sysfs(io_, sysfs_.root()), modalias), std::nullopt);
}

TEST_F(KernelModulesTest, TheDriverOfAModuleIsFoundByEitherSpelling) {
  const Sysfs sysfs(io_, sysfs_.root());
  EXPECT_EQ(driver_of_module(sysfs, "x_vfio_pci"), std::nullopt);
  sysfs_.link("/sys/module/x_vfio_pci/drivers/pci:odd-name", "../../../bus/pci/drivers/odd-name");
  EXPECT_EQ(driver_of_module(sysfs, "x-vfio-pci"), "odd-name");
  sysfs_.driver_known("x-vfio-pci");
  EXPECT_EQ(driver_of_module(sysfs, "x_vfio_pci"), "x-vfio-pci");
}

TEST_F(KernelModulesTest, AFunctionForControllerDataQueuesIsSeen) {
  const Sysfs sysfs(io_, sysfs_.root());
  EXPECT_EQ(data_queue_function(sysfs), "");
  sysfs_.file("/proc/kallsyms", "0000000000000000 t nvme_submit_cmd\t[nvme_core]\n");
  EXPECT_EQ(data_queue_function(sysfs), "");
  sysfs_.file("/proc/kallsyms",
              "0 t nvme_cmd\n0 T nvme_cdq_create\t[nvme_core]\n0 t nvme_cdq_free\n");
  EXPECT_EQ(data_queue_function(sysfs), "nvme_cdq_create");
}

TEST(Modprobe, OfWhatIsNoModuleReturns) {
  EXPECT_NO_THROW(modprobe("-r"));
  EXPECT_NO_THROW(modprobe("nvmigrate_has_no_such_module"));
}

}  // namespace
}  // namespace nvmigrate
