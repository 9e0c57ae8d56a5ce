// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/suggestions.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <numeric>

#include "cli/parser/command_line.h"
#include "tests/cli/contract.h"
#include "tests/support/stride.h"

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

TEST_F(Suggestions, PutEveryArgumentWhereItBelongs) {
  EXPECT_THAT(suggested("transfer 1 sim:a 1 sim:host1"),
              ElementsAre("nvmigrate transfer sim:a 1 sim:host1 1"));
  EXPECT_THAT(suggested("transfer a 1 hots1 2"),
              ElementsAre("nvmigrate transfer sim:a 1 sim:host1 2"));
  EXPECT_THAT(suggested("import x sim:a 1"), ElementsAre("nvmigrate import sim:a 1 -f x"));
  EXPECT_THAT(suggested("mark v1 a"), ElementsAre("nvmigrate mark sim:a vf1"));
  EXPECT_THAT(suggested("sim:a mark 1"), ElementsAre("nvmigrate mark sim:a 1"));
  EXPECT_THAT(suggested("mark mark 1"), IsEmpty());
  EXPECT_THAT(suggested("transfer 1 sim:a"), IsEmpty()) << "it would not be enough";
  EXPECT_THAT(suggested("mark a"), IsEmpty());
}

TEST_F(Suggestions, NameAFolderForTheStatesOfSeveralFunctions) {
  EXPECT_THAT(suggested("export sim:a 1,2 -f x"),
              ElementsAre("nvmigrate export sim:a 1,2 --dir ."));
  EXPECT_THAT(suggested("export sim:a all --file /d/x --then resume"),
              ElementsAre("nvmigrate export sim:a all --dir /d --then resume"));
  EXPECT_THAT(suggested("export sim:a 1-2 -f /tmp"),
              ElementsAre("nvmigrate export sim:a 1-2 --dir /tmp"));
  EXPECT_THAT(suggested("export sim:a 1-2 x"), ElementsAre("nvmigrate export sim:a 1-2 --dir x"));
}

TEST_F(Suggestions, NameTheDeviceOfAnOption) {
  for (const std::string command : {"apply", "plan"}) {
    EXPECT_THAT(suggested(command + " --device a"),
                ElementsAre("nvmigrate " + command + " --device sim:a"));
    EXPECT_THAT(suggested(command + " sim:a"),
                ElementsAre("nvmigrate " + command + " --device sim:a"));
  }
}

/// A command line that is right.
struct Right {
  Words command, arguments;  ///< its name; what may be exchanged
  std::string option = {};   ///< before the last argument
};

Words line_of(const Right& right, const Words& arguments) {
  auto words = right.command;
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (!right.option.empty()) words.insert(words.end() - 1, right.option);
  return words;
}

const std::vector<Right> right_lines{
    {{"show"}, {"sim:a", "vf9"}},
    {{"provision"}, {"sim:a", "9"}, "--vfs"},
    {{"mark"}, {"sim:a", "vf9"}},
    {{"unmark"}, {"sim:a", "7-9"}},
    {{"bind"}, {"sim:a", "9"}},
    {{"unbind"}, {"sim:a", "vf9"}},
    {{"handle"}, {"sim:a", "9"}},
    {{"suspend"}, {"sim:a", "9"}},
    {{"resume"}, {"sim:a", "9,10"}},
    {{"release"}, {"sim:a", "9"}},
    {{"export"}, {"sim:a", "9", "./x"}, "-f"},
    {{"export"}, {"sim:a", "8-9", "./x"}, "--dir"},
    {{"import"}, {"sim:a", "9", "./x"}, "-f"},
    {{"transfer"}, {"sim:a", "9", "sim:host1", "8"}},
    {{"apply"}, {"sim:a"}, "--device"},
    {{"sim", "guest", "start"}, {"sim:a", "9"}},
    {{"sim", "guest", "status"}, {"sim:a", "vf9"}},
};

/// The right arguments in an order, devices by their full names or not, and with or without the
/// option before the last.
Words spelt(Right right, const std::vector<std::size_t>& order, bool bare, bool named) {
  Words arguments;
  for (const auto at : order) {
    const auto& word = right.arguments[at];
    arguments.push_back(bare && word.starts_with("sim:") ? word.substr(4) : word);
  }
  if (!named) right.option.clear();
  return line_of(right, arguments);
}

/// Words without which is which: devices may be exchanged, and functions.
Words kinds_of(const Words& words) {
  Words kinds;
  for (const auto& word : words) {
    const bool function = word.starts_with("vf") || std::isdigit(word[0]) != 0;
    kinds.push_back(word.starts_with("sim:") ? "device" : function ? "function" : word);
  }
  return kinds;
}

/// Each one that is suggested can be pasted, and is what was meant.
TEST_F(Suggestions, CanBePastedWhateverTheOrderOfTheArguments) {
  std::size_t suggestions = 0;
  const auto expect_meant = [&](const Words& tried, const Right& right) {
    const auto meant = line_of(right, right.arguments);
    auto words = tried;
    words.insert(words.end(), {"-o", "json"});
    const auto ran = tool.run(words);
    if (ran.status == 0) return;
    const auto error = Json::parse(ran.error).at("error");
    for (Words one : error.at("commands")) {
      one.erase(one.begin());
      one.resize(one.size() - (one.back() == "json" ? 2 : 0));
      if (tried == meant || one[0] != meant[0]) continue;  // it is a remedy
      SCOPED_TRACE(testing::PrintToString(tried));
      ++suggestions;
      EXPECT_NO_THROW(cli::CommandLine().parse(one));
      EXPECT_EQ(kinds_of(one), kinds_of(meant));
    }
  };
  const int every = stride() > 1 ? 7 : 1;
  int turn = 0;
  for (const auto& right : right_lines) {
    std::vector<std::size_t> order(right.arguments.size());
    std::iota(order.begin(), order.end(), 0U);
    do {
      for (const int how : {0, 1, 2, 3}) {
        if (turn++ % every != 0) continue;
        expect_meant(spelt(right, order, how % 2 == 1, how > 1), right);
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
  EXPECT_GT(suggestions, 100U / static_cast<unsigned>(every));
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
