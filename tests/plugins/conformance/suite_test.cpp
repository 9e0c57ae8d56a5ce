// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/session/session.h"
#include "tests/plugins/conformance/rig.h"
#include "tests/support/memory_streams.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::ValuesIn;

using Bytes = std::vector<std::byte>;
constexpr auto guest = Rig::guest, idle = Rig::idle;
constexpr std::size_t never = std::size_t{1} << 40U;

/// A backend on one device of a rig.
struct Driven {
  Driven(const Conforming& conforming, Rig& rig, Device& device, BackendOptions options = {})
      : identity(read_identity(device.admin())),
        backend(conforming.row.make(
            {.device = device,
             .identity = identity,
             .options = options,
             .topology = [&rig]() -> const Topology& { return rig.topology(); }})) {}
  MigrationBackend* operator->() const { return backend.get(); }

  ControllerIdentity identity;
  std::unique_ptr<MigrationBackend> backend;
};

/// What every backend must do, whatever its command set.
class ConformanceTest : public testing::TestWithParam<Conforming> {
 protected:
  const Conforming& about = GetParam();

  void begin(std::uint64_t bytes = 0, BackendOptions options = {}) {
    to.reset();
    from.reset();
    rig = about.rig(bytes);
    from.emplace(about, *rig, rig->source(), options);
    to.emplace(about, *rig, rig->destination(), options);
    formats = whole_state((*from)->query().formats);
    static_cast<void>((*to)->query());
  }
  MigrationBackend& source() { return *from->backend; }
  MigrationBackend& destination() { return *to->backend; }

  Bytes saved(std::uint16_t function = guest) {
    MemorySink sink;
    source().save(function, formats, sink);
    EXPECT_EQ(sink.announced, sink.bytes.size());
    return sink.bytes;
  }
  void load(const Bytes& state, std::uint16_t function = guest) {
    MemorySource bytes(state);
    destination().load(function, formats, bytes);
  }
  /// \return the error, whose kind is checked
  static std::string refusal(const std::function<void()>& act,
                             std::initializer_list<ExitStatus> kinds = {ExitStatus::device}) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_THAT(kinds, testing::Contains(error.status())) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "it was not refused";
    return {};
  }
  void expect_suspended(MigrationBackend& backend, bool suspended) {
    const auto told = backend.look(guest, formats).suspended;
    EXPECT_EQ(told, about.tells ? std::optional(suspended) : std::nullopt);
    EXPECT_EQ(backend.is_suspended(guest, formats), suspended || !about.tells);
  }

  std::unique_ptr<Rig> rig;
  std::optional<Driven> from, to;
  FormatChoice formats;
};

TEST_P(ConformanceTest, SaysWhyItDoesNotServeADevice) {
  begin();
  const Driven other(about, *rig, rig->unserved());
  EXPECT_THAT(refusal([&] { other->query(); }, {ExitStatus::unsupported}), Not(IsEmpty()));
}

TEST_P(ConformanceTest, QueryChangesNothingAndNamesAChunk) {
  begin();
  const auto found = source().query();
  EXPECT_EQ(found.chunk % 4, 0U);
  EXPECT_GE(found.chunk, smallest_chunk);
  EXPECT_LE(found.chunk, largest_chunk);
  expect_suspended(source(), false);
  EXPECT_EQ(source().name(), about.row.name);
}

TEST_P(ConformanceTest, AGuestOfAnySizeGoesOnWhereItStopped) {
  for (const auto bytes : about.sizes) {
    SCOPED_TRACE(bytes);
    begin(bytes);
    source().quiesce(guest);
    expect_suspended(source(), false);
    source().suspend(guest);
    source().suspend(guest);
    expect_suspended(source(), true);
    const auto state = saved();
    EXPECT_EQ(state.size(), bytes == 0 ? state.size() : bytes);
    EXPECT_EQ(saved(), state) << "reading it changes nothing";
    destination().suspend(guest);
    load(state);
    expect_suspended(destination(), true);
    EXPECT_TRUE(destination().resume(guest));
    expect_suspended(destination(), false);
    EXPECT_THAT(rig->discontinuities(), IsEmpty());
  }
}

TEST_P(ConformanceTest, WhatRunsCanBeResumedAgain) {
  begin();
  EXPECT_EQ(source().resume(guest), !about.tells);
  source().suspend(guest);
  EXPECT_TRUE(source().resume(guest));
  expect_suspended(source(), false);
}

TEST_P(ConformanceTest, NothingIsReadFromOrLoadedIntoWhatRuns) {
  begin();
  MemorySink sink;
  refusal([&] { source().save(guest, formats, sink); });
  EXPECT_THAT(sink.bytes, IsEmpty());
  source().suspend(guest);
  const auto state = saved();
  refusal([&] { load(state, idle); });
  source().resume(guest);
  refusal([&] { source().save(guest, formats, sink); });
}

TEST_P(ConformanceTest, NoCommandCarriesMoreThanItMay) {
  constexpr std::size_t most = 64U << 10U;
  begin(100U << 10U, {.most = most});
  EXPECT_LE(source().query().chunk, most);
  source().suspend(guest);
  if (about.whole) {
    MemorySink sink;
    refusal([&] { source().save(guest, formats, sink); });
    EXPECT_THAT(sink.bytes, IsEmpty());
  } else {
    destination().suspend(guest);
    load(saved());
    EXPECT_TRUE(destination().resume(guest));
  }
  EXPECT_LE(rig->most_carried(), most);
  EXPECT_TRUE(source().resume(guest));
}

