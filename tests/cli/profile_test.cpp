// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <fstream>

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

namespace fs = std::filesystem;

/// What profiles make of simulated subsystems.
class Profiles : public Contract {
 protected:
  static std::string entry(const std::string& name, const std::string& more) {
    return R"({"serial": "SIM-)" + name + "\"" + more + "}";
  }
  /// Writes a profile and returns its path.
  std::string write(const std::string& name, const std::vector<std::string>& entries) {
    const auto path = fs::path(tool.folder().path()) / name;
    fs::create_directories(path.parent_path());
    std::ofstream file(path);
    file << R"({"schema": "nvmigrate.profile/1", "subsystems": [)";
    for (std::size_t i = 0; i < entries.size(); ++i)
      file << (i == 0 ? "" : ", ") << entries[i];
    file << "]}";
    file.close();
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path;
  }
  Json functions_of(const std::string& device) {
    return json_of("list " + device)["devices"][0]["functions"];
  }
  std::vector<std::string> steps_of(const Json& result) {
    std::vector<std::string> steps;
    for (const auto& step : result["steps"])
      steps.push_back(step["step"]);
    return steps;
  }
  /// The entry of the one subsystem of which something was persisted; null: there is none.
  Json persisted() {
    std::vector<fs::path> files;
    const auto folder = fs::path(tool.folder().path()) / "state/profiles";
    for (const auto& entry : fs::directory_iterator(folder))
      files.push_back(entry.path());
    if (files.empty()) return Json();
    std::ifstream file(files.front());
    return Json::parse(file)["subsystems"][0];
  }
};

TEST_F(Profiles, SavedStateDiffersInNothing) {
  must("sim create a --vfs-total 4 --others 1 --namespaces 2 --detached --primary-holds");
  must("provision sim:a --vfs 3 --vq 3 --vi 2 --attach 2 --release-primary");
  must("bind sim:a vf1,vf3 --owner 4711:4712");
  must("mark sim:a vf2,vf3");
  const auto saved = tool.run("save sim:a");
  ASSERT_EQ(saved.status, 0) << saved.error;
  const auto profile = Json::parse(saved.output)["subsystems"][0];
  EXPECT_EQ(profile["vfs"], 3);
  EXPECT_EQ(profile["release_primary"], true);
  EXPECT_EQ(profile["namespaces"], Json::array({2}));
  EXPECT_EQ(profile["defaults"], Json({{"queues", 3}, {"interrupts", 2}}));
  EXPECT_EQ(profile["functions"]["vf3"],
            Json({{"marked", true}, {"driver", "vfio-pci"}, {"owner", "4711:4712"}}));
  std::ofstream(tool.folder().path() + "/saved.json") << saved.output;
  EXPECT_EQ(json_of("plan " + tool.folder().path() + "/saved.json")["changed"], false);
}

