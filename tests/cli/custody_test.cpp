// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// What commands say of where a guest is. Function 1 of `a` has one; 1 of `b` waits for it.
class CustodyContract : public Contract {
 protected:
  CustodyContract() {
    for (const std::string name : {"a", "b"}) {
      prepare(name, 1);
      must("bind sim:" + name + " 1");
      must("sim guest start sim:" + name + " 1" + (name == "b" ? " --empty" : ""));
    }
  }
  std::string status(const std::string& name) {
    return json_of("show sim:" + name + " 1")["function"]["status"];
  }
  Words codes(const std::string& name) {
    Words codes;
    const auto document = json_of("list sim:" + name);
    for (const auto& found : document["devices"][0]["findings"])
      codes.push_back(found["code"]);
    return codes;
  }

  std::string file = tool.folder() / "guest", journal = tool.folder() / "run/journal.json";
};

TEST_F(CustodyContract, AnExportedGuestIsReleasedOrResumedByName) {
  must("export sim:a 1 -f " + file);
  EXPECT_EQ(status("a"), "exported");
  const auto refused = error_of("resume sim:a 1", ExitStatus::refused);
  EXPECT_EQ(refused["code"], "exported");
  const Json commands{{"nvmigrate", "release", "sim:a", "1"},
                      {"nvmigrate", "resume", "sim:a", "1", "--allow", "exported"}};
  EXPECT_EQ(refused["commands"], commands);
  for (const std::string more : {" --dry-run", ""})
    EXPECT_EQ(json_of("release sim:a 1" + more)["changed"], true);
  EXPECT_EQ(status("a"), "away");
  EXPECT_EQ(json_of("release sim:a 1")["changed"], false);
  EXPECT_EQ(error_of("resume sim:a 1", ExitStatus::refused)["code"], "away");
}

TEST_F(CustodyContract, TheWayToAnotherGuestIsThatOfTheRecords) {
  const auto ways = [&] { return error_of("sim guest start sim:a 1", ExitStatus::refused); };
  must("suspend sim:a 1");
  EXPECT_EQ(ways()["code"], "suspended");
  must("export sim:a 1 -f " + file);
  const auto exported = ways();
  EXPECT_EQ(exported["code"], "exported");
  for (Words command : exported["commands"]) {
    command.erase(command.begin());
    command.emplace_back("--dry-run");
    EXPECT_EQ(tool.run(command).status, 0) << testing::PrintToString(command);
  }
  must("release sim:a 1");
  EXPECT_EQ(ways()["code"], "away");
  EXPECT_EQ(ways()["commands"], Json::array());
  must("sim guest stop sim:a 1");
  must("sim guest start sim:a 1");
}

TEST_F(CustodyContract, TheWayToAnotherGuestNamesTheBackend) {
  must("sim create r --personality rfc");
  must("provision sim:r --vfs 2");
  must("sim guest start sim:r 1");
  must("suspend sim:r 1 --backend intel");
  const auto commands = error_of("sim guest start sim:r 1", ExitStatus::refused)["commands"];
  ASSERT_EQ(commands.size(), 1U);
  Words command = commands[0];
  command.erase(command.begin());
  EXPECT_EQ(tool.run(command).status, 0) << testing::PrintToString(command);
  EXPECT_EQ(json_of("list sim:r")["devices"][0]["functions"][0]["intents"], Json::array());
}

TEST_F(CustodyContract, AnAllowedConditionNeedsNoRemedy) {
  must("export sim:a 1 -f " + file);
  const auto moved = json_of("transfer sim:a 1 sim:b 1 --allow exported");
  const auto& found = moved["findings"];
  const auto exported = std::find_if(found.begin(), found.end(),
                                     [](const Json& one) { return one["code"] == "exported"; });
  ASSERT_NE(exported, found.end()) << found;
  EXPECT_EQ((*exported)["allowed"], true);
  EXPECT_EQ((*exported)["commands"], Json::array());
  EXPECT_TRUE((*exported)["advice"].is_null());
}

/// The check alone ends as the import would.
TEST_F(CustodyContract, ACheckEndsAsTheImportDoes) {
  must("export sim:a 1 -f " + file);
  must("import sim:b 1 -f " + file);
  must("sim change b --model other");
  const auto import = "import sim:b 1 -f " + file;
  const auto refused = error_of(import, ExitStatus::refused);
  const auto checked = json_of(import + " --check-only", ExitStatus::refused);
  EXPECT_EQ(checked["findings"], refused["findings"]);
}

