// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/cli/profiles.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class InterruptedProfiles : public Profiles {
 protected:
  /// sim:a is as its profile says, but for VF 2; the journal says that a run ended early.
  InterruptedProfiles() {
    must("sim create a --vfs-total 2");
    const auto file =
        write("p.json", {entry("a", R"(, "vfs": 2, "defaults": {"driver": "auto"})")});
    must("apply " + file);
    must("unbind sim:a vf2");
    std::ifstream text(file);
    record({{"profile", Json::parse(text).dump()}});
  }

  /// Has the journal say that an apply with these details ended early.
  void record(Json details) {
    details["device"] = "sim:a";
    auto journal =
        Json{{"schema", "nvmigrate.journal/2"}, {"ledger", Json::array()}, {"lost", Json()}};
    const auto shown = json_of("show sim:a");
    journal["subsystems"] = {{{"subsystem", shown["subsystem_nqn"]},
                              {"serial", shown["serial"]},
                              {"intents",
                               {{{"kind", "applying"},
                                 {"controller", 0},
                                 {"command", "apply"},
                                 {"pid", 1},
                                 {"time", "2026-01-01T12:00:00Z"},
                                 {"details", details}}}}}};
    std::ofstream(tool.folder().path() + "/run/journal.json") << journal;
  }
  static std::string profile_of(const std::string& more) {
    return R"({"schema": "nvmigrate.profile/1", "subsystems": [)" + entry("a", more) + "]}";
  }
  /// The account of sim:a, which has nothing but this record.
  Json finding() { return json_of("list sim:a")["devices"][0]["findings"][0]; }
  Json intents() { return json_of("list sim:a")["devices"][0]["intents"]; }
};

TEST_F(InterruptedProfiles, AreFinishedByTheRepair) {
  const auto examined = json_of("doctor sim:a", ExitStatus::partial);
  EXPECT_THAT(examined["findings"].dump(), HasSubstr("applying"));
  const auto repaired = json_of("doctor sim:a --repair");
  EXPECT_EQ(repaired["repairs"][0]["action"], "finish_apply");
  EXPECT_EQ(functions_of("sim:a")[1]["driver"], "vfio-pci");
  EXPECT_THAT(intents(), IsEmpty());
}

TEST_F(InterruptedProfiles, AreAnErrorWhenTheJournalDoesNotSayWhichOne) {
  const auto path = tool.folder().path() + "/run/journal.json";
  std::ifstream before(path);
  auto journal = Json::parse(before);
  journal["subsystems"][0]["intents"][0]["details"]["profile"] =
      Json{{"schema", "nvmigrate.profile/1"}, {"subsystems", Json::array()}}.dump();
  std::ofstream(path) << journal;
  const auto repaired = json_of("doctor sim:a --repair", ExitStatus::partial);
  EXPECT_THAT(repaired["repairs"].dump(), HasSubstr("not of one controlling function"));
  EXPECT_EQ(intents().size(), 1U);
}

TEST_F(InterruptedProfiles, AreFinishedWithWhatTheyWereAllowed) {
  must("unbind sim:a all");
  record({{"profile", profile_of(R"(, "vfs": 1)")}, {"file", ""}, {"recreate", "1"}});
  must("doctor sim:a --repair");
  EXPECT_EQ(json_of("list sim:a")["devices"][0]["vfs"]["enabled"], 1);
  record({{"profile", profile_of(R"(, "functions": {"vf1": {"driver": "auto"}})")},
          {"allowed", "shared_group uses_unknown"}});
  must("doctor sim:a --repair");
  EXPECT_EQ(functions_of("sim:a")[0]["driver"], "vfio-pci");
}

TEST_F(InterruptedProfiles, ShowWhatHelpsWhereARepairWouldBeRefused) {
  must("unbind sim:a all");
  const auto profile = profile_of(R"(, "vfs": 1)");
  const auto file = write("q.json", {entry("a", R"(, "vfs": 1)")});
  // A former version did not record the file.
  record({{"profile", profile}});
  EXPECT_EQ(finding()["commands"],
            Json::array({{"nvmigrate", "provision", "sim:a", "--vfs", "2"}}));
  json_of("doctor sim:a --repair", ExitStatus::partial);
  must("provision sim:a --vfs 2");
  EXPECT_THAT(intents(), IsEmpty());
  record({{"profile", profile}, {"file", file}});
  EXPECT_EQ(finding()["commands"],
            Json::array({{"nvmigrate", "apply", file, "--device", "sim:a", "--recreate"}}));
  EXPECT_THAT(finding()["advice"].get<std::string>(), HasSubstr("changing that to 1 destroys"));
  must("apply " + file + " --device sim:a --recreate");
  EXPECT_THAT(intents(), IsEmpty());
}

TEST_F(InterruptedProfiles, AreDroppedInPlainWordsWhenNothingElseDiffers) {
  record({{"profile", profile_of(R"(, "vfs": 2)")}});
  const auto file = write("q.json", {entry("a", R"(, "vfs": 2)")});
  const auto planned = json_of("plan " + file, ExitStatus::partial)["subsystems"][0];
  EXPECT_EQ(planned["finishes"]["kind"], "applying");
  const auto plan = tool.run("plan " + file), applied = tool.run("apply " + file);
  for (const auto& text : {plan.output, applied.output})
    EXPECT_THAT(text, AllOf(HasSubstr("nothing to do but to drop the record of 'apply' (pid 1)"),
                            Not(HasSubstr("change"))));
  EXPECT_EQ(json_of("apply " + file)["changed"], false);
}

TEST_F(InterruptedProfiles, AreFinishedWhereTheyWereProvisionedInPart) {
  must("unbind sim:a all");
  must("deprovision sim:a");
  record({{"profile", profile_of(R"(, "vfs": 2, "defaults": {"marked": true})")}});
  const auto path = tool.folder().path() + "/run/journal.json";
  std::ifstream before(path);
  auto journal = Json::parse(before);
  auto provisioning = journal["subsystems"][0]["intents"][0];
  provisioning["kind"] = "provisioning";
  provisioning["details"] = {{"device", "sim:a"},
                             {"was_vfs", "0"},
                             {"wanted_vfs", "2"},
                             {"autoprobe", "1"},
                             {"rebuild", "0"}};
  journal["subsystems"][0]["intents"].push_back(provisioning);
  std::ofstream(path) << journal;
  const auto repaired = json_of("doctor sim:a --repair")["repairs"];
  EXPECT_EQ(repaired.back()["action"], "finish_apply") << repaired;
  EXPECT_EQ(functions_of("sim:a")[1]["marked"], true);
}

TEST_F(InterruptedProfiles, AreGivenUpByWhoProvisionsOtherwise) {
  must("unbind sim:a all");
  must("deprovision sim:a");
  EXPECT_THAT(intents(), IsEmpty());
  EXPECT_THAT(json_of("doctor sim:a --repair")["repairs"], IsEmpty());
  EXPECT_EQ(json_of("list sim:a")["devices"][0]["vfs"]["enabled"], 0);
}

}  // namespace
}  // namespace nvmigrate::test