TEST_F(Profiles, OneProfileTakesABareSubsystemAllTheWay) {
  must("sim create a --vfs-total 4 --primary-holds --namespaces 2 --detached");
  const auto file =
      write("p.json", {entry("a", R"(, "vfs": 3, "release_primary": true, "namespaces": [1],
                   "defaults": {"queues": 3, "interrupts": 2, "driver": "auto", "marked": true},
                   "functions": {"vf3": {"queues": 5, "driver": "host", "marked": false}})")});
  const auto plan = json_of("plan " + file, ExitStatus::partial);
  const auto applied = json_of("apply " + file);
  EXPECT_EQ(plan["subsystems"][0]["steps"], applied["subsystems"][0]["steps"]);
  EXPECT_EQ(applied["changed"], true);
  const auto functions = functions_of("sim:a");
  EXPECT_EQ(functions[0]["queues"], 3);
  EXPECT_EQ(functions[0]["driver"], "vfio-pci");
  EXPECT_EQ(functions[0]["marked"], true);
  EXPECT_EQ(functions[0]["namespaces"], Json::array({1}));
  EXPECT_EQ(functions[2]["queues"], 5);
  EXPECT_EQ(functions[2]["driver"], Json());
  EXPECT_EQ(functions[2]["marked"], false);
  EXPECT_EQ(json_of("apply " + file)["changed"], false);
}

TEST_F(Profiles, WhatIsNotWantedIsTakenBack) {
  prepare("a", 2);
  must("bind sim:a vf1,vf2 --owner 4711:4712");
  const auto file = write("p.json", {entry("a", R"(, "functions": {
      "vf1": {"driver": "host", "marked": false}, "2": {"owner": "4713:4714"}})")});
  const auto applied = json_of("apply " + file)["subsystems"][0];
  EXPECT_THAT(steps_of(applied), ElementsAre("unmark", "unbind", "own"));
  const auto functions = functions_of("sim:a");
  EXPECT_EQ(functions[0]["driver"], Json());
  EXPECT_EQ(functions[0]["marked"], false);
  EXPECT_EQ(functions[1]["marked"], true);
  EXPECT_EQ(json_of("apply " + file)["changed"], false);
}

TEST_F(Profiles, WhatWouldDestroyIsRefusedWithEverythingElse) {
  prepare("a", 3);
  must("bind sim:a vf1");
  must("sim guest start sim:a vf1");
  prepare("b", 3);
  const auto file =
      write("p.json", {entry("a", R"(, "vfs": 1, "functions": {"9999": {"marked": true}})"),
                       entry("b", R"(, "vfs": 0)")});
  const auto plan = json_of("plan " + file, ExitStatus::refused);
  std::vector<std::string> codes;
  for (const auto& one : plan["subsystems"]) {
    for (const auto& finding : one["error"]["findings"])
      codes.push_back(one["device"].get<std::string>() + " " + finding["code"].get<std::string>());
  }
  EXPECT_THAT(codes, AllOf(Contains("sim:a vfs_exist"), Contains("sim:a unknown_function"),
                           Contains("sim:b vfs_exist"), Contains("sim:a open_in_vm")))
      << plan;
  // What a profile names in vain, no destruction mends.
  EXPECT_THAT(plan["subsystems"][0].dump(), Not(HasSubstr("--recreate")));
  EXPECT_EQ(plan["subsystems"][1]["error"]["commands"][0],
            Json({"nvmigrate", "apply", file, "--device", "sim:b", "--recreate"}));
  EXPECT_THAT(functions_of("sim:b"), SizeIs(8));
  EXPECT_EQ(json_of("list sim:b")["devices"][0]["vfs"]["enabled"], 3);
}

TEST_F(Profiles, OneThatFailsDoesNotStopTheOthers) {
  must("sim create a --vfs-total 2");
  must("sim create b --vfs-total 2 --no-iommu");
  must("sim create c --vfs-total 2");
  const std::string both = R"(, "vfs": 2, "defaults": {"driver": "vfio-pci"})";
  const auto file = write("p.json", {entry("a", both), entry("b", both), entry("c", both)});
  const auto applied = json_of("apply " + file, ExitStatus::partial);
  std::map<std::string, std::string> results;
  for (const auto& one : applied["subsystems"])
    results[one["device"]] = one["result"];
  EXPECT_THAT(results, UnorderedElementsAre(testing::Pair("sim:a", "changed"),
                                            testing::Pair("sim:b", "failed"),
                                            testing::Pair("sim:c", "changed")));
  EXPECT_EQ(json_of("list sim:b")["devices"][0]["vfs"]["enabled"], 0);
}

TEST_F(Profiles, ControllingFunctionsOfOneSubsystemTakeTurns) {
  must("sim create a --vfs-total 2 --controlling 2");
  const auto each = [](int id) {
    return entry("a", R"(, "vfs": 2, "controller_id": )" + std::to_string(id));
  };
  const auto file = write("p.json", {each(0), each(1)});
  EXPECT_THAT(json_of("apply " + file)["subsystems"], SizeIs(2));
  EXPECT_EQ(json_of("apply " + file)["changed"], false);
  const auto saved = Json::parse(tool.run("save sim:a/1").output)["subsystems"][0];
  EXPECT_EQ(saved["controller_id"], 1);
  const auto unclear = write("q.json", {entry("a", R"(, "vfs": 2)")});
  EXPECT_EQ(error_of("apply " + unclear, ExitStatus::refused)["code"], "subsystem_ambiguous");
  const auto twice = json_of("apply " + file + ' ' + file, ExitStatus::partial);
  EXPECT_EQ(twice["subsystems"][0]["error"]["code"], "wanted_twice");
}

TEST_F(Profiles, WhatIsNotHereFailsWhenItsFileIsNamed) {
  must("sim create a --vfs-total 2");
  const auto file = write("config/lab.json", {entry("gone", R"(, "vfs": 1)")});
  EXPECT_EQ(error_of("apply " + file, ExitStatus::not_found)["code"], "subsystem_absent");
  const auto at_boot = tool.run("apply");
  EXPECT_EQ(at_boot.status, 0);
  EXPECT_THAT(at_boot.error, AllOf(HasSubstr("warning"), HasSubstr("SIM-gone")));
  EXPECT_THAT(tool.run("apply --device sim:a").error, Not(HasSubstr("SIM-gone")));
  const auto both = write("p.json", {entry("gone", ""), entry("a", R"(, "vfs": 2)")});
  const auto applied = json_of("apply " + both, ExitStatus::partial);
  EXPECT_THAT(applied["absent"], SizeIs(1));
  EXPECT_EQ(applied["subsystems"][0]["result"], "changed");
}

TEST_F(Profiles, FilesOfTheAdministratorGoBeforeWhatWasPersisted) {
  must("sim create a --vfs-total 4");
  must("provision sim:a --vfs 2 --persist");
  must("sim power-cycle a");
  const auto file = write("config/lab.json", {entry("a", R"(, "vfs": 3)")});
  EXPECT_EQ(json_of("apply")["changed"], true);
  EXPECT_EQ(json_of("list sim:a")["devices"][0]["vfs"]["enabled"], 3);
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  // Nor when that file cannot be used any more.
  const auto applied = json_of("apply", ExitStatus::partial);
  EXPECT_THAT(applied["errors"].dump(), HasSubstr("writable by other users"));
  EXPECT_EQ(applied["subsystems"][0]["result"], "failed");
}

TEST_F(Profiles, AFileThatCannotBeUsedFailsAlone) {
  for (const std::string name : {"a", "b", "c"})
    must("sim create " + name + " --vfs-total 4");
  must("provision sim:a --vfs 1 --persist");
  must("deprovision sim:a");
  write("config/b.json", {entry("b", R"(, "vfs": 2)")});
  write("config/c.json", {entry("c", R"(, "vfs": 2)"), entry("c", R"(, "vfs": 3)")});
  write("config/none.json", {entry("none", R"(, "vsf": 2)")});
  fs::permissions(write("config/open.json", {}), fs::perms::others_write, fs::perm_options::add);
  const auto applied = json_of("apply", ExitStatus::partial);
  std::map<std::string, std::string> results;
  for (const auto& one : applied["subsystems"])
    results[one["device"]] = one["result"];
  EXPECT_THAT(results, UnorderedElementsAre(testing::Pair("sim:a", "changed"),
                                            testing::Pair("sim:b", "changed"),
                                            testing::Pair("sim:c", "failed")));
  EXPECT_THAT(applied["errors"], SizeIs(2));
  EXPECT_EQ(json_of("apply --device sim:b", ExitStatus::partial)["subsystems"][0]["result"],
            "unchanged");
  const auto examined = json_of("doctor", ExitStatus::partial);
  EXPECT_EQ(examined["problems"], 3) << examined;
  write("config/b.json", {entry("b", R"(, "vfs": 2, "defaults": {"owner": "no-such-user"})")});
  EXPECT_EQ(json_of("doctor", ExitStatus::partial)["problems"], 4);
}

TEST_F(Profiles, APlanShowsWhatIsNotRefusedToo) {
  prepare("a", 2);
  prepare("b", 2);
  const auto unmarked = entry("a", R"(, "functions": {"1": {"marked": false}})");
  const auto file = write("p.json", {unmarked, entry("b", R"(, "vfs": 1)")});
  const auto plan = json_of("plan " + file, ExitStatus::refused);
  EXPECT_EQ(plan["subsystems"][0]["result"], "planned");
  EXPECT_EQ(plan["subsystems"][1]["error"]["code"], "vfs_exist");
  EXPECT_EQ(json_of("apply --dry-run " + file, ExitStatus::refused), [&] {
    auto dry = plan;
    dry["schema"] = "nvmigrate.apply/1";
    return dry;
  }());
  const auto gone = write("q.json", {unmarked, entry("gone", "")});
  json_of("plan " + gone, ExitStatus::not_found);
  json_of("apply " + gone, ExitStatus::partial);
  json_of("plan " + gone, ExitStatus::not_found);
  write("config/q.json", {unmarked, entry("gone", "")});
  EXPECT_EQ(json_of("plan")["changed"], false);
}

TEST_F(Profiles, ADisabledFunctionIsNamedByItsNumber) {
  must("sim create a --vfs-total 4");
  const auto of_three = [](const std::string& vfs) {
    return entry("a", vfs + R"(, "functions": {"3": {"marked": true}})");
  };
  const auto refused =
      error_of("plan " + write("p.json", {of_three(R"(, "vfs": 2)")}), ExitStatus::refused);
  EXPECT_EQ(refused["code"], "beyond_vfs");
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("VF 3, and there are to be 2 VFs"));
  must("apply " + write("q.json", {of_three("")}));
  EXPECT_EQ(functions_of("sim:a")[2]["marked"], true);
}

TEST_F(Profiles, WhatWasPersistedIsTakenBackPieceByPiece) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 2 --vq 3 --vi 2 --persist");
  must("bind sim:a vf1 --owner 4711:4712 --persist");
  must("mark sim:a all --persist --dry-run");
  EXPECT_FALSE(persisted()["defaults"].contains("marked"));
  must("mark sim:a all --persist");
  EXPECT_EQ(persisted()["defaults"]["marked"], true);
  EXPECT_EQ(persisted()["functions"]["vf1"],
            Json({{"driver", "vfio-pci"}, {"owner", "4711:4712"}}));
  must("unmark sim:a vf2 --persist");
  EXPECT_EQ(persisted()["functions"]["vf1"]["marked"], true);
  must("unbind sim:a vf1 --persist");
  EXPECT_EQ(persisted()["functions"]["vf1"], Json({{"marked", true}}));
  EXPECT_EQ(json_of("plan")["changed"], false);
  must("deprovision sim:a --persist");
  EXPECT_TRUE(persisted().is_null()) << persisted();
}

TEST_F(Profiles, WhatWasAskedForIsPersistedAndNoMore) {
  must("sim create a --vfs-total 4 --namespaces 3");
  must("provision sim:a --vfs 2 --attach 1 --persist");
  EXPECT_EQ(persisted()["namespaces"], Json::array({1}));
  must("provision sim:a --vfs 2 --persist");
  EXPECT_EQ(persisted()["namespaces"], Json::array({1}));
  must("provision sim:a --vfs 2 --attach all --persist");
  EXPECT_EQ(persisted()["namespaces"], "all");
}

TEST_F(Profiles, AMarkOfAFunctionToBeIsPersisted) {
  must("sim create a --vfs-total 8");
  must("mark sim:a vf1,vf2,vf5 --persist");
  EXPECT_EQ(persisted()["functions"]["vf5"]["marked"], true);
  const auto provisioned = json_of("provision sim:a --vfs 2 --persist");
  EXPECT_EQ(persisted()["defaults"]["marked"], true);
  EXPECT_THAT(provisioned["findings"].dump(), AllOf(HasSubstr("beyond_record"), HasSubstr("VF 5")));
  const auto marked = json_of("mark sim:a all --persist");
  EXPECT_THAT(marked["findings"].back()["message"].get<std::string>(), HasSubstr("VFs 3-8"));
  EXPECT_EQ(json_of("plan")["changed"], false);
}

TEST_F(Profiles, ARecordThatCannotBeUsedStopsTheChange) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 1 --persist");
  must("mark sim:a 1 --persist");
  const auto folder = fs::path(tool.folder().path()) / "state/profiles";
  const auto record = fs::directory_iterator(folder)->path();
  std::ofstream(record) << "{";
  for (const std::string line : {"unmark sim:a 1", "bind sim:a 1", "provision sim:a --vfs 1"})
    EXPECT_EQ(error_of(line + " --persist", ExitStatus::io)["code"], "bad_profile");
  fs::remove_all(folder);
  std::ofstream(folder) << "not a folder";
  error_of("deprovision sim:a --persist", ExitStatus::io);
  EXPECT_EQ(functions_of("sim:a")[0]["marked"], true);
}

