// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Sequence;

// Two VFs online, and the third offline; guests are started by the tests.
class SimMigration : public testing::Test {
 protected:
  struct Made : Lab {
    Made() { create("a", {.vfs_total = 4, .others = 1, .state_size = 4096 + 20}); }
  };

  SimMigration() { bench_.provision(2); }

  void start(const std::string& id, std::optional<unsigned> queues = {}) {
    sim::start_guest(lab_.folders(), "sim:a", id, queues);
  }
  sim::GuestReport report(const std::string& id) {
    return sim::guest_report(lab_.folders(), "sim:a", id);
  }
  /// A state of VF 1's guest, and VF 2 ready to take it.
  Bytes prepared() {
    start("vf1");
    start("vf2", 0);
    EXPECT_EQ(bench_.suspend(1), 0);
    EXPECT_EQ(bench_.suspend(2), 0);
    return bench_.image(1);
  }

  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

TEST_F(SimMigration, SuspendsAndResumes) {
  start("vf1");
  EXPECT_EQ(bench_.resume(1), sc::controller_not_suspended);
  EXPECT_EQ(bench_.suspend(1), 0);
  EXPECT_EQ(bench_.suspend(1), 0) << "again";
  EXPECT_EQ(report("vf1").state, "suspended");
  EXPECT_EQ(bench_.resume(1), 0);
  EXPECT_EQ(report("vf1").state, "running");
  EXPECT_EQ(bench_.resume(1), sc::controller_not_suspended);
}

TEST_F(SimMigration, NoticeChangesNothing) {
  start("vf1");
  EXPECT_EQ(bench_.code(command::suspend(1, command::SuspendType::notification)), 0);
  EXPECT_EQ(report("vf1").state, "running");
}

TEST_F(SimMigration, AControllerThatIsNotEnabledCanBeSuspended) {
  EXPECT_EQ(bench_.suspend(1), 0);
  EXPECT_EQ(bench_.resume(1), 0);
}

TEST_F(SimMigration, NeverTouchesItselfNorWhatIsNotThere) {
  Bytes data(48);
  for (const auto id : std::initializer_list<std::uint16_t>{0, 99, 65535}) {
    EXPECT_EQ(bench_.suspend(id), sc::invalid_controller_identifier) << id;
    EXPECT_EQ(bench_.code(command::suspend(id, command::SuspendType::notification)),
              sc::invalid_controller_identifier);
    EXPECT_EQ(bench_.resume(id), sc::invalid_controller_identifier) << id;
    EXPECT_EQ(bench_.get(id, 0, data).status.code(), sc::invalid_controller_identifier) << id;
    EXPECT_EQ(bench_.set(id, data), sc::invalid_controller_identifier) << id;
  }
}

TEST_F(SimMigration, AnOfflineFunctionCannotBeSuspendedNorResumed) {
  EXPECT_EQ(bench_.suspend(3), sc::invalid_controller_identifier);
  EXPECT_EQ(bench_.resume(3), sc::controller_not_suspended);
  EXPECT_EQ(bench_.size(3), 4116U);
}

TEST_F(SimMigration, AControllerThatIsNoVfIsMigratedLikeAnyOther) {
  start("5", 1);
  ASSERT_EQ(bench_.suspend(5), 0);
  start("vf2", 0);
  ASSERT_EQ(bench_.suspend(2), 0);
  ASSERT_EQ(bench_.set(2, bench_.image(5)), 0);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_THAT(sim::discontinuities(report("5"), report("vf2")), testing::IsEmpty());
}

TEST_F(SimMigration, ASuspendedGuestStandsStillAndOthersGoOn) {
  start("vf1");
  start("vf2");
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto first = report("vf1").queues;
  const auto other = report("vf2").queues;
  EXPECT_EQ(report("vf1").queues, first);
  EXPECT_NE(report("vf2").queues, other);
  ASSERT_EQ(bench_.resume(1), 0);
  EXPECT_NE(report("vf1").queues, first);
}

TEST_F(SimMigration, SaysInDword0AndInTheHeaderWhetherItIsSuspended) {
  start("vf1");
  wire::StateHeader header{};
  const auto into = std::as_writable_bytes(std::span{&header, 1});
  EXPECT_EQ(bench_.get(1, 0, into).dw0, 0U);
  EXPECT_EQ(header.csattr, 0);
  ASSERT_EQ(bench_.suspend(1), 0);
  EXPECT_EQ(bench_.get(1, 0, into).dw0, 1U);
  EXPECT_EQ(header.csattr, wire::csattr_suspended);
}

TEST_F(SimMigration, GivesTheSameStateInChunksOfAnySize) {
  start("vf1");
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto whole = bench_.image(1);
  EXPECT_EQ(whole.size(), 4116U);
  for (const std::size_t chunk : {4U, 100U, 2048U, 4112U}) {
    EXPECT_EQ(bench_.image(1, {1, 1}, chunk), whole);
  }
}

TEST_F(SimMigration, GivesOnlyThePartsThatAreAskedFor) {
  start("vf1", 3);
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto dwords = [&](command::FormatIndexes formats) {
    const auto header = bench_.header(1, formats);
    return std::pair<std::uint64_t, std::uint64_t>{header.nvmecss, header.vss};
  };
  const std::uint64_t nvme = 2 + 6 * 6, vendor = (4116 - 48) / 4 - nvme;
  EXPECT_EQ(dwords({1, 1}), std::pair(nvme, vendor));
  EXPECT_EQ(dwords({1, 0}), std::pair(nvme, std::uint64_t{0}));
  EXPECT_EQ(dwords({0, 1}), std::pair(std::uint64_t{0}, vendor));
  EXPECT_EQ(dwords({0, 0}), std::pair(std::uint64_t{0}, std::uint64_t{0}));
}

TEST_F(SimMigration, TransfersNoMoreThanThereIs) {
  start("vf1");
  Bytes data(64, std::byte{0xAA});
  EXPECT_TRUE(bench_.get(1, 4116 - 8, data).status.ok());
  EXPECT_EQ(Bytes(data.begin() + 8, data.end()), Bytes(56, std::byte{0xAA}));
  EXPECT_TRUE(bench_.get(1, 4116, data).status.ok()) << "offset == size";
  EXPECT_EQ(bench_.get(1, 4120, data).status.code(), sc::invalid_field);
  EXPECT_EQ(bench_.get(1, 2, data).status.code(), sc::invalid_field);
}

TEST_F(SimMigration, LoadsAStateWhole) {
  const auto image = prepared();
  ASSERT_EQ(bench_.set(2, image), 0);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_THAT(sim::discontinuities(report("vf1"), report("vf2")), testing::IsEmpty());
}

TEST_F(SimMigration, LoadsAStateInASequence) {
  const auto image = prepared();
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 1000), 0);
  ASSERT_EQ(bench_.set_part(2, Sequence::middle, image, 1000, 3000), 0);
  EXPECT_EQ(bench_.resume(2), sc::command_sequence_error) << "not committed";
  ASSERT_EQ(bench_.set_part(2, Sequence::last, image, 4000, image.size() - 4000), 0);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_THAT(sim::discontinuities(report("vf1"), report("vf2")), testing::IsEmpty());
}

