// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nvmigrate/state/state_file.h"
#include "state_support.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;

/// Serves one file out of memory.
class MemoryFile : public FaultyIo {
 public:
  using FaultyIo::FaultyIo;
  std::string bytes;
  std::size_t reads = 0;

  int open(const std::string&, int, mode_t) override { return 1 << 20; }
  int close(int) override { return 0; }
  int fstat(int, struct stat& about) override {
    about = {};
    about.st_mode = S_IFREG;
    return 0;
  }
  ssize_t pread(int, std::span<std::byte> into, off_t offset) override {
    ++reads;
    const auto rest = std::as_bytes(std::span{bytes})
                          .subspan(std::min(bytes.size(), static_cast<std::size_t>(offset)));
    const auto count = std::min(into.size(), rest.size());
    std::copy_n(rest.begin(), count, into.begin());
    return static_cast<ssize_t>(count);
  }
};

class Damage : public testing::Test {
 protected:
  /// The code of what is wrong with a file of these bytes; empty when nothing is.
  std::string fault_of(const std::string& bytes) {
    io.bytes = bytes;
    try {
      StoredState::open(io, "a.state");
      return {};
    } catch (const StateFileError& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_state);
      EXPECT_LE(error.offset(), bytes.size());
      offset = error.offset();
      message = error.what();
      return error.code();
    }
  }
  /// The record is invalid because of this member.
  void expect_refused(const std::string& code, const std::string& member) {
    EXPECT_EQ(code, "invalid_record");
    EXPECT_THAT(message, HasSubstr('"' + member + '"'));
  }
  std::string good(std::size_t size) {
    write_state_file(real, folder / "good.state", state_of_size(size));
    return contents(folder / "good.state");
  }

  TemporaryFolder folder;
  SystemIo real;
  MemoryFile io{real};
  std::uint64_t offset = 0;
  std::string message;
};

TEST_F(Damage, EveryBitOfASmallFile) {
  auto bytes = good(104);
  ASSERT_EQ(fault_of(bytes), "");
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    const auto bit = static_cast<char>(1U << (i % 8));
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ bit);
    ASSERT_NE(fault_of(bytes), "") << "bit " << i % 8 << " of byte " << i / 8;
    ASSERT_LE(offset, i / 8) << "the fault is found behind the damage";
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ bit);
  }
}

TEST_F(Damage, EveryTruncationOfASmallFile) {
  const auto bytes = good(104);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_NE(fault_of(bytes.substr(0, length)), "") << length;
  }
}

TEST_F(Damage, ManyBitsOfALargerFile) {
  auto bytes = good(3 * state_file::max_chunk + 4);
  for (std::size_t i = 5; i < bytes.size(); i += 99'991) {
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    ASSERT_NE(fault_of(bytes), "") << i;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    ASSERT_NE(fault_of(bytes.substr(0, i)), "") << i;
  }
  EXPECT_EQ(fault_of(bytes), "");
}

TEST_F(Damage, TransferInTextMode) {
  const auto bytes = good(104);
  auto stripped = bytes;
  stripped.erase(4, 1);
  EXPECT_EQ(fault_of(stripped), "text_mode");
  auto seven_bits = bytes;
  seven_bits[0] = static_cast<char>(seven_bits[0] & 0x7F);
  EXPECT_EQ(fault_of(seven_bits), "text_mode");
}

TEST_F(Damage, NotAStateFileAtAll) {
  EXPECT_EQ(fault_of(""), "not_a_state_file");
  EXPECT_EQ(fault_of(std::string(5000, '\0')), "not_a_state_file");
}

TEST_F(Damage, LaterVersion) {
  auto bytes = good(104);
  bytes[8] = 2;
  EXPECT_EQ(fault_of(bytes), "unknown_version");
  EXPECT_EQ(offset, 8U);
}

TEST_F(Damage, BuiltFileIsGood) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(6).chunk("uvw").chunk("xyz").end().text()), "");
}

TEST_F(Damage, UnknownOptionalRecordsAreSkipped) {
  const auto file = FileBuilder{}
                        .identity(6)
                        .record("note", false, "one")
                        .chunk("uvw")
                        .record("note", false, "")
                        .chunk("xyz")
                        .record("Z9z9", false, std::string(state_file::max_chunk, 'x'))
                        .end()
                        .text();
  io.bytes = file;
  const auto stored = StoredState::open(io, "a.state");
  EXPECT_EQ(stored.skipped_records(), 3U);
  EXPECT_EQ(drain(*stored.source(), 100).size(), 6U);
}

TEST_F(Damage, UnknownOptionalRecordsAreChecked) {
  auto file = FileBuilder{}.identity(3).record("note", false, "QQQQ").chunk("uvw").end().text();
  file[file.find("QQQQ")] = 'q';
  EXPECT_EQ(fault_of(file), "damaged");
}

