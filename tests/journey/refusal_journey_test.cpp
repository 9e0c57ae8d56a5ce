// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Refusal {
  std::string name;
  std::vector<std::string> before;
  std::string line;
  std::string code;
  std::vector<std::string> names{};  ///< objects, and how to fix it
  ExitStatus status = ExitStatus::refused;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

std::string changes_of(const json& shown) { return shown["functions"].dump(); }

// The sentences of an error and its commands, a line each.
std::string told_by(const json& error) {
  std::string text = error["message"].get<std::string>() + '\n';
  for (const auto& command : error["commands"]) {
    for (const std::string word : command)
      text += word + ' ';
    text.back() = '\n';
  }
  return text;
}

class RefusalJourney : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalJourney, NothingIsDoneAndTheReasonIsGiven) {
  const auto& refusal = GetParam();
  World world;
  for (const auto& line : refusal.before)
    world.must(line);
  const auto before = changes_of(world.read("sim show a"));
  bool has_changed = false;
  world.watcher().set([&](const SeamCall& call) {
    has_changed = has_changed || call.name == "opcode 0x41" || call.name == "opcode 0x1c" ||
                  call.name.starts_with("set_") || call.name == "unbind" || call.name == "probe" ||
                  call.name == "reset";
    return Verdict{};
  });
  const auto answer = world.run(refusal.line + " -o json");
  world.watcher().set({});
  EXPECT_EQ(answer.status, refusal.status) << answer.err;
  const auto error = json::parse(answer.err)["error"];
  EXPECT_EQ(error["code"], refusal.code);
  for (const auto& object : refusal.names)
    EXPECT_THAT(told_by(error), HasSubstr(object));
  EXPECT_FALSE(has_changed) << "something was sent or written";
  EXPECT_EQ(changes_of(world.read("sim show a")), before);
}

TEST_P(RefusalJourney, ADryRunRefusesTheSame) {
  const auto& refusal = GetParam();
  World world;
  for (const auto& line : refusal.before)
    world.must(line);
  EXPECT_EQ(world.run(refusal.line + " --dry-run").status, refusal.status);
}