TEST_F(SimMigration, TheLastChunkMayBeEmptyAndNoOther) {
  const auto image = prepared();
  EXPECT_EQ(bench_.set_part(2, Sequence::first, image, 0, 0), sc::invalid_field);
  EXPECT_EQ(bench_.set_part(2, Sequence::only, image, 0, 0), sc::invalid_field);
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, image.size()), 0);
  EXPECT_EQ(bench_.set_part(2, Sequence::last, image, image.size(), 0), 0);
  EXPECT_EQ(bench_.resume(2), 0);
}

TEST_F(SimMigration, AChunkOutOfSequenceIsASequenceError) {
  const auto image = prepared();
  EXPECT_EQ(bench_.set_part(2, Sequence::middle, image, 0, 8), sc::command_sequence_error);
  EXPECT_EQ(bench_.set_part(2, Sequence::last, image, 0, 8), sc::command_sequence_error);
}

TEST_F(SimMigration, AFirstChunkDiscardsTheSequenceBefore) {
  const auto image = prepared();
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 1000), 0);
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 2000), 0);
  ASSERT_EQ(bench_.set_part(2, Sequence::last, image, 2000, image.size() - 2000), 0);
  ASSERT_EQ(bench_.resume(2), 0);
}

TEST_F(SimMigration, AnyErrorMakesTheSequenceVoid) {
  const auto image = prepared();
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 1000), 0);
  EXPECT_EQ(bench_.set_part(2, Sequence::middle, image, 1004, 8), sc::invalid_field) << "a gap";
  EXPECT_EQ(bench_.set_part(2, Sequence::middle, image, 1000, 8), sc::command_sequence_error);
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 1000), 0);
  EXPECT_EQ(bench_.set_part(2, Sequence::middle, image, 1000, 8, {1, 0}), sc::invalid_field);
  EXPECT_EQ(bench_.set_part(2, Sequence::middle, image, 1000, 8), sc::command_sequence_error);
  EXPECT_EQ(bench_.resume(2), 0) << "nothing was loaded";
  EXPECT_EQ(report("vf2").queues, sim::Queues{});
}