TEST_P(ConformanceTest, AFailureOfAnyCallIsThrownAndHarmsNothing) {
  for (const bool by_kernel : {false, true}) {
    begin(std::min<std::uint64_t>(300U << 10U, about.sizes.back()));
    source().suspend(guest);
    destination().suspend(guest);
    const auto state = saved();
    const std::function<void()> acts[]{[&] { source().quiesce(guest); },
                                       [&] { source().suspend(guest); }, [&] { saved(); },
                                       [&] { load(state); }};
    for (const auto& act : acts) {
      for (std::size_t call = 0;; ++call) {
        const auto before = rig->calls();
        rig->fail(call, by_kernel);
        try {
          act();
        } catch (const NvmeError& error) {
          EXPECT_FALSE(by_kernel);
          EXPECT_THAT(error.what(), HasSubstr("controller 1"));
        } catch (const OsError&) {
          EXPECT_TRUE(by_kernel);
        }
        if (rig->calls() <= before + call) break;
      }
      rig->fail(never, by_kernel);
    }
    EXPECT_TRUE(destination().resume(guest));
    EXPECT_THAT(rig->discontinuities(), IsEmpty());
  }
}

TEST_P(ConformanceTest, AStopOfEitherStreamEndsItAndItCanBeDoneAgain) {
  struct Stopped : MemorySink {
    std::span<std::byte> room(std::size_t) override { throw Interrupted("it ends here"); }
  };
  struct Cut : MemorySource {
    using MemorySource::MemorySource;
    std::span<const std::byte> view(std::size_t) override { throw Interrupted("it ends here"); }
  };
  begin();
  source().suspend(guest);
  Stopped sink;
  EXPECT_THROW(source().save(guest, formats, sink), Interrupted);
  expect_suspended(source(), true);
  const auto state = saved();
  destination().suspend(guest);
  Cut cut(state);
  EXPECT_THROW(destination().load(guest, formats, cut), Interrupted);
  load(state);
  EXPECT_TRUE(destination().resume(guest));
  EXPECT_THAT(rig->discontinuities(), IsEmpty());
}

TEST_P(ConformanceTest, AStateThatCannotBeOneIsRefused) {
  struct Short : MemorySource {
    using MemorySource::MemorySource;
    [[nodiscard]] std::uint64_t size() const override { return MemorySource::size() + 4096; }
  };
  begin(about.sizes.back());
  source().suspend(guest);
  destination().suspend(guest);
  const auto state = saved();
  const auto kinds = {ExitStatus::device, ExitStatus::bad_state};
  refusal([&] { load({}); }, kinds);
  refusal([&] { load(Bytes(state.begin(), state.end() - 4)); }, kinds);
  auto damaged = state;
  damaged.back() ^= std::byte{1};
  refusal([&] { load(damaged); }, kinds);
  Short ended(state);
  refusal([&] { destination().load(guest, formats, ended); }, {ExitStatus::bad_state});
  load(state);
  EXPECT_TRUE(destination().resume(guest));
  EXPECT_THAT(rig->discontinuities(), IsEmpty());
}

TEST_P(ConformanceTest, WhatIsLargerThanItSaysIsRefusedBeforeAnythingIsSent) {
  begin();
  const auto largest = static_cast<std::size_t>(destination().query().largest);
  EXPECT_EQ(largest != 0, about.whole);
  if (largest == 0) return;
  destination().suspend(guest);
  const auto before = rig->calls();
  refusal([&] { load(Bytes(largest + 4)); }, {ExitStatus::bad_state});
  EXPECT_EQ(rig->calls(), before);
}

TEST_P(ConformanceTest, AnUnknownFunctionIsAnError) {
  begin();
  const auto kinds = {ExitStatus::device, ExitStatus::unsupported};
  EXPECT_THAT(refusal([&] { source().suspend(Rig::unknown); }, kinds), HasSubstr("999"));
  EXPECT_THAT(refusal([&] { source().resume(Rig::unknown); }, kinds), HasSubstr("999"));
  MemorySink sink;
  refusal([&] { source().save(Rig::unknown, formats, sink); }, kinds);
}

TEST_P(ConformanceTest, CheckSendsNothing) {
  begin();
  const auto before = rig->calls();
  source().check(guest);
  if (about.not_nameable) {
    refusal([&] { source().check(*about.not_nameable); }, {ExitStatus::unsupported});
  }
  EXPECT_EQ(rig->calls(), before);
}

TEST_P(ConformanceTest, FunctionsAreReadSideBySide) {
  begin();
  source().suspend(guest);
  source().suspend(idle);
  const auto first = saved(guest), second = saved(idle);
  Bytes again;
  std::thread other([&] { again = saved(idle); });
  EXPECT_EQ(saved(guest), first);
  other.join();
  EXPECT_EQ(again, second);
}

INSTANTIATE_TEST_SUITE_P(Backends, ConformanceTest, ValuesIn(all_conforming()),
                         [](const auto& about) { return std::string{about.param.name}; });

}  // namespace
}  // namespace nvmigrate::test
