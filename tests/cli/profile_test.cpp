// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/cli/profiles.h"

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

TEST_F(Profiles, TheMarkOfAHeldGuestStays) {
  must("sim create a --personality both --vfs-total 2");
  must("provision sim:a --vfs 2");
  must("mark sim:a vf1 --backend intel");
  must("suspend sim:a vf1");
  const std::vector<std::string> wishes{R"("marked": false)",
                                        R"("marked": true, "backend": "nvme")"};
  for (const auto& wish : wishes) {
    const auto file = write("p.json", {entry("a", R"(, "functions": {"vf1": {)" + wish + "}}")});
    for (const std::string verb : {"plan ", "apply --dry-run ", "apply "}) {
      EXPECT_EQ(error_of(verb + file, ExitStatus::refused)["code"], "backend_in_use")
          << verb << wish;
    }
    EXPECT_EQ(functions_of("sim:a")[0]["backend"], "intel");
    EXPECT_THAT(json_of("list sim:a")["devices"][0]["findings"], SizeIs(1))
        << "no unfinished apply";
  }
  must("resume sim:a vf1");
  for (const auto& wish : {wishes[1], wishes[0]}) {
    const auto file = write("p.json", {entry("a", R"(, "functions": {"vf1": {)" + wish + "}}")});
    EXPECT_EQ(json_of("apply " + file)["changed"], true);
    EXPECT_EQ(json_of("apply " + file)["changed"], false);
  }
}

TEST_F(Profiles, WithoutAMarkNoBackendIsGuessed) {
  must("sim create a --personality rfc --vfs-total 2");
  const std::string wish = R"(, "vfs": 1, "defaults": {"marked": true)";
  const auto file = write("p.json", {entry("a", wish + "}")});
  const auto refused = error_of("apply " + file, ExitStatus::unsupported);
  EXPECT_EQ(refused["code"], "no_live_migration");
  EXPECT_THAT(refused["advice"].dump(), HasSubstr("profile"));
  EXPECT_THAT(refused["commands"], IsEmpty());
  must("apply " + write("q.json", {entry("a", wish + R"(, "backend": "intel"})")}));
  EXPECT_EQ(json_of("apply " + file)["changed"], false) << "it is marked already";
  error_of("apply --recreate " + write("r.json", {entry("a", wish + R"(, "queues": 3})")}),
           ExitStatus::unsupported);
  EXPECT_EQ(functions_of("sim:a")[0]["backend"], "intel");
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
  // The unit for one controlling function fails only for its own.
  EXPECT_EQ(json_of("apply --device sim:b")["subsystems"][0]["result"], "unchanged");
  write("config/wrong.json", {entry("b", R"(, "vsf": 2)")});
  EXPECT_EQ(json_of("apply --device sim:b", ExitStatus::partial)["subsystems"][0]["result"],
            "unchanged");
  fs::remove(fs::path(tool.folder().path()) / "config/wrong.json");
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

TEST_F(Profiles, NothingIsOfferedThatWouldBeRefused) {
  must("sim create a --vfs-total 2");
  must("provision sim:a --vfs 1");
  const auto refused = error_of("provision sim:a --vfs 2 --vq 99", ExitStatus::unsupported);
  EXPECT_THAT(refused["commands"], IsEmpty()) << refused;
  const auto file = write("p.json", {entry("a", R"(, "vfs": 2, "defaults": {"queues": 99})")});
  EXPECT_THAT(error_of("apply " + file, ExitStatus::unsupported)["commands"], IsEmpty());
  must("sim create b --vfs-total 2 --primary-holds");
  const auto held =
      error_of("apply " + write("q.json", {entry("b", R"(, "vfs": 2)")}), ExitStatus::refused);
  EXPECT_EQ(held["code"], "resources_short");
  EXPECT_THAT(held["commands"], IsEmpty());
  EXPECT_THAT(held["advice"].get<std::string>(), HasSubstr("release_primary"));
}

}  // namespace
}  // namespace nvmigrate::test