TEST_F(SimMigration, AWrongByteIsFoundAtTheEnd) {
  auto image = prepared();
  image[3000] ^= std::byte{1};
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 3600), 0);
  EXPECT_EQ(bench_.set_part(2, Sequence::last, image, 3600, image.size() - 3600),
            sc::invalid_field);
  EXPECT_EQ(bench_.set(2, image), sc::invalid_field);
  image[3000] ^= std::byte{1};
  EXPECT_EQ(bench_.set(2, image), 0);
}

TEST_F(SimMigration, ASequenceThatEndsTooEarlyIsRefused) {
  const auto image = prepared();
  ASSERT_EQ(bench_.set_part(2, Sequence::first, image, 0, 1000), 0);
  EXPECT_EQ(bench_.set_part(2, Sequence::last, image, 1000, 8), sc::invalid_field);
}

TEST_F(SimMigration, AStateReadWhileRunningIsInconsistentAndRefused) {
  start("vf1");
  start("vf2", 0);
  Bytes image(bench_.size(1));
  bench_.get(1, 0, std::span{image}.first(1000));
  (void)report("vf1");
  bench_.get(1, 1000, std::span{image}.subspan(1000));
  ASSERT_EQ(bench_.suspend(2), 0);
  EXPECT_EQ(bench_.set(2, image), sc::invalid_field);
}

TEST_F(SimMigration, AWrongFormatIsRefused) {
  const auto image = prepared();
  for (const command::FormatIndexes formats :
       {command::FormatIndexes{0, 0}, {0, 1}, {1, 0}, {2, 1}, {1, 2}, {255, 1}}) {
    EXPECT_EQ(bench_.set(2, image, formats), sc::invalid_field);
  }
  Bytes data(48);
  EXPECT_EQ(bench_.get(1, 0, data, {2, 1}).status.code(), sc::invalid_field);
  EXPECT_EQ(bench_.get(1, 0, data, {1, 2}).status.code(), sc::invalid_field);
}

TEST_F(SimMigration, RefusesQueuesWhereThereAreSome) {
  const auto image = prepared();
  EXPECT_EQ(bench_.set(1, image), sc::invalid_field) << "the source has queues";
  EXPECT_EQ(bench_.resume(1), 0) << "and is none the worse";
  ASSERT_EQ(bench_.set(2, image), 0);
  EXPECT_EQ(bench_.set(2, image), sc::invalid_field) << "they were loaded";
}

TEST_F(SimMigration, SaysWhenItHasTooFewQueues) {
  bench_.offline(2);
  bench_.assign(2, command::Resource::queues, 2);
  bench_.assign(2, command::Resource::interrupts, 2);
  bench_.online(2);
  start("vf1", 3);
  start("vf2", 0);
  bench_.suspend(1);
  bench_.suspend(2);
  EXPECT_EQ(bench_.set(2, bench_.image(1)), sc::not_enough_resources);
}

