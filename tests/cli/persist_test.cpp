// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/cli/profiles.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class PersistedProfiles : public Profiles {};

TEST_F(PersistedProfiles, WhatWasPersistedIsTakenBackPieceByPiece) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 2 --vq 3 --vi 2 --persist");
  must("bind sim:a vf1 --owner 4711:4712 --persist");
  must("mark sim:a all --persist --dry-run");
  EXPECT_FALSE(persisted()["defaults"].contains("marked"));
  must("mark sim:a all --persist");
  EXPECT_EQ(persisted()["defaults"]["marked"], true);
  EXPECT_EQ(persisted()["functions"]["vf1"],
            Json({{"driver", "vfio-pci"}, {"owner", "4711:4712"}}));
  must("unmark sim:a vf2 --persist");
  EXPECT_EQ(persisted()["functions"]["vf1"]["marked"], true);
  must("unbind sim:a vf1 --persist");
  EXPECT_EQ(persisted()["functions"]["vf1"], Json({{"marked", true}}));
  EXPECT_EQ(json_of("plan")["changed"], false);
  must("deprovision sim:a --persist");
  EXPECT_TRUE(persisted().is_null()) << persisted();
}

TEST_F(PersistedProfiles, WhatWasAskedForIsPersistedAndNoMore) {
  must("sim create a --vfs-total 4 --namespaces 3");
  must("provision sim:a --vfs 2 --attach 1 --persist");
  EXPECT_EQ(persisted()["namespaces"], Json::array({1}));
  must("provision sim:a --vfs 2 --persist");
  EXPECT_EQ(persisted()["namespaces"], Json::array({1}));
  must("provision sim:a --vfs 2 --attach all --persist");
  EXPECT_EQ(persisted()["namespaces"], "all");
}

TEST_F(PersistedProfiles, AMarkOfAFunctionToBeIsPersisted) {
  must("sim create a --vfs-total 8");
  must("mark sim:a vf1,vf2,vf5 --persist");
  EXPECT_EQ(persisted()["functions"]["vf5"]["marked"], true);
  const auto provisioned = json_of("provision sim:a --vfs 2 --persist");
  EXPECT_EQ(persisted()["defaults"]["marked"], true);
  EXPECT_THAT(provisioned["findings"].dump(), AllOf(HasSubstr("beyond_record"), HasSubstr("VF 5")));
  const auto marked = json_of("mark sim:a all --persist");
  EXPECT_THAT(marked["findings"].back()["message"].get<std::string>(), HasSubstr("VFs 3-8"));
  EXPECT_EQ(json_of("plan")["changed"], false);
}

TEST_F(PersistedProfiles, ARecordThatCannotBeUsedStopsTheChange) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 1 --persist");
  must("mark sim:a 1 --persist");
  const auto folder = fs::path(tool.folder().path()) / "state/profiles";
  const auto record = fs::directory_iterator(folder)->path();
  std::ofstream(record) << "{";
  for (const std::string line : {"unmark sim:a 1", "bind sim:a 1", "provision sim:a --vfs 1"})
    EXPECT_EQ(error_of(line + " --persist", ExitStatus::io)["code"], "bad_profile");
  fs::remove_all(folder);
  std::ofstream(folder) << "not a folder";
  error_of("deprovision sim:a --persist", ExitStatus::io);
  EXPECT_EQ(functions_of("sim:a")[0]["marked"], true);
}

TEST_F(PersistedProfiles, AWarningTellsThatAFileGoesBeforeTheRecord) {
  must("sim create a --vfs-total 2");
  write("config/lab.json", {entry("a", R"(, "vfs": 2, "defaults": {"driver": "auto"})")});
  must("apply");
  for (const std::string line :
       {"mark sim:a vf1", "unmark sim:a vf1", "bind sim:a vf1", "unbind sim:a all",
        "provision sim:a --vfs 2", "deprovision sim:a"})
    EXPECT_EQ(json_of(line + " --persist")["findings"].back()["code"], "record_unused") << line;
}

TEST_F(PersistedProfiles, AreOfferedWhereARestartTookTheVfs) {
  must("sim create a --vfs-total 4");
  must("provision sim:a --vfs 3 --persist");
  must("bind sim:a vf2 --persist");
  must("sim power-cycle a");
  const Json apply({"nvmigrate", "apply", "--device", "sim:a"});
  const auto listed = json_of("list sim:a")["devices"][0]["findings"];
  ASSERT_THAT(listed, SizeIs(2));
  for (const auto& finding : listed)
    EXPECT_EQ(finding["commands"][0], apply) << finding;
  for (const std::string line : {"bind sim:a vf2", "handle sim:a vf2"})
    EXPECT_EQ(error_of(line, ExitStatus::refused)["commands"][0], apply) << line;
  EXPECT_EQ(error_of("bind sim:a all", ExitStatus::not_found)["commands"][0], apply);
  must("apply --device sim:a");
  EXPECT_THAT(json_of("list sim:a")["devices"][0]["findings"], IsEmpty());
  // Of another number of VFs, it would be refused.
  must("sim power-cycle a");
  must("provision sim:a --vfs 2");
  must("sim change a --reset 0");
  EXPECT_THAT(json_of("list sim:a").dump(), AllOf(HasSubstr("provision"), Not(HasSubstr("apply"))));
}

TEST_F(PersistedProfiles, AMarkStaysWantedWhileItsFunctionIsGone) {
  must("sim create a --vfs-total 4");
  must("provision sim:a --vfs 2 --persist");
  must("mark sim:a vf1,vf2 --persist");
  const auto before = persisted();
  must("sim power-cycle a");
  must("mark sim:a vf1 --persist");
  EXPECT_EQ(persisted(), before);
}

}  // namespace
}  // namespace nvmigrate::test
