// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/journal.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Action = Remedy::Action;

ino_t inode_of(const std::string& path) {
  struct stat about {};
  EXPECT_EQ(::stat(path.c_str(), &about), 0);
  return about.st_ino;
}

TEST(SimStore, AnUnknownNameHasARemedy) {
  Lab lab;
  EXPECT_THAT(remedies_of([&] { (void)lab.open("sim:a"); }, ExitStatus::not_found),
              ElementsAre(Remedy{.action = Action::create_simulation, .object = "a"}));
  EXPECT_THAT(remedies_of([&] { sim::destroy(lab.folders(), "a"); }, ExitStatus::not_found),
              ElementsAre(Remedy{.action = Action::list_simulations}));
  EXPECT_FALSE(std::filesystem::exists(lab.folders().sim));
}

TEST(SimStore, ANameThatBeginsWithDemoIsThereAtFirstUse) {
  Lab lab;
  EXPECT_EQ(lab.open("sim:demo2")->name(), "sim:demo2");
  EXPECT_THAT(sim::names(lab.folders()), ElementsAre("demo2"));
  lab.open("sim:demo2");
}

TEST(SimStore, TwoOfOneNameAreRefused) {
  Lab lab;
  lab.create("a", {.vfs_total = 3});
  EXPECT_THAT(remedies_of([&] { lab.create("a"); }, ExitStatus::refused),
              ElementsAre(Remedy{.action = Action::destroy_simulation, .object = "a"}));
  EXPECT_EQ(lab.open("sim:a")->pci().sriov("0000:01:00.0").total, 3U);
}

TEST(SimStore, StrangeNamesAreRefused) {
  Lab lab;
  for (const char* name : {"", "-a", "a/b", "..", "a b", "a.b", "\xc3\xa4"}) {
    error_of([&] { lab.create(name); }, ExitStatus::usage);
  }
  error_of([&] { lab.create(std::string(49, 'a')); }, ExitStatus::usage);
  error_of([&] { (void)lab.open("sim:a/x"); }, ExitStatus::usage);
  error_of([&] { (void)lab.open("sim:a/65536"); }, ExitStatus::usage);
  error_of([&] { (void)lab.open("sim:"); }, ExitStatus::usage);
  EXPECT_TRUE(owns_sim("sim:a"));
  EXPECT_FALSE(owns_sim("nvme0"));
}

TEST(SimStore, OpensEachControllingFunction) {
  Lab lab;
  lab.create("a", {.controlling = 2, .others = 1});
  EXPECT_EQ(lab.open("sim:a")->address(), "0000:01:00.0");
  EXPECT_EQ(lab.open("sim:a/1")->address(), "0000:02:00.0");
  EXPECT_TRUE(lab.open("sim:a")->simulated());
  EXPECT_THAT(remedies_of([&] { (void)lab.open("sim:a/2"); }, ExitStatus::not_found),
              ElementsAre(Remedy{.action = Action::show_simulation, .object = "a"}));
  error_of([&] { (void)lab.open("sim:a/18"); }, ExitStatus::not_found);
}

TEST(SimStore, ListsEveryControllingFunction) {
  Lab lab;
  EXPECT_THAT(all_sims(lab.io(), lab.folders()), IsEmpty());
  lab.create("b");
  lab.create("a", {.controlling = 2});
  put(lab.file("broken"), "{");
  EXPECT_THAT(all_sims(lab.io(), lab.folders()),
              ElementsAre("sim:a/0", "sim:a/1", "sim:b", "sim:broken"));
}

TEST(SimStore, SeveralOpenedDevicesShareOneSubsystem) {
  Lab lab;
  lab.create("a");
  Bench one(lab, "sim:a"), two(lab, "sim:a");
  one.provision(1);
  EXPECT_TRUE(two.secondary(1).online);
  ASSERT_EQ(two.suspend(1), 0);
  EXPECT_EQ(one.resume(1), 0);
}