std::vector<std::string> provisioned(const std::vector<std::string>& more,
                                     const std::string& options = "") {
  std::vector<std::string> lines{"sim create a --vfs-total 4" + options, "provision sim:a --vfs 2"};
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

const std::vector<std::string> guest{"mark sim:a vf1", "bind sim:a vf1",
                                     "sim guest start sim:a vf1"};

const std::string itself = "controlling_function";
const std::vector<std::string> lists{"sim:a", "nvmigrate list sim:a"};

std::vector<std::string> used(const std::string& how) {
  return provisioned({"sim change a " + how}, " --others 1");
}
const std::string bind_used = "bind sim:a 0000:02:00.0";

const std::vector<Refusal> refusals{
    {"SuspendItself", provisioned({}), "suspend sim:a 0", itself, lists},
    {"SuspendAnotherControllingFunction",
     {"sim create a --controlling 2 --vfs-total 2"},
     "suspend sim:a 1",
     itself,
     {"controlled function 1", "nvmigrate list sim:a"}},
    {"ResumeItself", provisioned({}), "resume sim:a 0", itself, lists},
    {"ExportItself", provisioned({}), "export sim:a 0 -f $W/x", itself, lists},
    {"ImportIntoItself", provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s"}),
     "import sim:a 0 -f $W/s", itself, lists},
    {"TransferItself", provisioned({"mark sim:a vf1"}), "transfer sim:a 0 sim:a vf1", itself,
     lists},
    {"TransferIntoItself", provisioned({"mark sim:a vf1"}), "transfer sim:a vf1 sim:a 0", itself,
     lists},
    {"BindItself", provisioned({}), "bind sim:a 0", itself, lists},
    {"BindItselfByAddress", provisioned({}), "bind sim:a 0000:01:00.0", itself, lists},
    {"UnbindItself", provisioned({}), "unbind sim:a 0", itself, lists},
    {"MarkItself", provisioned({}), "mark sim:a 0", itself, lists},
    {"UnmarkItself", provisioned({}), "unmark sim:a 0", itself, lists},
    {"ExportUnmarked",
     provisioned({"bind sim:a vf1", "sim guest start sim:a vf1"}),
     "export sim:a vf1 -f $W/x",
     "unmarked",
     {"controlled function 1", "nvmigrate mark sim:a 1"}},
    {"ImportIntoUnmarked",
     provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s", "unmark sim:a vf1"}),
     "import sim:a vf1 -f $W/s",
     "unmarked",
     {"controlled function 1", "nvmigrate mark sim:a 1"}},
    {"AssignToOnline",
     provisioned({}),
     "provision sim:a --vfs 2 --vq 3",
     "resources_assigned",
     {"controlled function 1 (vf 1)", "nvmigrate provision sim:a --vfs 2 --vq 3 --recreate"}},
    {"ChangeTheNumberOfVfs",
     provisioned({}),
     "provision sim:a --vfs 3",
     "vfs_exist",
     {"sim:a has 2 VFs", "nvmigrate provision sim:a --vfs 3 --recreate"}},
    {"MoreVfsThanThereAre",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 5",
     "too_many_vfs",
     {"sim:a", "4", "5"}},
    {"MoreQueuesThanAFunctionTakes",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 2 --vq 17",
     "too_many_resources",
     {"sim:a", "16 queues", "17"},
     ExitStatus::unsupported},
    {"MoreInterruptsThanAFunctionTakes",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 2 --vi 9",
     "too_many_resources",
     {"sim:a", "8 interrupts", "9"},
     ExitStatus::unsupported},
    {"MoreQueuesThanThereAre",
     {"sim create a --vfs-total 4 --vq 8"},
     "provision sim:a --vfs 4 --vq 3",
     "resources_short",
     {"8 flexible queues", "4 functions", "12"}},
    {"BindMounted",
     used("--mount 0000:02:00.0 /srv"),
     bind_used,
     "used_by_host",
     {"/dev/nvme1n1", "/srv"}},
    {"BindSwap", used("--swap 0000:02:00.0"), bind_used, "used_by_host", {"/dev/nvme1n1"}},
    {"BindPartitioned",
     used("--partition 0000:02:00.0"),
     bind_used,
     "used_by_host",
     {"/dev/nvme1n1p1"}},
    {"BindHeld",
     used("--hold 0000:02:00.0 dm-0"),
     bind_used,
     "used_by_host",
     {"/dev/nvme1n1", "dm-0"}},
    {"BindAFunctionWithVfs",
     {"sim create a --controlling 2 --vfs-total 2", "provision sim:a/1 --vfs 1"},
     "bind sim:a 1",
     "has_virtual_functions",
     {"controlled function 1"}},
    {"BindFromASharedGroup",
     provisioned({}, " --shared-group"),
     "bind sim:a vf1",
     "shared_group",
     {"0000:01:00.2"}},
    {"BindWithoutIommu",
     provisioned({}, " --no-iommu"),
     "bind sim:a vf1",
     "no_iommu",
     {"controlled function 1"}},
    {"DeprovisionWhileOpen",
     provisioned(guest),
     "deprovision sim:a",
     "open_in_vm",
     {"controlled function 1 (vf 1)", "/dev/vfio/devices/vfio0"}},
    {"ResumeExported",
     provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s"}),
     "resume sim:a vf1",
     "exported",
     {"nvmigrate release sim:a 1", "nvmigrate resume sim:a 1 --allow exported"}},
    {"DeprovisionExported",
     provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s"}),
     "deprovision sim:a",
     "exported",
     {"nvmigrate release sim:a 1"}},
    {"ExportOverAFile",
     provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s --then resume"}),
     "export sim:a vf1 -f $W/s",
     "file_exists",
     {"it exists"}},
    {"ReleaseRunning",
     provisioned({}),
     "release sim:a vf1",
     "nothing_to_release",
     {"controlled function 1 (vf 1)"}},
    {"ReleaseWhatWasNotExported",
     provisioned({"suspend sim:a vf1"}),
     "release sim:a vf1",
     "not_exported",
     {"controlled function 1 (vf 1)"}},
    {"ImportASnapshot",
     provisioned({"mark sim:a all", "export sim:a vf1 -f $W/s --then resume"}),
     "import sim:a vf2 -f $W/s",
     "source_resumed",
     {"resumed after this state was read"}},
    {"ImportWithNobodyWaiting",
     provisioned({"mark sim:a all", "export sim:a vf1 -f $W/s"}),
     "import sim:a vf2 -f $W/s --resume",
     "not_open",
     {"controlled function 2 (vf 2)", "0000:01:00.2"}},
    {"ImportWhatWasLoadedBefore",
     provisioned({"mark sim:a all", "export sim:a vf1 -f $W/s", "import sim:a vf2 -f $W/s"}),
     "import sim:a vf2 -f $W/s",
     "source_away",
     {"controller 2"}},
    {"MigrateWithoutMigration",
     provisioned({}, " --no-migration"),
     "mark sim:a vf1",
     "no_live_migration",
     {"OACS bit 11"},
     ExitStatus::unsupported},
    {"ExportWithoutMigration",
     provisioned({}, " --no-migration"),
     "export sim:a vf1 -f $W/x",
     "no_live_migration",
     {"OACS bit 11", "nvmigrate show sim:a"},
     ExitStatus::unsupported},
};

INSTANTIATE_TEST_SUITE_P(Refusals, RefusalJourney, testing::ValuesIn(refusals),
                         [](const auto& about) { return about.param.name; });

TEST(RefusalJourneyOfReaders, ThereIsNoHandleOfTheControllingFunctionItself) {
  World world;
  for (const auto& line : provisioned({}))
    world.must(line);
  const auto answer = world.run("handle sim:a 0 -o json");
  EXPECT_EQ(answer.status, ExitStatus::refused);
  EXPECT_EQ(json::parse(answer.err)["error"]["code"], itself);
  EXPECT_EQ(answer.out, "");
}

TEST(RefusalJourneyOverrides, AMountedFunctionIsBoundOnceItIsFree) {
  World world;
  for (const auto& line : used("--mount 0000:02:00.0 /srv"))
    world.must(line);
  EXPECT_EQ(world.run(bind_used).status, ExitStatus::refused);
  world.must("sim change a --release 0000:02:00.0");
  world.must(bind_used);
}

TEST(RefusalJourneyOverrides, ASharedGroupIsOverriddenByName) {
  World world;
  for (const auto& line : provisioned({}, " --shared-group"))
    world.must(line);
  world.must("bind sim:a vf1 --allow shared_group");
}

}  // namespace
}  // namespace nvmigrate::test
