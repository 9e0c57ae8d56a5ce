// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/atomic_file.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::error_of;
using test::failure_of;
using test::put;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AtomicFileTest : public testing::Test {
 protected:
  std::vector<std::string> names() {
    std::vector<std::string> all;
    system.list(folder.path(), all);
    return all;
  }

  test::TemporaryFolder folder;
  SystemIo system;
  test::FaultyIo io{system};
  std::string path = folder / "file";
};

TEST_F(AtomicFileTest, AppearsWhenPublished) {
  AtomicFile file(io, path);
  write_all(io, file.fd(), std::as_bytes(std::span{"text", 4}), path);
  EXPECT_FALSE(fs::exists(path));
  file.publish();
  EXPECT_EQ(contents(path), "text");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_THAT(names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, DroppedLeavesNothing) {
  put(path, "old");
  { const AtomicFile file(io, path); }
  EXPECT_EQ(contents(path), "old");
  EXPECT_THAT(names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, HasNoNameBeforeItIsPublished) {
  const AtomicFile fresh(io, path);
  put(folder / "other", "old");
  const AtomicFile replacement(io, folder / "other");
  EXPECT_THAT(names(), ElementsAre("other"));
}

TEST_F(AtomicFileTest, ReplacesAFile) {
  put(path, "old");
  write_file(io, path, "new");
  EXPECT_EQ(contents(path), "new");
  EXPECT_THAT(names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, ReplacesAFileThatWasMadeMeanwhile) {
  AtomicFile file(io, path);
  put(path, "of another");
  file.publish();
  EXPECT_EQ(contents(path), "");
  EXPECT_THAT(names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, WorksWhereFilesMustHaveANameToo) {
  for (const bool replaces : {false, true}) {
    io.fail_kind("open", EOPNOTSUPP, 1, 1);
    {
      AtomicFile dropped(io, path);
      EXPECT_THAT(names(), testing::Contains(HasSubstr(".nvmigrate-")));
    }
    EXPECT_EQ(fs::exists(path), replaces);
    io.fail_kind("open", EOPNOTSUPP, 1, 1);
    write_file(io, path, replaces ? "new" : "old");
    EXPECT_EQ(contents(path), replaces ? "new" : "old");
    EXPECT_THAT(names(), ElementsAre("file"));
  }
}

TEST_F(AtomicFileTest, AFolderThatCannotBeSyncedAtAllIsNoFailure) {
  io.fail_kind("fsync", EINVAL, 2, 1);
  write_file(io, path, "new");
  EXPECT_EQ(contents(path), "new");
}

TEST_F(AtomicFileTest, SyncsBeforeItIsNamedAndTheFolderAfter) {
  AtomicFile file(io, path);
  file.sync();
  const auto before = io.calls();
  file.publish();
  ASSERT_GE(io.calls(), before + 2);
  EXPECT_EQ(io.log()[before - 2].kind, "fsync");
  EXPECT_EQ(io.log()[before - 1].object, folder.path());
  EXPECT_EQ(io.log()[before].kind, "link");
  EXPECT_EQ(io.log()[before + 1].kind, "fsync");
}

TEST_F(AtomicFileTest, AFailureAtAnyStepLeavesNothing) {
  write_file(io, path, "new");
  const auto steps = io.calls();
  fs::remove(path);
  unsigned failures = 0;
  for (std::size_t step = 1; step <= steps; ++step) {
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, ENOSPC);
    try {
      write_file(faulty, path, "new");
      EXPECT_EQ(contents(path), "new") << "step " << step;
      fs::remove(path);
    } catch (const OsError& error) {
      ++failures;
      EXPECT_EQ(error.error_number(), ENOSPC);
      EXPECT_THAT(error.what(), HasSubstr(folder.path()));
    }
    EXPECT_THAT(names(), IsEmpty()) << "step " << step << ": " << faulty.log()[step - 1].kind;
  }
  EXPECT_EQ(failures, 6U) << "look, write, sync, publish, open the folder, sync it";
}

TEST_F(AtomicFileTest, AFailureAtAnyStepLeavesTheOldOrTheNewWhole) {
  put(path, "old");
  write_file(io, path, "new");
  const auto steps = io.calls();
  for (std::size_t step = 1; step <= steps; ++step) {
    put(path, "old");
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    try {
      write_file(faulty, path, "new");
    } catch (const OsError& error) {
      EXPECT_EQ(error.error_number(), EIO);
    }
    EXPECT_THAT(contents(path), testing::AnyOf("old", "new")) << "step " << step;
    EXPECT_THAT(names(), ElementsAre("file")) << "step " << step;
  }
}

TEST_F(AtomicFileTest, InterruptionsAreNoFailures) {
  io.fail_kind("fsync", EINTR, 1, 2);
  io.fail_kind("open", EINTR, 1, 1);
  write_file(io, path, "new");
  EXPECT_EQ(contents(path), "new");
}

TEST_F(AtomicFileTest, ATemporaryFileLeftByAnotherIsNotTouched) {
  const auto left = folder / (".nvmigrate-" + std::to_string(::getpid()) + "-0");
  put(left, "left");
  put(path, "old");
  write_file(io, path, "new");
  EXPECT_EQ(contents(path), "new");
  EXPECT_EQ(contents(left), "left");
}

TEST_F(AtomicFileTest, RefusesToReplaceWhatIsNoRegularFile) {
  fs::create_directory(folder / "folder");
  error_of([&] { AtomicFile::check(io, folder / "folder"); }, ExitStatus::refused);
  fs::create_symlink("elsewhere", folder / "link");
  error_of([&] { AtomicFile::check(io, folder / "link"); }, ExitStatus::refused);
  EXPECT_THAT(error_of([&] { AtomicFile::check(io, "/dev/null"); }, ExitStatus::refused),
              HasSubstr("/dev/null"));
  error_of([&] { AtomicFile::check(io, ""); }, ExitStatus::usage);
}

TEST_F(AtomicFileTest, CheckFindsWhatWouldFailAndLeavesNothing) {
  AtomicFile::check(io, path);
  EXPECT_THAT(names(), IsEmpty());
  const auto missing = failure_of([&] { AtomicFile::check(io, folder / "missing/file"); });
  EXPECT_EQ(missing.status(), ExitStatus::not_found);
  EXPECT_THAT(missing.remedies(), ElementsAre(Remedy{.action = Remedy::Action::make_folder,
                                                     .object = folder / "missing"}));
  put(folder / "plain", "");
  EXPECT_THAT(
      error_of([&] { AtomicFile::check(io, folder / "plain/file"); }, ExitStatus::not_found),
      HasSubstr(folder / "plain" + " "));
  io.fail_kind("open", EROFS);
  EXPECT_THAT(error_of([&] { AtomicFile::check(io, path); }, ExitStatus::io), HasSubstr(path));
}

// --- where nothing is to be replaced ---

TEST_F(AtomicFileTest, RefusesAFileThatIsThereWhenItIsNotToBeReplaced) {
  put(path, "old");
  for (const auto& act : std::vector<std::function<void()>>{
           [&] { AtomicFile::check(io, path, Existing::refuse); },
           [&] { const AtomicFile file(io, path, 0600, Existing::refuse); }}) {
    const auto failure = failure_of(act);
    EXPECT_EQ(failure.status(), ExitStatus::refused);
    EXPECT_EQ(failure.code(), "file_exists");
    EXPECT_THAT(failure.what(), HasSubstr(path));
  }
  EXPECT_EQ(contents(path), "old");
  AtomicFile::check(io, folder / "other", Existing::refuse);
}

TEST_F(AtomicFileTest, RefusesAFileThatWasMadeMeanwhileWhenItIsNotToBeReplaced) {
  for (const bool named : {false, true}) {
    std::filesystem::remove(path);
    if (named) io.fail_kind("open", EOPNOTSUPP, 1, 1);
    {
      AtomicFile file(io, path, 0600, Existing::refuse);
      put(path, "of another");
      EXPECT_EQ(failure_of([&] { file.appear(); }).code(), "file_exists");
    }
    EXPECT_EQ(contents(path), "of another");
    EXPECT_THAT(names(), ElementsAre("file"));
  }
}

TEST_F(AtomicFileTest, AppearsWhereNothingIsToBeReplacedWithOrWithoutATemporaryName) {
  for (const bool named : {false, true}) {
    std::filesystem::remove(path);
    if (named) io.fail_kind("open", EOPNOTSUPP, 1, 1);
    AtomicFile file(io, path, 0600, Existing::refuse);
    file.publish();
    EXPECT_THAT(names(), ElementsAre("file")) << named;
  }
}

// --- in two halves ---

TEST_F(AtomicFileTest, HasItsNameOnceItAppearedWhateverFollows) {
  for (const bool replaces : {false, true}) {
    {
      AtomicFile file(io, path);
      write_all(io, file.fd(), std::as_bytes(std::span{"text", 4}), path);
      file.appear();
      EXPECT_EQ(contents(path), "text");
      io.fail_kind("fsync", EIO, 1, 1);
      EXPECT_THROW(file.sync_name(), OsError);
    }
    EXPECT_EQ(contents(path), "text") << replaces;
    EXPECT_THAT(names(), ElementsAre("file"));
  }
}

TEST_F(AtomicFileTest, HasNoNameForCertainWhenItCouldNotAppear) {
  for (const auto* step : {"fsync", "link"}) {
    {
      AtomicFile file(io, path);
      io.fail_kind(step, EIO, 1, 1);
      EXPECT_THROW(file.appear(), OsError) << step;
    }
    EXPECT_THAT(names(), IsEmpty()) << step;
  }
}

TEST_F(AtomicFileTest, TakesRelativeNames) {
  const auto before = fs::current_path();
  fs::current_path(folder.path());
  write_file(io, "file", "new");
  fs::current_path(before);
  EXPECT_EQ(contents(path), "new");
}

}  // namespace
}  // namespace nvmigrate
