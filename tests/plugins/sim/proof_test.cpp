// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Action = Remedy::Action;

// Two hosts; the guest of vf1 on sim:a is to go to vf1 on sim:b.
class SimProof : public testing::Test {
 protected:
  SimProof() {
    lab_.create("a", {.vfs_total = 2});
    lab_.create("b", {.vfs_total = 2});
    source_.emplace(lab_, "sim:a");
    destination_.emplace(lab_, "sim:b");
    source_->provision(2);
    destination_->provision(2);
    sim::start_guest(lab_.folders(), "sim:a", "vf1", 3);
    sim::start_guest(lab_.folders(), "sim:b", "vf1", 0);
  }

  sim::GuestReport source() { return sim::guest_report(lab_.folders(), "sim:a", "vf1"); }
  sim::GuestReport destination() { return sim::guest_report(lab_.folders(), "sim:b", "vf1"); }
  void transfer(command::FormatIndexes formats = {1, 1}) {
    ASSERT_EQ(source_->suspend(1), 0);
    ASSERT_EQ(destination_->suspend(1), 0);
    ASSERT_EQ(destination_->set(1, source_->image(1, formats), formats), 0);
    ASSERT_EQ(destination_->resume(1), 0);
  }

  Lab lab_;
  std::optional<Bench> source_, destination_;
};

TEST_F(SimProof, HoldsAfterATransferAndAfterTheGuestWentOn) {
  transfer();
  EXPECT_THAT(sim::discontinuities(source(), destination()), IsEmpty());
  const auto before = destination().progress;
  EXPECT_GT(destination().progress, before);
  EXPECT_GT(before, source().progress);
  EXPECT_EQ(source().state, "suspended");
  EXPECT_THAT(sim::discontinuities(source(), destination()), IsEmpty());
}

TEST_F(SimProof, HoldsOverTheWayBack) {
  transfer();
  ASSERT_EQ(destination_->suspend(1), 0);
  sim::stop_guest(lab_.folders(), "sim:a", "vf1");
  sim::start_guest(lab_.folders(), "sim:a", "vf1", 0);
  ASSERT_EQ(source_->suspend(1), 0);
  ASSERT_EQ(source_->set(1, destination_->image(1)), 0);
  ASSERT_EQ(source_->resume(1), 0);
  EXPECT_THAT(sim::discontinuities(destination(), source()), IsEmpty());
}

TEST_F(SimProof, HoldsAfterTheSourceWasTakenOffline) {
  transfer();
  ASSERT_EQ(source_->offline(1), 0);
  EXPECT_THAT(sim::discontinuities(source(), destination()), IsEmpty());
}

TEST_F(SimProof, FailsWithoutASuspension) {
  EXPECT_THAT(sim::discontinuities(source(), destination()), SizeIs(1));
}

TEST_F(SimProof, FailsWithoutALoadedState) {
  ASSERT_EQ(source_->suspend(1), 0);
  ASSERT_EQ(destination_->suspend(1), 0);
  ASSERT_EQ(destination_->resume(1), 0);
  EXPECT_THAT(sim::discontinuities(source(), destination()), SizeIs(1));
}

TEST_F(SimProof, FailsWhenTheSourceRanOn) {
  transfer();
  ASSERT_EQ(source_->resume(1), 0);
  (void)source();
  ASSERT_EQ(source_->suspend(1), 0);
  const auto differences = sim::discontinuities(source(), destination());
  EXPECT_THAT(differences, testing::Contains(HasSubstr("submission queue 1: the head is")));
  EXPECT_THAT(differences, testing::Contains(HasSubstr("completion queue 2: the tail is")));
  EXPECT_THAT(differences, testing::Contains(HasSubstr("vendor state")));
}

TEST_F(SimProof, FailsWithoutTheVendorState) {
  transfer({1, 0});
  EXPECT_THAT(sim::discontinuities(source(), destination()),
              ElementsAre("the vendor state was not carried over"));
}

TEST_F(SimProof, FailsWithoutTheQueues) {
  transfer({0, 1});
  EXPECT_THAT(sim::discontinuities(source(), destination()),
              ElementsAre("there are 0 submission queues instead of 3",
                          "there are 0 completion queues instead of 3"));
}

TEST_F(SimProof, FailsOnASwappedPointer) {
  auto from = source();
  transfer();
  from = source();
  auto to = destination();
  std::swap(to.continued->queues.submission[1].head, to.continued->queues.submission[1].tail);
  EXPECT_EQ(sim::discontinuities(from, to).size(), 2U);
  to = destination();
  to.continued->queues.completion[0].attributes ^= 4U;
  EXPECT_THAT(sim::discontinuities(from, to), ElementsAre(HasSubstr("the phase is")));
}

TEST_F(SimProof, RefusesGuestsThatCannotRun) {
  const auto refuse = [&](const std::string& id, ExitStatus status,
                          std::optional<unsigned> queues = {}) {
    return remedies_of([&] { sim::start_guest(lab_.folders(), "sim:a", id, queues); }, status);
  };
  EXPECT_THAT(refuse("0", ExitStatus::refused), IsEmpty());
  EXPECT_THAT(refuse("vf1", ExitStatus::refused), IsEmpty()) << "it has one";
  EXPECT_THAT(refuse("vf2", ExitStatus::usage, 4), IsEmpty());
  source_->offline(2);
  EXPECT_THAT(refuse("vf2", ExitStatus::refused),
              ElementsAre(Remedy{.action = Action::provision, .device = "sim:a", .count = 2}));
  EXPECT_THAT(refuse("vf9", ExitStatus::not_found), IsEmpty());
  EXPECT_THAT(refuse("vfx", ExitStatus::usage), IsEmpty());
  EXPECT_THAT(refuse("0000:05:00.0", ExitStatus::not_found), IsEmpty());
}

TEST_F(SimProof, ASuspendedFunctionGetsNoGuest) {
  ASSERT_EQ(source_->suspend(2), 0);
  const auto start = [&] { sim::start_guest(lab_.folders(), "sim:a", "0000:01:00.2"); };
  EXPECT_THAT(remedies_of(start, ExitStatus::refused),
              ElementsAre(Remedy{.action = Action::resume, .device = "sim:a", .function = 2}));
}

TEST_F(SimProof, StoppingAGuestIsNoErrorWithoutOne) {
  EXPECT_TRUE(sim::stop_guest(lab_.folders(), "sim:a", "vf1"));
  EXPECT_FALSE(sim::stop_guest(lab_.folders(), "sim:a", "vf1"));
  EXPECT_EQ(source().state, "none");
}

TEST_F(SimProof, TheSameSeedGivesTheSameGuest) {
  lab_.create("c", {.vfs_total = 2});
  sim::destroy(lab_.folders(), "a");
  lab_.create("a", {.vfs_total = 2});
  Bench again(lab_, "sim:a"), other(lab_, "sim:c");
  again.provision(2);
  other.provision(2);
  sim::start_guest(lab_.folders(), "sim:a", "vf1", 3);
  sim::start_guest(lab_.folders(), "sim:c", "vf1", 3);
  const auto first = source();
  sim::stop_guest(lab_.folders(), "sim:a", "vf1");
  sim::start_guest(lab_.folders(), "sim:a", "vf1", 3);
  EXPECT_EQ(source().queues, first.queues);
  EXPECT_NE(sim::guest_report(lab_.folders(), "sim:c", "vf1").queues, first.queues);
}

}  // namespace
}  // namespace nvmigrate::test