TEST_F(Profiles, AWarningTellsThatAFileGoesBeforeTheRecord) {
  must("sim create a --vfs-total 2");
  write("config/lab.json", {entry("a", R"(, "vfs": 2, "defaults": {"driver": "auto"})")});
  must("apply");
  for (const std::string line :
       {"mark sim:a vf1", "unmark sim:a vf1", "bind sim:a vf1", "unbind sim:a all",
        "provision sim:a --vfs 2", "deprovision sim:a"})
    EXPECT_EQ(json_of(line + " --persist")["findings"].back()["code"], "record_unused") << line;
}

TEST_F(Profiles, AreOfferedWhereARestartTookTheVfs) {
  must("sim create a --vfs-total 4");
  must("provision sim:a --vfs 3 --persist");
  must("bind sim:a vf2 --persist");
  must("sim power-cycle a");
  const Json apply({"nvmigrate", "apply", "--device", "sim:a"});
  const auto listed = json_of("list sim:a")["devices"][0]["findings"];
  ASSERT_THAT(listed, SizeIs(2));
  for (const auto& finding : listed)
    EXPECT_EQ(finding["commands"][0], apply) << finding;
  for (const std::string line : {"bind sim:a vf2", "handle sim:a vf2"})
    EXPECT_EQ(error_of(line, ExitStatus::refused)["commands"][0], apply) << line;
  EXPECT_EQ(error_of("bind sim:a all", ExitStatus::not_found)["commands"][0], apply);
  must("apply --device sim:a");
  EXPECT_THAT(json_of("list sim:a")["devices"][0]["findings"], IsEmpty());
  // Of another number of VFs, it would be refused.
  must("sim power-cycle a");
  must("provision sim:a --vfs 2");
  must("sim change a --reset 0");
  EXPECT_THAT(json_of("list sim:a").dump(), AllOf(HasSubstr("provision"), Not(HasSubstr("apply"))));
}

TEST_F(Profiles, NothingIsOfferedThatWouldBeRefused) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 1");
  const auto refused = error_of("provision sim:a --vfs 2 --vq 99", ExitStatus::unsupported);
  EXPECT_THAT(refused["commands"], IsEmpty()) << refused;
  const auto file = write("p.json", {entry("a", R"(, "vfs": 2, "defaults": {"queues": 99})")});
  EXPECT_THAT(error_of("apply " + file, ExitStatus::unsupported)["commands"], IsEmpty());
}

TEST_F(Profiles, AMarkStaysWantedWhileItsFunctionIsGone) {
  must("sim create a --vfs-total 4");
  must("provision sim:a --vfs 2 --persist");
  must("mark sim:a vf1,vf2 --persist");
  const auto before = persisted();
  must("sim power-cycle a");
  must("mark sim:a vf1 --persist");
  EXPECT_EQ(persisted(), before);
}

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
