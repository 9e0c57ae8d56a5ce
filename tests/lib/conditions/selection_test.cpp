// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/selection.h"

#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SelectionTest : public FakeSessionTest {
 protected:
  SelectionTest() { bring_up(3); }
  std::vector<unsigned> ids(const std::string& words) {
    std::vector<unsigned> found;
    for (const auto* function : select(now(), words, "try"))
      found.push_back(function->cntlid);
    return found;
  }
  Codes refused(const std::string& words) {
    return refusal_of([&] { ids(words); });
  }
  ExitStatus status_of(const std::string& words) {
    return thrown_by([&] { ids(words); }).status();
  }
  Topology& now() { return session().topology(); }
};

TEST_F(SelectionTest, TakesNumbersRangesVfsAddressesAndAll) {
  EXPECT_THAT(ids("3"), ElementsAre(3));
  EXPECT_THAT(ids("0x3"), ElementsAre(3));
  EXPECT_THAT(ids("1-4,7"), ElementsAre(1, 2, 3, 4, 7));
  EXPECT_THAT(ids("vf2"), ElementsAre(2));
  EXPECT_THAT(ids(vf(3)), ElementsAre(3));
  EXPECT_THAT(ids("01:00.3"), ElementsAre(3)) << "without its domain";
  EXPECT_THAT(ids("all"), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(SelectionTest, NamesEachOnceInTheOrderOfTheTopology) {
  EXPECT_THAT(ids("7,1,vf1,2-3,3"), ElementsAre(1, 2, 3, 7));
}

TEST_F(SelectionTest, RefusesTheControllingFunctionHoweverItIsNamed) {
  for (const std::string words : {"0", "0-2", FakePciBus::physical}) {
    EXPECT_THAT(refused(words), ElementsAre("controlling_function")) << words;
  }
}

TEST_F(SelectionTest, NamesTheOneThatIsNotThere) {
  const std::map<std::string, std::string> missing{
      {"1,9", "9"}, {"7-65535", "9"}, {"vf9", "vf9"}, {"0000:09:00.1", "0000:09:00.1"}};
  for (const auto& [words, one] : missing) {
    const auto refusal = thrown_by<Refusal>([&, given = words] { ids(given); });
    EXPECT_EQ(refusal.status(), ExitStatus::not_found);
    EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("unknown_function"));
    EXPECT_THAT(refusal.findings().front().message, HasSubstr(one));
    EXPECT_THAT(refusal.remedies(), ElementsAre(of(Remedy::Action::list)));
  }
}

TEST_F(SelectionTest, NamesEveryWordThatIsWrongAtOnce) {
  EXPECT_THAT(refused("9,0,1,vf12"),
              ElementsAre("unknown_function", "controlling_function", "unknown_function"));
}

TEST_F(SelectionTest, WordsThatMeanNothingAreUsageErrors) {
  for (const auto* words : {"", "x", "1,", ",1", "3x", "010", "-1", "4-1", "1-", "65536", "vf",
                            "vf0", "vfx", "01:00", "1:0:0", "0000:01:00.", "zz:00.1", "All"}) {
    EXPECT_EQ(status_of(words), ExitStatus::usage) << words;
  }
}

TEST_F(SelectionTest, AllOfNothingIsNotFound) {
  now().functions.clear();
  EXPECT_EQ(status_of("all"), ExitStatus::not_found);
}

TEST_F(SelectionTest, AllLeavesOtherControllingFunctionsOut) {
  now().functions.front().controls = true;
  EXPECT_THAT(ids("all"), ElementsAre(2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(ids("1"), ElementsAre(1)) << "by its name it is selected";
}

TEST_F(SelectionTest, AllLeavesTheFunctionsOfOthersOut) {
  device.others = {40, 41};
  session().refresh();
  now().find(8)->of_another = true;
  EXPECT_THAT(ids("all"), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(ids("40"), ElementsAre(40)) << "by its name it is selected";
  registry().mark(40);
  session().refresh();
  EXPECT_THAT(ids("all"), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 40)) << "recorded here";
}

TEST_F(SelectionTest, AllOfOtherControllingFunctionsOnlyIsNotFound) {
  for (auto& function : now().functions)
    function.controls = true;
  EXPECT_EQ(status_of("all"), ExitStatus::not_found);
}

TEST_F(SelectionTest, AllCannotBeCombined) {
  for (const auto* words : {"all,3", "3,all", "all,all", "all,"}) {
    EXPECT_EQ(status_of(words), ExitStatus::usage) << words;
  }
}

TEST_F(SelectionTest, OneMeansOne) {
  EXPECT_EQ(select_one(now(), "vf2", "try").cntlid, 2);
  EXPECT_EQ(thrown_by([&] { select_one(now(), "1-2", "try"); }).status(), ExitStatus::usage);
}

TEST_F(SelectionTest, ResolveTellsWhatEachWordMeans) {
  const auto picks = resolve(now(), "0,1,9");
  ASSERT_EQ(picks.size(), 3U);
  EXPECT_EQ(picks[0].kind, Pick::Kind::controlling_function);
  EXPECT_EQ(picks[1].kind, Pick::Kind::function);
  EXPECT_EQ(picks[2].kind, Pick::Kind::unknown);
}

}  // namespace
}  // namespace nvmigrate::test
