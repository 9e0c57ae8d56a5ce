// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "nvmigrate/state/state.h"
#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;

const std::string first = "sim:a";
const std::string second_controller = "sim:b/1";

void prepare(World& world, const std::string& device, const std::string& id,
             const std::string& guest) {
  if (id.starts_with("vf")) world.must("provision " + device + " --vfs 2");
  world.must("bind " + device + " " + id);
  world.must("mark " + device + " " + id);
  world.must("sim guest start " + device + " " + id + guest);
}

// Two hosts, a guest on the first, and a function prepared on the second as a VMM leaves
// it. The second is controlled by another controller id, which numbers the state formats
// backwards; the emulator has but one number.
void two_hosts(World& world, const std::string& options, const std::string& id = "vf1",
               const std::string& id_there = "vf1") {
  world.must("sim create a " + options);
  const bool numbers = options.find("emulator") == std::string::npos;
  world.must("sim create b --controlling 2 " + options + (numbers ? " --renumber-formats" : ""));
  prepare(world, first, id, "");
  prepare(world, second_controller, id_there, " --empty");
}

Answer proof_of(World& world, const std::string& id = "vf1", const std::string& id_there = "vf1") {
  return world.run("sim guest status sim:b/1 " + id_there + " --continues-from sim:a " + id +
                   " -o json");
}

void expect_continued(World& world, const std::string& id = "vf1",
                      const std::string& id_there = "vf1") {
  const auto proof = proof_of(world, id, id_there);
  EXPECT_EQ(proof.status, ExitStatus::ok) << proof.out << proof.err;
}

