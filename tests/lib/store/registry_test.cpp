// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/registry.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

using test::contents;
using test::error_of;
using test::put;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string nqn = "nqn.2019-08.org.x:a";
const SubsystemKey key{nqn, "S1"};

Binding binding(std::uint16_t cntlid) {
  return {cntlid, "0000:01:00.1", "vfio-pci", "nvme", std::nullopt, "2025-01-31T23:59:59Z"};
}

class RegistryTest : public testing::Test {
 protected:
  Registry open() { return {io, folders, key}; }
  [[nodiscard]] std::string path() const {
    return folders.state + "/" + file_name_of(key.text()) + ".json";
  }
  void write(const std::string& text) {
    make_private_folder(system, folders.state);
    put(path(), text);
  }
  std::string damage() {
    return error_of([&] { open(); }, ExitStatus::io);
  }

  test::TemporaryFolder folder;
  Folders folders = folder.folders();
  SystemIo system;
  test::FaultyIo io{system};
};

TEST_F(RegistryTest, BeginsEmptyAndWritesNothing) {
  const auto registry = open();
  EXPECT_THAT(registry.marks(), IsEmpty());
  EXPECT_THAT(registry.bindings(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folders.state));
}

TEST_F(RegistryTest, KeepsMarks) {
  open().mark(7);
  open().mark(3);
  const auto registry = open();
  EXPECT_TRUE(registry.is_marked(3));
  EXPECT_TRUE(registry.is_marked(7));
  EXPECT_FALSE(registry.is_marked(4));
  ASSERT_THAT(registry.marks(), SizeIs(2));
  EXPECT_EQ(registry.marks().front().cntlid, 3) << "ascending";
  open().unmark(3);
  EXPECT_FALSE(open().is_marked(3));
}

TEST_F(RegistryTest, KeepsTheBackendOfAMark) {
  auto registry = open();
  registry.mark(1);
  registry.mark(2, "intel");
  registry.mark(2, "intel");
  EXPECT_EQ(open().backend_of(1), "") << "as a former version";
  EXPECT_EQ(open().backend_of(2), "intel");
  registry.mark(2, "nvme");
  EXPECT_EQ(open().backend_of(2), "nvme");
  EXPECT_EQ(open().marks().size(), 2U);
  registry.unmark(2);
  EXPECT_EQ(open().backend_of(2), "");
}

TEST_F(RegistryTest, KeepsBindings) {
  auto second = binding(4);
  second.original_driver.reset();
  second.original_override = "none";
  auto registry = open();
  registry.remember(binding(3));
  registry.remember(second);
  const auto again = open();
  ASSERT_NE(again.binding_of(3), nullptr);
  EXPECT_EQ(again.binding_of(3)->address, "0000:01:00.1");
  EXPECT_EQ(again.binding_of(3)->driver, "vfio-pci");
  EXPECT_EQ(again.binding_of(3)->original_driver, "nvme");
  EXPECT_EQ(again.binding_of(3)->original_override, std::nullopt);
  EXPECT_EQ(again.binding_of(3)->time, "2025-01-31T23:59:59Z");
  EXPECT_EQ(again.binding_of(4)->original_driver, std::nullopt);
  EXPECT_EQ(again.binding_of(4)->original_override, "none");
  EXPECT_EQ(again.binding_of(5), nullptr);
}