TEST_F(SimMigration, SetNeedsASuspendedEnabledOrOfflineTarget) {
  start("vf1", 0);
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto image = bench_.image(1);
  EXPECT_EQ(bench_.set(2, image), sc::invalid_controller_identifier) << "online, not enabled";
  EXPECT_EQ(bench_.set(3, image), 0) << "offline";
  EXPECT_EQ(bench_.resume(3), sc::controller_not_suspended);
  start("vf2", 0);
  EXPECT_EQ(bench_.set(2, image), 0) << "enabled";
}

TEST_F(SimMigration, AnEnabledFunctionRunsALoadedStateAtOnce) {
  start("vf1");
  start("vf2", 0);
  ASSERT_EQ(bench_.suspend(1), 0);
  ASSERT_EQ(bench_.set(2, bench_.image(1)), 0);
  EXPECT_EQ(report("vf2").state, "running");
  EXPECT_THAT(sim::discontinuities(report("vf1"), report("vf2")), testing::IsEmpty());
}

TEST_F(SimMigration, RefusesWrongEncodingsOfSend) {
  start("vf1");
  const auto refused = [&](auto change, AdminCommand command) {
    change(command);
    EXPECT_EQ(bench_.code(command), sc::invalid_field);
  };
  const auto suspend = command::suspend(1, command::SuspendType::suspend);
  refused([](auto& c) { c.cdw10 |= 0x100U; }, suspend);
  refused([](auto& c) { c.cdw10 |= 0x10000U; }, suspend);
  refused([](auto& c) { c.cdw10 |= 3U; }, suspend);
  refused([](auto& c) { c.cdw11 |= 2U << 16U; }, suspend);
  refused([](auto& c) { c.cdw11 |= 1U << 24U; }, suspend);
  refused([](auto& c) { c.cdw12 = 1; }, suspend);
  refused([](auto& c) { c.cdw14 = 1; }, suspend);
  refused([](auto& c) { c.cdw15 = 1; }, suspend);
  refused([](auto& c) { c.nsid = 1; }, suspend);
  const Bytes data(4);
  refused([&](auto& c) { c.to_device = data; }, suspend);
  refused([](auto& c) { c.cdw11 |= 1U << 16U; }, command::resume(1));
  refused([&](auto& c) { c.to_device = data; }, command::resume(1));
  EXPECT_EQ(report("vf1").state, "running");
  auto deleting = suspend;
  deleting.cdw11 |= 1U << 31U;
  EXPECT_EQ(bench_.code(deleting), 0) << "DUDMQ, without a queue";
}

TEST_F(SimMigration, RefusesWrongLengthsOfSet) {
  const auto image = prepared();
  auto command = command::set_state(2, {1, 1}, Sequence::only, 0, image);
  --command.cdw15;
  EXPECT_EQ(bench_.code(command), sc::invalid_field) << "as if 0's based";
  ++command.cdw15;
  command.cdw10 |= 1U << 18U;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
  EXPECT_EQ(bench_.code(command::set_state(2, {1, 1}, Sequence::only, 2, image)),
            sc::invalid_field);
}

TEST_F(SimMigration, RefusesWrongLengthsOfGet) {
  start("vf1");
  Bytes data(48);
  auto command = command::get_state(1, {1, 1}, 0, data);
  ++command.cdw15;
  EXPECT_EQ(bench_.code(command), sc::invalid_field) << "as if literal";
  --command.cdw15;
  EXPECT_EQ(bench_.code(command), 0);
  for (const unsigned bit : {0U, 1U, 8U, 15U, 24U}) {
    auto reserved = command;
    reserved.cdw10 |= 1U << bit;
    EXPECT_EQ(bench_.code(reserved), sc::invalid_field) << bit;
  }
  command.cdw14 = 1;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
}

