// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/suggestions.h"

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using cli::guess;
using cli::near_misses;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(NearMisses, AreOneLetterInThree) {
  const Words names{"list", "export", "--allow"};
  for (const std::string word : {"lst", "lits", "lisst", "li"})
    EXPECT_THAT(near_misses(names, word), ElementsAre("list")) << word;
  EXPECT_THAT(near_misses(names, "exprot"), ElementsAre("export"));
  EXPECT_THAT(near_misses(names, "--alow"), ElementsAre("--allow"));
  for (const std::string word : {"x", "tsil", "port", "show"})
    EXPECT_THAT(near_misses(names, word), IsEmpty()) << word;
  EXPECT_EQ(guess({"stop", "start"}, "st"), "; did you mean stop or start?");
  EXPECT_EQ(guess(names, "x"), "");
}

class Suggestions : public Contract {
 protected:
  Suggestions() {
    must("sim create a --vfs-total 2");
    must("sim create host1 --vfs-total 2");
  }

  /// The lines that are suggested in JSON, which stand in the text as well.
  Words suggested(const std::string& line) {
    const auto text = tool.run(line).error;
    const auto ran = tool.run(line + " -o json");
    EXPECT_NE(ran.status, 0) << line;
    Words lines;
    const auto error = Json::parse(ran.error).at("error");
    for (const auto& command : error.at("commands")) {
      std::string joined;
      for (const std::string word : command)
        joined += (joined.empty() ? "" : " ") + word;
      if (joined.ends_with(" -o json")) joined.erase(joined.size() - 8);
      EXPECT_THAT(text, testing::HasSubstr("-> " + joined + "\n"));
      lines.push_back(joined);
    }
    return lines;
  }
};

TEST_F(Suggestions, NameTheDeviceThatWasMeant) {
  EXPECT_THAT(suggested("show a"), ElementsAre("nvmigrate show sim:a"));
  EXPECT_THAT(suggested("sim guest start a 1"), ElementsAre("nvmigrate sim guest start sim:a 1"));
  EXPECT_THAT(suggested("mark hots1 all"), ElementsAre("nvmigrate mark sim:host1 all"));
  EXPECT_THAT(suggested("list sim:Host1"),
              ElementsAre("nvmigrate sim create Host1", "nvmigrate list sim:host1"));
  EXPECT_THAT(suggested("show sim:host2"), ElementsAre("nvmigrate sim create host2"))
      << "another number is another device";
  EXPECT_THAT(suggested("show elsewhere"), IsEmpty());
}

TEST_F(Suggestions, NameTheFunctionThatWasMeant) {
  for (const std::string word : {"v1", "vff1", "VF1", "fv1"})
    EXPECT_THAT(suggested("mark sim:a " + word), ElementsAre("nvmigrate mark sim:a vf1")) << word;
  EXPECT_THAT(suggested("mark sim:a x1x"), IsEmpty());
}

TEST_F(Suggestions, PutArgumentsIntoTheirOrder) {
  EXPECT_THAT(suggested("mark 1 sim:a"), ElementsAre("nvmigrate mark sim:a 1"));
  EXPECT_THAT(suggested("show vf1 sim:a"), ElementsAre("nvmigrate show sim:a vf1"));
  EXPECT_THAT(suggested("bind all nvme0 --dry-run"),
              ElementsAre("nvmigrate bind nvme0 all --dry-run"));
  EXPECT_THAT(suggested("transfer sim:a sim:host1 1 2"),
              ElementsAre("nvmigrate transfer sim:a 1 sim:host1 2"));
  EXPECT_THAT(suggested("show 1"), IsEmpty());
}

TEST_F(Suggestions, PutTheOptionBeforeItsValue) {
  EXPECT_THAT(suggested("provision sim:a 2"), ElementsAre("nvmigrate provision sim:a --vfs 2"));
  EXPECT_THAT(suggested("provision 4 nvme0"), ElementsAre("nvmigrate provision nvme0 --vfs 4"));
  EXPECT_THAT(suggested("export sim:a 1 x"), ElementsAre("nvmigrate export sim:a 1 -f x"));
  EXPECT_THAT(suggested("provision sim:a two"), IsEmpty());
  EXPECT_THAT(suggested("export sim:a 1 x y"), IsEmpty());
}

TEST_F(Suggestions, NameTheWordThatWasMeant) {
  const auto message = [&](const std::string& line) {
    return error_of(line, ExitStatus::usage)["message"].get<std::string>();
  };
  EXPECT_THAT(message("bind sim:a 1 --allow sharedgroup"),
              testing::EndsWith("; did you mean shared_group?"));
  EXPECT_THAT(message("help lst"), testing::EndsWith("; did you mean list?"));
  EXPECT_THAT(message("help sim shwo"), testing::EndsWith("; did you mean show?"));
}

}  // namespace
}  // namespace nvmigrate::test
