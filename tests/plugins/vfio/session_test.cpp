// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "nvmigrate/host/functions.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/session/custody.h"
#include "plugins/vfio/vfio_backend.h"
#include "tests/support/fake_session.h"
#include "tests/support/sim_vfio.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Sessions and records above the backend: two functions of one controlling function, each with a
/// simulated variant driver, and a VMM that may hold them open.
class VfioSessionTest : public FakeSessionTest {
 protected:
  static constexpr std::uint16_t source = 1, destination = 2;

  VfioSessionTest() {
    bring_up(2);
    unable = "it has none of the commands";
    for (const auto id : {source, destination}) {
      device.bus.give(vf(id), "acme-vfio-pci");
      registry_again().mark(id, "vfio");
    }
    drivers.at(vf(source)).guest.assign(500, std::byte{0x5A});
  }

  /// The VMM has both open, with a guest in the source.
  void hold() {
    held = true;
    for (const auto id : {source, destination}) {
      drivers.at(vf(id)).opened = true;
      device.bus.holders[vf(id)] = {{"pid 4711 (vmm)", "has /dev/vfio/11 open"}};
    }
  }
  [[nodiscard]] std::unique_ptr<Session> session_above() {
    Workspace workspace{
        .io = &io, .folders = folder.folders(), .catalog = &catalog, .command = "vmm"};
    workspace.backend.held = [this](const std::string&) { return held ? 7 : -1; };
    auto session = std::make_unique<Session>(workspace, std::make_unique<BorrowedDevice>(device));
    session->claim();
    return session;
  }
  [[nodiscard]] Custody custody(std::uint16_t id) { return custody_of(session_above()->ask(id)); }
  [[nodiscard]] std::string file() const { return folder / "guest.nvmstate"; }
  [[nodiscard]] SimVfioDriver& driver(std::uint16_t id) { return drivers.at(vf(id)); }

  bool held = false;
  std::map<std::string, SimVfioDriver> drivers{{vf(source), {}}, {vf(destination), {}}};
  Catalog catalog{.backends = {{.name = "other",
                                .summary = "",
                                .command_set = "",
                                .make =
                                    [this](const BackendPlace&) {
                                      return std::make_unique<BorrowedBackend>(backend, unable);
                                    }},
                               {.name = "vfio",
                                .summary = "",
                                .command_set = "",
                                .make =
                                    [this](const BackendPlace& place) {
                                      return std::make_unique<vfio::VfioBackend>(
                                          place,
                                          [this](const PciFunction& function, const VfioNodes&) {
                                            return std::make_unique<SimVfioDevice>(
                                                drivers.at(function.address), held);
                                          });
                                    }}},
                  .providers = {}};
};

TEST_F(VfioSessionTest, AVmmMovesItsGuestWithSessionsOfItsOwn) {
  hold();
  suspend_function(*session_above(), source);
  EXPECT_EQ(custody(source), Custody::suspended);
  export_to_file(*session_above(), source, file());
  EXPECT_EQ(custody(source), Custody::exported);
  EXPECT_THAT(refusal_of([&] { resume_function(*session_above(), source); }),
              ElementsAre("exported"));
  const auto state = StoredState::open(io, file());
  EXPECT_EQ(state.identity()->backend, "vfio");
  EXPECT_EQ(state.identity()->layout, StateLayout::opaque);
  import_state(state, *session_above(), destination);
  EXPECT_EQ(custody(destination), Custody::loaded);
  EXPECT_EQ(custody(source), Custody::away);
  resume_function(*session_above(), destination);
  EXPECT_EQ(custody(destination), Custody::running);
  EXPECT_EQ(driver(destination).guest, driver(source).guest);
  EXPECT_EQ(driver(source).resets + driver(destination).resets, 0U);
}

TEST_F(VfioSessionTest, ATransferMovesIt) {
  hold();
  {
    const auto session = session_above();
    transfer_state(*session, source, *session, destination);
  }
  EXPECT_EQ(driver(destination).guest, driver(source).guest);
  EXPECT_EQ(driver(destination).state, SimVfioDriver::running);
  EXPECT_EQ(driver(source).state, SimVfioDriver::stop);
  EXPECT_EQ(custody(source), Custody::away);
}

