// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/command_line.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <map>

namespace nvmigrate::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

/// What a command with an option of every kind stores.
struct Values {
  std::string device, word = "a";
  std::optional<std::string> function, file, folder, owner;
  std::vector<std::string> allowed, more;
  std::optional<std::uint64_t> count, bytes;
  bool dry_run = false, notice = false, repair = false;
};
Values values;

Runner declare_example(Options& options) {
  options.device("DEVICE", values.device, "A device");
  options.optional_positional("ID", values.function, "A function");
  options.text("-f,--file", values.file, "A file", "FILE");
  options.text("--owner", values.owner, "A user", "USER");
  options.texts("--allow", values.allowed, "A name", "NAME");
  options.number("--count", values.count, "A number", 1, 16);
  options.size("--bytes", values.bytes, "A size");
  options.choice("--word", values.word, {"a", "b"}, "A word");
  options.flag("-n,--notice", values.notice, "A flag");
  options.dry_run(values.dry_run);
  return [](Context&) { return Outcome{}; };
}

Runner declare_several(Options& options) {
  options.positionals("DEVICE", values.more, "Devices");
  return [](Context&) { return Outcome{}; };
}

Runner declare_demanding(Options& options) {
  options.text("--owner", values.owner, "A user", "USER");
  options.required();
  options.text("-f,--file", values.file, "A file", "FILE", Completes::state_file);
  options.alternative();
  options.text("--dir", values.folder, "A folder", "FOLDER", Completes::folder);
  options.alternative();
  options.flag("--repair", values.repair, "A flag");
  options.changes_when(values.repair);
  return [](Context&) { return Outcome{}; };
}

constexpr std::array below{
    Command{"example", "", "Below", Opens::to_read, declare_several, {}},
};
constexpr std::array rows{
    Command{"example", "One", "An example", Opens::to_change, declare_example, {}},
    Command{"several", "One", "Takes several", Opens::to_read, declare_several, {}},
    Command{"demanding", "Two", "Demands much", Opens::to_change, declare_demanding, {}},
    Command{"group", "Two", "A group", Opens::to_read, nullptr, below},
    Command{"__hidden", "", "Hidden", Opens::to_read, declare_several, {}},
};

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() { values = {}; }

  /// A line that is refused, to be asked for what it stored all the same.
  std::string refusal(const Words& words) {
    values = {};
    line.emplace(rows);
    try {
      line->parse(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::usage);
      return error.what();
    }
    return "accepted";
  }
  std::string refusal_of_example(Words words) {
    words.insert(words.begin(), "example");
    return refusal(words);
  }

  std::optional<CommandLine> line{rows};
};

TEST_F(CommandLineTest, StoresEveryKindOfValue) {
  EXPECT_EQ(line->parse({"example", "sim:a", "-f", "-", "--allow", "x", "3", "--allow=y", "--count",
                         "0x10", "--bytes=4K", "--word", "b", "-n", "--owner=-odd"}),
            Asked::command);
  EXPECT_EQ(line->name(), "example");
  EXPECT_EQ(line->command(), rows.data());
  EXPECT_TRUE(line->runner());
  EXPECT_EQ(values.device, "sim:a");
  EXPECT_EQ(values.function, "3");
  EXPECT_EQ(values.file, "-");
  EXPECT_EQ(values.owner, "-odd");
  EXPECT_THAT(values.allowed, ElementsAre("x", "y"));
  EXPECT_EQ(values.count, 16U);
  EXPECT_EQ(values.bytes, 4096U);
  EXPECT_EQ(values.word, "b");
  EXPECT_TRUE(values.notice);
}

TEST_F(CommandLineTest, TakesAnyNumberOfArgumentsWhereItMay) {
  for (const auto& given : {Words{}, Words{"a"}, Words{"a", "b", "several", "example"}}) {
    CommandLine parsed(rows);
    values = {};
    Words words{"several"};
    words.insert(words.end(), given.begin(), given.end());
    parsed.parse(words);
    EXPECT_EQ(values.more, given);
    EXPECT_EQ(parsed.name(), "several");
  }
}

TEST_F(CommandLineTest, KeepsDefaultsWhereNothingIsGiven) {
  line->parse({"example", "sim:a"});
  EXPECT_EQ(values.word, "a");
  EXPECT_FALSE(values.function || values.file || values.count || values.bytes);
  EXPECT_EQ(line->globals().output, OutputFormat::normal);
  EXPECT_EQ(line->globals().verbosity, 0);
  EXPECT_FALSE(line->globals().timeout);
  EXPECT_EQ(line->globals().wait, std::chrono::milliseconds{0});
}

