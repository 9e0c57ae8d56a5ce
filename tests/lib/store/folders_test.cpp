// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/folders.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::failure_of;
using test::put;
using testing::HasSubstr;

using Variables = std::vector<std::pair<std::string, std::string>>;

std::function<const char*(const char*)> environment(Variables values) {
  return [values = std::move(values)](const char* name) -> const char* {
    for (const auto& [each, value] : values) {
      if (each == name) return value.c_str();
    }
    return nullptr;
  };
}

TEST(DefaultFolders, OfRootAreThoseOfTheSystem) {
  const auto folders = default_folders(environment({{"HOME", "/root"}}), true);
  EXPECT_EQ(folders.state, "/var/lib/nvmigrate");
  EXPECT_EQ(folders.run, "/run/nvmigrate");
  EXPECT_EQ(folders.sim, "/var/lib/nvmigrate/sim");
}

TEST(DefaultFolders, OfAUserAreThoseOfXdg) {
  const auto folders = default_folders(
      environment({{"XDG_STATE_HOME", "/s"}, {"XDG_RUNTIME_DIR", "/r"}, {"HOME", "/h"}}), false);
  EXPECT_EQ(folders.state, "/s/nvmigrate");
  EXPECT_EQ(folders.run, "/r/nvmigrate");
  EXPECT_EQ(folders.sim, "/s/nvmigrate/sim");
}

TEST(DefaultFolders, FallBackOnTheHomeFolder) {
  const auto folders = default_folders(
      environment({{"HOME", "/h"}, {"XDG_STATE_HOME", "relative"}, {"XDG_RUNTIME_DIR", ""}}),
      false);
  EXPECT_EQ(folders.state, "/h/.local/state/nvmigrate");
  EXPECT_EQ(folders.run, "/h/.local/state/nvmigrate/run");
}

TEST(DefaultFolders, VariablesOfOurOwnOverride) {
  const auto overrides = environment(
      {{"NVMIGRATE_STATE_DIR", "/a"}, {"NVMIGRATE_RUN_DIR", "/b"}, {"NVMIGRATE_SIM_DIR", "/c"}});
  for (const bool root : {false, true}) {
    const auto folders = default_folders(overrides, root);
    EXPECT_EQ(folders.state + folders.run + folders.sim, "/a/b/c");
  }
}

TEST(DefaultFolders, RefuseRelativeOverridesAndNoHome) {
  EXPECT_THAT(error_of(
                  [] {
                    default_folders(environment({{"NVMIGRATE_RUN_DIR", "x"}}), true);
                  },
                  ExitStatus::usage),
              HasSubstr("NVMIGRATE_RUN_DIR"));
  EXPECT_THAT(error_of([] { default_folders(environment({}), false); }, ExitStatus::usage),
              HasSubstr("NVMIGRATE_STATE_DIR"));
}

TEST(ConfigFolder, IsThatOfTheBuildOrOfTheVariable) {
  EXPECT_THAT(config_folder(environment({})), testing::EndsWith("/etc/nvmigrate"));
  EXPECT_EQ(config_folder(environment({{"NVMIGRATE_CONFIG_DIR", "/c"}})), "/c");
  EXPECT_THAT(error_of(
                  [] {
                    config_folder(environment({{"NVMIGRATE_CONFIG_DIR", "c"}}));
                  },
                  ExitStatus::usage),
              HasSubstr("NVMIGRATE_CONFIG_DIR"));
}

/// Says that everything belongs to somebody else.
class ForeignIo : public test::FaultyIo {
 public:
  using FaultyIo::FaultyIo;
  int lstat(const std::string& path, struct stat& about) override {
    const int result = FaultyIo::lstat(path, about);
    about.st_uid = ::geteuid() + 1;
    return result;
  }
};

/// Says of one path that it is as a test wants it.
class AlteredIo : public test::FaultyIo {
 public:
  using FaultyIo::FaultyIo;
  void alter(const std::string& path, uid_t owner, mode_t permissions) {
    altered_[path] = {owner, permissions};
  }
  int lstat(const std::string& path, struct stat& about) override {
    const int result = FaultyIo::lstat(path, about);
    const auto found = altered_.find(path);
    if (result != 0 || found == altered_.end()) return result;
    about.st_uid = found->second.first;
    about.st_mode = (about.st_mode & S_IFMT) | found->second.second;
    return result;
  }

 private:
  std::map<std::string, std::pair<uid_t, mode_t>> altered_;
};

class PrivateTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  SystemIo system;
  test::FaultyIo io{system};
  std::string path = folder / "a/b/state";
};

TEST_F(PrivateTest, FoldersAreMadeWithTheirParentsForTheirOwnerAlone) {
  make_private_folder(io, path);
  EXPECT_TRUE(check_private(io, path));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  make_private_folder(io, path);
  EXPECT_EQ(io.calls_of("mkdir"), 3U);
}

TEST_F(PrivateTest, WhatIsMissingIsNoError) {
  EXPECT_FALSE(check_private(io, path));
  EXPECT_EQ(read_private(io, path), std::nullopt);
}