TEST(SimMigrationLimits, TakesNoMoreThanMdts) {
  Lab lab;
  lab.create("a", {.state_size = 17000, .mdts = 8192});
  Bench bench(lab, "sim:a");
  bench.provision(2);
  sim::start_guest(lab.folders(), "sim:a", "vf1");
  sim::start_guest(lab.folders(), "sim:a", "vf2", 0);
  bench.suspend(1);
  bench.suspend(2);
  const auto image = bench.image(1, {1, 1}, 8192);
  Bytes data(8196);
  EXPECT_EQ(bench.get(1, 0, data).status.code(), sc::invalid_field);
  EXPECT_EQ(bench.set(2, image), sc::invalid_field);
  ASSERT_EQ(bench.set_part(2, Sequence::first, image, 0, 8192), 0);
  ASSERT_EQ(bench.set_part(2, Sequence::middle, image, 8192, 8192), 0);
  ASSERT_EQ(bench.set_part(2, Sequence::last, image, 16384, 17000 - 16384), 0);
  EXPECT_EQ(bench.resume(2), 0);
}

TEST(SimMigrationSequence, SurvivesTheProcessThatBeganIt) {
  Lab lab;
  lab.create("a", {.state_size = 4096});
  Bytes image;
  {
    Bench bench(lab, "sim:a");
    bench.provision(2);
    sim::start_guest(lab.folders(), "sim:a", "vf1");
    sim::start_guest(lab.folders(), "sim:a", "vf2", 0);
    bench.suspend(1);
    bench.suspend(2);
    image = bench.image(1);
    ASSERT_EQ(bench.set_part(2, Sequence::first, image, 0, 16), 0);
    ASSERT_EQ(bench.set_part(2, Sequence::middle, image, 16, 1000), 0);
  }
  Bench next(lab, "sim:a");
  EXPECT_EQ(next.resume(2), sc::command_sequence_error);
  ASSERT_EQ(next.set_part(2, Sequence::last, image, 1016, image.size() - 1016), 0);
  EXPECT_EQ(next.resume(2), 0);
}

TEST(SimMigrationSequence, IsVoidWhenAnotherBeginsOne) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2, .state_size = 4096});
  Bench one(lab, "sim:a"), two(lab, "sim:a/1");
  two.pci().set_enabled_vfs(two.device().address(), 1);
  two.assign(4, command::Resource::queues, 4);
  two.assign(4, command::Resource::interrupts, 2);
  ASSERT_EQ(two.online(4), 0);
  sim::start_guest(lab.folders(), "sim:a", "4", 0);
  ASSERT_EQ(one.suspend(4), 0) << "any controlling function controls it";
  const auto image = one.image(4);
  ASSERT_EQ(one.set_part(4, Sequence::first, image, 0, 8), 0);
  ASSERT_EQ(two.set_part(4, Sequence::first, image, 0, 16), 0);
  EXPECT_EQ(one.set_part(4, Sequence::middle, image, 8, 8), sc::invalid_field);
  EXPECT_EQ(two.set_part(4, Sequence::middle, image, 16, 8), sc::command_sequence_error);
}

TEST(SimMigrationFormats, AStateCrossesBetweenTwoNumberings) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2, .state_size = 4096, .renumber_formats = true});
  Bench one(lab, "sim:a"), two(lab, "sim:a/1");
  one.pci().set_enabled_vfs(one.device().address(), 2);
  for (const auto id : std::initializer_list<std::uint16_t>{2, 3}) {
    one.assign(id, command::Resource::queues, 4);
    one.assign(id, command::Resource::interrupts, 2);
    ASSERT_EQ(one.online(id), 0);
  }
  sim::start_guest(lab.folders(), "sim:a", "vf1");
  sim::start_guest(lab.folders(), "sim:a", "vf2", 0);
  one.suspend(2);
  one.suspend(3);
  const auto image = one.image(2, {1, 1});
  EXPECT_EQ(two.set(3, image, {1, 1}), sc::invalid_field) << "another version there";
  EXPECT_EQ(two.set(3, image, {2, 1}), sc::invalid_field) << "another vendor format there";
  EXPECT_EQ(two.set(3, image, {2, 2}), 0);
}

}  // namespace
}  // namespace nvmigrate::test