TEST_F(CommandLineTest, TakesTheOptionsOfEveryCommandAnywhere) {
  line->parse(
      {"-vo", "json", "group", "-v", "--wait=2", "example", "-q", "sim:a", "--timeout", "3"});
  EXPECT_EQ(line->name(), "group example");
  EXPECT_THAT(values.more, ElementsAre("sim:a"));
  const auto& globals = line->globals();
  EXPECT_EQ(globals.output, OutputFormat::json);
  EXPECT_EQ(globals.verbosity, 2);
  EXPECT_TRUE(globals.quiet);
  EXPECT_EQ(globals.timeout, std::chrono::seconds{3});
  EXPECT_EQ(globals.wait, std::chrono::seconds{2});
}

TEST_F(CommandLineTest, TakesWordsAfterTwoDashesAsArguments) {
  line->parse({"example", "-n", "--", "-odd", "--name"});
  EXPECT_EQ(values.device, "-odd");
  EXPECT_EQ(values.function, "--name");
}

TEST_F(CommandLineTest, RefusesNamingWhatIsWrong) {
  const std::map<Words, std::string> refusals{
      {{}, "DEVICE"},
      {{"--bogus"}, "'--bogus'"},
      {{"d", "-x"}, "'-x'"},
      {{"d", "--dry"}, "--dry-run"},
      {{"d", "--flie", "x"}, "--file"},
      {{"d", "--ouptut-format=json"}, "--output-format"},
      {{"d", "3", "4"}, "'4'"},
      {{"d", "3", ""}, "''"},
      {{"d", "3", "++"}, "'++'"},
      {{"d", "--", "3", "4"}, "'4'"},
      {{"d", "--file"}, "--file"},
      {{"d", "--file="}, "--file"},
      {{"d", "--file=", "x"}, "--file"},
      {{"d", "--owner", ""}, "--owner"},
      {{"d", "-f", "--dry-run"}, "--file"},
      {{"d", "-nf", "-q"}, "--file"},
      {{"d", "--count", "--file", "x"}, "--count"},
      {{"d", "-f", "x", "--file", "y"}, "--file"},
      {{"d", "--wait", "1", "--wait", "2"}, "--wait"},
      {{"d", "--dry-run=yes"}, "--dry-run"},
      {{"d", "--word", "c"}, "'c'"},
      {{"d", "-o", "yaml"}, "'yaml'"},
  };
  for (const auto& [words, object] : refusals)
    EXPECT_THAT(refusal_of_example(words), HasSubstr(object)) << testing::PrintToString(words);
}