TEST(SimStore, ReadsNeverWrite) {
  Lab lab;
  lab.create("a");
  Bench bench(lab, "sim:a");
  bench.provision(1);
  sim::start_guest(lab.folders(), "sim:a", "vf1");
  ASSERT_EQ(bench.suspend(1), 0);
  const auto before = inode_of(lab.file("a"));
  (void)bench.image(1);
  (void)bench.secondary(1);
  (void)bench.pci().controllers();
  EXPECT_EQ(bench.suspend(1), 0) << "already";
  EXPECT_EQ(bench.offline(2), 0) << "already";
  EXPECT_EQ(bench.online(2), sc::invalid_secondary_controller_state);
  EXPECT_EQ(inode_of(lab.file("a")), before);
}

TEST(SimStore, TheMiddleOfASequenceWritesNothing) {
  Lab lab;
  lab.create("a", {.state_size = 4096});
  Bench bench(lab, "sim:a");
  bench.provision(1);
  sim::start_guest(lab.folders(), "sim:a", "vf1", 0);
  ASSERT_EQ(bench.suspend(1), 0);
  const auto image = bench.image(1);
  ASSERT_EQ(bench.set_part(1, command::Sequence::first, image, 0, 1000), 0);
  const auto before = inode_of(lab.file("a"));
  ASSERT_EQ(bench.set_part(1, command::Sequence::middle, image, 1000, 1000), 0);
  EXPECT_EQ(inode_of(lab.file("a")), before);
}

TEST(SimStore, KeepsEverythingThatItIsMadeOf) {
  Lab lab;
  lab.create("a", {.controlling = 2,
                   .others = 1,
                   .secondaries = 1,
                   .vq = 40,
                   .state_size = 70000,
                   .vendor_uuids = {Uuid{{1}}, Uuid{{2}}},
                   .versions = {0, 1},
                   .mdts = 8192,
                   .variant_driver = "special",
                   .model = "a \"quoted\" model"});
  Bench bench(lab, "sim:a");
  sim::Store store(lab.folders().sim, "a");
  store.change([](sim::Subsystem& now) {
    auto& function = now.functions.at(2);
    function.uses = {{"mount", "/srv"}};
    function.suspended_by = 1;
    function.stopped = sim::Snapshot{7, sim::Guest(1, 2, 3).queues(), "digest"};
    function.continued = function.stopped;
    function.loaded = sim::Loaded{"x"};
    function.guest = sim::Guest(1, 2, 3);
    function.was_set = true;
    function.sequence.emplace();
    function.sequence->prefix = {std::byte{0xAB}, std::byte{0}};
    function.sequence->position = 2;
    now.primaries.at(0).vq_after_reset = 5;
    now.owners["/dev/vfio/1"] = {3, 4};
    return 0;
  });
  const auto kept = *store.read();
  EXPECT_EQ(sim::from_text(sim::to_text(kept)), kept);
  EXPECT_EQ(*sim::Store(lab.folders().sim, "a").read(), kept);
}