TEST_F(VfioSessionTest, AFailedExportLetsTheGuestRunOn) {
  hold();
  driver(source).read_fails_at = 100;
  const auto failure = thrown_by([&] { export_to_file(*session_above(), source, file()); });
  EXPECT_THAT(failure.advice(), HasSubstr("runs again"));
  EXPECT_EQ(driver(source).state, SimVfioDriver::running);
  EXPECT_EQ(driver(source).resets, 0U);
  EXPECT_EQ(custody(source), Custody::running);
}

TEST_F(VfioSessionTest, AGuestThatIsLostIsCalledLost) {
  hold();
  driver(source).failures[{SimVfioDriver::stop, SimVfioDriver::stop_copy}] = {EIO, true};
  EXPECT_THAT(thrown_by([&] { export_to_file(*session_above(), source, file()); }).what(),
              HasSubstr("what it held is lost"));
  EXPECT_FALSE(exists(io, file()));
  EXPECT_EQ(custody(source), Custody::running) << "reset";
}

TEST_F(VfioSessionTest, WhatWouldEndWithTheProgramIsRefused) {
  EXPECT_THAT(refusal_of([&] { suspend_function(*session_above(), source); }),
              Contains("reset_at_close"));
  EXPECT_THAT(refusal_of([&] { export_to_file(*session_above(), source, file()); }),
              Contains("reset_at_close"));
  const auto session = session_above();
  EXPECT_THAT(refusal_of([&] { transfer_state(*session, source, *session, destination); }),
              Contains("reset_at_close"));
  EXPECT_EQ(driver(source).resets, 0U) << "nothing was opened";
  EXPECT_FALSE(exists(io, file()));
}

TEST_F(VfioSessionTest, WithinOneOpenASnapshotIsTaken) {
  const auto done = export_to_file(*session_above(), source, file(), {.resume = true});
  EXPECT_TRUE(done.resumed);
  EXPECT_EQ(driver(source).resets, 2U) << "by the open and by the close";
  EXPECT_EQ(custody(source), Custody::running);
  EXPECT_THAT(session_above()->ask(source).intents, IsEmpty());
}

TEST_F(VfioSessionTest, WhatAVmHoldsOpenIsLeftToIt) {
  hold();
  held = false;
  driver(source).open_elsewhere = true;
  const auto refusal = thrown_by<Refusal>(
      [&] { export_to_file(*session_above(), source, file(), {.resume = true}); });
  EXPECT_THAT(refusal.what(), HasSubstr("that is open: pid 4711 (vmm) has /dev/vfio/11 open"));
  EXPECT_EQ(session_above()->ask(source).suspended(), std::nullopt);
}

TEST_F(VfioSessionTest, WhereNotEverybodyIsSeenNothingIsOpenedAndNoRecordEnds) {
  hold();
  suspend_function(*session_above(), source);
  held = false;
  device.bus.holders.clear();
  device.bus.not_seen = "the open files of pid 4711 cannot be read";
  EXPECT_EQ(custody(source), Custody::suspended);
  EXPECT_THAT(
      refusal_of([&] { export_to_file(*session_above(), source, file(), {.resume = true}); }),
      ElementsAre("open_unknown"));
  EXPECT_THAT(refusal_of([&] { resume_function(*session_above(), source); }),
              ElementsAre("open_unknown"));
  EXPECT_THAT(refusal_of([&] { suspend_function(*session_above(), source); }),
              ElementsAre("open_unknown", "reset_at_close"));
  EXPECT_EQ(driver(source).resets, 0U);
  EXPECT_EQ(custody(source), Custody::suspended);
  driver(source).open_elsewhere = true;
  EXPECT_EQ(thrown_by([&] {
              resume_function(*session_above(), source, {.allowed = {"open_unknown"}});
            }).status(),
            ExitStatus::refused);
  EXPECT_EQ(custody(source), Custody::suspended);
}

TEST_F(VfioSessionTest, ItIsChosenByItselfOnlyWhereNoOtherServes) {
  EXPECT_EQ(session_above()->serving()->row->name, "vfio");
  unable.clear();
  EXPECT_EQ(session_above()->serving()->row->name, "other");
  unable = "it has none of the commands";
  for (const auto id : {source, destination})
    device.bus.give(vf(id), "vfio-pci");
  EXPECT_EQ(session_above()->serving(), nullptr);
}

}  // namespace
}  // namespace nvmigrate::test
