// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;

struct Refusal {
  std::string name;
  std::vector<std::string> before;
  std::string line;
  ExitStatus status;
  std::vector<std::string> says;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

std::string changes_of(const nlohmann::json& shown) { return shown["functions"].dump(); }

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
  const auto answer = world.run(refusal.line);
  world.watcher().set({});
  EXPECT_EQ(answer.status, refusal.status) << answer.err;
  for (const auto& words : refusal.says)
    EXPECT_THAT(answer.err + answer.out, HasSubstr(words));
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

constexpr auto refused = ExitStatus::refused;

const std::vector<std::string> itself{"is the controlling function sim:a itself",
                                      "nvmigrate list sim:a"};

const std::vector<Refusal> refusals{
    {"SuspendItself", provisioned({}), "suspend sim:a 0", refused, itself},
    {"SuspendAnotherControllingFunction",
     {"sim create a --controlling 2 --vfs-total 2"},
     "suspend sim:a 1",
     refused,
     {"controlled function 1 of sim:a is a controlling function itself"}},
    {"ResumeItself", provisioned({}), "resume sim:a 0", refused, itself},
    {"ExportItself", provisioned({}), "export sim:a 0 -f $W/x", refused, itself},
    {"ImportIntoItself", provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s"}),
     "import sim:a 0 -f $W/s", refused, itself},
    {"TransferItself", provisioned({"mark sim:a vf1"}), "transfer sim:a 0 sim:a vf1", refused,
     itself},
    {"TransferIntoItself", provisioned({"mark sim:a vf1"}), "transfer sim:a vf1 sim:a 0", refused,
     itself},
    {"BindItself", provisioned({}), "bind sim:a 0", refused, itself},
    {"BindItselfByAddress", provisioned({}), "bind sim:a 0000:01:00.0", refused, itself},
    {"UnbindItself", provisioned({}), "unbind sim:a 0", refused, itself},
    {"MarkItself", provisioned({}), "mark sim:a 0", refused, {itself[0]}},
    {"UnmarkItself", provisioned({}), "unmark sim:a 0", refused, itself},
    {"ExportUnmarked",
     provisioned({"bind sim:a vf1", "sim guest start sim:a vf1"}),
     "export sim:a vf1 -f $W/x",
     refused,
     {"controlled function 1 of sim:a is not marked", "nvmigrate mark sim:a 1"}},
    {"ImportIntoUnmarked",
     provisioned({"mark sim:a vf1", "export sim:a vf1 -f $W/s", "unmark sim:a vf1"}),
     "import sim:a vf1 -f $W/s",
     refused,
     {"not marked", "nvmigrate mark sim:a 1"}},
    {"AssignToOnline",
     provisioned({}),
     "provision sim:a --vfs 2 --vq 3",
     refused,
     {"controlled function 1 (vf 1) is online with 16 queues", "--recreate"}},
    {"ChangeTheNumberOfVfs",
     provisioned({}),
     "provision sim:a --vfs 3",
     refused,
     {"sim:a has 2 VFs; 3 of them means to destroy", "--recreate destroys them"}},
    {"MoreVfsThanThereAre",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 5",
     refused,
     {"sim:a has at most 4 VFs, not 5"}},
    {"MoreQueuesThanAFunctionTakes",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 2 --vq 17",
     refused,
     {"sim:a gives a function at most 16 queues, not 17"}},
    {"MoreInterruptsThanAFunctionTakes",
     {"sim create a --vfs-total 4"},
     "provision sim:a --vfs 2 --vi 9",
     refused,
     {"sim:a gives a function at most 8 interrupts, not 9"}},
    {"MoreQueuesThanThereAre",
     {"sim create a --vfs-total 4 --vq 8"},
     "provision sim:a --vfs 4 --vq 3",
     refused,
     {"8 flexible queues free, and 12 are needed for 4 functions", "ask for fewer"}},
    {"BindMounted",
     provisioned({"sim change a --mount 0000:02:00.0 /srv"}, " --others 1"),
     "bind sim:a 0000:02:00.0",
     refused,
     {"this host uses it: /dev/nvme1n1 mounted on /srv", "unmount or release it first"}},
    {"BindSwap",
     provisioned({"sim change a --swap 0000:02:00.0"}, " --others 1"),
     "bind sim:a 0000:02:00.0",
     refused,
     {"this host uses it: /dev/nvme1n1 used as swap", "unmount or release it first"}},
    {"BindPartitioned",
     provisioned({"sim change a --partition 0000:02:00.0"}, " --others 1"),
     "bind sim:a 0000:02:00.0",
     refused,
     {"/dev/nvme1n1p1 partition nvme1n1p1 is open", "unmount or release it first"}},
    {"BindHeld",
     provisioned({"sim change a --hold 0000:02:00.0 dm-0"}, " --others 1"),
     "bind sim:a 0000:02:00.0",
     refused,
     {"this host uses it: /dev/nvme1n1 held by dm-0", "unmount or release it first"}},
    {"BindAFunctionWithVfs",
     {"sim create a --controlling 2 --vfs-total 2", "provision sim:a/1 --vfs 1"},
     "bind sim:a 1",
     refused,
     {"cannot bind controlled function 1", "which depend on its driver",
      "take its VFs away first"}},
    {"BindFromASharedGroup",
     provisioned({}, " --shared-group"),
     "bind sim:a vf1",
     refused,
     {"group", "shared_group"}},
    {"BindWithoutIommu",
     provisioned({}, " --no-iommu"),
     "bind sim:a vf1",
     refused,
     {"no IOMMU protects this host from it", "switch the IOMMU on"}},
    {"DeprovisionWhileOpen",
     provisioned(guest),
     "deprovision sim:a",
     refused,
     {"cannot destroy controlled function 1 (vf 1): its vfio node is open",
      "the guest of controller 1 (simulated) has /dev/vfio/devices/vfio0 open",
      "end the virtual machine that has it"}},
    {"MigrateWithoutMigration",
     provisioned({}, " --no-migration"),
     "mark sim:a vf1",
     ExitStatus::unsupported,
     {"OACS bit 11 (host managed live migration) of Identify Controller is clear"}},
    {"ExportWithoutMigration",
     provisioned({}, " --no-migration"),
     "export sim:a vf1 -f $W/x",
     ExitStatus::unsupported,
     {"OACS bit 11 (host managed live migration) of Identify Controller is clear",
      "name the controlling function"}},
};

INSTANTIATE_TEST_SUITE_P(Refusals, RefusalJourney, testing::ValuesIn(refusals),
                         [](const auto& about) { return about.param.name; });

TEST(RefusalJourneyOfReaders, ThereIsNoHandleOfTheControllingFunctionItself) {
  World world;
  for (const auto& line : provisioned({}))
    world.must(line);
  const auto answer = world.run("handle sim:a 0");
  EXPECT_EQ(answer.status, refused);
  EXPECT_THAT(answer.err, HasSubstr(itself[0]));
  EXPECT_EQ(answer.out, "");
}

TEST(RefusalJourneyOverrides, AMountedFunctionIsBoundOnceItIsFree) {
  World world;
  for (const auto& line : provisioned({"sim change a --mount 0000:02:00.0 /srv"}, " --others 1")) {
    world.must(line);
  }
  EXPECT_EQ(world.run("bind sim:a 0000:02:00.0").status, refused);
  world.must("sim change a --release 0000:02:00.0");
  world.must("bind sim:a 0000:02:00.0");
}

TEST(RefusalJourneyOverrides, ASharedGroupIsOverriddenByName) {
  World world;
  for (const auto& line : provisioned({}, " --shared-group"))
    world.must(line);
  world.must("bind sim:a vf1 --allow shared_group");
}

}  // namespace
}  // namespace nvmigrate::test
