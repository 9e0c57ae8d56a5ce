// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>

#include <sstream>

#include "cli/command.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using cli::Json;
using testing::HasSubstr;

/// The tool in this process, on the subsystems of a lab.
class SimCommands : public testing::Test {
 protected:
  struct Ran {
    int status = 0;
    std::string output, error;
    [[nodiscard]] Json json() const { return Json::parse(output); }
  };

  Ran run(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;)
      words.push_back(word);
    const auto output = opened("output"), error = opened("error");
    cli::Environment environment{
        .io = lab_.io(), .folders = lab_.folders(), .output = output.fd(), .error = error.fd()};
    const auto status = static_cast<int>(cli::run(words, environment));
    return {status, contents(folder_ / "output"), contents(folder_ / "error")};
  }
  Json json(const std::string& line, int status = 0) {
    const auto ran = run(line + " -o json");
    EXPECT_EQ(ran.status, status) << ran.error;
    return ran.json();
  }
  void refuse(const std::string& line, int status, const std::string& words) {
    const auto ran = run(line);
    EXPECT_EQ(ran.status, status) << line;
    EXPECT_THAT(ran.error, HasSubstr(words));
    EXPECT_EQ(ran.output, "");
  }
  void provision(const std::string& device) {
    Bench bench(lab_, device);
    bench.provision(2);
  }

  Lab lab_;

 private:
  OpenFile opened(const std::string& name) {
    return OpenFile::open(lab_.io(), folder_ / name, O_WRONLY | O_CREAT | O_TRUNC);
  }
  TemporaryFolder folder_;
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
  refuse("sim create a --vendor-uuid x", 2, "no UUID");
  refuse("sim create a --versions 0,x", 2, "no list of versions");
  refuse("sim create a --standard-only --vendor", 2, "standard-only");
  refuse("sim create a --personality emulator --vendor", 2, "emulator");
  refuse("sim create a --personality other", 2, "spec");
  refuse("sim create a --state-size 6", 2, "multiple of 4");
  refuse("sim create a/1", 2, "whole subsystem");
  refuse("sim create .", 2, "no name");
  EXPECT_TRUE(json("sim list")["subsystems"].empty());
}

TEST_F(SimCommands, CreateRefusesASecond) {
  ASSERT_EQ(run("sim create a").status, 0);
  refuse("sim create a", 4, "sim destroy a");
  refuse("sim create a --dry-run", 4, "sim destroy a");
}

TEST_F(SimCommands, ADryRunDoesNothing) {
  const auto planned = run("sim create a --dry-run");
  EXPECT_EQ(planned.status, 0);
  EXPECT_THAT(planned.output, HasSubstr("would be created: 8 VFs"));
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
  EXPECT_THAT(run("sim list").output, HasSubstr("no simulated subsystems"));
  lab_.create("a");
  provision("sim:a");
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  put(lab_.file("broken"), "{");
  const auto list = json("sim list")["subsystems"];
  EXPECT_EQ(list[0]["device"], "sim:a");
  EXPECT_EQ(list[0]["online"], 2);
  EXPECT_EQ(list[0]["guests"], 1);
  EXPECT_THAT(list[1]["damaged"].get<std::string>(), HasSubstr(lab_.file("broken")));
  EXPECT_THAT(run("sim list").error, HasSubstr("sim destroy broken"));
  std::filesystem::create_directory(lab_.file("folder"));
  EXPECT_THAT(run("sim list").error, HasSubstr("Is a directory\n"));
}

TEST_F(SimCommands, ChangeUsesNamespacesOnTheHost) {
  lab_.create("a", {.others = 1});
  const std::string address = "0000:02:00.0";
  EXPECT_EQ(json("sim change a --mount 9 /srv")["changed"], true);
  EXPECT_EQ(json("sim change a --mount 9 /srv")["changed"], false);
  ASSERT_EQ(run("sim change a --hold 9 dm-0").status, 0);
  ASSERT_EQ(run("sim change a --swap 9 --partition 9").status, 0);
  const auto uses = lab_.open("sim:a")->pci().host_uses(address);
  ASSERT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses[0].object, "/dev/nvme1n1");
  EXPECT_EQ(uses[0].how, "mounted on /srv");
  EXPECT_EQ(uses[1].how, "held by dm-0");
  EXPECT_EQ(uses[2].how, "used as swap");
  EXPECT_EQ(uses[3].how, "partition nvme1n1p1 is open");
  EXPECT_EQ(json("sim show a")["functions"][9]["uses"].size(), 4U);
  ASSERT_EQ(run("sim change a --release 9").status, 0);
  EXPECT_TRUE(lab_.open("sim:a")->pci().host_uses(address).empty());
}