TEST_F(Damage, UnknownCriticalRecord) {
  const auto file = FileBuilder{}.identity(3).record("keys", true, "x").chunk("uvw").end().text();
  EXPECT_EQ(fault_of(file), "unknown_version");
}

TEST_F(Damage, KnownRecordThatIsNotCritical) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(3).record("CHNK", false, "uvw").end().text()),
            "damaged");
}

TEST_F(Damage, UnknownFlags) {
  const auto flags = [](state_file::RecordHeader& header) { header.flags = 3; };
  EXPECT_EQ(fault_of(FileBuilder{}.identity(3).record_with("CHNK", "uvw", flags).end().text()),
            "damaged");
}

TEST_F(Damage, InvalidTag) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(3).record("a\x1b[2", false, "x").end().text()),
            "damaged");
  EXPECT_THAT(message, HasSubstr("a?\?2"));
}

TEST_F(Damage, TooManyOptionalRecords) {
  FileBuilder file;
  file.identity(3).chunk("uvw");
  for (std::uint64_t i = 0; i < state_file::max_extras; ++i)
    file.record("note", false, "");
  auto more = file;
  EXPECT_EQ(fault_of(file.end().text()), "");
  EXPECT_EQ(fault_of(more.record("note", false, "").end().text()), "damaged");
}

TEST_F(Damage, RecordsInAnotherOrder) {
  const auto good = FileBuilder{}.identity(6).chunk("uvw").chunk("xyz").end().text();
  const auto first = good.find("uvw") - 40;
  auto swapped = good;
  swapped.replace(first, 43, good.substr(first + 43, 43));
  swapped.replace(first + 43, 43, good.substr(first, 43));
  EXPECT_EQ(fault_of(swapped), "damaged");
  EXPECT_EQ(offset, first);
}

TEST_F(Damage, ContentsInAnotherOrder) {
  FileBuilder file;
  file.identity(6).chunk("uvw").chunk("xyz");
  const auto end = file.right_end();
  EXPECT_EQ(fault_of(FileBuilder{}
                         .identity(6)
                         .chunk("xyz")
                         .chunk("uvw")
                         .record("DONE", true, encode(end))
                         .text()),
            "damaged");
}

TEST_F(Damage, RecordThatIsMissing) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(3).skip_number().chunk("uvw").end().text()), "damaged");
}

TEST_F(Damage, RecordThatIsThereTwice) {
  const auto good = FileBuilder{}.identity(3).chunk("uvw").end().text();
  const auto chunk = good.substr(good.find("uvw") - 40, 43);
  auto twice = good;
  twice.insert(good.find("uvw") + 3, chunk);
  EXPECT_EQ(fault_of(twice), "damaged");
}

TEST_F(Damage, SecondIdentity) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(3).identity(3).chunk("uvw").end().text()), "damaged");
}

TEST_F(Damage, NoIdentity) {
  EXPECT_EQ(fault_of(FileBuilder{}.chunk("uvw").end().text()), "damaged");
  EXPECT_EQ(fault_of(FileBuilder{}.record("note", false, "x").identity(0).end().text()), "damaged");
}

TEST_F(Damage, SomethingBehindTheEnd) {
  const auto good = FileBuilder{}.identity(3).chunk("uvw").end().text();
  EXPECT_EQ(fault_of(good + '\0'), "damaged");
  EXPECT_EQ(offset, good.size());
  EXPECT_EQ(fault_of(good + good), "damaged");
}

TEST_F(Damage, SizesThatDisagree) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(4).chunk("uvw").end().text()), "damaged");
  EXPECT_EQ(fault_of(FileBuilder{}.identity(2).chunk("uvw").end().text()), "damaged");
  FileBuilder file;
  auto end = file.identity(3).chunk("uvw").right_end();
  end.chunks = 2;
  EXPECT_EQ(fault_of(file.record("DONE", true, encode(end)).text()), "damaged");
}

TEST_F(Damage, ASealedFileWithoutAStateIsAtFaultWhereTheStateBegins) {
  std::string huge(48, '\0');
  huge[31] = 1;  // the uppermost byte of NVMECSS
  for (const auto& state : {std::string(47, '\0'), huge}) {
    const auto head = FileBuilder{}.identity(state.size(), StateLayout::nvme);
    const auto file = FileBuilder{head}.chunk(state).end().text();
    EXPECT_EQ(fault_of(file), "invalid_state");
    EXPECT_THAT(message, HasSubstr("a.state"));
    EXPECT_EQ(offset, head.text().size() + sizeof(state_file::RecordHeader));
  }
}

