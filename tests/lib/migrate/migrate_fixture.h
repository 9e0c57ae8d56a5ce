// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/encoded_state.h"
#include "tests/support/error_of.h"
#include "tests/support/fake_session.h"
#include "tests/support/faulty_io.h"
#include "tests/support/lab.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

/// A sound controller state of `size` bytes at least: one queue pair with id `queue`, the rest
/// vendor part when `vendor`, else nothing.
inline std::vector<std::byte> make_state(std::size_t size, std::uint16_t queue = 1) {
  SubmissionQueue submission{.prp1 = 0x1000,
                             .entries = 64,
                             .id = queue,
                             .completion_queue = queue,
                             .head = 3,
                             .tail = 5,
                             .contiguous = true};
  CompletionQueue completion{.prp1 = 0x2000,
                             .entries = 64,
                             .id = queue,
                             .head = 1,
                             .tail = 2,
                             .contiguous = true,
                             .interrupts = true,
                             .vector = queue};
  const auto nvme = encode_nvme_state({submission}, {completion});
  const auto fixed = sizeof(wire::StateHeader) + nvme.size();
  const auto vendor = size > fixed ? (size - fixed) / 4 * 4 : 0;
  const auto header =
      encode_state_header({.suspended = true, .nvme_bytes = nvme.size(), .vendor_bytes = vendor});
  std::vector<std::byte> state(fixed + vendor);
  std::memcpy(state.data(), &header, sizeof header);
  std::memcpy(state.data() + sizeof header, nvme.data(), nvme.size());
  for (std::size_t at = fixed; at < state.size(); ++at) {
    state[at] = static_cast<std::byte>(at * 2654435761U >> 24U);
  }
  return state;
}

/// A session on a controlling function with functions 1, 2 and 3, all marked, online and held open
/// by a VM that waits; each has a state.
struct Host {
  Host(Lab& where, const std::string& name) : lab(&where), fake(where.add(name)) {
    open();
    for (std::uint16_t id = 1; id <= 3; ++id) {
      session->registry().mark(id);
      fake.backend[id].state = make_state(0);
      hold(id, true);
    }
  }

  /// Anew, as the device is now.
  void open() {
    session.reset();
    session = Session::open(lab->workspace, fake.subsystem.name(), Access::change);
  }
  [[nodiscard]] ControlledFunction& function(std::uint16_t id) const {
    return *session->topology().find(id);
  }
  [[nodiscard]] Journal& journal() const { return session->journal(); }
  /// Whether a VM has it open.
  void hold(std::uint16_t id, bool held) const {
    auto& holders = fake.subsystem.bus.holders[FakePciBus::vf_address(id)];
    holders.clear();
    if (held) holders.push_back({"pid 7 (qemu)", "holds it open"});
  }

  Lab* lab;
  Lab::Host& fake;
  FakeBackend& backend = fake.backend;
  std::unique_ptr<Session> session;
};

class MigrateTest : public testing::Test {
 public:
  MigrateTest() { set_interrupted(false); }
  ~MigrateTest() override { set_interrupted(false); }
  MigrateTest(const MigrateTest&) = delete;
  MigrateTest& operator=(const MigrateTest&) = delete;

 protected:
  /// A hook may refer to what the test had; what ends after the test is not its business.
  void TearDown() override { io.hook({}); }

  /// How something ends, and in `remedies` what its error says to do.
  ExitStatus status_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      remedies = error.remedies();
      return error.status();
    }
    return ExitStatus::ok;
  }
  std::vector<Remedy> remedies;

  std::unique_ptr<Host> host(const std::string& name) { return std::make_unique<Host>(lab, name); }
  /// What the journal of a host says on disk.
  [[nodiscard]] bool on_disk(const std::string& name, IntentKind kind, std::uint16_t cntlid) {
    return custody(name, cntlid) == kind;
  }
  [[nodiscard]] std::optional<IntentKind> custody(const std::string& name, std::uint16_t cntlid) {
    const auto intent = recorded(name, cntlid);
    return intent ? std::optional(intent->kind) : std::nullopt;
  }
  [[nodiscard]] std::optional<Intent> recorded(const std::string& name, std::uint16_t cntlid) {
    return journal_of(name).custody(cntlid);
  }
  [[nodiscard]] Journal journal_of(const std::string& name) {
    return {system, folder.folders(), Lab::key_of(name), "test"};
  }
  [[nodiscard]] std::vector<LedgerLine> ledger() { return journal_of("a").ledger(); }

  /// Removes what was left where nothing could be removed any more.
  void sweep() {
    std::vector<std::string> names;
    system.list(folder.folders().run, names);
    for (const auto& name : names) {
      if (name.starts_with(".nvmigrate-")) system.unlink(folder.folders().run + "/" + name);
    }
  }

  TemporaryFolder folder;
  SystemIo system;
  FaultyIo io{system};
  Lab lab{io, folder.folders()};
};

inline bool is_unfinished_on(const std::optional<Intent>& intent) {
  return intent && intent->details.contains(unfinished_detail);
}

inline auto remedy_is(Remedy::Action action, const std::string& device, std::uint16_t function) {
  return testing::AllOf(testing::Field(&Remedy::action, action),
                        testing::Field(&Remedy::device, device),
                        testing::Field(&Remedy::function, testing::Optional(function)));
}

/// Throws at the `number`th call, counted from 1, and counts all.
class FailAt {
 public:
  FailAt(std::size_t number, std::function<void()> fail)
      : number_(number), fail_(std::move(fail)) {}
  void operator()(const std::string&, std::uint16_t) {
    const std::lock_guard only(mutex_);
    if (++calls_ == number_) fail_();
  }
  [[nodiscard]] bool reached() const { return calls_ >= number_; }

 private:
  std::mutex mutex_;
  std::size_t number_, calls_ = 0;
  std::function<void()> fail_;
};

}  // namespace nvmigrate::test
