// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/pump.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using Bytes = std::vector<std::byte>;

class PumpTest : public test::MigrateTest {
 protected:
  static void produce(const Bytes& bytes, std::size_t chunk, StateSink& sink) {
    sink.begin(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
      const auto room = sink.room(std::min(chunk, bytes.size() - at));
      std::memcpy(room.data(), bytes.data() + at, room.size());
      sink.commit(room.size());
      at += room.size();
    }
  }
  static Bytes consume(StateSource& source, std::size_t chunk) {
    Bytes bytes;
    while (bytes.size() < source.size()) {
      const auto seen = source.view(chunk);
      EXPECT_EQ(seen.size(), std::min<std::uint64_t>(chunk, source.size() - bytes.size()));
      bytes.insert(bytes.end(), seen.begin(), seen.end());
      source.take(seen.size());
    }
    return bytes;
  }
  Bytes pass(const Bytes& bytes, std::size_t in, std::size_t out) {
    Bytes arrived;
    pump.run([&](StateSink& sink) { produce(bytes, in, sink); },
             [&](StateSource& source) { arrived = consume(source, out); });
    return arrived;
  }

  StatePump pump;
};

TEST_F(PumpTest, PassesSmallAndLargeStates) {
  for (const std::size_t size : {std::size_t{4}, std::size_t{48}, std::size_t{1} << 20U,
                                 (std::size_t{1} << 20U) + 4, (std::size_t{13} << 20U) + 20}) {
    const auto bytes = test::make_state(size);
    EXPECT_EQ(pass(bytes, 256U << 10U, 256U << 10U), bytes) << size;
    EXPECT_EQ(pass(bytes, 100'004, 262'144), bytes) << size;
    EXPECT_EQ(pass(bytes, 1U << 20U, 4096), bytes) << size;
  }
}

TEST_F(PumpTest, StretchesAreAlignedAndStayWhereTheyAre) {
  const auto bytes = test::make_state(9U << 20U);
  pump.run(
      [&](StateSink& sink) {
        sink.begin(bytes.size());
        for (std::size_t at = 0; at < bytes.size();) {
          const auto room = sink.room(256U << 10U);
          EXPECT_EQ(reinterpret_cast<std::uintptr_t>(room.data()) % 4096, 0U);
          std::memcpy(room.data(), bytes.data() + at, room.size());
          sink.commit(room.size());
          at += room.size();
        }
      },
      [&](StateSource& source) { EXPECT_EQ(consume(source, 64U << 10U), bytes); });
}

TEST_F(PumpTest, AStateThatFitsCanBeTakenTwice) {
  const auto bytes = test::make_state(300'000);
  pump.run([&](StateSink& sink) { produce(bytes, 4096, sink); },
           [&](StateSource& source) {
             consume(source, 4096);
             ASSERT_TRUE(source.rewind());
             EXPECT_EQ(consume(source, 8192), bytes);
           });
}

TEST_F(PumpTest, ALargeStateCannotBeTakenTwice) {
  const auto bytes = test::make_state(8U << 20U);
  pump.run([&](StateSink& sink) { produce(bytes, 4096, sink); },
           [&](StateSource& source) {
             EXPECT_FALSE(source.rewind());
             consume(source, 4096);
           });
}

class PumpFailureTest : public PumpTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(PumpFailureTest, TheProducersFailureEndsBoth) {
  const auto bytes = test::make_state(GetParam());
  EXPECT_THROW(pump.run(
                   [&](StateSink& sink) {
                     sink.begin(bytes.size());
                     sink.commit(sink.room(4096).size() / 2);
                     throw OsError(EIO, "read", "it");
                   },
                   [&](StateSource& source) { consume(source, 4096); }),
               OsError);
  EXPECT_EQ(pass(bytes, 4096, 4096), bytes) << "the pump serves again";
}

TEST_P(PumpFailureTest, TheConsumersFailureEndsBoth) {
  const auto bytes = test::make_state(GetParam());
  EXPECT_THROW(pump.run([&](StateSink& sink) { produce(bytes, 4096, sink); },
                        [&](StateSource& source) {
                          source.view(4);
                          throw OsError(ENOSPC, "write", "it");
                        }),
               OsError);
}

TEST_P(PumpFailureTest, AStateThatEndsEarlyIsNoSuccess) {
  const auto bytes = test::make_state(GetParam());
  EXPECT_THROW(pump.run(
                   [&](StateSink& sink) {
                     sink.begin(bytes.size());
                     sink.commit(sink.room(40).size());
                   },
                   [&](StateSource& source) { consume(source, 4096); }),
               Error);
}

TEST_P(PumpFailureTest, AConsumerThatLeavesEarlyIsNoSuccess) {
  const auto bytes = test::make_state(GetParam());
  EXPECT_THROW(pump.run([&](StateSink& sink) { produce(bytes, 4096, sink); },
                        [&](StateSource& source) { source.take(source.view(4).size()); }),
               Error);
}

TEST_P(PumpFailureTest, AStopSignalEndsBoth) {
  const auto bytes = test::make_state(GetParam());
  EXPECT_THROW(pump.run(
                   [&](StateSink& sink) {
                     sink.begin(bytes.size());
                     set_interrupted(true);
                     sink.room(4096);
                   },
                   [&](StateSource& source) { consume(source, 4096); }),
               Interrupted);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PumpFailureTest, testing::Values(100'000, 8U << 20U));

TEST_F(PumpTest, WithoutAThreadThereIsNoPump) {
  const auto none = [](std::function<void()>) -> std::thread {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  EXPECT_EQ(test::failure_of([&] { StatePump(StatePump::default_capacity, none); }).status(),
            ExitStatus::io);
}

TEST_F(PumpTest, AChunkBeyondTheMemoryIsRefused) {
  const auto bytes = test::make_state(12U << 20U);
  EXPECT_THROW(pass(bytes, 4096, 6U << 20U), Error);
}

}  // namespace
}  // namespace nvmigrate
