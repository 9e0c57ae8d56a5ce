// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/plugins/vfio/vfio_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;

class VfioChoiceTest : public VfioBackendTest {};

TEST_F(VfioChoiceTest, AVariantDriverServesAndIsNotOpened) {
  EXPECT_GT(backend().query().chunk, 0U);
  EXPECT_NO_THROW(backend().check(id));
  EXPECT_EQ(driver.resets, 0U) << "opening it would reset it";
  EXPECT_EQ(backend().layout(), StateLayout::opaque);
}

TEST_F(VfioChoiceTest, PlainVfioPciIsNotMigratableThroughItsDriver) {
  bind("vfio-pci");
  const auto why = error_of([&] { backend().query(); }, ExitStatus::unsupported);
  EXPECT_THAT(why, HasSubstr("0000:01:00.3 is not migratable through its driver: vfio-pci"));
  EXPECT_THAT(why, HasSubstr("VFIO_DEVICE_FEATURE_MIGRATION"));
  EXPECT_EQ(why, error_of([&] { backend().check(id); }, ExitStatus::unsupported));
  EXPECT_EQ(driver.resets, 0U);
}

TEST_F(VfioChoiceTest, WithoutAFunctionOnVfioTheReasonIsThat) {
  bind("nvme");
  EXPECT_THAT(error_of([&] { backend().query(); }, ExitStatus::unsupported),
              HasSubstr("no controlled function is bound to a variant driver of vfio"));
  EXPECT_THAT(error_of([&] { backend().check(id); }, ExitStatus::unsupported),
              HasSubstr("is bound to nvme, which is not a driver of vfio"));
  bind(std::nullopt);
  EXPECT_THAT(error_of([&] { backend().check(id); }, ExitStatus::unsupported),
              HasSubstr("has no driver"));
  function().pci.reset();
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::unsupported),
              HasSubstr("controlled function 3 (vf 3) is not on the PCI bus"));
}

TEST_F(VfioChoiceTest, NothingIsOpenedForASimulatedFunction) {
  const auto backend = vfio::make_vfio_backend(place());
  EXPECT_THAT(error_of([&] { backend->query(); }, ExitStatus::unsupported),
              HasSubstr("simulated functions have no driver of vfio"));
  EXPECT_THAT(error_of([&] { backend->suspend(id); }, ExitStatus::unsupported),
              HasSubstr("simulated functions have no driver of vfio"));
}

TEST_F(VfioChoiceTest, AnUnknownControllerIsNotServed) {
  error_of([&] { backend().check(99); }, ExitStatus::unsupported);
}

TEST_F(VfioChoiceTest, OnlyWhatTheCallerHoldsOpenOutlastsTheProgram) {
  EXPECT_FALSE(backend().outlasts(id));
  hold();
  EXPECT_TRUE(backend().outlasts(id));
  function().pci.reset();
  EXPECT_FALSE(backend().outlasts(id));
}

TEST_F(VfioChoiceTest, AFunctionThatNobodyHasOpenWasReset) {
  const auto found = backend().look(id, {});
  EXPECT_EQ(found.suspended, false);
  EXPECT_EQ(found.queues, 0U);
  EXPECT_FALSE(backend().resume(id));
  EXPECT_EQ(driver.resets, 0U);
}

TEST_F(VfioChoiceTest, WhereNotEverybodyIsSeenTheKernelKnowsWhetherItIsOpen) {
  device.bus.not_seen = "the open files of pid 4711 cannot be read";
  const auto found = backend().look(id, {});
  EXPECT_EQ(found.suspended, std::nullopt);
  EXPECT_EQ(found.queues, std::nullopt);
  driver.open_elsewhere = true;
  EXPECT_THAT(error_of([&] { backend().resume(id); }, ExitStatus::refused),
              HasSubstr("is open elsewhere"));
  driver.elsewhere_error = EINVAL;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::io),
              HasSubstr("it may be open elsewhere: the open files of pid 4711"));
  driver.open_elsewhere = false;
  EXPECT_FALSE(backend().resume(id)) << "it could be opened, so it was not open";
}

TEST_F(VfioChoiceTest, WhoHasItOpenIsNamed) {
  device.bus.holders[address] = {{"pid 4711 (qemu-system-x86)", "has /dev/vfio/13 open"}};
  driver.open_elsewhere = true;
  const std::vector<std::function<void()>> all{
      [&] { backend().look(id, {}); }, [&] { backend().suspend(id); },
      [&] { backend().resume(id); }, [&] { saved(); }, [&] { load(pattern(10)); }};
  for (const auto& act : all) {
    driver.elsewhere_error = driver.elsewhere_error == EBUSY ? EINVAL : EBUSY;
    const auto why = error_of(act, ExitStatus::refused);
    EXPECT_THAT(why, HasSubstr("pid 4711 (qemu-system-x86) has /dev/vfio/13 open"));
    EXPECT_THAT(why, HasSubstr("only the program that holds it open can migrate it"));
  }
  EXPECT_TRUE(driver.arcs.empty());
}

TEST_F(VfioChoiceTest, AnUnseenHolderIsRefusedAllTheSame) {
  driver.open_elsewhere = true;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::refused),
              HasSubstr("controlled function 3 (vf 3) is open elsewhere --"));
  driver.elsewhere_error = EINVAL;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::io), HasSubstr("Invalid"));
}

TEST_F(VfioChoiceTest, ADriverWithoutMigrationIsFoundWhenOpened) {
  driver.flags.reset();
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::unsupported),
              HasSubstr("controlled function 3 (vf 3) is not migratable through its driver"));
  driver.flags = 0;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::unsupported),
              HasSubstr("has no STOP_COPY"));
  driver.flags = 1;
  driver.refusals["migration"] = EIO;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::io),
              HasSubstr("cannot ask for the migration states of controlled function 3"));
}

TEST_F(VfioChoiceTest, WhatItOpenedIsClosedWithIt) {
  backend().suspend(id);
  EXPECT_EQ(driver.resets, 1U) << "by the open";
  EXPECT_TRUE(driver.opened);
  end();
  EXPECT_FALSE(driver.opened);
  EXPECT_EQ(driver.resets, 2U) << "by the close";
}

TEST_F(VfioChoiceTest, WhatTheCallerHoldsIsNeitherOpenedNorClosed) {
  suspended();
  end();
  EXPECT_TRUE(driver.opened);
  EXPECT_EQ(driver.resets, 0U);
}

}  // namespace
}  // namespace nvmigrate::test