struct Shape {
  std::string name, options;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class PathJourney : public testing::TestWithParam<Shape> {};

TEST_P(PathJourney, TheGuestContinuesThroughAFile) {
  World world;
  two_hosts(world, GetParam().options);
  auto taken = world.read("export sim:a vf1 -f $W/s.nvmstate");
  EXPECT_EQ(taken["schema"], "nvmigrate.export/1");
  world.must("verify $W/s.nvmstate");
  world.must("import sim:b/1 vf1 -f $W/s.nvmstate --check-only");
  world.must("import sim:b/1 vf1 -f $W/s.nvmstate");
  world.must("resume sim:b/1 vf1");
  expect_continued(world);
}

TEST_P(PathJourney, TheGuestContinuesThroughAPipe) {
  World world;
  two_hosts(world, GetParam().options);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Answer taken;
  std::thread source([&] {
    taken = world.run_with("export sim:a vf1 -f -", -1, ends[1]);
    ::close(ends[1]);
  });
  const auto given = world.run_with("import sim:b/1 vf1 -f - --resume -q", ends[0], -1);
  ::close(ends[0]);
  source.join();
  EXPECT_EQ(taken.status, ExitStatus::ok) << taken.err;
  EXPECT_EQ(given.status, ExitStatus::ok) << given.err;
  expect_continued(world);
}

TEST_P(PathJourney, TheGuestContinuesAfterATransfer) {
  World world;
  two_hosts(world, GetParam().options);
  auto moved = world.read("transfer sim:a vf1 sim:b/1 vf1");
  EXPECT_TRUE(moved.contains("blackout_us")) << moved;
  expect_continued(world);
}

const std::array shapes{
    Shape{"SpecWithVendor", "--vendor --state-size 300004"},
    Shape{"SpecStandardOnly", "--state-size 152"},
    Shape{"OneChunk", "--vendor --state-size 262144"},
    Shape{"OneChunkAndADword", "--vendor --state-size 262148"},
    Shape{"OneChunkLessADword", "--vendor --state-size 262140"},
    Shape{"SixtyFourMebibytes", "--vendor --state-size 64M"},
    Shape{"SmallChunks", "--vendor --state-size 40000 --mdts 8K"},
    Shape{"Emulator", "--personality emulator --state-size 152"},
};

INSTANTIATE_TEST_SUITE_P(Shapes, PathJourney, testing::ValuesIn(shapes),
                         [](const auto& about) { return about.param.name; });

TEST(PathJourneyOfOthers, AFunctionThatIsNotAVfMoves) {
  World world;
  two_hosts(world, "--others 1", "0000:02:00.0", "0000:03:00.0");
  world.must("transfer sim:a 0000:02:00.0 sim:b/1 0000:03:00.0");
  expect_continued(world, "0000:02:00.0", "0000:03:00.0");
}

// What the guest of sim:b/1 takes over is what that of sim:a had.
TEST(PathJourneyOfOthers, TheStateOfAnExportedSubsystemMoves) {
  for (const std::string way : {"file", "transfer"}) {
    World world;
    two_hosts(world, "--exported-subsystem");
    world.must("suspend sim:a vf1");
    const auto record = [&](const std::string& device, const std::string& file) {
      world.must("export " + device + " vf1 --standard-only --allow away -f $W/" + file);
      const auto stored = StoredState::open(*world.workspace("test").io, world.path(file));
      return stored.subsystem_state();
    };
    const auto wanted = record("sim:a", "wanted");
    EXPECT_EQ(wanted.size(), 320U);
    world.must("resume sim:a vf1 --allow exported");
    if (way == "file") {
      world.must("export sim:a vf1 -f $W/s.nvmstate");
      world.must("import sim:b/1 vf1 -f $W/s.nvmstate --resume");
    } else {
      world.must("transfer sim:a vf1 sim:b/1 vf1");
    }
    expect_continued(world);
    EXPECT_EQ(record("sim:b/1", "found"), wanted) << way;
  }
}

TEST(PathJourneyOfOthers, ABareHeaderMoves) {
  World world;
  two_hosts(world, "--state-size 48");
  const auto taken = world.read("export sim:a vf1 -f $W/s.nvmstate");
  EXPECT_EQ(taken["functions"][0]["bytes"], 48) << taken;
  const auto given = world.read("import sim:b/1 vf1 -f $W/s.nvmstate --resume");
  EXPECT_EQ(given["bytes"], 48) << given;
  EXPECT_EQ(given["resumed"], true) << given;
  const auto functions = world.read("list sim:b/1")["devices"][0]["functions"];
  const auto taker = std::find_if(functions.begin(), functions.end(),
                                  [](const auto& one) { return one["virtual_function"] == 1; });
  ASSERT_NE(taker, functions.end());
  EXPECT_EQ((*taker)["status"], "running") << *taker;
  EXPECT_TRUE((*taker)["intents"].empty()) << *taker;
}

TEST(PathJourneyOfOthers, TheTwoHostsNumberTheSameFormatsDifferently) {
  World world;
  two_hosts(world, "--vendor --state-size 300004");
  const auto number = [&](const std::string& device, const char* kind, const json& format) {
    const auto formats = world.read("show " + device)["migration"]["state_formats"][kind];
    return std::find(formats.begin(), formats.end(), format) - formats.begin();
  };
  const auto moved = world.read("transfer sim:a vf1 sim:b/1 vf1")["formats"];
  EXPECT_NE(number(first, "versions", moved["version"]),
            number(second_controller, "versions", moved["version"]));
  EXPECT_NE(number(first, "vendors", moved["vendor"]),
            number(second_controller, "vendors", moved["vendor"]));
}

TEST(PathJourneyOfOthers, WhatAStandardStateDoesNotCarryIsMissing) {
  World world;
  two_hosts(world, "--vendor --state-size 300004");
  auto moved = world.read("transfer sim:a vf1 sim:b/1 vf1 --standard-only");
  EXPECT_EQ(moved["bytes"], 152) << moved;
  const auto proof = proof_of(world);
  EXPECT_EQ(proof.status, ExitStatus::partial);
  EXPECT_EQ(proof.json()["differences"].size(), 1U) << proof.out;
}

}  // namespace
}  // namespace nvmigrate::test