/// Written by the version before format 2, with every member that it had.
TEST(SimStore, ReadsTheFirstFormat) {
  const auto kept =
      sim::from_text(contents(NVMIGRATE_SOURCE_DIR "/tests/plugins/sim/golden/format-1.json"));
  EXPECT_EQ(kept.name, "golden");
  EXPECT_EQ(kept.generation, 12U);
  EXPECT_EQ(kept.parameters.state_size, 70000U);
  EXPECT_THAT(kept.parameters.vendor_uuids,
              ElementsAre(*parse_uuid("00112233-4455-6677-8899-aabbccddeeff")));
  EXPECT_EQ(kept.parameters.model, "a \"quoted\" model");
  EXPECT_EQ(kept.primaries.at(0), (sim::Primary{2, false, 4, 3, 5, 6}));
  EXPECT_EQ(kept.primaries.at(1), sim::Primary{});
  EXPECT_THAT(kept.functions.at(2).namespaces, ElementsAre(1)) << "as all had before";
  EXPECT_THAT(kept.owners, ElementsAre(testing::Pair("/dev/vfio/12", testing::Pair(3U, 4U))));
  EXPECT_THAT(kept.functions.at(1).uses,
              ElementsAre(sim::HostUse{"mount", "/srv"}, sim::HostUse{"hold", "dm-0"}));

  auto guest = sim::Guest(1, 2, 3);
  guest.advance();
  const auto& suspended = kept.functions.at(2);
  EXPECT_EQ(suspended.guest, guest);
  EXPECT_EQ(suspended.suspended_by, 0);
  EXPECT_EQ(suspended.stopped, (sim::Snapshot{guest.progress(), guest.queues(), "digest"}));
  EXPECT_EQ(suspended.driver, "vfio-pci");
  EXPECT_EQ(suspended.override_to, "vfio-pci");

  const auto& loaded = kept.functions.at(3);
  EXPECT_EQ(loaded.guest, sim::Guest(7, 100, guest.queues()));
  EXPECT_EQ(loaded.loaded, sim::Loaded{"x"});
  EXPECT_EQ(loaded.continued, (sim::Snapshot{100, guest.queues(), ""}));
  EXPECT_TRUE(loaded.was_set);
  EXPECT_EQ(loaded.driver, std::nullopt);

  const Bytes prefix{std::byte{0xAB}, std::byte{0}, std::byte{0x7F}};
  EXPECT_EQ(kept.functions.at(4).sequence, (sim::OpenSequence{9, 1, 1, 1, prefix, 3, false}));
  EXPECT_EQ(kept.functions.at(5), sim::made_function(kept.parameters, 5));
  EXPECT_EQ(kept.functions.at(6).driver, "nvme");
  EXPECT_EQ(kept.functions.at(7).driver, std::nullopt);
  EXPECT_EQ(sim::from_text(sim::to_text(kept)), kept);
}

TEST(SimStore, SurvivesADamagedFirstFormat) {
  const auto whole = contents(NVMIGRATE_SOURCE_DIR "/tests/plugins/sim/golden/format-1.json");
  for (std::size_t at = 0; at + 1 < whole.size(); at += 5) {
    auto text = whole;
    text[at] = text[at] == '[' ? '{' : '[';
    EXPECT_ANY_THROW((void)sim::from_text(text.substr(0, at))) << at;
    try {
      (void)sim::from_text(text);
    } catch (const std::exception& damaged) {
      EXPECT_STRNE(damaged.what(), "");
    }
  }
}

TEST(SimStore, ADamagedFileIsNamedAndCanBeRemoved) {
  Lab lab;
  lab.create("a");
  const auto whole = contents(lab.file("a"));
  const std::vector<std::string> damaged{"",
                                         "{",
                                         "[]",
                                         "null",
                                         whole.substr(0, whole.size() / 2),
                                         R"({"format":3})",
                                         R"({"format":2})",
                                         R"({"format":2,"name":7,"parameters":{}})",
                                         R"({"format":2,"name":"a","parameters":[]})",
                                         R"({"format":1})",
                                         R"({"format":1,"primaries":[7],"functions":[]})",
                                         R"({"format":1,"primaries":[],"functions":[7]})"};
  for (const auto& text : damaged) {
    put(lab.file("a"), text);
    EXPECT_THAT(error_of([&] { (void)lab.open("sim:a"); }, ExitStatus::io),
                HasSubstr(lab.file("a")));
    EXPECT_THAT(remedies_of([&] { (void)lab.open("sim:a"); }, ExitStatus::io),
                ElementsAre(Remedy{.action = Action::destroy_simulation, .object = "a"}));
  }
  sim::destroy(lab.folders(), "a");
  EXPECT_THAT(sim::names(lab.folders()), IsEmpty());
  lab.create("a");
}

TEST(SimStore, AFileWithImpossibleContentIsDamaged) {
  Lab lab;
  lab.create("a");
  auto subsystem = *sim::Store(lab.folders().sim, "a").read();
  auto many = subsystem, none = subsystem, wrong = subsystem;
  many.primaries[0].enabled_vfs = 9;
  none.primaries.clear();
  wrong.parameters.versions.clear();
  for (const auto& each : {many, none, wrong}) {
    put(lab.file("a"), sim::to_text(each));
    error_of([&] { (void)lab.open("sim:a"); }, ExitStatus::io);
  }
}

