// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <map>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

/// How many admin commands of each kind a line of the tool sends, counted at the port.
class CountJourney : public testing::Test {
 protected:
  /// By opcode and, of Identify, by CNS.
  using Counts = std::map<std::string, int>;

  Counts sent_by(const std::string& line) {
    Counts counts;
    world.watcher().set([&](const SeamCall& call) {
      if (call.seam != SeamCall::Seam::admin) return Verdict{};
      const bool identify = call.name == "opcode 0x06";
      ++counts[identify ? "cns 0x" + call.object.substr(8, 2) : call.name];
      return Verdict{};
    });
    world.must(line);
    world.watcher().set({});
    return counts;
  }
  /// How often it waits for a disk.
  int synced_by(const std::string& line) {
    int synced = 0;
    world.watcher().set([&](const SeamCall& call) {
      if (call.name == "fsync") ++synced;
      return Verdict{};
    });
    world.must(line);
    world.watcher().set({});
    return synced;
  }
  int identified_by(const std::string& line) { return sent_by(line)["cns 0x01"]; }

  void prepare(const std::string& name, const std::string& guest = "") {
    world.must("sim create " + name + " --vfs-total 4");
    for (const auto& line :
         {"provision sim:" + name + " --vfs 3", "mark sim:" + name + " all",
          "bind sim:" + name + " vf1,vf2", "sim guest start sim:" + name + " vf1" + guest})
      world.must(line);
  }

  World world;
};

TEST_F(CountJourney, AListSendsWhatItsDataNeedAndNothingTwice) {
  prepare("a");
  EXPECT_THAT(sent_by("list sim:a"),
              ElementsAre(Pair("cns 0x01", 1), Pair("cns 0x10", 1), Pair("cns 0x11", 1),
                          Pair("cns 0x12", 1), Pair("cns 0x13", 1), Pair("cns 0x14", 1),
                          Pair("cns 0x15", 1), Pair("cns 0x20", 1), Pair("opcode 0x42", 3)));
}

TEST_F(CountJourney, AListOfThreeHundredOfflineFunctionsTakesThreePagesOnly) {
  world.must("sim create a --vfs-total 300 --vq 900 --vi 600");
  EXPECT_THAT(sent_by("list sim:a"),
              ElementsAre(Pair("cns 0x01", 1), Pair("cns 0x10", 1), Pair("cns 0x11", 1),
                          Pair("cns 0x12", 1), Pair("cns 0x13", 1), Pair("cns 0x14", 1),
                          Pair("cns 0x15", 3)));
}

TEST_F(CountJourney, AListAsksForTheControllersOfEachNamespace) {
  world.must("sim create a --vfs-total 2 --namespaces 3 --no-migration");
  EXPECT_EQ(sent_by("list sim:a")["cns 0x12"], 3);
}

TEST_F(CountJourney, APlainDriveIsNotAskedForNamespaces) {
  world.must("sim create a --vfs-total 0 --no-migration");
  EXPECT_THAT(sent_by("list sim:a"), ElementsAre(Pair("cns 0x01", 1)));
}

TEST_F(CountJourney, ADeviceIsNotAskedForWhatItDoesNotHave) {
  world.must("sim create a --vfs-total 2 --no-migration --no-namespace-management");
  world.must("provision sim:a --vfs 2");
  EXPECT_THAT(sent_by("list sim:a"), ElementsAre(Pair("cns 0x01", 1), Pair("cns 0x13", 1),
                                                 Pair("cns 0x14", 1), Pair("cns 0x15", 1)));
}

TEST_F(CountJourney, ManyFunctionsAreRecordedInAsManyWritesAsOne) {
  world.must("sim create a --vfs-total 6");
  world.must("provision sim:a --vfs 6");
  world.must("bind sim:a vf1,vf2");
  EXPECT_EQ(synced_by("bind sim:a vf3"), synced_by("bind sim:a vf4,vf5,vf6"));
  EXPECT_EQ(synced_by("unbind sim:a vf1"), synced_by("unbind sim:a vf2,vf3,vf4"));
}

TEST_F(CountJourney, AMigrationIdentifiesEachControllingFunctionOnce) {
  prepare("a");
  prepare("b", " --empty");
  EXPECT_EQ(identified_by("export sim:a vf2 -f $W/s.nvmstate"), 1);
  EXPECT_EQ(identified_by("transfer sim:a vf1 sim:b vf1"), 2);
  world.must("sim destroy a");  // else it is asked whether the source runs
  EXPECT_EQ(identified_by("import sim:b vf2 -f $W/s.nvmstate"), 1);
}

}  // namespace
}  // namespace nvmigrate::test
