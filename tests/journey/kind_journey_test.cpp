// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;

/// A controlled function that is not a VF, of a subsystem without SR-IOV.
struct NonVf {
  std::string name, option;
  bool secondary = false;
};

void PrintTo(const NonVf& kind, std::ostream* out) { *out << kind.name; }

const std::string source_address = "0000:02:00.0";

/// Controller 1 of sim:a and of sim:b is such a function.
class KindJourney : public testing::TestWithParam<NonVf> {
 protected:
  void SetUp() override {
    for (const std::string name : {"a", "b"})
      world_.must("sim create " + name + " --vfs-total 0 " + GetParam().option + " 1");
  }

  json function(const std::string& device) {
    const auto listed = world_.read("list " + device)["devices"][0]["functions"];
    EXPECT_EQ(listed.size(), 1U) << listed;
    return listed.at(0);
  }

  void prepare(const std::string& device, const std::string& guest) {
    for (const std::string verb : {"bind ", "mark "})
      world_.must(verb + device + " 1");
    world_.must("sim guest start " + device + " 1" + guest);
  }
  void prepare_both() {
    prepare("sim:a", "");
    prepare("sim:b", " --empty");
  }

  void expect_continued() {
    const auto proof = world_.run("sim guest status sim:b 1 --continues-from sim:a 1 -o json");
    EXPECT_EQ(proof.status, ExitStatus::ok) << proof.out << proof.err;
    EXPECT_EQ(function("sim:a")["status"], "away");
    EXPECT_EQ(function("sim:b")["status"], "running");
  }

  World world_;
};

TEST_P(KindJourney, IsListedAndShownWithItsPlace) {
  const auto listed = function("sim:a");
  EXPECT_EQ(listed["controller_id"], 1);
  EXPECT_EQ(listed["virtual_function"], nullptr);
  EXPECT_EQ(listed["secondary"], GetParam().secondary);
  EXPECT_EQ(listed["address"], source_address);
  EXPECT_EQ(listed["driver"], "nvme");
  const auto shown = world_.read("show sim:a 1")["function"];
  EXPECT_EQ(shown["address"], source_address);
  EXPECT_EQ(world_.read("show sim:a " + source_address)["function"]["controller_id"], 1);
}

TEST_P(KindJourney, IsBoundMarkedHandedOverAndGivenBack) {
  EXPECT_EQ(world_.read("bind sim:a 1")["changed"], true);
  EXPECT_EQ(world_.read("mark sim:a 1")["changed"], true);
  std::filesystem::remove_all(world_.folders().run);
  const auto bound = function("sim:a");
  EXPECT_EQ(bound["address"], source_address) << "its driver is gone, and with it what told this";
  EXPECT_EQ(bound["driver"], "vfio-pci");
  const auto handle = world_.read("handle sim:a 1")["functions"][0];
  EXPECT_EQ(handle["address"], source_address);
  EXPECT_EQ(handle["controller_id"], 1);
  EXPECT_EQ(handle["virtual_function"], nullptr);
  EXPECT_EQ(world_.read("unbind sim:a 1")["changed"], true);
  EXPECT_EQ(world_.read("unmark sim:a 1")["changed"], true);
  const auto freed = function("sim:a");
  EXPECT_EQ(freed["driver"], "nvme");
  EXPECT_EQ(freed["binding"], nullptr);
  EXPECT_EQ(freed["marked"], false);
}

TEST_P(KindJourney, IsMarkedWhileTheHostHasItIfItBelongsHere) {
  const auto marked = world_.run("mark sim:a 1");
  EXPECT_EQ(marked.status, GetParam().secondary ? ExitStatus::ok : ExitStatus::refused);
  world_.must("mark sim:a 1 --allow foreign");
  EXPECT_EQ(function("sim:a")["marked"], true);
}

// Between unbinding and binding nothing else tells which controller the PCI function is.
TEST_P(KindJourney, KeepsItsPlaceWhereBindingFails) {
  world_.watcher().set(
      [](const SeamCall& call) { return Verdict{.error = call.name == "probe" ? EIO : 0}; });
  EXPECT_NE(world_.run("bind sim:a 1").status, ExitStatus::ok);
  world_.watcher().set({});
  const auto left = function("sim:a");
  EXPECT_EQ(left["address"], source_address) << left;
  EXPECT_EQ(left["driver"], nullptr) << left;
  world_.must("doctor sim:a --repair");
  EXPECT_EQ(function("sim:a")["driver"], "nvme");
}

TEST_P(KindJourney, IsSuspendedResumedAndReleased) {
  prepare("sim:a", "");
  world_.must("suspend sim:a 1");
  EXPECT_EQ(function("sim:a")["status"], "suspended");
  world_.must("resume sim:a 1");
  EXPECT_EQ(function("sim:a")["status"], "running");
  world_.must("export sim:a 1 -f $W/s.nvmstate");
  EXPECT_EQ(function("sim:a")["status"], "exported");
  EXPECT_EQ(world_.run("resume sim:a 1").status, ExitStatus::refused);
  world_.must("release sim:a 1");
  EXPECT_EQ(function("sim:a")["status"], "away");
  world_.must("sim guest stop sim:a 1");
  world_.must("unbind sim:a 1");
}

TEST_P(KindJourney, MovesThroughAFile) {
  prepare_both();
  world_.must("export sim:a 1 -f $W/s.nvmstate");
  const auto source = world_.read("inspect $W/s.nvmstate")["identity"];
  EXPECT_EQ(source["controller"], 1) << source;
  EXPECT_EQ(source["vfn"], 0) << source;
  world_.must("import sim:b 1 -f $W/s.nvmstate --resume");
  expect_continued();
}

TEST_P(KindJourney, MovesInATransfer) {
  prepare_both();
  world_.must("transfer sim:a 1 sim:b 1");
  expect_continued();
}

TEST_P(KindJourney, IsMadeAsAProfileSaysAfterAPowerCycle) {
  world_.must("bind sim:a 1");
  world_.must("mark sim:a 1");
  const auto wanted = world_.run("save sim:a").out;
  std::ofstream(world_.path("wanted")) << wanted;
  world_.must("sim power-cycle sim:a");
  std::filesystem::remove_all(world_.folders().run);
  EXPECT_EQ(function("sim:a")["address"], source_address);
  world_.must("apply $W/wanted");
  EXPECT_EQ(function("sim:a")["driver"], "vfio-pci");
  EXPECT_EQ(world_.run("save sim:a").out, wanted);
}

TEST_P(KindJourney, IsOneOfAllOnceItIsRecorded) {
  world_.must("bind sim:a 1");
  world_.must("mark sim:a 1");
  world_.must("unbind sim:a 1");
  const auto bound = world_.read("bind sim:a all")["functions"];
  ASSERT_EQ(bound.size(), 1U) << bound;
  EXPECT_EQ(bound[0]["controller_id"], 1);
}

INSTANTIATE_TEST_SUITE_P(NonVfs, KindJourney,
                         testing::Values(NonVf{"Secondary", "--secondaries", true},
                                         NonVf{"Other", "--others"}),
                         [](const auto& about) { return about.param.name; });

}  // namespace
}  // namespace nvmigrate::test
