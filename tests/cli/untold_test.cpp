// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <set>

#include "nvmigrate/store/journal.h"
#include "plugins/sim/sim.h"
#include "tests/support/run_binary.h"
#include "tests/support/run_tool.h"
#include "tests/support/stride.h"

namespace nvmigrate::test {
namespace {

using Words = std::vector<std::string>;
using Document = nlohmann::json;

/// What is left of the records.
enum class Records { whole, gone, damaged, set_aside, mark_lost, mark_and_journal_lost };

/// Where a guest is, and how it got there.
struct Situation {
  std::string name, device;          ///< whose function 1 is meant
  Words lines;                       ///< commands that lead to it; `FILE`: a state file
  std::optional<IntentKind> left{};  ///< what a command that was killed left on record
  IntentDetails details{};
};

const std::vector<Situation>& situations() {
  static const std::vector<Situation> all{
      {"running", "sim:a", {}},
      {"suspended", "sim:a", {"suspend sim:a 1"}},
      {"left_suspended",
       "sim:a",
       {"suspend sim:a 1"},
       IntentKind::suspended,
       {{unfinished_detail, "it was killed"}}},
      {"exporting", "sim:a", {"suspend sim:a 1"}, IntentKind::exporting},
      {"exported", "sim:a", {"export sim:a 1 -f FILE"}},
      {"away", "sim:a", {"export sim:a 1 -f FILE", "release sim:a 1"}},
      {"loading",
       "sim:b",
       {"export sim:a 1 -f FILE", "suspend sim:b 1"},
       IntentKind::loading,
       {{"file", "FILE"}}},
      {"loading_by_transfer",
       "sim:b",
       {"suspend sim:b 1"},
       IntentKind::loading,
       {{"source", "sim:a 1"}}},
      {"loaded", "sim:b", {"export sim:a 1 -f FILE", "import sim:b 1 -f FILE"}},
      {"left_loaded",
       "sim:b",
       {"export sim:a 1 -f FILE", "import sim:b 1 -f FILE"},
       IntentKind::loaded,
       {{unfinished_detail, "it was killed"}}},
      {"unmarked_suspended", "sim:b", {"unmark sim:b 1", "suspend sim:b 1 --backend intel"}},
  };
  return all;
}

/// Two subsystems whose functions cannot say whether they are suspended: whatever the tool prints
/// as a way on must lead on.
class UntoldRemedies : public testing::TestWithParam<std::tuple<std::size_t, Records>> {
 protected:
  UntoldRemedies() {
    for (const std::string name : {"a", "b"}) {
      must("sim create " + name + " --personality rfc --vfs-total 2");
      must("provision sim:" + name + " --vfs 1");
      must("bind sim:" + name + " 1");
      must("mark sim:" + name + " 1 --backend intel");
      must("sim guest start sim:" + name + " 1" + (name == "b" ? " --empty" : ""));
    }
    std::filesystem::copy(here(), kept(), std::filesystem::copy_options::recursive);
  }

  [[nodiscard]] const Situation& situation() const {
    return situations().at(std::get<0>(GetParam()));
  }
  [[nodiscard]] const std::string& device() const { return situation().device; }
  [[nodiscard]] std::string other() const { return device() == "sim:a" ? "sim:b" : "sim:a"; }
  [[nodiscard]] std::string here() const { return folder_ / "here"; }
  [[nodiscard]] std::string kept() const { return folder_ / "kept"; }
  [[nodiscard]] std::string file() const { return here() + "/guest"; }
  [[nodiscard]] Folders folders() const {
    return {here() + "/state", here() + "/run", here() + "/sim", "", "a boot of the host"};
  }

  Answer run(const Words& words) {
    return run_here(words, {.io = io_, .folders = folders(), .input = -1, .output = -1});
  }
  void must(std::string line) {
    if (const auto at = line.find("FILE"); at != std::string::npos) line.replace(at, 4, file());
    const auto ran = run(words_of(line));
    ASSERT_EQ(ran.status, ExitStatus::ok) << line << '\n' << ran.err;
  }

  /// The situation anew.
  void arrive() {
    std::filesystem::remove_all(here());
    std::filesystem::copy(kept(), here(), std::filesystem::copy_options::recursive);
    for (const auto& line : situation().lines)
      must(line);
    if (situation().left) {
      auto details = situation().details;
      if (details.contains("file")) details["file"] = file();
      Journal(io_, folders(), sim::key_of(folders(), device().substr(4)), "killed")
          .record(*situation().left, 1, details);
    }
    lose(std::get<1>(GetParam()));
  }

  void lose(Records records) {
    const auto journal = folders().run + "/journal.json";
    const bool damaged = records == Records::damaged || records == Records::set_aside;
    if (damaged) put(journal, "damaged");
    if (records == Records::set_aside) run({"doctor", device(), "--repair"});
    if (records == Records::gone || records == Records::mark_and_journal_lost) {
      std::filesystem::remove_all(folders().run);
    }
    if (records == Records::mark_lost || records == Records::mark_and_journal_lost) {
      std::filesystem::remove_all(folders().state);
    }
  }

