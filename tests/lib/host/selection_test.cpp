// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/selection.h"

#include <gmock/gmock.h>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;

class SelectionTest : public HostTest {
 protected:
  SelectionTest() {
    bring_up(3);
    now = topology();
  }
  std::vector<unsigned> ids(const std::string& words) {
    std::vector<unsigned> found;
    for (const auto* function : select(now, words))
      found.push_back(function->cntlid);
    return found;
  }
  Topology now;
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
  EXPECT_THAT(error_of([&] { ids("0"); }),
              fails(ExitStatus::refused, "is the controlling function sim:fake itself"));
  EXPECT_THAT(error_of([&] { ids("0-2"); }), fails(ExitStatus::refused, "itself"));
  EXPECT_THAT(error_of([&] { ids(FakePciBus::physical); }), fails(ExitStatus::refused, "itself"));
}

TEST_F(SelectionTest, NamesTheOneThatIsNotThere) {
  EXPECT_THAT(error_of([&] { ids("1,9"); }),
              fails(ExitStatus::not_found, "controls no function 9"));
  EXPECT_THAT(error_of([&] { ids("7-65535"); }),
              fails(ExitStatus::not_found, "controls no function 9"));
  EXPECT_THAT(error_of([&] { ids("vf9"); }),
              fails(ExitStatus::not_found, "controls no function vf9"));
  EXPECT_THAT(error_of([&] { ids("0000:09:00.1"); }), fails(ExitStatus::not_found, "0000:09:00.1"));
}

TEST_F(SelectionTest, RefusesWordsThatMeanNothing) {
  for (const auto* words : {"", "x", "1,", ",1", "3x", "010", "-1", "4-1", "1-", "65536", "vf",
                            "vf0", "vfx", "01:00", "1:0:0", "0000:01:00.", "zz:00.1", "All"}) {
    EXPECT_THAT(error_of([&] { ids(words); }), fails(ExitStatus::usage, "")) << words;
  }
}

TEST_F(SelectionTest, AllOfNothingIsNotFound) {
  now.functions.clear();
  EXPECT_THAT(error_of([&] { ids("all"); }), fails(ExitStatus::not_found, "controls no functions"));
}

TEST_F(SelectionTest, AllLeavesOtherControllingFunctionsOut) {
  now.functions.front().controls = true;
  const auto one = std::to_string(now.functions.front().cntlid);
  const auto all = ids("all");
  EXPECT_EQ(all.size(), now.functions.size() - 1);
  EXPECT_EQ(ids(one).size(), 1U) << "named, it is one";
  for (auto& function : now.functions)
    function.controls = true;
  EXPECT_THAT(error_of([&] { ids("all"); }), fails(ExitStatus::not_found, "controls no functions"));
}

TEST_F(SelectionTest, AllStandsAlone) {
  for (const auto* words : {"all,3", "3,all", "all,all", "all,"}) {
    EXPECT_THAT(error_of([&] { ids(words); }), fails(ExitStatus::usage, "stands alone")) << words;
  }
}

TEST_F(SelectionTest, OneMeansOne) {
  EXPECT_EQ(select_one(now, "vf2").cntlid, 2);
  EXPECT_THAT(error_of([&] { select_one(now, "1-2"); }),
              fails(ExitStatus::usage, "means 2 functions"));
}

TEST_F(SelectionTest, ResolveReportsEveryWord) {
  const auto picks = resolve(now, "0,1,9");
  ASSERT_EQ(picks.size(), 3U);
  EXPECT_EQ(picks[0].kind, Pick::Kind::controlling_function);
  EXPECT_EQ(picks[1].kind, Pick::Kind::function);
  EXPECT_EQ(picks[2].kind, Pick::Kind::unknown);
}

}  // namespace
}  // namespace nvmigrate::test
