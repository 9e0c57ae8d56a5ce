// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/io.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

using test::contents;
using test::put;
using testing::ElementsAre;

class IoTest : public testing::Test {
 protected:
  void write(const std::string& text) {
    const auto file = OpenFile::open(io, path, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(io, file.fd(), std::as_bytes(std::span{text}), path);
  }
  int code_of_write(const std::string& text) {
    try {
      write(text);
    } catch (const OsError& error) {
      return error.error_number();
    }
    return 0;
  }

  test::TemporaryFolder folder;
  SystemIo system;
  test::FaultyIo io{system};
  std::string path = folder / "file";
};

TEST_F(IoTest, WriteAllGoesOnAfterShortWritesAndInterruptions) {
  io.shorten_writes(3);
  io.fail_kind("write", EINTR, 2, 2);
  write("0123456789");
  EXPECT_EQ(contents(path), "0123456789");
  EXPECT_EQ(io.calls_of("write"), 6U);
}

TEST_F(IoTest, WriteAllReportsAFullDisk) {
  io.shorten_writes(3);
  io.fail_kind("write", ENOSPC, 2);
  EXPECT_EQ(code_of_write("0123456789"), ENOSPC);
}

TEST_F(IoTest, WriteAllDoesNotSpinWhenNothingIsTaken) {
  io.shorten_writes(0);
  EXPECT_EQ(code_of_write("0123456789"), EIO);
}

TEST_F(IoTest, ReadTextGoesOnAfterInterruptions) {
  put(path, std::string(10'000, 'x'));
  io.fail_kind("read", EINTR, 2, 1);
  io.fail_kind("open", EINTR, 1, 1);
  EXPECT_EQ(read_text(io, path).size(), 10'000U);
}

TEST_F(IoTest, ReadTextIsBounded) {
  put(path, std::string(10'000, 'x'));
  EXPECT_EQ(read_text(io, path, 10'000).size(), 10'000U);
  EXPECT_THROW(read_text(io, path, 5'000), Error);
}

TEST_F(IoTest, ReadTextNamesWhatFails) {
  put(path, "text");
  io.fail_kind("read", EIO);
  try {
    read_text(io, path);
    FAIL();
  } catch (const OsError& error) {
    EXPECT_EQ(error.error_number(), EIO);
    EXPECT_THAT(error.what(), testing::HasSubstr(path));
  }
  EXPECT_THROW(read_text(io, folder / "missing"), OsError);
}

TEST_F(IoTest, ReadingFromAnOffsetGoesOnAfterInterruptions) {
  put(path, "0123456789");
  const auto file = OpenFile::open(io, path, O_RDONLY);
  std::array<char, 8> bytes{};
  io.fail_kind("pread", EINTR, 1, 1);
  EXPECT_EQ(pread_up_to(io, file.fd(), std::as_writable_bytes(std::span{bytes}), 4, path), 6U);
  EXPECT_EQ(std::string(bytes.data(), 6), "456789");
  io.fail_kind("pread", EIO);
  EXPECT_THROW(pread_up_to(io, file.fd(), std::as_writable_bytes(std::span{bytes}), 0, path),
               OsError);
}

TEST_F(IoTest, OpenFilesAreClosedOnce) {
  put(path, "");
  {
    auto first = OpenFile::open(io, path, O_RDONLY);
    auto second = std::move(first);
    auto third = OpenFile::open(io, path, O_RDONLY);
    third = std::move(second);
  }
  EXPECT_EQ(io.calls_of("close"), 2U);
}

TEST_F(IoTest, ExistsFollowsLinks) {
  EXPECT_FALSE(exists(io, path));
  ASSERT_EQ(::symlink("nowhere", path.c_str()), 0);
  EXPECT_FALSE(exists(io, path));
  put(folder / "nowhere", "");
  EXPECT_TRUE(exists(io, path));
}

TEST_F(IoTest, SystemCallsDoWhatTheirNamesSay) {
  put(folder / "b", "");
  put(folder / "a", "text");
  std::vector<std::string> names;
  EXPECT_EQ(system.list(folder.path(), names), 0);
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_EQ(system.list(path, names), -1);

  std::string target;
  EXPECT_EQ(system.readlink(path, target), -1);
  ASSERT_EQ(::symlink("a", path.c_str()), 0);
  EXPECT_EQ(system.readlink(path, target), 0);
  EXPECT_EQ(target, "a");

  EXPECT_EQ(system.mkdir(folder / "c", 0700), 0);
  EXPECT_EQ(system.rmdir(folder / "c"), 0);
  EXPECT_EQ(system.chown(folder / "a", ::geteuid(), ::getegid()), 0);

  const auto file = OpenFile::open(system, folder / "a", O_RDWR);
  struct stat about {};
  EXPECT_EQ(system.ftruncate(file.fd(), 2), 0);
  EXPECT_EQ(system.fstat(file.fd(), about), 0);
  EXPECT_EQ(about.st_size, 2);
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(system.pread(file.fd(), bytes, 1), 1);
  EXPECT_EQ(bytes.front(), std::byte{'e'});
}

TEST_F(IoTest, APipeTellsWhatItsReaderHasNotTaken) {
  const InterruptGuard no_sigpipe;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "text", 4), 4);
  int count = 0;
  EXPECT_EQ(system.unread(ends[1], count), 0);
  EXPECT_EQ(count, 4);
  ::close(ends[0]);
  count = -1;
  EXPECT_EQ(system.unread(ends[1], count), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(count, 4) << "nobody took them";
  ::close(ends[1]);
}

}  // namespace
}  // namespace nvmigrate