TEST_F(RegistryTest, KeepsWantedResources) {
  const std::vector<WantedResources> wanted{{1, 3, 2, 4, 2}, {7, 2, 1, 2, 1}};
  open().want(wanted);
  EXPECT_EQ(open().wanted(), wanted);
  ASSERT_NE(open().wanted_of(7), nullptr);
  EXPECT_EQ(open().wanted_of(2), nullptr);
  open().mark(1);
  EXPECT_EQ(open().wanted(), wanted) << "another change leaves them";
  open().forget({1});
  EXPECT_THAT(open().wanted(), SizeIs(1));
  open().want({});
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(RegistryTest, KeepsTheNamespacesOfAFunctionThatIsForgotten) {
  open().want({{1, 3, 2, 4, 2}, {2, 3, 2, 4, 2, {7, 9}}});
  EXPECT_EQ(open().wanted_of(2)->namespaces, (std::set<std::uint32_t>{7, 9}));
  open().forget({1, 2});
  EXPECT_EQ(open().wanted(), (std::vector<WantedResources>{{2, 0, 0, 0, 0, {7, 9}}}));
}

TEST_F(RegistryTest, AFileOfAnEarlierVersionWantsNothing) {
  open().mark(1);
  EXPECT_THAT(contents(path()), Not(HasSubstr("wanted")));
  EXPECT_THAT(open().wanted(), IsEmpty());
}

TEST_F(RegistryTest, ABindingIsReplaced) {
  auto registry = open();
  registry.remember(binding(3));
  auto changed = binding(3);
  changed.driver = "nvme_vfio_pci";
  registry.remember(changed);
  EXPECT_THAT(registry.bindings(), SizeIs(1));
  EXPECT_EQ(open().binding_of(3)->driver, "nvme_vfio_pci");
}

TEST_F(RegistryTest, SeveralBindingsChangeInOneWrite) {
  auto registry = open();
  registry.change_bindings({binding(5), binding(3)}, {4});
  const auto renames = io.calls_of("rename");
  registry.change_bindings({binding(4)}, {3, 9});
  EXPECT_EQ(io.calls_of("rename"), renames + 1);
  const auto again = open();
  ASSERT_THAT(again.bindings(), SizeIs(2));
  EXPECT_EQ(again.bindings().front().cntlid, 4) << "ascending";
  EXPECT_EQ(again.binding_of(3), nullptr);
}

TEST_F(RegistryTest, WhatIsSoAlreadyIsNotWritten) {
  auto registry = open();
  registry.mark(3);
  const auto calls = io.calls();
  registry.mark(3);
  registry.unmark(4);
  registry.change_bindings({}, {3});
  registry.forget({5, 6});
  EXPECT_EQ(io.calls(), calls);
}

TEST_F(RegistryTest, ForgetsAFunctionWhole) {
  auto registry = open();
  registry.mark(3);
  registry.mark(4);
  registry.remember(binding(3));
  registry.forget({3});
  EXPECT_FALSE(open().is_marked(3));
  EXPECT_TRUE(open().is_marked(4));
  EXPECT_EQ(open().binding_of(3), nullptr);
}

TEST_F(RegistryTest, AnEmptyOneLeavesNoFile) {
  auto registry = open();
  registry.mark(3);
  registry.remember(binding(3));
  registry.change_bindings({}, {3});
  EXPECT_TRUE(std::filesystem::exists(path()));
  registry.unmark(3);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(RegistryTest, SubsystemsAreKeptApart) {
  open().mark(3);
  EXPECT_FALSE(Registry(io, folders, {nqn + "b", "S1"}).is_marked(3));
  EXPECT_FALSE(Registry(io, folders, {nqn, "S2"}).is_marked(3)) << "a drive of the same NQN";
}

TEST_F(RegistryTest, AFailureAtAnyStepChangesNothing) {
  open().mark(3);
  const auto before = contents(path());
  test::FaultyIo counting(system);
  Registry(counting, folders, key).mark(4);
  const auto steps = counting.calls();
  unsigned failures = 0;
  for (std::size_t step = 1; step <= steps; ++step) {
    put(path(), before);
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, ENOSPC);
    try {
      Registry registry(faulty, folders, key);
      try {
        registry.mark(4);
      } catch (const OsError&) {
        ++failures;
        EXPECT_FALSE(registry.is_marked(4)) << "step " << step;
        EXPECT_EQ(contents(path()), before)
            << "step " << step << ": " << faulty.log()[step - 1].kind;
      }
    } catch (const OsError&) {
      ++failures;
    }
  }
  EXPECT_GE(failures, 10U);
}

TEST_F(RegistryTest, AFailedRemovalChangesNothing) {
  auto registry = open();
  registry.mark(3);
  const auto before = contents(path());
  io.fail_kind("unlink", EACCES);
  EXPECT_THROW(registry.unmark(3), OsError);
  EXPECT_TRUE(registry.is_marked(3));
  io.heal();
  io.fail_kind("fsync", EIO, 1, 1);
  EXPECT_THROW(registry.unmark(3), OsError);
  EXPECT_EQ(contents(path()), before);
}

TEST_F(RegistryTest, DamageNamesTheFileAndTheWayOn) {
  for (const auto* text :
       {"", "{", "[]", "null", "{}", R"({"schema": "other/1"})", R"({"schema": 1})",
        R"({"schema": "nvmigrate.registry/2", "subsystem": "nqn.2019-08.org.x:a"})"}) {
    write(text);
    EXPECT_THAT(damage(), AllOf(HasSubstr("damaged"), HasSubstr("remove " + path()))) << text;
    EXPECT_THAT(damage(), Not(HasSubstr("exception"))) << text;
  }
  write("{");
  EXPECT_THAT(damage(), HasSubstr("it is not JSON (byte 2)"));
}

TEST_F(RegistryTest, DamagedEntriesAreNotTaken) {
  const std::string begin =
      R"({"schema": "nvmigrate.registry/1", "subsystem": "nqn.2019-08.org.x:a", )";
  for (const auto* rest :
       {R"("marks": []})", R"("bindings": []})", R"("marks": 1, "bindings": []})",
        R"("marks": [{"controller": 65536, "time": ""}], "bindings": []})",
        R"("marks": [{"controller": -1, "time": ""}], "bindings": []})",
        R"("marks": [{"controller": "3", "time": ""}], "bindings": []})",
        R"("marks": [{"time": ""}], "bindings": []})",
        R"("marks": [], "bindings": [{"controller": 3}]})", R"("marks": [], "bindings": [3]})"}) {
    write(begin + rest);
    EXPECT_THAT(damage(), HasSubstr("damaged")) << rest;
  }
}

TEST_F(RegistryTest, TheFileOfAnotherSubsystemIsNotTaken) {
  write(R"({"schema": "nvmigrate.registry/1", "subsystem": "x", "marks": [], "bindings": []})");
  EXPECT_THAT(damage(), HasSubstr("another subsystem"));
}

TEST_F(RegistryTest, ASymbolicLinkIsRefused) {
  write("{}");
  std::filesystem::rename(path(), folder / "elsewhere");
  std::filesystem::create_symlink(folder / "elsewhere", path());
  EXPECT_THAT(error_of([&] { open(); }, ExitStatus::refused), HasSubstr("symbolic link"));
}

TEST_F(RegistryTest, NamesThatAreNotUtf8AreKept) {
  const SubsystemKey odd{"nqn.x:\xff\xfe", "\xff"};
  Registry(io, folders, odd).mark(3);
  EXPECT_TRUE(Registry(io, folders, odd).is_marked(3));
}

TEST(SubsystemKeyTest, ItsFormerSerialNumberIsWhatEarlierVersionsMadeOfIt) {
  const auto former = [](const char* serial) { return SubsystemKey{nqn, serial}.former().serial; };
  EXPECT_EQ(former("S 1"), "S 1");
  EXPECT_EQ(former("S\\xff\\x1b1"), "S??1");
  EXPECT_EQ(former("S \\x001"), "S") << "it ended at a NUL, and without padding";
  EXPECT_EQ(former("\\x001"), "");
  EXPECT_EQ(former("S\\x5c1"), "S\\1");
  EXPECT_EQ(former("S\\"), "S?");
}

/// Files of version 0.1, of drives whose serial numbers have odd bytes.
class OddSerialTest : public RegistryTest, public testing::WithParamInterface<SubsystemKey> {
 protected:
  OddSerialTest() {
    make_private_folder(system, folders.state);
    put(old_path(), R"({"schema": "nvmigrate.registry/1", "subsystem": ")" + nqn +
                        R"(", "serial": ")" + GetParam().former().serial +
                        R"(", "marks": [{"controller": 3, "time": ""}], "bindings": []})");
  }
  [[nodiscard]] std::string old_path() const {
    return folders.state + "/" + file_name_of(GetParam().former().text()) + ".json";
  }
};