TEST_F(CustodyContract, AGuestThatWasNotExportedIsNotReleased) {
  EXPECT_EQ(error_of("release sim:a 1", ExitStatus::refused)["code"], "nothing_to_release");
  must("suspend sim:a 1");
  EXPECT_EQ(error_of("release sim:a 1", ExitStatus::refused)["code"], "not_exported");
  EXPECT_EQ(status("a"), "suspended");
}

TEST_F(CustodyContract, AFileThatMayNotGrowIsAnErrorAndTheGuestRunsOn) {
  const auto ran = tool.run("export sim:a 1 -f " + file, [] {
    const rlimit limit{32768, 32768};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(ran.status, static_cast<int>(ExitStatus::io)) << "and not the death by SIGXFSZ";
  EXPECT_THAT(ran.error, HasSubstr("File too large"));
  EXPECT_EQ(status("a"), "running");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(CustodyContract, AFileIsReplacedOnlyWhenAsked) {
  put(file, "mine");
  const auto refused = error_of("export sim:a 1 -f " + file, ExitStatus::refused);
  EXPECT_EQ(refused["code"], "file_exists");
  EXPECT_THAT(refused["advice"].get<std::string>(), HasSubstr("--overwrite"));
  EXPECT_EQ(contents(file), "mine");
  EXPECT_EQ(status("a"), "running");
  must("export sim:a 1 --overwrite -f " + file);
  must("verify " + file);
}

TEST_F(CustodyContract, AnImportTakesTheSourceOfThisHostAndIsDoneOnce) {
  must("export sim:a 1 -f " + file);
  const auto document = json_of("import sim:b 1 -f " + file);
  const Json source{{"device", "sim:a"}, {"controller_id", 1}, {"status", "away"}};
  EXPECT_EQ(document["source"], source);
  EXPECT_EQ(status("a"), "away");
  EXPECT_EQ(status("b"), "loaded");
  must("resume sim:b 1");
  EXPECT_EQ(status("b"), "running");
  const auto again = json_of("import sim:b 1 --check-only -f " + file, ExitStatus::refused);
  Words found;
  for (const auto& one : again["findings"])
    found.push_back(one["code"]);
  EXPECT_THAT(found, testing::IsSupersetOf({"source_away", "loaded_before", "queues_exist"}));
}

TEST_F(CustodyContract, TheStateOfAGuestIsNotLoadedOverItselfUnlessThatIsAllowed) {
  must("export sim:a 1 -f " + file);
  EXPECT_EQ(error_of("import sim:a 1 -f " + file, ExitStatus::refused)["code"], "exported");
}

TEST_F(CustodyContract, ALoadedStateWaitsForItsVm) {
  must("export sim:a 1 -f " + file);
  must("sim guest stop sim:b 1");
  const auto refused = error_of("import sim:b 1 --resume -f " + file, ExitStatus::refused);
  EXPECT_EQ(refused["code"], "not_open");
  must("sim guest start sim:b 1 --empty");
  must("import sim:b 1 --resume -f " + file);
  EXPECT_EQ(status("b"), "running");
}

TEST_F(CustodyContract, ASnapshotIsNotTheGuest) {
  must("export sim:a 1 --then resume -f " + file);
  EXPECT_EQ(json_of("inspect " + file)["end"]["source_resumed"], true);
  must("sim guest stop sim:a 1");
  const auto refused = error_of("import sim:b 1 -f " + file, ExitStatus::refused);
  EXPECT_EQ(refused["code"], "source_resumed");
}

TEST_F(CustodyContract, TheEndOfItsVmEndsTheRecordOfAGuestThatLeft) {
  must("export sim:a 1 -f " + file);
  must("sim guest stop sim:a 1");
  EXPECT_EQ(status("a"), "running") << "or empty: the device was reset";
  EXPECT_THAT(codes("a"), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(journal));
}

TEST_F(CustodyContract, ADamagedJournalIsSetAsideAndWhatIsSuspendedCountsAsExported) {
  must("suspend sim:a 1");
  put(journal, "{");
  EXPECT_EQ(error_of("resume sim:a 1", ExitStatus::io)["code"], "journal_damaged");
  EXPECT_THAT(codes("b"), Contains("journal_damaged"));
  EXPECT_THAT(tool.run("doctor sim:b --repair").output, HasSubstr("journal"));
  EXPECT_EQ(status("a"), "exported");
  EXPECT_THAT(codes("b"), Contains("journal_lost"));
  must("suspend sim:a 1");
  EXPECT_EQ(error_of("resume sim:a 1", ExitStatus::refused)["code"], "exported");
  must("resume sim:a 1 --allow exported");
  EXPECT_EQ(status("a"), "running");
}

}  // namespace
}  // namespace nvmigrate::test