TEST_F(Damage, HugeLengthsCostNothing) {
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1} << 32U, (std::uint64_t{1} << 32U) + 3, ~std::uint64_t{0},
        ~std::uint64_t{0} - 39, state_file::max_chunk + 1}) {
    const auto huge = [&](state_file::RecordHeader& header) { header.length = length; };
    const auto calls = io.reads;
    EXPECT_NE(fault_of(FileBuilder{}.record_with("IDNT", "{}", huge).text()), "") << length;
    EXPECT_NE(fault_of(FileBuilder{}.identity(3).record_with("CHNK", "uvw", huge).end().text()),
              "");
    EXPECT_NE(fault_of(FileBuilder{}.identity(0).record_with("DONE", "{}", huge).text()), "");
    const auto optional = [&](state_file::RecordHeader& header) {
      header.length = length;
      header.flags = 0;
    };
    EXPECT_NE(fault_of(FileBuilder{}.identity(3).record_with("note", "x", optional).text()), "");
    EXPECT_LT(io.reads - calls, 30U);
  }
}

TEST_F(Damage, HugeSizeInTheIdentity) {
  EXPECT_EQ(fault_of(FileBuilder{}.identity(~std::uint64_t{0}).text()), "invalid_record");
  EXPECT_EQ(fault_of(FileBuilder{}.identity(state_file::max_payload).chunk("uvw").end().text()),
            "damaged");
}

TEST_F(Damage, IdentityThatIsNotAnObject) {
  for (const std::string json :
       {"", "[]", "{", "{}", "null", "{\"tool\":1}", "{\"a\":1,\"a\":2}", "\xFF"}) {
    EXPECT_NE(fault_of(FileBuilder{}.record("IDNT", true, json).text()), "") << json;
  }
  const std::string deep(60'000, '[');
  EXPECT_EQ(fault_of(FileBuilder{}.record("IDNT", true, "{\"a\":" + deep).text()),
            "invalid_record");
  EXPECT_EQ(fault_of(FileBuilder{}.record("IDNT", true, "{\"a\":1,\"a\":2}").text()),
            "invalid_record");
}

TEST_F(Damage, EveryMemberOfTheIdentityIsChecked) {
  auto identity = sample_identity();
  identity.layout = StateLayout::opaque;
  identity.namespaces = {{7, 1024, 512, 8}};
  const auto good = encode(identity);
  const auto with = [&](const std::string& from, const std::string& to) {
    auto json = good;
    const auto at = json.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    json.replace(at, from.size(), to);
    return fault_of(FileBuilder{}.record("IDNT", true, json).end().text());
  };
  EXPECT_EQ(with("\"tool\"", "\"tool\""), "");
  EXPECT_EQ(with("{\"tool\"", "{\"new\":[1,{}],\"tool\""), "");
  expect_refused(with("\"host\"", "\"most\""), "host");
  expect_refused(with("\"alpha\"", "7"), "host");
  expect_refused(with("\"alpha\"", "\"" + std::string(1025, 'a') + "\""), "host");
  expect_refused(with("\"alpha\"", "\"\\u001b[2J\""), "host");
  expect_refused(with("\"alpha\"", "\"\\u009b2J\""), "host");
  expect_refused(with("\"simulated\":true", "\"simulated\":1"), "simulated");
  expect_refused(with("\"vfn\":1", "\"vfn\":-1"), "vfn");
  expect_refused(with("\"vfn\":1", "\"vfn\":1.0"), "vfn");
  expect_refused(with("\"vfn\":1", "\"vfn\":65536"), "vfn");
  expect_refused(with("\"layout\":\"opaque\"", "\"layout\":\"tar\""), "layout");
  expect_refused(with("01234567-", "0123456-"), "vendor");
  expect_refused(with("\"formats\":{", "\"formats\":[],\"more\":{"), "formats");
  EXPECT_EQ(with("\"namespaces\"", "\"later\""), "");
  expect_refused(with("\"namespaces\":[", "\"namespaces\":7,\"more\":["), "namespaces");
  expect_refused(with("\"namespaces\":[", "\"namespaces\":[7,"), "namespaces");
  expect_refused(with("\"nsid\":7", "\"nsid\":4294967296"), "nsid");
  expect_refused(with("\"blocks\":1024,", ""), "blocks");
  expect_refused(with("\"metadata\":8", "\"metadata\":65536"), "metadata");
}

TEST_F(Damage, EveryMemberOfTheEndIsChecked) {
  FileBuilder file;
  const auto good = encode(file.identity(3).chunk("uvw").right_end());
  const auto with = [&](const std::string& from, const std::string& to) {
    auto json = good;
    json.replace(json.find(from), from.size(), to);
    auto whole = file;
    return fault_of(whole.record("DONE", true, json).text());
  };
  EXPECT_EQ(with("sha256", "sha256"), "");
  expect_refused(with("\"sha256\":\"", "\"sha256\":\"0"), "sha256");
  EXPECT_EQ(with("\"size\":3", "\"size\":4"), "damaged");
  expect_refused(with("\"chunks\":1", "\"chunks\":null"), "chunks");
}

}  // namespace
}  // namespace nvmigrate::test
