// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/command_line.h"

#include <gmock/gmock.h>

namespace nvmigrate::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;

/// A command with an option of every kind.
struct Example {
  CommandLine line;
  std::string device, word = "a";
  std::optional<std::string> function, file;
  std::vector<std::string> allowed;
  std::optional<std::uint64_t> count, bytes;
  bool dry_run = false;

  Example() {
    auto options = line.options();
    options.positional("DEVICE", device, "A device");
    options.optional_positional("ID", function, "A function");
    options.text("-f,--file", file, "A file", "FILE");
    options.texts("--allow", allowed, "A name", "NAME");
    options.number("--count", count, "A number", 1, 16);
    options.size("--bytes", bytes, "A size");
    options.choice("--word", word, {"a", "b"}, "A word");
    options.flag("-n,--dry-run", dry_run, "A flag");
  }
};

std::string refusal(const Words& words) {
  Example example;
  try {
    example.line.parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return "accepted";
}

TEST(CommandLine, StoresEveryKindOfValue) {
  Example example;
  example.line.parse({"sim:a", "-f", "-", "--allow", "x", "3", "--allow=y", "--count", "0x10",
                      "--bytes=4K", "--word", "b", "-n"});
  EXPECT_EQ(example.device, "sim:a");
  EXPECT_EQ(example.function, "3");
  EXPECT_EQ(example.file, "-");
  EXPECT_THAT(example.allowed, ElementsAre("x", "y"));
  EXPECT_EQ(example.count, 16U);
  EXPECT_EQ(example.bytes, 4096U);
  EXPECT_EQ(example.word, "b");
  EXPECT_TRUE(example.dry_run);
}

TEST(CommandLine, TakesAnyNumberOfArgumentsWhereItMay) {
  for (const auto& given : {Words{}, Words{"a"}, Words{"a", "b", "c"}}) {
    CommandLine line;
    std::vector<std::string> values;
    line.options().positionals("DEVICE", values, "Devices");
    line.parse(given);
    EXPECT_EQ(values, given);
  }
}

TEST(CommandLine, LeavesDefaultsWhereNothingIsGiven) {
  Example example;
  example.line.parse({"sim:a"});
  EXPECT_EQ(example.word, "a");
  EXPECT_FALSE(example.function || example.file || example.count || example.bytes);
  EXPECT_EQ(example.line.globals().output, OutputFormat::normal);
  EXPECT_EQ(example.line.globals().verbosity, 0);
  EXPECT_FALSE(example.line.globals().timeout);
  EXPECT_EQ(example.line.globals().wait, std::chrono::milliseconds{0});
}

TEST(CommandLine, ReadsTheOptionsOfEveryCommand) {
  Example example;
  example.line.parse({"-vo", "json", "sim:a", "-v", "-q", "--timeout", "3", "--wait=2"});
  const auto& globals = example.line.globals();
  EXPECT_EQ(globals.output, OutputFormat::json);
  EXPECT_EQ(globals.verbosity, 2);
  EXPECT_TRUE(globals.quiet);
  EXPECT_EQ(globals.timeout, std::chrono::seconds{3});
  EXPECT_EQ(globals.wait, std::chrono::seconds{2});
}

TEST(CommandLine, TakesWordsAfterTwoDashesAsArguments) {
  Example example;
  example.line.parse({"-n", "--", "-odd", "--name"});
  EXPECT_EQ(example.device, "-odd");
  EXPECT_EQ(example.function, "--name");
}

TEST(CommandLine, RefusesInPlainWords) {
  EXPECT_EQ(refusal({}), "DEVICE is missing");
  EXPECT_EQ(refusal({"--count", "x"}), "--count: 'x' is no number (decimal or 0x)");
  EXPECT_EQ(refusal({"d", "--bogus"}), "unknown option '--bogus'");
  EXPECT_EQ(refusal({"--bogus"}), "unknown option '--bogus'");
  EXPECT_EQ(refusal({"d", "-x"}), "unknown option '-x'");
  EXPECT_EQ(refusal({"d", "3", "4"}), "unexpected argument '4'");
  EXPECT_EQ(refusal({"d", "--", "3", "4"}), "unexpected argument '4'");
  EXPECT_EQ(refusal({"d", "--file"}), "--file needs a value");
  EXPECT_EQ(refusal({"d", "--file="}), "--file needs a value");
  EXPECT_EQ(refusal({"d", "--file=", "x"}), "--file needs a value");
  EXPECT_EQ(refusal({"d", "-f", "--dry-run"}), "-f needs a value");
  EXPECT_EQ(refusal({"d", "-nf", "-q"}), "-nf needs a value");
  EXPECT_EQ(refusal({"d", "-f", "x", "--file", "y"}), "--file was given more than once");
  EXPECT_EQ(refusal({"d", "--dry-run=yes"}), "--dry-run takes no value");
  EXPECT_EQ(refusal({"d", "--word", "c"}), "--word: 'c' is none of a, b");
  EXPECT_EQ(refusal({"d", "--dry"}), "unknown option '--dry'");
  EXPECT_EQ(refusal({"d", "-o", "yaml"}), "--output-format: 'yaml' is none of normal, json");
}

TEST(CommandLine, ReadsNumbersWhole) {
  for (const std::string wrong : {"", "3x", "x", "010", "+3", " 3", "3 ", "0x", "1.5", "0b1"}) {
    EXPECT_THAT(refusal({"d", "--count", wrong}), testing::HasSubstr("is no number")) << wrong;
  }
  EXPECT_EQ(refusal({"d", "--count", "0"}), "--count: 0 is not between 1 and 16");
  EXPECT_EQ(refusal({"d", "--count", "17"}), "--count: 17 is not between 1 and 16");
  EXPECT_EQ(refusal({"d", "--count", "99999999999999999999"}),
            "--count: '99999999999999999999' is no number (decimal or 0x)");
  for (const std::string wrong : {"4k", "4KB", "K", "-4", "18446744073709551615K"}) {
    EXPECT_NE(refusal({"d", "--bytes", wrong}), "accepted") << wrong;
  }
}

TEST(CommandLine, ChecksNothingElseWhenHelpIsAskedFor) {
  Example example;
  EXPECT_TRUE(example.line.parse({"--bogus", "-h"}).help);
  Example other;
  EXPECT_TRUE(other.line.parse({"--version"}).version);
}

TEST(Locate, FindsCommandsBehindAndBeforeOptions) {
  const auto located = locate({"-o", "json", "-v", "sim", "-q", "guest", "--wait=1", "start", "d"});
  EXPECT_EQ(located.name, "sim guest start");
  EXPECT_THAT(located.rest, ElementsAre("-o", "json", "-v", "-q", "--wait=1", "d"));
}

TEST(Locate, LeavesArgumentsThatAreNamesOfCommandsAlone) {
  const auto located = locate({"inspect", "list"});
  EXPECT_EQ(located.name, "inspect");
  EXPECT_THAT(located.rest, ElementsAre("list"));
}

TEST(Locate, FindsNothingWhereNothingIs) {
  EXPECT_EQ(locate({}).command, nullptr);
  const auto located = locate({"--", "list"});
  EXPECT_EQ(located.command, nullptr);
  EXPECT_THAT(located.rest, ElementsAre("--", "list"));
}

TEST(Locate, MatchesNoPrefixes) {
  EXPECT_THROW(locate({"lis"}), Error);
  EXPECT_THROW(locate({"sim", "creat"}), Error);
  EXPECT_THROW(locate({"--vfs", "3", "provision"}), Error);
  EXPECT_THROW(locate({"-x", "list"}), Error);
}

TEST(AsksJson, EvenOfALineThatIsWrong) {
  EXPECT_TRUE(asks_json({"nonsense", "-o", "json"}));
  EXPECT_TRUE(asks_json({"-ojson"}));
  EXPECT_TRUE(asks_json({"--output-format=json", "--bogus"}));
  EXPECT_TRUE(asks_json({"-qojson"}));
  EXPECT_TRUE(asks_json({"-vqo", "json"}));
  EXPECT_FALSE(asks_json({"-fo", "json"}));
  EXPECT_FALSE(asks_json({"--output", "json"}));
  EXPECT_FALSE(asks_json({"--output-formats=json"}));
  EXPECT_FALSE(asks_json({"list", "-o"}));
  EXPECT_FALSE(asks_json({"list", "-o", "normal", "json"}));
  EXPECT_FALSE(asks_json({"list", "--", "-o", "json"}));
}

/// Every row of the table can be declared, and none declares the same name twice.
void expect_declarable(std::span<const Command> rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_THAT(row.summary, testing::Not(testing::EndsWith(".")));
    expect_declarable(row.subcommands);
    ASSERT_EQ(row.declare == nullptr, !row.subcommands.empty());
    if (row.declare == nullptr) continue;
    CommandLine line;
    auto options = line.options();
    EXPECT_TRUE(row.declare(options));
    for (const auto& declared : line.declared()) {
      EXPECT_THAT(declared.help, testing::Not(IsEmpty())) << declared.name();
      EXPECT_THAT(declared.help, testing::Not(testing::EndsWith("."))) << declared.name();
    }
  }
}

TEST(Commands, CanAllBeDeclared) { expect_declarable(commands()); }

}  // namespace
}  // namespace nvmigrate::cli