TEST_P(OddSerialTest, IsFoundAndTakenOver) {
  EXPECT_TRUE(Registry(io, folders, GetParam()).is_marked(3));
  Registry(io, folders, GetParam()).mark(4);
  EXPECT_FALSE(std::filesystem::exists(old_path()));
  EXPECT_THAT(Registry(io, folders, GetParam()).marks(), SizeIs(2));
  EXPECT_THAT(Registry(io, folders, {nqn, "another"}).marks(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, OddSerialTest,
                         testing::Values(SubsystemKey{nqn, "A\\xff1"},
                                         SubsystemKey{nqn, "A \\x00B"},
                                         SubsystemKey{nqn, "\\x00B"}));

/// The file as versions before there were keys wrote it, under the NQN alone.
class OldRegistryTest : public RegistryTest {
 protected:
  OldRegistryTest() {
    make_private_folder(system, folders.state);
    put(old_path, contents(NVMIGRATE_SOURCE_DIR "/tests/lib/store/golden/registry-1.json"));
  }

  std::string old_path = folders.state + "/" + file_name_of(nqn) + ".json";
};

TEST_F(OldRegistryTest, IsRead) {
  const auto registry = open();
  ASSERT_THAT(registry.marks(), SizeIs(2));
  EXPECT_TRUE(registry.is_marked(3) && registry.is_marked(7));
  EXPECT_EQ(registry.marks().front().time, "2025-01-31T23:59:59Z");
  const auto* bound = registry.binding_of(3);
  ASSERT_NE(bound, nullptr);
  EXPECT_EQ(bound->address, "0000:01:00.3");
  EXPECT_EQ(bound->driver, "vfio-pci");
  EXPECT_EQ(bound->original_driver, "nvme");
  EXPECT_EQ(bound->original_override, std::nullopt);
  EXPECT_TRUE(std::filesystem::exists(old_path)) << "reading changes nothing";
}

TEST_F(OldRegistryTest, IsTakenOverAtTheNextChange) {
  open().unmark(7);
  EXPECT_FALSE(std::filesystem::exists(old_path));
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_TRUE(open().is_marked(3));
  EXPECT_FALSE(open().is_marked(7));
  EXPECT_NE(open().binding_of(3), nullptr);
}

TEST_F(OldRegistryTest, DamageNamesTheFileThatIsDamaged) {
  put(old_path, "{");
  EXPECT_THAT(damage(), HasSubstr("remove " + old_path));
}

}  // namespace
}  // namespace nvmigrate
