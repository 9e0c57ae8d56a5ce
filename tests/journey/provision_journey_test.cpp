// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Two controlling functions of one subsystem: the first has two VFs, one of them marked, and a
/// provision through the second was begun, failed, and could not be put back.
class ProvisionJourneyOfTwo : public testing::Test {
 protected:
  ProvisionJourneyOfTwo() {
    world.must("sim create two --controlling 2 --vfs-total 3");
    world.must("provision sim:two --vfs 2");
    world.must("mark sim:two vf1");
    break_from("reset");
    EXPECT_EQ(world.run("provision sim:two/1 --vfs 2").status, ExitStatus::io);
    world.watcher().set({});
    before = of("sim:two");
  }

  /// The device answers nothing more from the first such call on.
  void break_from(const std::string& name) {
    world.watcher().set([name, broken = false](const SeamCall& call) mutable {
      broken = broken || call.name == name;
      const bool fails = broken && call.seam != SeamCall::Seam::file;
      return fails ? Verdict{.error = EIO} : Verdict{};
    });
  }
  /// The finding with this code; null if there is no such finding.
  static json of_code(const json& findings, const std::string& code) {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const json& one) { return one["code"] == code; });
    return found == findings.end() ? json() : *found;
  }
  json of(const std::string& device) { return world.read("list " + device)["devices"][0]; }
  /// But for what is found out about the other one.
  void expect_first_untouched() {
    auto now = of("sim:two");
    now["findings"] = before["findings"];
    EXPECT_EQ(now, before);
  }
  void expect_second_unfinished() {
    const auto second = of("sim:two/1");
    ASSERT_EQ(second["intents"].size(), 1U) << second;
    EXPECT_EQ(second["intents"][0]["kind"], "provisioning");
    EXPECT_EQ(second["intents"][0]["controller_id"], 1);
    EXPECT_EQ(second["findings"][0]["code"], "provisioning");
    EXPECT_EQ(second["findings"][0]["commands"], repair_of_second);
  }

  const json repair_of_second = {{"nvmigrate", "doctor", "sim:two/1", "--repair"}};
  World world;
  json before;
};

TEST_F(ProvisionJourneyOfTwo, WhatIsUnfinishedIsOfTheOneThatBeganIt) {
  EXPECT_TRUE(before["intents"].empty()) << before;
  for (const auto& function : before["functions"])
    EXPECT_TRUE(function["intents"].empty()) << function;
  expect_second_unfinished();
}

TEST_F(ProvisionJourneyOfTwo, TheOtherOneIsNotRepairedButNamesIt) {
  const auto doctor = world.read("doctor sim:two --repair");
  EXPECT_TRUE(doctor["repairs"].empty()) << doctor;
  EXPECT_EQ(doctor["problems"], 0);
  const auto other = of_code(doctor["findings"], "other_provisioning");
  EXPECT_THAT(other["message"].dump(), HasSubstr("sim:two/1"));
  EXPECT_EQ(other["commands"], repair_of_second);
  expect_first_untouched();
  expect_second_unfinished();
}

TEST_F(ProvisionJourneyOfTwo, AProvisionOfTheOtherOneFinishesAndStrikesNothing) {
  const auto again = world.read("provision sim:two --vfs 2");
  EXPECT_FALSE(again["changed"]);
  EXPECT_TRUE(again["finishes"].is_null());
  EXPECT_EQ(world.run("provision sim:two --vfs 3").status, ExitStatus::refused)
      << "without --recreate nothing is destroyed";
  expect_first_untouched();
  world.must("deprovision sim:two");
  world.must("provision sim:two --vfs 1");
  expect_second_unfinished();
}

TEST_F(ProvisionJourneyOfTwo, NeitherIsPreparedAsAFunctionOfTheOther) {
  for (const std::string line : {"mark sim:two 1", "bind sim:two 1", "mark sim:two/1 0"})
    EXPECT_EQ(world.run(line).status, ExitStatus::refused) << line;
  world.must("mark sim:two all");
  world.must("bind sim:two all");
  const auto after = of("sim:two");
  EXPECT_EQ(after["functions"][0], before["functions"][0]);
  EXPECT_EQ(after["functions"][0]["controls"], true);
  EXPECT_EQ(after["functions"][1]["marked"], true);
  EXPECT_EQ(after["functions"][1]["controls"], false);
}

TEST_F(ProvisionJourneyOfTwo, ItsOwnRepairFinishesIt) {
  EXPECT_TRUE(world.read("doctor sim:two/1 --repair")["changed"]);
  const auto second = of("sim:two/1");
  EXPECT_TRUE(second["intents"].empty());
  EXPECT_EQ(second["vfs"]["enabled"], 2);
  for (const std::string id : {"vf1", "vf2"})
    EXPECT_EQ(world.read("show sim:two/1 " + id)["function"]["online"], true);
  expect_first_untouched();
  EXPECT_TRUE(of_code(world.read("doctor sim:two")["findings"], "other_provisioning").is_null());
}

TEST(ProvisionJourneyOfGrains, AFailedRecreationPutsMarksAndBindingsBack) {
  World world;
  world.must("sim create g --grain 4 --vfs-total 4 --round-down");
  world.must("provision sim:g --vfs 2 --vq 4 --vi 4");
  world.must("mark sim:g all");
  world.must("bind sim:g vf1,vf2");
  const auto before = world.read("list sim:g")["devices"][0];
  const auto answer = world.run("provision sim:g --vfs 3 --vq 6 --recreate");
  EXPECT_EQ(answer.status, ExitStatus::device) << answer.err;
  EXPECT_EQ(world.read("list sim:g")["devices"][0], before);
}

}  // namespace
}  // namespace nvmigrate::test