TEST(SimStore, DestroyForgetsMarksBindingsAndJournal) {
  Lab lab;
  lab.create("a", {.nqn = "nqn.x"});
  lab.create("b");
  const auto folders = lab.folders();
  const auto other = file_name_of(sim::key_of(folders, "b").text());
  const auto file = file_name_of(sim::key_of(folders, "a").text());
  EXPECT_EQ(sim::key_of(folders, "a"), (SubsystemKey{"nqn.x", "SIM-a"}));
  put(folders.state + "/" + file + ".json", "{}");
  put(folders.run + "/" + file + ".journal.json", "{}");
  put(folders.state + "/nqn.x.json", "{}");
  put(folders.run + "/nqn.x.journal.json", "{}");
  put(folders.state + "/" + other + ".json", "{}");
  sim::destroy(folders, "a");
  EXPECT_FALSE(std::filesystem::exists(folders.state + "/" + file + ".json"));
  EXPECT_FALSE(std::filesystem::exists(folders.run + "/" + file + ".journal.json"));
  EXPECT_FALSE(std::filesystem::exists(folders.state + "/nqn.x.json"));
  EXPECT_FALSE(std::filesystem::exists(folders.run + "/nqn.x.journal.json"));
  EXPECT_TRUE(std::filesystem::exists(folders.state + "/" + other + ".json"));
  put(lab.file("b"), "damaged beyond knowing its NQN");
  sim::destroy(folders, "b");
  EXPECT_FALSE(std::filesystem::exists(folders.state + "/" + other + ".json"));
}

TEST(SimStore, DestroyForgetsItsRecordsInTheJournalOfTheHost) {
  Lab lab;
  lab.create("a");
  lab.create("b");
  const auto folders = lab.folders();
  SystemIo io;
  const auto key = sim::key_of(folders, "a");
  Journal destroyed(io, folders, key, "export");
  Journal kept(io, folders, sim::key_of(folders, "b"), "import");
  JournalChange change;
  change.record(destroyed, IntentKind::exported, 1).record(kept, IntentKind::loaded, 1);
  change.note(destroyed, {.kind = LedgerLine::Kind::resumed, .sha256 = "1"});
  change.note(kept, {.kind = LedgerLine::Kind::loaded, .sha256 = "2"}).write();
  sim::destroy(folders, "a");
  EXPECT_TRUE(Journal(io, folders, key, "x").intents().empty());
  const Journal left(io, folders, sim::key_of(folders, "b"), "x");
  EXPECT_TRUE(left.custody(1));
  ASSERT_EQ(left.ledger().size(), 1U);
  EXPECT_EQ(left.ledger()[0].sha256, "2");
  sim::destroy(folders, "b");
  EXPECT_FALSE(std::filesystem::exists(folders.run + "/journal.json"));
}

TEST(SimStore, DestroyLeavesADamagedJournalAsItIs) {
  Lab lab;
  lab.create("a");
  make_private_folder(lab.io(), lab.folders().run);
  put(lab.folders().run + "/journal.json", "{");
  sim::destroy(lab.folders(), "a");
  EXPECT_EQ(contents(lab.folders().run + "/journal.json"), "{");
}

TEST(SimStore, ASubsystemThatIsDestroyedInUseIsGone) {
  Lab lab;
  lab.create("a");
  Bench bench(lab, "sim:a");
  sim::destroy(lab.folders(), "a");
  error_of([&] { (void)bench.suspend(1); }, ExitStatus::not_found);
  lab.create("a", {.vfs_total = 5});
  EXPECT_EQ(bench.pci().sriov("0000:01:00.0").total, 5U);
}

TEST(SimStore, AFolderThatOthersMayWriteIsRefused) {
  Lab lab;
  lab.create("a");
  std::filesystem::permissions(lab.folders().sim, std::filesystem::perms::all);
  error_of([&] { (void)lab.open("sim:a"); }, ExitStatus::refused);
}

TEST(SimStore, AFileThatIsALinkIsNotFollowed) {
  Lab lab;
  lab.create("a");
  std::filesystem::rename(lab.file("a"), lab.file("a") + ".real");
  std::filesystem::create_symlink(lab.file("a") + ".real", lab.file("a"));
  error_of([&] { (void)lab.open("sim:a"); }, ExitStatus::io);
}

