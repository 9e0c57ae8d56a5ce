// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/finding.h"

#include <gmock/gmock.h>

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Finding found(const std::string& code, ExitStatus status = ExitStatus::refused) {
  return {.code = code, .status = status, .message = "message of " + code};
}

Finding warning(const std::string& code) {
  auto one = found(code);
  one.severity = Severity::warning;
  return one;
}

Finding allowed(const std::string& code) {
  auto one = found(code);
  one.overridable = one.allowed = true;
  return one;
}

std::string code_of(const Findings& findings) { return Refusal("export", findings).code(); }

TEST(FindingTest, OnlyABlockerThatIsNotAllowedStands) {
  EXPECT_TRUE(found("a").stands());
  EXPECT_FALSE(allowed("a").stands());
  for (const auto severity : {Severity::ok, Severity::warning, Severity::problem}) {
    EXPECT_FALSE((Finding{.code = "a", .severity = severity}).stands()) << to_string(severity);
  }
  EXPECT_FALSE(any_stands({}));
  EXPECT_FALSE(any_stands({warning("a"), allowed("b")}));
  EXPECT_TRUE(any_stands({warning("a"), found("b")}));
}

TEST(FindingTest, SeveritiesHaveNames) {
  EXPECT_EQ(to_string(Severity::ok), "ok");
  EXPECT_EQ(to_string(Severity::warning), "warning");
  EXPECT_EQ(to_string(Severity::problem), "problem");
  EXPECT_EQ(to_string(Severity::blocker), "blocker");
}

TEST(RefusalTest, ThrowsOnlyWhenSomethingStands) {
  EXPECT_NO_THROW(refuse_if_any_stands("export", {warning("a"), allowed("b")}));
  EXPECT_THROW(refuse_if_any_stands("export", {warning("a"), found("b")}), Refusal);
}

TEST(RefusalTest, HasStatusAndCodeOfTheWeightiest) {
  const auto unsupported = found("unsupported_one", ExitStatus::unsupported);
  const auto refused = found("refused_one");
  const auto missing = found("missing_one", ExitStatus::not_found);
  const auto bad = found("bad_one", ExitStatus::bad_state);
  EXPECT_EQ(code_of({bad, missing, refused, unsupported}), "unsupported_one");
  EXPECT_EQ(code_of({bad, missing, refused}), "refused_one");
  EXPECT_EQ(code_of({bad, missing}), "missing_one");
  EXPECT_EQ(code_of({bad, found("device_one", ExitStatus::device)}), "bad_one");
  const Refusal refusal("export", {bad, missing, refused, unsupported});
  EXPECT_EQ(refusal.status(), ExitStatus::unsupported);
}

TEST(RefusalTest, IsNotJudgedByWhatDoesNotStand) {
  auto overridden = found("overridden", ExitStatus::unsupported);
  overridden.allowed = true;
  const Refusal refusal("export", {warning("a"), overridden, found("b", ExitStatus::bad_state)});
  EXPECT_EQ(refusal.code(), "b");
  EXPECT_EQ(refusal.status(), ExitStatus::bad_state);
  EXPECT_THAT(refusal.what(), Not(HasSubstr("message of a")));
  EXPECT_THAT(refusal.what(), Not(HasSubstr("message of overridden")));
}

TEST(RefusalTest, NamesAllThatStands) {
  const Refusal refusal("export", {found("a"), warning("w"), found("b")});
  EXPECT_STREQ(refusal.what(), "cannot export: message of a; message of b");
  EXPECT_EQ(refusal.action(), "export");
  EXPECT_EQ(refusal.findings().size(), 3U);
}

TEST(RefusalTest, SeparatesFindingsThatEndAsTheActionDoes) {
  auto first = found("a");
  first.message = "there is nothing to export";
  EXPECT_STREQ(Refusal("export", {first, found("b")}).what(),
               "cannot export: there is nothing to export; message of b");
}

TEST(RefusalTest, NamesTheDevicesWhenThereAreSeveral) {
  auto source = found("a");
  source.device = "/dev/nvme0";
  auto destination = found("b");
  destination.device = "/dev/nvme1";
  const Refusal both("transfer", {source, destination});
  EXPECT_THAT(both.what(), HasSubstr("/dev/nvme0: message of a"));
  EXPECT_THAT(both.what(), HasSubstr("/dev/nvme1: message of b"));
  EXPECT_EQ(both.device(), "/dev/nvme0");
  EXPECT_THAT(Refusal("export", {source}).what(), Not(HasSubstr("/dev/nvme0")));
}

TEST(RefusalTest, NamesTheSameNextStepOnce) {
  auto one = found("a");
  one.advice = "do this";
  one.remedies = {{.action = Remedy::Action::deprovision, .device = "/dev/nvme0"}};
  auto other = found("b");
  other.advice = one.advice;
  other.remedies = one.remedies;
  const Refusal refusal("provision", {one, other});
  EXPECT_EQ(refusal.advice(), "do this");
  EXPECT_EQ(refusal.remedies(), one.remedies);
}

TEST(RefusalTest, CollectsAdviceAndRemediesOfAllThatStands) {
  auto first = found("a");
  first.advice = "do this";
  first.remedies = {{.action = Remedy::Action::mark, .device = "/dev/nvme0", .function = 3}};
  auto idle = warning("w");
  idle.remedies = {{.action = Remedy::Action::list}};
  auto last = found("b");
  last.advice = "do that";
  last.remedies = {{.action = Remedy::Action::suspend, .device = "/dev/nvme0", .function = 3}};
  const Refusal refusal("export", {first, idle, last});
  EXPECT_EQ(refusal.advice(), "do this; do that");
  EXPECT_THAT(refusal.remedies(), ElementsAre(first.remedies.front(), last.remedies.front()));
}

}  // namespace
}  // namespace nvmigrate
