// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/doctor.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DoctorTest : public HostTest {
 protected:
  DoctorTest() { bring_up(2); }

  /// "grade name" of each.
  static std::vector<std::string> grades(const Checks& checks) {
    std::vector<std::string> words;
    for (const auto& check : checks) {
      words.push_back(std::string{to_string(check.grade)} + " " + check.name);
      EXPECT_NE(check.message, "");
      EXPECT_TRUE(check.grade != Grade::problem || !check.fix.empty()) << check.message;
    }
    return words;
  }
  /// An intent of a process that is no more.
  void leave(IntentKind kind, std::uint16_t cntlid,
             std::map<std::string, std::string> details = {}) {
    journal.record(kind, cntlid, std::move(details));
    journal = journal_again();
  }
  Checks records() { return check_records(topology(), registry); }
  std::vector<Repair> mend() {
    return repair(access,
                  {.resume = [this](std::uint16_t id) { resume(id); },
                   .complete = [this](Topology& found) { complete(found); }},
                  {std::chrono::milliseconds{10}, 4});
  }
  void resume(std::uint16_t id) {
    if (stuck) throw NvmeError({sc::internal_error}, "resume controller");
    resumed.push_back(id);
  }
  std::vector<std::uint16_t> resumed;
  bool stuck = false;
  std::function<void(Topology&)> complete = [](Topology&) {};
};

TEST_F(DoctorTest, StrikesWhatTheDeviceSaysIsOver) {
  leave(IntentKind::suspended, 2);
  leave(IntentKind::loading, 2);
  complete = [](Topology& found) {
    for (auto& intent : found.functions.at(1).intents)
      intent.stale = true;
  };
  const auto repairs = mend();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_TRUE(repairs[0].done);
  EXPECT_TRUE(resumed.empty());
  EXPECT_TRUE(journal_again().intents().empty());
}

TEST_F(DoctorTest, ResumesWhatATransferHadLoadedWhole) {
  leave(IntentKind::moved, 2);
  leave(IntentKind::loading, 2);
  leave(IntentKind::suspended, 2, {{unfinished_detail, "1"}});
  complete = [](Topology& found) {
    for (auto& intent : found.functions.at(1).intents)
      intent.committed = intent.kind == IntentKind::loading;
  };
  const auto repairs = mend();
  ASSERT_EQ(repairs.size(), 1U);
  EXPECT_TRUE(repairs[0].done);
  EXPECT_THAT(resumed, ElementsAre(2));
  EXPECT_TRUE(journal_again().intents().empty());
}

TEST_F(DoctorTest, WhatIsOverOrAlmostDoneIsAdvisedSo) {
  leave(IntentKind::loading, 2);
  auto found = topology();
  found.functions.at(1).intents.at(0).stale = true;
  auto checks = check_records(found, registry);
  EXPECT_EQ(checks.at(0).grade, Grade::warning);
  EXPECT_THAT(checks.at(0).message, HasSubstr("it runs"));
  EXPECT_THAT(checks.at(0).fix, HasSubstr("--repair"));
  found.functions.at(1).intents.at(0).stale = false;
  found.functions.at(1).intents.at(0).committed = true;
  checks = check_records(found, registry);
  EXPECT_THAT(checks.at(0).message, HasSubstr("whole state of a transfer"));
  EXPECT_THAT(checks.at(0).fix, HasSubstr("--repair"));
}

TEST_F(DoctorTest, ASuspensionThatNothingExplainsIsTold) {
  auto found = topology();
  found.functions.at(1).frozen = true;
  const auto checks = check_records(found, registry);
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].name, "suspended");
  EXPECT_THAT(checks[0].fix, HasSubstr("nvmigrate resume"));
}

TEST_F(DoctorTest, FoldersThatAreNotThereYetAreFine) {
  EXPECT_THAT(grades(check_folders(io, folder.folders())),
              ElementsAre("ok state_folder", "ok run_folder", "ok sim_folder"));
}

TEST_F(DoctorTest, FoldersThatOthersMayWriteAreAProblem) {
  const auto folders = folder.folders();
  make_private_folder(io, folders.state);
  ASSERT_EQ(::chmod(folders.state.c_str(), 0777), 0);
  const auto checks = check_folders(io, folders);
  EXPECT_EQ(checks[0].grade, Grade::problem);
  EXPECT_THAT(checks[0].message, HasSubstr(folders.state));
  EXPECT_NE(checks[0].fix, "");
}

TEST_F(DoctorTest, FoldersThatCanKeepNothingAreAProblem) {
  auto folders = folder.folders();
  put(folders.state, "a file where a folder should be");
  folders.run = "/proc/nvmigrate";
  folders.sim = folders.state + "/sim";
  const auto checks = check_folders(io, folders);
  EXPECT_THAT(grades(checks),
              ElementsAre("problem state_folder", "problem run_folder", "problem sim_folder"));
  EXPECT_THAT(checks[0].message, HasSubstr("it is no folder"));
  EXPECT_THAT(checks[1].message, HasSubstr("/proc"));
  EXPECT_THAT(checks[1].fix, HasSubstr("NVMIGRATE_RUN_DIR"));
}

TEST_F(DoctorTest, LookingAtFoldersLeavesNothing) {
  const auto folders = folder.folders();
  make_private_folder(io, folders.state);
  check_folders(io, folders);
  EXPECT_TRUE(std::filesystem::is_empty(folders.state));
  EXPECT_FALSE(std::filesystem::exists(folders.run));
}

