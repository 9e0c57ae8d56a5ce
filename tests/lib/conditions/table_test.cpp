// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/conditions/fact.h"
#include "tests/support/fake_session.h"

namespace nvmigrate {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using Codes = test::Codes;

std::vector<Verb> all_verbs() {
  std::vector<Verb> verbs;
  for (std::size_t i = 0; i < verb_names.size(); ++i)
    verbs.push_back(static_cast<Verb>(i));
  return verbs;
}

/// The codes that a row has for a verb.
Codes codes_where(Verb verb, Verbs Condition::*of) {
  Codes codes;
  for (const auto& row : conditions()) {
    if ((row.*of).has(verb)) codes.emplace_back(row.code);
  }
  return codes;
}

TEST(ConditionTable, CodesAreUniqueAndMembersOfJson) {
  std::set<std::string_view> codes;
  for (const auto& row : conditions()) {
    EXPECT_TRUE(codes.insert(row.code).second) << row.code;
    EXPECT_EQ(row.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << row.code;
    EXPECT_FALSE(row.looks_at.empty()) << row.code;
  }
}

TEST(ConditionTable, OnlyABlockerIsOverridden) {
  for (const auto& row : conditions()) {
    for (const auto verb : all_verbs()) {
      EXPECT_TRUE(!row.overrides.has(verb) || row.blocks.has(verb)) << row.code << name_of(verb);
      EXPECT_FALSE(row.warns.has(verb) && row.blocks.has(verb)) << row.code << name_of(verb);
    }
  }
}

TEST(ConditionTable, ABlockerSaysWhatToDoNext) {
  // What the sentence itself says to ask for otherwise, and what is of a state.
  const Codes explained{"too_many_vfs",
                        "no_secondary",
                        "no_sriov",
                        "too_few_resources",
                        "too_many_resources",
                        "simulated",
                        "model",
                        "firmware",
                        "backend",
                        "no_formats",
                        "version",
                        "vendor_format",
                        "queue_depth",
                        "loading",
                        "no_flexible_resources",
                        "nothing_to_release"};
  for (const auto& row : conditions()) {
    const bool of_decoder = row.sentence.empty();
    if (of_decoder || row.blocks.empty()) continue;
    EXPECT_TRUE(!row.advice.empty() || row.remedy ||
                std::find(explained.begin(), explained.end(), row.code) != explained.end())
        << row.code;
  }
}

TEST(ConditionTable, SentencesAreCarriedOnByOthers) {
  for (const auto& row : conditions()) {
    EXPECT_FALSE(row.sentence.ends_with('.')) << row.code;
    EXPECT_FALSE(row.advice.ends_with('.')) << row.code;
    for (const auto text : {row.sentence, row.advice}) {
      EXPECT_EQ(text.find("--"), std::string_view::npos) << row.code;
      EXPECT_EQ(text.find("nvmigrate "), std::string_view::npos) << row.code;
    }
  }
}

/// A transfer judges its source as an export does, and its destination as an import does.
TEST(ConditionTable, ATransferIsAnExportAndAnImport) {
  // What is found out about a state that comes from elsewhere, or goes into a raw one.
  const Codes of_files{"source_runs",   "source_unknown", "source_away",
                       "loaded_before", "source_resumed", "subsystem_state_left_out"};
  for (const auto& row : conditions()) {
    const auto either = [&](Verbs verbs) {
      return verbs.has(Verb::export_state) || verbs.has(Verb::import_state);
    };
    const bool of_file = std::find(of_files.begin(), of_files.end(), row.code) != of_files.end();
    const bool whole =
        row.code == "too_short" || row.code == "too_long" || row.code == "one_dword_short";
    EXPECT_EQ(row.blocks.has(Verb::transfer), either(row.blocks) && !of_file) << row.code;
    EXPECT_EQ(row.warns.has(Verb::transfer), either(row.warns) && !of_file) << row.code;
    EXPECT_EQ(row.overrides.has(Verb::transfer), either(row.overrides) && !of_file && !whole)
        << row.code;
  }
}

TEST(ConditionTable, OverridesAreThoseOfTheVerb) {
  EXPECT_THAT(overrides_of(Verb::bind), ElementsAre("uses_unknown", "shared_group"));
  EXPECT_THAT(overrides_of(Verb::resume),
              ElementsAre("foreign", "open_unknown", "unreadable", "not_open", "uses_unknown",
                          "exported", "away", "two_copies", "loading", "in_doubt"));
  EXPECT_THAT(overrides_of(Verb::import_state), Contains("source_runs"));
  EXPECT_THAT(overrides_of(Verb::transfer), Not(Contains("source_runs")));
  EXPECT_THAT(overrides_of(Verb::export_state), Contains("queue_pointer"));
  EXPECT_THAT(overrides_of(Verb::mark), ElementsAre("foreign"));
  EXPECT_THAT(overrides_of(Verb::unmark), IsEmpty());
  EXPECT_EQ(overrides_of("export"), overrides_of(Verb::export_state));
  EXPECT_THAT(overrides_of("list"), IsEmpty());
}

/// The codes that the decoder of states gives its findings.
Codes codes_of_the_decoder() {
  Codes codes;
  for (const std::string file : {"queue_checks.cpp", "state_decoder.cpp"}) {
    const auto text = test::contents(NVMIGRATE_SOURCE_DIR "/lib/nvmigrate/state/" + file);
    const std::regex pattern("\\badd\\(\\s*\"([a-z_]+)\"");
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
      codes.push_back((*at)[1]);
  }
  return codes;
}

TEST(ConditionTable, HoldsEverythingThatTheDecoderFinds) {
  const auto codes = codes_of_the_decoder();
  EXPECT_THAT(codes, testing::IsSupersetOf({"queue_pointer", "too_short", "reserved"}));
  for (const auto& code : codes) {
    const auto* row = find_condition(code);
    ASSERT_NE(row, nullptr) << code;
    EXPECT_EQ(row->sentence, "") << code << ": the decoder says it";
    for (const auto verb : {Verb::export_state, Verb::import_state, Verb::transfer})
      EXPECT_NE(row->blocks.has(verb), row->warns.has(verb)) << code;
  }
}

TEST(Conditions, AnUnknownCodeIsAMistakeOfTheProgram) {
  EXPECT_EQ(find_condition("asleep"), nullptr);
  EXPECT_EQ(test::thrown_by([] { static_cast<void>(condition("asleep")); }).status(),
            ExitStatus::internal);
}

TEST(Conditions, AFindingSaysWhatWasFoundOfWhom) {
  const auto found = told({.code = "suspended",
                           .device = "sim:a",
                           .function = "controlled function 3 (vf 3)",
                           .cntlid = 3,
                           .words = {{"by", " (export, pid 7)"}}});
  EXPECT_EQ(found.code, "suspended");
  EXPECT_EQ(found.message, "controlled function 3 (vf 3) is suspended (export, pid 7)");
  EXPECT_EQ(found.device, "sim:a");
  EXPECT_EQ(found.cntlid, 3);
  EXPECT_EQ(found.severity, Severity::warning);
  EXPECT_THAT(found.remedies, ElementsAre(Remedy{.action = Remedy::Action::resume,
                                                 .device = "sim:a",
                                                 .function = std::uint16_t{3}}));
}

TEST(Conditions, TheRemedyOfADeviceNamesNoFunction) {
  const auto found = told({.code = "left_suspended",
                           .device = "sim:a",
                           .function = "x",
                           .cntlid = 3,
                           .words = {{"by", ""}}});
  EXPECT_THAT(found.remedies,
              ElementsAre(Remedy{.action = Remedy::Action::repair, .device = "sim:a"}));
}

TEST(Conditions, WhatIsAllowedIsWhatTheVerbLetsBeAllowed) {
  const Fact fact{.code = "exported",
                  .device = "sim:a",
                  .function = "x",
                  .words = {{"by", ""}, {"to", " to y"}}};
  EXPECT_TRUE(judged(fact, Verb::resume).stands());
  EXPECT_TRUE(judged(fact, Verb::resume, {"loading"}).stands());
  EXPECT_FALSE(judged(fact, Verb::resume, {"exported"}).stands());
  EXPECT_TRUE(judged(fact, Verb::bind, {"exported"}).stands());
  EXPECT_FALSE(judged(fact, Verb::bind).overridable);
  EXPECT_EQ(judged(fact, Verb::mark).severity, Severity::ok);
}

TEST(Conditions, TheDecodersFindingsKeepTheirSeverity) {
  const Finding blocker{.code = "queue_id", .offset = 7};
  EXPECT_TRUE(judged(blocker, Verb::import_state, {}).overridable);
  EXPECT_FALSE(judged(blocker, Verb::import_state, {"queue_id"}).stands());
  EXPECT_EQ(judged(blocker, Verb::import_state, {}).offset, 7U);
  const Finding warning{.code = "queue_id", .severity = Severity::warning};
  EXPECT_EQ(judged(warning, Verb::import_state, {"queue_id"}), warning);
  const Finding unknown{.code = "asleep"};
  EXPECT_EQ(judged(unknown, Verb::import_state, {"asleep"}), unknown);
}

TEST(Conditions, EachVerbIsStoppedBySomething) {
  for (const auto verb : all_verbs())
    EXPECT_THAT(codes_where(verb, &Condition::blocks), Not(IsEmpty())) << name_of(verb);
}

}  // namespace
}  // namespace nvmigrate
