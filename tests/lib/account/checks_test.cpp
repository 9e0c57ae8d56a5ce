// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/stat.h>

#include <filesystem>

#include "tests/lib/account/account_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "severity code" of each.
std::vector<std::string> grades(const Findings& findings) {
  std::vector<std::string> words;
  for (const auto& found : findings) {
    words.push_back(std::string{to_string(found.severity)} + " " + found.code);
    EXPECT_NE(found.message, "");
    const bool helps = !found.advice.empty() || !found.remedies.empty();
    EXPECT_TRUE(found.severity != Severity::problem || helps) << found.message;
  }
  return words;
}

class ChecksTest : public AccountTest {
 protected:
  ChecksTest() { backend.formats.vendors.emplace_back(); }
  std::vector<std::string> abilities() { return grades(check_abilities(session())); }

  TemporaryFolder other;
  const Folders folders = other.folders();
};

// --- Folders ------------------------------------------------------------------------------------

TEST_F(ChecksTest, FoldersThatAreNotThereYetAreFine) {
  EXPECT_THAT(grades(check_folders(io, folders)),
              ElementsAre("ok folder", "ok folder", "ok folder"));
}

TEST_F(ChecksTest, AFolderThatOthersMayWriteIsAProblem) {
  make_private_folder(io, folders.state);
  ASSERT_EQ(::chmod(folders.state.c_str(), 0777), 0);
  const auto found = check_folders(io, folders);
  EXPECT_THAT(grades(found), ElementsAre("problem folder", "ok folder", "ok folder"));
  EXPECT_THAT(found[0].message, HasSubstr(folders.state));
}

TEST_F(ChecksTest, FoldersThatCanKeepNothingAreAProblem) {
  put(folders.state, "a file where a folder should be");
  const auto found = check_folders(io, {folders.state, "/proc/nvmigrate", folders.state + "/sim"});
  EXPECT_THAT(grades(found), ElementsAre("problem folder", "problem folder", "problem folder"));
  EXPECT_THAT(found[1].message, HasSubstr("/proc/nvmigrate"));
}

TEST_F(ChecksTest, LookingAtFoldersLeavesNothingBehind) {
  make_private_folder(io, folders.state);
  check_folders(io, folders);
  EXPECT_TRUE(std::filesystem::is_empty(folders.state));
  EXPECT_FALSE(std::filesystem::exists(folders.run));
}

// --- Bus ----------------------------------------------------------------------------------------

TEST_F(ChecksTest, AnIommuAndTheDriverAreFine) {
  EXPECT_THAT(grades(check_bus(device.bus, true)), ElementsAre("ok iommu", "ok vfio_driver"));
}

TEST_F(ChecksTest, TheirLackIsAProblemWhereSomethingIsToBeBound) {
  device.bus.iommu = false;
  device.bus.drivers.clear();
  const auto found = check_bus(device.bus, true);
  EXPECT_THAT(grades(found), ElementsAre("problem no_iommu", "problem no_driver"));
  const Remedy remedy{.action = Remedy::Action::load_module, .object = "vfio-pci"};
  EXPECT_THAT(found[1].remedies, ElementsAre(remedy));
}

TEST_F(ChecksTest, TheirLackIsAWarningElsewhere) {
  device.bus.iommu = false;
  device.bus.drivers.clear();
  EXPECT_THAT(grades(check_bus(device.bus, false)),
              ElementsAre("warning no_iommu", "warning no_driver"));
}

TEST_F(ChecksTest, TheNodeThatAllVmsShareMayBeClosedOrMissing) {
  EXPECT_THAT(grades(check_shared_nodes(session())), ElementsAre());
  for (const auto* address : {"0000:01:00.1", "0000:01:00.2"}) {
    device.bus.set_override(address, "vfio-pci");
    device.bus.unbind(address);
    device.bus.probe(address);
  }
  session().refresh();
  EXPECT_THAT(grades(check_shared_nodes(session())), ElementsAre());
  device.bus.container = NodeRights{.mode = 0600};
  session().refresh();
  EXPECT_THAT(grades(check_shared_nodes(session())), ElementsAre()) << "root owns the nodes";
  device.bus.owners["/dev/vfio/11"] = device.bus.owners["/dev/vfio/12"] = Owner{107, 36};
  EXPECT_THAT(grades(check_shared_nodes(session())), ElementsAre("warning shared_node_closed"));
  device.bus.container.reset();
  session().refresh();
  EXPECT_THAT(grades(check_shared_nodes(session())), ElementsAre("problem no_shared_node"));
}

// --- Abilities ----------------------------------------------------------------------------------

TEST_F(ChecksTest, ADeviceThatCanMigrateIsFine) {
  EXPECT_THAT(abilities(), ElementsAre("ok live_migration", "ok sriov"));
}

TEST_F(ChecksTest, AMigrationOfQueuesOnlyIsAWarning) {
  backend.formats.vendors.clear();
  EXPECT_THAT(abilities(), ElementsAre("ok live_migration", "warning queues_only", "ok sriov"));
}

TEST_F(ChecksTest, CommandsThatStopQueuesAreAWarning) {
  device.restriction = 0;
  device.restriction_of_management = 1;
  const auto found = check_abilities(session());
  EXPECT_THAT(grades(found), ElementsAre("ok live_migration", "warning stops_queues", "ok sriov"));
  EXPECT_THAT(found[1].message, HasSubstr("Virtualization Management"));
  EXPECT_EQ(found[1].message.find("Migration Send"), std::string::npos);
}

TEST_F(ChecksTest, EffectsThatCannotBeReadAreAWarning) {
  device.restriction = 0;
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.opcode != 0x02) return std::nullopt;
    return FakeSubsystem::error(sc::internal_error);
  };
  EXPECT_THAT(grades(check_effects(session())), ElementsAre("warning effects_unread"));
}

TEST_F(ChecksTest, ADeviceThatCannotMigrateIsAProblem) {
  unable = "OACS bit 11 is clear";
  const auto found = check_abilities(session());
  EXPECT_THAT(grades(found), ElementsAre("problem no_live_migration", "ok sriov"));
  EXPECT_THAT(found[0].message, HasSubstr("fake: OACS bit 11 is clear"));
}

TEST_F(ChecksTest, ALackOfSriovIsFineWhereThereAreFunctions) {
  device.bus.sriov_of[FakePciBus::physical].total = 0;
  EXPECT_THAT(abilities(), ElementsAre("ok live_migration", "ok no_sriov"));
}

TEST_F(ChecksTest, ALackOfSriovIsAWarningWhereThereIsNothingToControl) {
  device.bus.sriov_of[FakePciBus::physical].total = 0;
  device.secondary.clear();
  EXPECT_THAT(abilities(), ElementsAre("ok live_migration", "warning no_sriov"));
}

}  // namespace
}  // namespace nvmigrate::test
