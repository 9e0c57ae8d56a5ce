// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "nvmigrate/state/digest.h"
#include "tests/journey/job.h"
#include "tests/lib/state/state_support.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

using state_file::RecordHeader;

constexpr std::size_t of_preamble = sizeof(state_file::Preamble);

struct Record {
  RecordHeader header;
  std::string body;
};

std::vector<Record> records_of(const std::string& file) {
  std::vector<Record> records;
  for (std::size_t at = of_preamble; at < file.size();) {
    Record record;
    std::memcpy(&record.header, &file[at], sizeof(RecordHeader));
    at += sizeof(RecordHeader);
    record.body = file.substr(at, record.header.length);
    at += record.body.size();
    records.push_back(record);
  }
  return records;
}

void sum_again(Record& record) {
  record.header.body_sum = xxh3(std::as_bytes(std::span{record.body}));
  record.header.header_sum = xxh3(std::as_bytes(std::span{&record.header, 1}).first(32));
}

std::string joined(const std::string& preamble, const std::vector<Record>& records) {
  auto file = preamble;
  for (const auto& [header, body] : records) {
    file.append(reinterpret_cast<const char*>(&header), sizeof header);
    file += body;
  }
  return file;
}

long peak_kib() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// A world in which an undamaged import succeeds, so that only the damage can be what is refused.
class DamageJourney : public testing::Test {
 protected:
  void prepare(const std::string& options) {
    for (const std::string host : {"a", "b"}) {
      world.must("sim create " + host + " --vfs-total 1 " + options);
      for (const auto& line : {"provision sim:" + host + " --vfs 1", "mark sim:" + host + " vf1",
                               "bind sim:" + host + " vf1"})
        world.must(line);
    }
    world.must("sim guest start sim:a vf1");
    world.must("sim guest start sim:b vf1 --empty");
    world.must("export sim:a vf1 -f $W/good");
    good = contents(world.path("good"));
    world.must("import sim:b vf1 -f $W/good --check-only");
  }

  void write(const std::string& bytes) const {
    std::ofstream(world.path("bad"), std::ios::binary) << bytes;
  }

  /// \param may_ask Migration Receive, which changes nothing
  /// Asking the destination whether it has a guest changes nothing and is not counted.
  void watch() {
    calls = 0;
    sent.clear();
    world.watcher().set([this](const SeamCall& call) {
      ++calls;
      if (call.name == "opcode 0x41") sent = call.name;
      return Verdict{};
    });
  }

  void expect_refusal(const Answer& answer) {
    ASSERT_EQ(answer.status, ExitStatus::bad_state) << answer.err;
    ASSERT_EQ(sent, "") << "sent to the device before the file was verified";
  }

  void expect_refused(const std::string& bytes) {
    write(bytes);
    watch();
    expect_refusal(world.run("import sim:b vf1 -f $W/bad --resume"));
  }

  // A pair of sockets, as a pipe whose writer survives that nobody reads to the end.
  void expect_refused_from_a_pipe(const std::string& bytes) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    std::thread source([&] {
      static_cast<void>(::send(ends[1], bytes.data(), bytes.size(), MSG_NOSIGNAL));
      ::close(ends[1]);
    });
    watch();
    const auto answer = world.run_with("import sim:b vf1 -f - --resume", ends[0], -1);
    ::close(ends[0]);
    source.join();
    expect_refusal(answer);
  }

  [[nodiscard]] std::string with_bit(std::size_t bit) const {
    auto bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ static_cast<char>(1U << bit % 8));
    return bytes;
  }

  /// The file with `change` made to each record of that tag, all checksums right.
  void expect_lie_refused(const char* tag, const std::function<void(Record&)>& change) {
    auto records = records_of(good);
    for (auto& record : records) {
      if (std::string_view{record.header.tag.data(), 4} == tag) change(record);
    }
    const auto lie = joined(good.substr(0, of_preamble), records);
    ASSERT_NE(lie, good) << tag;
    const auto peak = peak_kib();
    expect_refused(lie);
    EXPECT_LE(calls, calls_of_good) << "more was read than of the whole file";
    EXPECT_LT(peak_kib() - peak, 64 * 1024) << "memory was taken for what is not there";
  }

  World world;
  std::string good, sent;
  int calls = 0, calls_of_good = 0;
};

TEST_F(DamageJourney, EveryBitOfASmallFileIsGuarded) {
  prepare("--state-size 104");
  ASSERT_LT(good.size(), 2000U);
  for (std::size_t bit = 0; bit < good.size() * 8; bit += static_cast<std::size_t>(stride())) {
    SCOPED_TRACE("bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8));
    ASSERT_NO_FATAL_FAILURE(expect_refused(with_bit(bit)));
  }
  world.watcher().set({});
  world.must("import sim:b vf1 -f $W/good --resume");
}

TEST_F(DamageJourney, EveryTruncationOfASmallFileIsSeen) {
  prepare("--state-size 152");
  for (std::size_t size = 0; size < good.size(); size += static_cast<std::size_t>(stride())) {
    SCOPED_TRACE(size);
    ASSERT_NO_FATAL_FAILURE(expect_refused(good.substr(0, size)));
  }
}

TEST_F(DamageJourney, APipeIsGuardedAsAFileIs) {
  prepare("--state-size 104");
  const auto step = static_cast<std::size_t>(53 * stride());
  for (std::size_t bit = 0; bit < good.size() * 8; bit += step) {
    SCOPED_TRACE("bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8));
    ASSERT_NO_FATAL_FAILURE(expect_refused_from_a_pipe(with_bit(bit)));
  }
  for (std::size_t size = 0; size < good.size(); size += step)
    ASSERT_NO_FATAL_FAILURE(expect_refused_from_a_pipe(good.substr(0, size))) << size;
}

TEST_F(DamageJourney, ALargeFileIsGuardedThroughout) {
  prepare("--vendor --state-size 3M");
  for (std::size_t byte = 5; byte < good.size(); byte += 199'999) {
    SCOPED_TRACE(byte);
    ASSERT_NO_FATAL_FAILURE(expect_refused(with_bit(byte * 8 + byte % 8)));
    ASSERT_NO_FATAL_FAILURE(expect_refused(good.substr(0, byte)));
    ASSERT_NO_FATAL_FAILURE(expect_refused_from_a_pipe(with_bit(byte * 8 + 3)));
  }
}

TEST_F(DamageJourney, ALieAboutASizeWithRightChecksumsCostsNothing) {
  prepare("--state-size 104");
  watch();
  world.must("import sim:b vf1 -f $W/good --check-only");
  calls_of_good = calls;
  const auto member = [](const std::string& name, const std::string& value) {
    return [=](Record& record) {
      auto document = nlohmann::json::parse(record.body);
      document[name] = nlohmann::json::parse(value);
      record.body = document.dump();
      record.header.length = record.body.size();
      sum_again(record);
    };
  };
  for (const std::string huge : {"4294967296", "18446744073709551615"}) {
    SCOPED_TRACE(huge);
    expect_lie_refused("IDNT", member("size", huge));
    expect_lie_refused("DONE", member("size", huge));
    expect_lie_refused("DONE", member("chunks", huge));
    for (const auto* tag : {"IDNT", "CHNK", "DONE"}) {
      expect_lie_refused(tag, [&](Record& record) {
        record.header.length = std::stoull(huge);
        sum_again(record);
      });
    }
  }
}

}  // namespace
}  // namespace nvmigrate::test