TEST_F(CommandLineTest, RefusesWhatIsMissing) {
  EXPECT_THAT(refusal({"demanding", "-f", "x"}), HasSubstr("--owner"));
  EXPECT_THAT(refusal({"demanding", "-f", "x", ""}), HasSubstr("''"));
  for (const Words& more : {Words{}, Words{"--dir", "x", "-f", "y"}}) {
    Words words{"demanding", "--owner", "me"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_THAT(refusal(words), testing::AllOf(HasSubstr("--file"), HasSubstr("--dir")));
  }
  EXPECT_EQ(refusal({"demanding", "--owner", "me", "--dir", "x"}), "accepted");
  EXPECT_EQ(values.folder, "x");
}

TEST_F(CommandLineTest, RefusesWhatIsNotACommand) {
  for (const Words& words : {Words{}, Words{"--", "example"}})
    EXPECT_NE(refusal(words), "accepted");
  EXPECT_THAT(refusal({"--", "x", "several", "d", "example"}), HasSubstr("'example'"));
  EXPECT_THAT(refusal({"nonsense"}), testing::EndsWith("'nonsense'"));
  EXPECT_THAT(refusal({"exmaple"}), HasSubstr("example?"));
  EXPECT_THAT(refusal({"__hiden"}), testing::EndsWith("'__hiden'"));
  EXPECT_THAT(refusal({"exam", "d"}), HasSubstr("'exam'"));
  EXPECT_THAT(refusal({"group"}), HasSubstr("group"));
  EXPECT_THAT(refusal({"group", "several"}), HasSubstr("'group several'"));
  EXPECT_THAT(refusal({"sim:a", "example"}), HasSubstr("'sim:a'"));
  EXPECT_THAT(refusal({"--count", "3", "example"}), HasSubstr("'--count'"));
}

TEST_F(CommandLineTest, ReadsNumbersWhole) {
  for (const std::string wrong : {"", "3x", "x", "010", "+3", " 3", "3 ", "0x", "1.5", "0b1", "0",
                                  "17", "-1", "99999999999999999999"}) {
    EXPECT_THAT(refusal_of_example({"d", "--count", wrong}), HasSubstr("--count")) << wrong;
  }
  for (const std::string wrong : {"4k", "4KB", "K", "-4", "18446744073709551615K"}) {
    EXPECT_THAT(refusal_of_example({"d", "--bytes", wrong}), HasSubstr("--bytes")) << wrong;
  }
  EXPECT_EQ(refusal_of_example({"d", "--bytes", "18446744073709551615"}), "accepted");
  EXPECT_EQ(values.bytes, ~0ULL);
}

TEST_F(CommandLineTest, ChecksNothingElseWhenHelpIsAskedFor) {
  for (const Words& words :
       {Words{"-h"}, Words{"--bogus", "-h"}, Words{"example", "--help"}, Words{"-h", "example"},
        Words{"example", "--count", "x", "-h"}, Words{"example", "-h", "--file"},
        Words{"group", "-h"}, Words{"nonsense", "-h"}}) {
    CommandLine parsed(rows);
    EXPECT_EQ(parsed.parse(words), Asked::help) << testing::PrintToString(words);
  }
  EXPECT_EQ(line->parse({"example", "--version"}), Asked::version);
}

TEST_F(CommandLineTest, HelpIsOfWhatIsNamed) {
  line->parse({"-h"});
  EXPECT_THAT(line->help(), testing::AllOf(HasSubstr("\nOne:\n"), HasSubstr("\nTwo:\n"),
                                           testing::Not(HasSubstr("__hidden"))));
  CommandLine other(rows);
  other.parse({"demanding", "-h"});
  EXPECT_THAT(other.help(),
              testing::StartsWith(
                  "Usage: nvmigrate demanding --owner USER (-f FILE | --dir FOLDER) [OPTIONS]\n"));
}

TEST_F(CommandLineTest, KnowsWhetherJsonIsAskedForEvenWhenTheLineIsWrong) {
  for (const Words& words :
       {Words{"nonsense", "-o", "json"}, Words{"-ojson"}, Words{"--output-format=json", "--bogus"},
        Words{"-qojson"}, Words{"-vqo", "json"}, Words{"example", "--dry-run=yes", "-o", "json"},
        Words{"-o", "json", "example", "--file"}}) {
    EXPECT_NE(refusal(words), "accepted");
    EXPECT_TRUE(line->asks_json()) << testing::PrintToString(words);
  }
  for (const Words& words :
       {Words{"-fo", "json"}, Words{"--output", "json"}, Words{"--output-formats=json"},
        Words{"example", "-o"}, Words{"example", "-o", "normal", "json", "d", "e"},
        Words{"example", "--", "-o", "json", "d"}}) {
    EXPECT_NE(refusal(words), "accepted");
    EXPECT_FALSE(line->asks_json()) << testing::PrintToString(words);
  }
}

TEST_F(CommandLineTest, KnowsWhatIsOpenedAndWhetherItIsChanged) {
  line->parse({"example", "sim:a"});
  EXPECT_THAT(line->devices(), ElementsAre("sim:a"));
  EXPECT_FALSE(line->only_reads());
  const auto only_reads = [](const Words& words) {
    values = {};
    CommandLine parsed(rows);
    parsed.parse(words);
    return parsed.only_reads();
  };
  EXPECT_TRUE(only_reads({"example", "sim:a", "--dry-run"}));
  EXPECT_TRUE(only_reads({"demanding", "--owner", "me", "--dir", "x"}));
  EXPECT_FALSE(only_reads({"demanding", "--owner", "me", "--dir", "x", "--repair"}));
}

/// Every row of the table can be declared, and none declares the same name twice.
void expect_declarable(std::span<const Command> table, const Words& above) {
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    Words words = above;
    words.emplace_back(row.name);
    EXPECT_THAT(row.summary, testing::Not(testing::EndsWith(".")));
    expect_declarable(row.subcommands, words);
    ASSERT_EQ(row.declare == nullptr, !row.subcommands.empty());
    words.emplace_back("--help");
    CommandLine parsed;
    ASSERT_EQ(parsed.parse(words), Asked::help);
    for (const auto* option : options_of(parsed.app())) {
      const auto about = option->get_description();
      EXPECT_THAT(about, testing::Not(IsEmpty())) << option->get_name();
      EXPECT_THAT(about, testing::Not(testing::EndsWith("."))) << option->get_name();
    }
  }
}

TEST(Commands, CanAllBeDeclared) { expect_declarable(commands(), {}); }

}  // namespace
}  // namespace nvmigrate::cli
