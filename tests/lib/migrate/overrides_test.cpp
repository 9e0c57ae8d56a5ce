// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/overrides.h"

#include <gmock/gmock.h>

#include <regex>

#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using Names = std::vector<std::string>;

TEST(Overrides, AreThoseOfTheCommand) {
  EXPECT_THAT(overrides_of("bind"), ElementsAre("shared_group"));
  EXPECT_THAT(overrides_of("resume"), ElementsAre("moved", "loading"));
  EXPECT_THAT(overrides_of("import"), Contains("source_runs"));
  EXPECT_THAT(overrides_of("transfer"), Not(Contains("source_runs")));
  EXPECT_THAT(overrides_of("export"), Contains("queue_pointer"));
  EXPECT_THAT(overrides_of("list"), IsEmpty());
  EXPECT_THAT(overrides_of("provision deprovision"), IsEmpty());
}

TEST(Overrides, AreNamedAsMembersOfJson) {
  for (const auto& one : overrides()) {
    EXPECT_EQ(one.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << one.name;
    EXPECT_FALSE(one.commands.empty()) << one.name;
  }
}

/// The names that follow a call in a source of the library.
Names named_after(const std::string& call, const std::string& source) {
  const auto text = test::contents(NVMIGRATE_SOURCE_DIR "/lib/nvmigrate/" + source);
  const std::regex pattern("\\b" + call + "\\(\\s*\"([a-z_]+)\"");
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    names.push_back((*at)[1]);
  return names;
}

TEST(Overrides, HoldEveryBlockerOfAnImport) {
  const auto known = overrides_of("import");
  const auto blockers = named_after("blocker", "migrate/findings.cpp");
  EXPECT_THAT(blockers, Contains("host_driver"));
  for (const auto& name : blockers)
    EXPECT_THAT(known, Contains(name));
}

TEST(Overrides, HoldEveryBlockerOfAState) {
  auto names = named_after("add", "state/queue_checks.cpp");
  for (const auto& name : named_after("add", "state/state_decoder.cpp"))
    names.push_back(name);
  EXPECT_THAT(names, testing::IsSupersetOf({"queue_pointer", "too_short"}));
  const Names warnings{"reserved", "not_suspended", "empty", "nvme_version", "slack"};
  for (const auto& name : names) {
    if (std::find(warnings.begin(), warnings.end(), name) != warnings.end()) continue;
    EXPECT_THAT(overrides_of("export"), Contains(name));
    const bool whole = name != "too_short" && name != "too_long" && name != "one_dword_short";
    const auto import = overrides_of("import");
    EXPECT_EQ(std::find(import.begin(), import.end(), name) != import.end(), whole) << name;
  }
}

}  // namespace
}  // namespace nvmigrate