  [[nodiscard]] std::vector<Words> verbs() const {
    return {{"suspend", device(), "1"},
            {"resume", device(), "1"},
            {"release", device(), "1"},
            {"export", device(), "1", "-f", here() + "/again"},
            {"import", device(), "1", "-f", file()},
            {"transfer", device(), "1", other(), "1"},
            {"unbind", device(), "1"},
            {"bind", device(), "1"},
            {"deprovision", device()},
            {"unmark", device(), "1"},
            {"mark", device(), "1"}};
  }

  static Document json_of(const std::string& text) { return Document::parse(text, nullptr, false); }

  /// What a command found, or was refused for, by code and device; and the commands.
  static std::vector<std::pair<std::string, Document>> found_by(const Answer& ran) {
    std::vector<std::pair<std::string, Document>> all;
    const auto add = [&](const Document& one) {
      if (!one.contains("commands") || one.value("allowed", false)) return;
      all.emplace_back(one["code"].get<std::string>() + " " + one["device"].dump(),
                       one["commands"]);
    };
    const auto add_error = [&](const Document& error) {
      if (!error.is_object()) return;
      if (error["findings"].empty()) add(error);
      for (const auto& one : error["findings"])
        add(one);
    };
    const auto document = json_of(ran.out.empty() ? ran.err : ran.out);
    if (document.is_discarded()) return all;
    add_error(document.value("error", Document()));
    for (const auto& each : document.value("functions", Document::array()))
      add_error(each.value("error", Document()));
    for (const auto& one : document.value("findings", Document::array()))
      add(one);
    for (const auto& each : document.value("devices", Document::array())) {
      for (const auto& one : each.value("findings", Document::array()))
        add(one);
    }
    return all;
  }

  static std::string line_of(const Words& words) {
    std::string line;
    for (const auto& word : words)
      line += (line.empty() ? "" : " ") + word;
    return line;
  }

  /// Follows the remedy as an operator would, who does what it still asks for.
  Answer follow(const Words& command) {
    Words words(command.begin() + 1, command.end());
    auto ran = run(words);
    const auto asks_for = [&](const std::string& text) {
      return ran.err.find(text) != std::string::npos;
    };
    for (unsigned more = 0; more < 3 && ran.status != ExitStatus::ok; ++more) {
      if (asks_for("shut down the virtual machine")) {
        for (const auto* each : {"sim:a", "sim:b"})
          run({"sim", "guest", "stop", each, "1"});
      } else if (asks_for("--allow foreign_override")) {  // the records of the binding are lost too
        words.insert(words.end(), {"--allow", "foreign_override"});
      } else if (asks_for("-> nvmigrate mark " + device() + " 1 --backend intel")) {
        run({"mark", device(), "1", "--backend", "intel"});
      } else {
        break;
      }
      ran = run(words);
    }
    return ran;
  }

  /// Of what `words` found, every remedy is tried, each in the situation anew.
  void try_remedies(const Words& words) {
    arrive();
    auto asked = words;
    asked.insert(asked.end(), {"-o", "json"});
    for (const auto& [code, commands] : found_by(run(asked))) {
      for (const auto& each : commands) {
        const auto command = each.get<Words>();
        SCOPED_TRACE(line_of(words) + ": " + code + " -> " + line_of(command));
        ASSERT_EQ(command.front(), "nvmigrate");
        if (command.at(1) == "list" || command.at(1) == "show") continue;
        arrive();
        run(asked);
        const auto ran = follow(command);
        EXPECT_TRUE(ran.status == ExitStatus::ok ||
                    (command.at(1) == "doctor" && ran.status == ExitStatus::partial))
            << ran.err << ran.out;
        for (const auto& [again, ways] : found_by(run(asked)))
          EXPECT_FALSE(again == code && ways == commands) << "it is as before";
      }
    }
  }

  TemporaryFolder folder_;
  SystemIo io_;
};

TEST_P(UntoldRemedies, LeadOnFromWhatAVerbIsRefusedFor) {
  for (const auto& words : verbs())
    try_remedies(words);
}

TEST_P(UntoldRemedies, LeadOnFromWhatIsListed) {
  try_remedies({"list", device()});
  try_remedies({"doctor", device()});
}

std::string name_of(const testing::TestParamInfo<UntoldRemedies::ParamType>& about) {
  static constexpr std::array names{"",           "_journal_gone", "_journal_damaged",
                                    "_set_aside", "_mark_lost",    "_all_lost"};
  const auto& [number, records] = about.param;
  return situations().at(number).name + names.at(static_cast<std::size_t>(records));
}

/// Each situation with each of what may be left of the records.
std::vector<UntoldRemedies::ParamType> cases() {
  const std::size_t every = stride() > 1 ? 13 : 1;
  constexpr std::size_t kinds = 6;
  std::vector<UntoldRemedies::ParamType> all;
  for (std::size_t i = 0; i < kinds * situations().size(); i += every)
    all.emplace_back(i / kinds, static_cast<Records>(i % kinds));
  return all;
}

INSTANTIATE_TEST_SUITE_P(Situations, UntoldRemedies, testing::ValuesIn(cases()), name_of);

}  // namespace
}  // namespace nvmigrate::test