TEST_F(SimCommands, ChangeResetsFunctions) {
  lab_.create("a");
  provision("sim:a");
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  ASSERT_EQ(run("sim change a --reset vf1").status, 0);
  EXPECT_EQ(json("sim guest status sim:a vf1")["state"], "none");
  ASSERT_EQ(run("sim change a --reset 0").status, 0);
  EXPECT_EQ(json("sim show a")["functions"][1]["online"], false);
}

TEST_F(SimCommands, ChangeMakesItAnotherModel) {
  lab_.create("a");
  ASSERT_EQ(run("sim change sim:a --model Other --firmware 9").status, 0);
  EXPECT_EQ(json("sim show a")["model"], "Other");
  EXPECT_EQ(json("sim show a")["firmware"], "9");
  refuse("sim change a --firmware 123456789", 2, "8 ASCII");
}

TEST_F(SimCommands, ChangeRefusesWhatItDoesNotUnderstand) {
  lab_.create("a");
  refuse("sim change a", 2, "say what to change");
  refuse("sim change a --mount vf1", 2, "--mount vf1 /srv");
  refuse("sim change a --hold vf1", 2, "--hold vf1 dm-0");
  refuse("sim change a --mount 0 --hold 0 x", 2, "one of");
  refuse("sim change a --model X surplus", 2, "surplus");
  refuse("sim change a --mount vf1 /srv", 4, "nvme driver");
  refuse("sim change a --reset 77", 3, "77");
  refuse("sim change nowhere --model X", 3, "sim create nowhere");
}

TEST_F(SimCommands, DestroyRemovesAlsoTheDamaged) {
  lab_.create("a");
  put(lab_.file("a"), "");
  EXPECT_EQ(run("sim destroy a").status, 0);
  refuse("sim destroy a", 3, "no simulated subsystem a");
  refuse("sim destroy a --dry-run", 3, "no simulated subsystem a");
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
  EXPECT_THAT(run("sim guest status sim:a vf1").output, HasSubstr("simulated"));
  EXPECT_NE(json("sim guest status sim:a vf1")["progress"], status["progress"]);
  refuse("sim guest start sim:a vf1", 4, "has one already");
  refuse("sim guest start sim:a vf2 --empty --queues 2", 2, "--empty");
  refuse("sim guest start sim:a vf2 --queues 4", 2, "at most 3");
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
  ASSERT_EQ(run("sim guest start sim:a vf1").status, 0);
  ASSERT_EQ(run("sim guest start sim:b vf1 --empty").status, 0);
  const std::string prove = "sim guest status sim:b vf1 --continues-from sim:a vf1";
  const auto before = json(prove, 10);
  EXPECT_EQ(before["continues"], false);
  EXPECT_THAT(run(prove).output, HasSubstr("does not continue"));
  Bench source(lab_, "sim:a"), destination(lab_, "sim:b");
  source.suspend(1);
  destination.suspend(1);
  ASSERT_EQ(destination.set(1, source.image(1)), 0);
  ASSERT_EQ(destination.resume(1), 0);
  const auto after = json(prove);
  EXPECT_EQ(after["continues"], true);
  EXPECT_TRUE(after["differences"].empty());
  EXPECT_THAT(run(prove).output,
              HasSubstr("the guest of vf1 continues on sim:b exactly where it stopped on sim:a\n"));
  EXPECT_THAT(run("sim guest status sim:b 1 --continues-from sim:a vf1").output,
              HasSubstr("continues on sim:b as 1 exactly"));
  refuse("sim guest status sim:b vf1 --continues-from sim:a", 2, "needs a device and a function");
}

}  // namespace
}  // namespace nvmigrate::test
