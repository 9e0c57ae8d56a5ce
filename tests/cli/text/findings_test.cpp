// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/findings.h"

#include <gmock/gmock.h>

#include "cli/parser/command_line.h"
#include "nvmigrate/nvme/status.h"

namespace nvmigrate::cli {
namespace {

using Action = Remedy::Action;
using Words = std::vector<std::string>;
using testing::ElementsAre;

Remedy remedy_of(Action action) {
  const auto* object = action == Action::mark ? "intel" : "/srv/x";
  return {.action = action, .device = "sim:a/1", .function = 3, .object = object, .count = 2};
}

TEST(FindingsTest, EveryRemedyIsACommandThatParses) {
  for (int action = 0; action <= static_cast<int>(Action::list_simulations); ++action) {
    auto remedy = remedy_of(static_cast<Action>(action));
    const bool attaches = remedy.action == Action::provision || remedy.action == Action::recreate;
    if (attaches) remedy.object = "1,2";
    auto command = command_of(remedy);
    ASSERT_FALSE(command.empty()) << action;
    if (command.front() != "nvmigrate") continue;
    command.erase(command.begin());
    CommandLine line;
    EXPECT_EQ(line.parse(command), Asked::command) << line_of(command);
  }
}

TEST(FindingsTest, FunctionsThatAreMarkedAlikeAreMarkedByOneCommand) {
  std::vector<Remedy> remedies(3, remedy_of(Action::mark));
  remedies[1].function = 4;
  remedies[2].object = "nvme";
  EXPECT_EQ(commands_json(remedies),
            Json::parse(R"([["nvmigrate", "mark", "sim:a/1", "3,4", "--backend", "intel"],
                            ["nvmigrate", "mark", "sim:a/1", "3", "--backend", "nvme"]])"));
  remedies = std::vector<Remedy>(2, remedy_of(Action::resume));
  remedies[1].function = 4;
  EXPECT_EQ(commands_json(remedies).size(), 2U) << "each may fail for itself";
}

TEST(FindingsTest, ARemedyNamesDeviceFunctionAndObject) {
  EXPECT_THAT(command_of(remedy_of(Action::resume)),
              ElementsAre("nvmigrate", "resume", "sim:a/1", "3"));
  EXPECT_THAT(command_of(remedy_of(Action::import_state)),
              ElementsAre("nvmigrate", "import", "sim:a/1", "3", "-f", "/srv/x"));
  EXPECT_THAT(command_of(remedy_of(Action::recreate)),
              ElementsAre("nvmigrate", "provision", "sim:a/1", "--vfs", "2", "--attach", "/srv/x",
                          "--recreate"));
  auto reset = remedy_of(Action::reset);
  reset.object = "0000:01:00.1";
  EXPECT_THAT(command_of(reset),
              ElementsAre("nvmigrate", "sim", "change", "a", "--reset", "0000:01:00.1"));
  reset.device = "/dev/nvme0";
  EXPECT_THAT(command_of(reset),
              ElementsAre("sh", "-c", "echo 1 > /sys/bus/pci/devices/0000:01:00.1/reset"));
}

TEST(FindingsTest, ACommandIsOneLineForAShell) {
  EXPECT_EQ(line_of({"mkdir", "-p", "/srv/it's here", ""}), R"(mkdir -p '/srv/it'\''s here' '')");
}

TEST(FindingsTest, AnErrorCarriesTheStatusOfTheDevice) {
  NvmeError error({0x4002}, "suspend controller 3", "look");
  error.set_device("sim:a");
  const auto json = json_of(error);
  EXPECT_EQ(json["class"], "device");
  EXPECT_EQ(json["device"], "sim:a");
  EXPECT_EQ(json["advice"], "look");
  EXPECT_TRUE(json["commands"].empty() && json["findings"].empty());
  const Json status{{"sct", 0}, {"sc", 2}, {"dnr", true}, {"name", "Invalid Field in Command"}};
  EXPECT_EQ(json["nvme_status"], status);
}

TEST(FindingsTest, WhatStandsInTheTextIsWhatStops) {
  const Finding standing{.code = "model", .message = "one", .overridable = true};
  auto allowed = standing;
  allowed.allowed = true;
  const Refusal one("import", {standing, allowed});
  EXPECT_EQ(headline_of(one), one.what());
  EXPECT_THAT(details_of(one), testing::HasSubstr("--allow model"));
  const Refusal two("import", {standing, standing, allowed});
  const auto details = details_of(two);
  EXPECT_EQ(std::count(details.begin(), details.end(), '\n'), 4) << details;
  EXPECT_EQ(json_of(two)["findings"].size(), 3U);
}

TEST(FindingsTest, OneFailureIsTheEndAndSeveralArePartial) {
  const auto failure = std::make_exception_ptr(refused("no"));
  EXPECT_EQ(status_of(Failures{nullptr}), ExitStatus::ok);
  EXPECT_THROW(status_of(Failures{failure}), Error);
  EXPECT_EQ(status_of(Failures{nullptr, failure}), ExitStatus::partial);
  EXPECT_EQ(status_of(Failures{failure, std::make_exception_ptr(Interrupted("nothing"))}),
            ExitStatus::interrupted);
  EXPECT_TRUE(failure_json(nullptr).is_null());
  EXPECT_EQ(failure_json(failure)["code"], "refused");
  EXPECT_EQ(failure_json(std::make_exception_ptr(std::runtime_error("x")))["class"], "internal");
}

}  // namespace
}  // namespace nvmigrate::cli