TEST_F(DoctorTest, LooksForIommuAndDriver) {
  EXPECT_THAT(grades(check_bus(device.bus, true)), ElementsAre("ok iommu", "ok vfio_driver"));
  device.bus.iommu = false;
  device.bus.drivers.clear();
  EXPECT_THAT(grades(check_bus(device.bus, true)),
              ElementsAre("problem iommu", "problem vfio_driver"));
  EXPECT_THAT(grades(check_bus(device.bus, false)),
              ElementsAre("warning iommu", "warning vfio_driver"));
}

TEST_F(DoctorTest, SaysWhatTheDeviceCan) {
  EXPECT_THAT(grades(check_abilities(topology(), {true, {}, true})),
              ElementsAre("ok live_migration", "ok sriov"));
  EXPECT_THAT(grades(check_abilities(topology(), {true, {}, false})),
              ElementsAre("ok live_migration", "warning vendor_state", "ok sriov"));
  const auto unable = check_abilities(topology(), {false, "OACS bit 11 is clear", false});
  EXPECT_EQ(unable[0].grade, Grade::problem);
  EXPECT_THAT(unable[0].message, HasSubstr("OACS bit 11"));
}

TEST_F(DoctorTest, LackOfSriovIsFineWhereThereAreFunctions) {
  device.bus.sriov_of[FakePciBus::physical].total = 0;
  EXPECT_THAT(grades(check_abilities(topology(), {true, {}, true})).back(), "ok sriov");
  device.secondary.clear();
  EXPECT_THAT(grades(check_abilities(topology(), {true, {}, true})).back(), "warning sriov");
}

TEST_F(DoctorTest, NothingLeftIsNothingSaid) { EXPECT_THAT(records(), IsEmpty()); }

TEST_F(DoctorTest, NamesEveryWreckWithItsFix) {
  leave(IntentKind::provisioning, 0);
  leave(IntentKind::unbound, 1);
  leave(IntentKind::suspended, 1, {{unfinished_detail, "1"}});
  leave(IntentKind::suspended, 2);
  leave(IntentKind::loading, 3);
  leave(IntentKind::moved, 4);
  const auto checks = records();
  EXPECT_THAT(grades(checks),
              ElementsAre("problem provisioning", "problem unbound", "problem suspended",
                          "warning suspended", "problem loading", "ok moved"));
  EXPECT_EQ(checks[0].fix, "nvmigrate doctor sim:fake --repair");
  EXPECT_EQ(checks[3].fix, "nvmigrate resume sim:fake 2");
  EXPECT_EQ(checks[4].fix, "nvmigrate import sim:fake 3 -f FILE");
  EXPECT_EQ(checks[3].cntlid, 2);
}

TEST_F(DoctorTest, WhatIsAtWorkIsNoWreck) {
  auto now = topology();
  Intent intent;
  intent.kind = IntentKind::provisioning;
  intent.at_work = true;
  now.intents = {intent};
  EXPECT_THAT(check_records(now, registry), IsEmpty());
}

TEST_F(DoctorTest, NamesRecordsThatFitNothing) {
  registry.mark(99);
  registry.remember({98, "0000:09:00.0", "vfio-pci", "nvme", {}, {}});
  registry.remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  const auto checks = records();
  EXPECT_THAT(grades(checks), ElementsAre("warning binding", "warning mark", "warning binding"));
  EXPECT_THAT(checks[0].message, HasSubstr("was bound to vfio-pci and is not any more"));
  EXPECT_EQ(checks[1].fix, "nvmigrate unmark sim:fake 99");
}

TEST_F(DoctorTest, RepairsDriverSuspensionAndProvisioning) {
  leave(IntentKind::unbound, 1, {{"address", vf(1)}, {"original_driver", "nvme"}});
  device.bus.functions.at(vf(1)).driver.reset();
  leave(IntentKind::suspended, 2, {{unfinished_detail, "1"}});
  leave(IntentKind::provisioning, 0,
        {{"was_vfs", "0"}, {"wanted_vfs", "2"}, {"autoprobe", "1"}, {"rebuild", "0"}});
  const auto repairs = mend();
  ASSERT_THAT(repairs, SizeIs(3));
  for (const auto& one : repairs)
    EXPECT_TRUE(one.done) << one.message;
  EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "nvme");
  EXPECT_THAT(resumed, ElementsAre(2));
  EXPECT_THAT(journal_again().intents(), IsEmpty());
  EXPECT_THAT(mend(), IsEmpty());
}

TEST_F(DoctorTest, LeavesAloneWhatIsNotSafe) {
  leave(IntentKind::suspended, 1);
  leave(IntentKind::suspended, 2, {{unfinished_detail, "1"}});
  leave(IntentKind::moved, 2);
  leave(IntentKind::loading, 3);
  leave(IntentKind::suspended, 3, {{unfinished_detail, "1"}});
  EXPECT_THAT(mend(), IsEmpty());
  EXPECT_THAT(resumed, IsEmpty());
  EXPECT_THAT(journal_again().intents(), SizeIs(5));
}

TEST_F(DoctorTest, ARepairThatFailsIsToldAndKeptInTheJournal) {
  leave(IntentKind::suspended, 2, {{unfinished_detail, "1"}});
  leave(IntentKind::unbound, 1, {{"address", vf(1)}, {"original_driver", "gone"}});
  stuck = true;
  const auto repairs = mend();
  ASSERT_THAT(repairs, SizeIs(2));
  for (const auto& one : repairs) {
    EXPECT_FALSE(one.done);
    EXPECT_NE(one.message, "");
  }
  EXPECT_THAT(journal_again().intents(), SizeIs(2));
}

}  // namespace
}  // namespace nvmigrate::test