TEST(SimStore, AnUnfinishedWriteIsIgnored) {
  Lab lab;
  lab.create("a");
  put(lab.folders().sim + "/.a.new", "half a fi");
  Bench bench(lab, "sim:a");
  bench.provision(1);
  EXPECT_TRUE(bench.secondary(1).online);
  EXPECT_THAT(sim::names(lab.folders()), ElementsAre("a"));
}

TEST(SimStore, ThreadsLoseNoUpdate) {
  Lab lab;
  lab.create("a", {.vfs_total = 16});
  Bench bench(lab, "sim:a");
  std::vector<std::thread> threads;
  for (std::uint16_t id = 1; id <= 16; ++id) {
    threads.emplace_back([&, id] {
      for (std::uint16_t count = 1; count <= 5; ++count) {
        EXPECT_EQ(bench.assign(id, command::Resource::queues, count), 0);
        EXPECT_EQ(bench.secondary(id).queues, count);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(sim::Store(lab.folders().sim, "a").read()->generation, 80U);
}

TEST(SimStore, ThreadsLoadDifferentFunctionsAtOnce) {
  Lab lab;
  lab.create("a", {.vfs_total = 8, .state_size = 1U << 20U, .mdts = 65536});
  Bench bench(lab, "sim:a");
  bench.provision(8);
  const auto path = [&](std::uint16_t from, std::uint16_t to) {
    Bytes image = bench.image(from, {1, 1}, 65536);
    for (std::size_t at = 0; at < image.size(); at += 65536) {
      const auto place = at == 0                      ? command::Sequence::first
                         : at + 65536 == image.size() ? command::Sequence::last
                                                      : command::Sequence::middle;
      EXPECT_EQ(bench.set_part(to, place, image, at, 65536), 0);
    }
    EXPECT_EQ(bench.resume(to), 0);
  };
  std::vector<std::thread> threads;
  for (std::uint16_t id = 1; id <= 8; ++id) {
    sim::start_guest(lab.folders(), "sim:a", std::to_string(id), id % 2 == 0 ? 0U : 2U);
    ASSERT_EQ(bench.suspend(id), 0);
  }
  for (std::uint16_t id = 1; id <= 8; id = static_cast<std::uint16_t>(id + 2)) {
    threads.emplace_back(path, id, static_cast<std::uint16_t>(id + 1));
  }
  for (auto& thread : threads)
    thread.join();
  for (unsigned id = 1; id <= 8; id += 2) {
    const auto from = sim::guest_report(lab.folders(), "sim:a", std::to_string(id));
    const auto to = sim::guest_report(lab.folders(), "sim:a", std::to_string(id + 1));
    EXPECT_THAT(sim::discontinuities(from, to), IsEmpty());
  }
}

// Each process assigns queues to a function of its own, so that each change must be there.
TEST(SimStore, ProcessesLoseNoUpdate) {
  Lab lab;
  constexpr std::uint16_t processes = 32;
  lab.create("a", {.vfs_total = processes});
  std::vector<pid_t> children;
  for (std::uint16_t id = 1; id <= processes; ++id) {
    const pid_t child = ::fork();
    if (child == 0) {
      Bench bench(lab, "sim:a");
      bool right = true;
      for (std::uint16_t count = 1; count <= 4; ++count) {
        right = right && bench.assign(id, command::Resource::queues, count) == 0 &&
                bench.secondary(id).queues == count;
      }
      ::_exit(right ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto subsystem = sim::Store(lab.folders().sim, "a").read();
  EXPECT_EQ(subsystem->generation, processes * 4U);
  for (std::uint16_t id = 1; id <= processes; ++id)
    EXPECT_EQ(subsystem->find(id)->vq, 4);
}

TEST(SimStore, ProcessesMayRaceToCreateADemo) {
  Lab lab;
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ::_exit(lab.open("sim:demo")->address() == "0000:01:00.0" ? 0 : 1);
      } catch (const Error&) {
        ::_exit(2);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace nvmigrate::test
