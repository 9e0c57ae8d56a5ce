// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"
#include "tests/support/run_binary.h"
#include "tests/support/run_tool.h"

namespace nvmigrate::test {
namespace {

using Document = nlohmann::json;
using testing::HasSubstr;

/// The tool in this process, on the subsystems of a lab.
class SimCommands : public testing::Test {
 protected:
  Answer run(const std::string& line) {
    return run_here(words_of(line),
                    {.io = lab_.io(), .folders = lab_.folders(), .input = -1, .output = -1});
  }
  void must(const std::string& line) { EXPECT_EQ(run(line).status, ExitStatus::ok) << line; }
  Document json(const std::string& line, ExitStatus status = ExitStatus::ok) {
    const auto ran = run(line + " -o json");
    EXPECT_EQ(ran.status, status) << ran.err;
    return ran.json();
  }
  void refuse(const std::string& line, int status, const std::string& object) {
    const auto ran = run(line);
    EXPECT_EQ(static_cast<int>(ran.status), status) << line;
    EXPECT_THAT(ran.err, HasSubstr(object));
    EXPECT_EQ(ran.out, "");
  }
  void provision(const std::string& device) {
    Bench bench(lab_, device);
    bench.provision(2);
  }

  Lab lab_;
};

TEST_F(SimCommands, CreateMakesWhatIsAskedFor) {
  const std::string vendor = "00112233-4455-6677-8899-aabbccddeeff";
  const auto made = json(
      "sim create a --vfs-total 3 --controlling 2 --others 1 --secondaries 1 --vq 40 --vi 20"
      " --vq-max 9 --vi-max 7 --grain 2 --state-size 1M --vendor --vendor-uuid " +
      vendor +
      " --versions 0,2 --mdts 64K --renumber-formats --no-iommu --shared-group --variant-driver"
      " special --reset-ms 1 --model M --firmware F --nqn nqn.mine --seed 5");
  EXPECT_EQ(made["device"], "sim:a");
  EXPECT_EQ(made["changed"], true);
  EXPECT_EQ(made["subsystem_nqn"], "nqn.mine");
  const auto shown = json("sim show a");
  EXPECT_EQ(shown["functions"].size(), 2U + 2U * 3U + 1U + 1U);
  EXPECT_EQ(shown["formats"]["versions"], (std::vector<int>{0, 2}));
  EXPECT_EQ(shown["formats"]["vendors"][0], vendor);
  EXPECT_EQ(shown["formats"]["state_size"], 1U << 20U);
  EXPECT_EQ(shown["max_transfer"], 64U << 10U);
  EXPECT_EQ(shown["model"], "M");
  EXPECT_EQ(shown["firmware"], "F");
  EXPECT_EQ(shown["seed"], 5);
  EXPECT_FALSE(lab_.open("sim:a")->pci().has_iommu());
  EXPECT_TRUE(lab_.open("sim:a")->pci().has_driver("special"));
}

TEST_F(SimCommands, CreateRefusesWhatCannotBe) {
  refuse("sim create a --vendor-uuid x", 2, "'x'");
  refuse("sim create a --versions 0,x", 2, "'0,x'");
  refuse("sim create a --standard-only --vendor", 2, "standard-only");
  refuse("sim create a --personality emulator --vendor", 2, "emulator");
  refuse("sim create a --personality other", 2, "spec");
  refuse("sim create a --state-size 6", 2, "4");
  refuse("sim create a/1", 2, "'a/1'");
  refuse("sim create .", 2, "'.'");
  EXPECT_TRUE(json("sim list")["subsystems"].empty());
}

TEST_F(SimCommands, CreateRefusesASecond) {
  must("sim create a");
  refuse("sim create a", 4, "sim destroy a");
  refuse("sim create a --dry-run", 4, "sim destroy a");
}

TEST_F(SimCommands, ServeLooksAtItsArgumentsFirst) {
  refuse("sim serve a --dev nvme9", 3, "sim create a");
  lab_.create("a");
  refuse("sim serve a --dev sda", 2, "'sda'");
  refuse("sim serve a", 2, "--dev");
  refuse("sim serve a/7 --dev nvme9", 3, "controlling function 7");
}

TEST_F(SimCommands, ADryRunDoesNothing) {
  const auto planned = run("sim create a --dry-run");
  EXPECT_EQ(planned.status, ExitStatus::ok);
  EXPECT_TRUE(sim::names(lab_.folders()).empty());
  lab_.create("a");
  provision("sim:a");
  EXPECT_EQ(json("sim change a --model X --dry-run")["changed"], true);
  EXPECT_EQ(json("sim change a --model X --dry-run")["dry_run"], true);
  EXPECT_EQ(json("sim guest start sim:a vf1 --dry-run")["changed"], true);
  EXPECT_EQ(json("sim guest stop sim:a vf1 --dry-run")["changed"], false);
  EXPECT_EQ(json("sim destroy a --dry-run")["changed"], true);
  EXPECT_EQ(json("sim guest status sim:a vf1")["state"], "none");
  EXPECT_NE(json("sim show a")["model"], "X");
}

TEST_F(SimCommands, ListCountsAndNamesTheDamaged) {
  EXPECT_TRUE(json("sim list")["subsystems"].empty());
  lab_.create("a");
  provision("sim:a");
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  put(lab_.file("broken"), "{");
  const auto list = json("sim list")["subsystems"];
  EXPECT_EQ(list[0]["device"], "sim:a");
  EXPECT_EQ(list[0]["online"], 2);
  EXPECT_EQ(list[0]["guests"], 1);
  EXPECT_THAT(list[1]["damaged"].get<std::string>(), HasSubstr(lab_.file("broken")));
  EXPECT_THAT(run("sim list").err, HasSubstr("sim destroy broken"));
  std::filesystem::create_directory(lab_.file("folder"));
  EXPECT_THAT(run("sim list").err, HasSubstr(lab_.file("folder")));
}

TEST_F(SimCommands, ChangeUsesNamespacesOnTheHost) {
  lab_.create("a", {.others = 1});
  const std::string address = "0000:02:00.0";
  EXPECT_EQ(json("sim change a --mount 9 /srv")["changed"], true);
  EXPECT_EQ(json("sim change a --mount 9 /srv")["changed"], false);
  must("sim change a --hold 9 dm-0");
  must("sim change a --swap 9 --partition 9");
  const auto uses = lab_.open("sim:a")->pci().host_uses(address);
  ASSERT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses[0].object, "/dev/nvme1n1");
  EXPECT_THAT(uses[0].how, HasSubstr("/srv"));
  EXPECT_THAT(uses[1].how, HasSubstr("dm-0"));
  EXPECT_EQ(json("sim show a")["functions"][9]["uses"].size(), 4U);
  must("sim change a --release 9");
  EXPECT_TRUE(lab_.open("sim:a")->pci().host_uses(address).empty());
}

TEST_F(SimCommands, ChangeResetsFunctions) {
  lab_.create("a");
  provision("sim:a");
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  must("sim change a --reset vf1");
  EXPECT_EQ(json("sim guest status sim:a vf1")["state"], "none");
  must("sim change a --reset 0");
  EXPECT_EQ(json("sim show a")["functions"][1]["online"], false);
}

TEST_F(SimCommands, ChangeMakesItAnotherModel) {
  lab_.create("a");
  must("sim change sim:a --model Other --firmware 9");
  EXPECT_EQ(json("sim show a")["model"], "Other");
  EXPECT_EQ(json("sim show a")["firmware"], "9");
  refuse("sim change a --firmware 123456789", 2, "firmware");
}

TEST_F(SimCommands, ChangeRefusesWhatItDoesNotUnderstand) {
  lab_.create("a");
  refuse("sim change a", 2, "sim change");
  refuse("sim change a --mount vf1", 2, "--mount vf1 /srv");
  refuse("sim change a --hold vf1", 2, "--hold vf1 dm-0");
  refuse("sim change a --mount 0 --hold 0 x", 2, "--hold");
  refuse("sim change a --model X surplus", 2, "surplus");
  refuse("sim change a --mount vf1 /srv", 4, "sim:a");
  refuse("sim change a --reset 77", 3, "77");
  refuse("sim change nowhere --model X", 3, "sim create nowhere");
}

TEST_F(SimCommands, DestroyRemovesAlsoTheDamaged) {
  lab_.create("a");
  put(lab_.file("a"), "");
  must("sim destroy a");
  refuse("sim destroy a", 3, " a");
  refuse("sim destroy a --dry-run", 3, " a");
}

TEST_F(SimCommands, DestroyAndPowerCycleTakeSeveral) {
  for (const std::string name : {"a", "b", "c"})
    lab_.create(name);
  provision("sim:a");
  const auto cycled = json("sim power-cycle a sim:b --dry-run");
  EXPECT_EQ(cycled["dry_run"], true);
  EXPECT_FALSE(cycled.contains("device"));
  EXPECT_EQ(cycled["subsystems"][0]["changed"], true);
  EXPECT_EQ(cycled["subsystems"][1]["device"], "sim:b");
  EXPECT_EQ(json("sim power-cycle a")["device"], "sim:a");
  const auto some = run("sim destroy a nowhere sim:a c");
  EXPECT_EQ(some.status, ExitStatus::partial);
  EXPECT_THAT(some.out, AllOf(HasSubstr("sim:a: removed\n"), HasSubstr("sim:nowhere: failed\n"),
                              HasSubstr("sim:c: removed\n")));
  EXPECT_THAT(some.err, HasSubstr("1 of 3 subsystems failed"));
  EXPECT_EQ(json("sim list")["subsystems"].size(), 1U);
}

TEST_F(SimCommands, GuestsStartAndStop) {
  lab_.create("a");
  provision("sim:a");
  const auto started = json("sim guest start sim:a vf1 --queues 3");
  EXPECT_EQ(started["controller_id"], 1);
  const auto status = json("sim guest status sim:a vf1");
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["submission_queues"].size(), 3U);
  EXPECT_EQ(status["completion_queues"].size(), 3U);
  EXPECT_THAT(run("sim guest status sim:a vf1").out, HasSubstr("simulated"));
  EXPECT_NE(json("sim guest status sim:a vf1")["progress"], status["progress"]);
  refuse("sim guest start sim:a vf1", 4, "sim:a");
  refuse("sim guest start sim:a vf2 --empty --queues 2", 2, "--empty");
  refuse("sim guest start sim:a vf2 --queues 4", 2, "3");
  EXPECT_EQ(json("sim guest stop sim:a vf1")["changed"], true);
  EXPECT_EQ(json("sim guest stop sim:a vf1")["changed"], false);
  EXPECT_EQ(json("sim guest start sim:a vf1 --empty")["changed"], true);
  EXPECT_TRUE(json("sim guest status sim:a vf1")["submission_queues"].empty());
}

TEST_F(SimCommands, StatusProvesThatAGuestContinues) {
  for (const std::string name : {"a", "b"}) {
    lab_.create(name);
    provision("sim:" + name);
  }
  must("sim guest start sim:a vf1");
  must("sim guest start sim:b vf1 --empty");
  const std::string prove = "sim guest status sim:b vf1 --continues-from sim:a vf1";
  const auto before = json(prove, ExitStatus::partial);
  EXPECT_EQ(before["continues"], false);
  Bench source(lab_, "sim:a"), destination(lab_, "sim:b");
  source.suspend(1);
  destination.suspend(1);
  ASSERT_EQ(destination.set(1, source.image(1)), 0);
  ASSERT_EQ(destination.resume(1), 0);
  const auto after = json(prove);
  EXPECT_EQ(after["continues"], true);
  EXPECT_TRUE(after["differences"].empty());
  EXPECT_THAT(run(prove).out, testing::AllOf(HasSubstr("sim:b"), HasSubstr("sim:a")));
  refuse("sim guest status sim:b vf1 --continues-from sim:a", 2, "--continues-from");
}

}  // namespace
}  // namespace nvmigrate::test