TEST_F(PrivateTest, SymbolicLinksAreRefused) {
  fs::create_directories(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", folder / "link");
  EXPECT_THAT(error_of([&] { make_private_folder(io, folder / "link"); }, ExitStatus::refused),
              HasSubstr(folder / "link"));
  put(folder / "elsewhere/file", "text");
  fs::create_symlink(folder / "elsewhere/file", folder / "other");
  error_of([&] { read_private(io, folder / "other"); }, ExitStatus::refused);
}

TEST_F(PrivateTest, WhatBelongsToOthersIsRefused) {
  make_private_folder(io, path);
  put(path + "/file", "text");
  ForeignIo foreign(system);
  EXPECT_THAT(error_of([&] { make_private_folder(foreign, path); }, ExitStatus::refused),
              HasSubstr("user " + std::to_string(::geteuid() + 1)));
  error_of([&] { check_private(foreign, path); }, ExitStatus::refused);
  error_of([&] { read_private(foreign, path + "/file"); }, ExitStatus::refused);
}

TEST_F(PrivateTest, WhatOthersMayWriteIsRefused) {
  make_private_folder(io, path);
  fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
  const auto error = failure_of([&] { check_private(io, path); });
  EXPECT_EQ(error.status(), ExitStatus::refused);
  EXPECT_THAT(error.remedies(), testing::ElementsAre(Remedy{
                                    .action = Remedy::Action::restrict_folder, .object = path}));
}

TEST_F(PrivateTest, BelowAFolderThatOthersMayWriteIsRefused) {
  make_private_folder(io, path);
  const auto parent = folder / "a";
  fs::permissions(parent, fs::perms::others_write, fs::perm_options::add);
  const auto error = failure_of([&] { make_private_folder(io, path); });
  EXPECT_EQ(error.status(), ExitStatus::refused);
  EXPECT_THAT(error.what(), HasSubstr(parent + ", which is writable by other users"));
  EXPECT_THAT(error.remedies(), testing::ElementsAre(Remedy{
                                    .action = Remedy::Action::restrict_folder, .object = parent}));
  error_of([&] { check_private(io, path); }, ExitStatus::refused);
  error_of([&] { check_private_folder(io, path); }, ExitStatus::refused);
  error_of([&] { make_private_folder(io, parent + "/other"); }, ExitStatus::refused);
  EXPECT_FALSE(fs::exists(parent + "/other"));
  fs::permissions(parent, fs::perms::sticky_bit, fs::perm_options::add);
  EXPECT_NO_THROW(make_private_folder(io, path)) << "there nobody renames what is not theirs";
}

TEST_F(PrivateTest, BelowAFolderOfAnotherUserIsRefused) {
  make_private_folder(io, path);
  AlteredIo altered(system);
  for (const mode_t permissions : {0700U, 01777U}) {
    altered.alter(folder / "a", ::geteuid() + 1, permissions);
    const auto error = failure_of([&] { check_private(altered, path); });
    EXPECT_EQ(error.status(), ExitStatus::refused);
    EXPECT_THAT(error.what(), HasSubstr((folder / "a") + ", which belongs to user "));
  }
  altered.alter(folder / "a", 0, 0755);
  EXPECT_TRUE(check_private(altered, path)) << "root may do everything anyway";
}

/// A file of the configuration is read when root wrote it, whoever reads it.
class TrustedTest : public PrivateTest {
 protected:
  TrustedTest() {
    make_private_folder(io, path);
    put(file, "text");
  }
  Error refusal() {
    auto error = failure_of([&] { read_trusted(altered, file); });
    EXPECT_EQ(error.status(), ExitStatus::refused);
    return error;
  }
  void expect_mended_by(const Error& error, Remedy::Action action, const std::string& object) {
    EXPECT_THAT(error.remedies(), testing::ElementsAre(Remedy{.action = action, .object = object}));
  }

  AlteredIo altered{system};
  std::string file = path + "/nvmigrate.conf";
};

TEST_F(TrustedTest, FilesOfRootAndOfTheUserAreRead) {
  EXPECT_EQ(read_trusted(altered, file), "text");
  EXPECT_EQ(read_trusted(altered, file + ".not"), std::nullopt);
  altered.alter(file, 0, 0644);
  altered.alter(path, 0, 0755);
  EXPECT_EQ(read_trusted(altered, file), "text");
}

TEST_F(TrustedTest, FilesThatOthersWriteAreRefused) {
  altered.alter(file, ::geteuid() + 1, 0644);
  expect_mended_by(refusal(), Remedy::Action::give_to_root, file);
  altered.alter(file, 0, 0664);
  expect_mended_by(refusal(), Remedy::Action::restrict_folder, file);
}

TEST_F(TrustedTest, FilesThatOthersMayReplaceAreRefused) {
  altered.alter(path, 0, 0777);
  expect_mended_by(refusal(), Remedy::Action::restrict_folder, path);
  altered.alter(path, ::geteuid() + 1, 0755);
  expect_mended_by(refusal(), Remedy::Action::give_to_root, path);
}

TEST_F(TrustedTest, LinksAndFoldersAreRefused) {
  fs::rename(file, path + "/other");
  fs::create_symlink(path + "/other", file);
  EXPECT_THAT(refusal().what(), HasSubstr("symbolic link"));
  fs::remove(file);
  fs::create_directory(file);
  EXPECT_THAT(refusal().what(), HasSubstr("regular file"));
}

TEST_F(PrivateTest, LinksOnTheWayAreFollowed) {
  const auto real = folder / "real";
  make_private_folder(io, real + "/b");
  fs::create_directory_symlink("real", folder / "link");
  fs::create_directory_symlink(folder / "link/../link/.", folder / "a");
  make_private_folder(io, path);
  EXPECT_TRUE(fs::exists(real + "/b/state"));
  fs::permissions(real, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(error_of([&] { check_private(io, path); }, ExitStatus::refused),
              HasSubstr("/real, which is writable"));
  AlteredIo altered(system);
  altered.alter(folder / "link", ::geteuid() + 1, 0777);
  EXPECT_THAT(error_of([&] { check_private(altered, path); }, ExitStatus::refused),
              HasSubstr((folder / "link") + ", which belongs to"));
  fs::remove(folder / "link");
  fs::create_directory_symlink("a", folder / "link");
  error_of([&] { check_private(io, path); }, ExitStatus::io);
}

TEST_F(PrivateTest, OnlyFoldersAreFoldersAndFilesFiles) {
  put(folder / "file", "text");
  EXPECT_THAT(error_of([&] { make_private_folder(io, folder / "file"); }, ExitStatus::refused),
              HasSubstr(folder / "file"));
  EXPECT_THAT(error_of([&] { read_private(io, folder.path()); }, ExitStatus::refused),
              HasSubstr(folder.path()));
}

TEST_F(PrivateTest, AFolderIsTriedWithoutATrace) {
  EXPECT_FALSE(check_private_folder(io, path));
  EXPECT_FALSE(fs::exists(folder / "a")) << "what is missing is not made";
  make_private_folder(io, path);
  EXPECT_TRUE(check_private_folder(io, path));
  EXPECT_TRUE(fs::is_empty(path));
}

TEST_F(PrivateTest, AFolderThatTakesNothingIsTold) {
  io.fail_kind("mkdir", EROFS);
  EXPECT_THAT(error_of([&] { check_private_folder(io, path); }, ExitStatus::io),
              HasSubstr(folder.path() + ":"))
      << "the nearest parent that exists";
  io.heal();
  make_private_folder(io, path);
  io.fail_kind("mkdir", EROFS);
  EXPECT_THAT(error_of([&] { check_private_folder(io, path); }, ExitStatus::io), HasSubstr(path));
  io.heal();
  io.fail_kind("rmdir", EIO);
  EXPECT_THAT(error_of([&] { check_private_folder(io, path); }, ExitStatus::io), HasSubstr(path));
  put(folder / "file", "text");
  error_of([&] { check_private_folder(io, folder / "file"); }, ExitStatus::refused);
}

TEST_F(PrivateTest, EveryFailureNamesThePart) {
  io.fail_kind("mkdir", EROFS);
  EXPECT_THAT(error_of([&] { make_private_folder(io, path); }, ExitStatus::io),
              HasSubstr(folder / "a"));
  io.heal();
  io.fail_kind("lstat", EIO);
  EXPECT_THAT(error_of([&] { make_private_folder(io, path); }, ExitStatus::io),
              HasSubstr("look at /:"));
}

TEST_F(PrivateTest, AFileThatGoesWhileItIsReadIsNoError) {
  put(folder / "file", "text");
  io.fail_kind("open", ENOENT);
  EXPECT_EQ(read_private(io, folder / "file"), std::nullopt);
}

TEST_F(PrivateTest, FilesAreReadWholeAndBounded) {
  put(folder / "file", std::string(100'000, 'x'));
  EXPECT_EQ(read_private(io, folder / "file").value_or("").size(), 100'000U);
  fs::resize_file(folder / "file", (std::size_t{16} << 20U) + 1);
  error_of([&] { read_private(io, folder / "file"); }, ExitStatus::io);
}

TEST(FileNameOf, KeepsPlainLettersAndEscapesTheRest) {
  EXPECT_EQ(file_name_of("nqn.2019-08.org_x"), "nqn.2019-08.org_x");
  EXPECT_EQ(file_name_of("nqn.x:a/b c"), "nqn.x%3aa%2fb%20c");
  EXPECT_EQ(file_name_of("../etc"), "%2e.%2fetc");
  EXPECT_EQ(file_name_of(std::string("a\0b", 3)), "a%00b");
  EXPECT_EQ(file_name_of("\xff"), "%ff");
}

TEST(FileNameOf, IsNeverEmptyNorTooLongNorTheSame) {
  EXPECT_EQ(file_name_of(""), "%");
  const std::string begin(222, '/');
  EXPECT_LT(file_name_of(begin + "a").size(), 200U);
  EXPECT_NE(file_name_of(begin + "a"), file_name_of(begin + "b"));
}

}  // namespace
}  // namespace nvmigrate
