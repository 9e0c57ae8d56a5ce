// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/state/raw_state.h"
#include "tests/support/fake_backend.h"
#include "tests/support/faulty_io.h"
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

/// A controlling function with functions 1, 2 and 3, all marked and online, with 4 queues and 4
/// interrupts each; 1 has a state.
struct Host {
  Host(Io& io, const Folders& folders, const std::string& name)
      : journal(io, folders, "nqn.test:" + name, "test"), shared(journal) {
    topology.device = name;
    topology.identity.subsystem_nqn = "nqn.test:" + name;
    topology.identity.model = "model";
    topology.identity.firmware = "1";
    topology.resources.emplace();
    topology.resources->queues.supported = topology.resources->interrupts.supported = true;
    for (std::uint16_t id = 1; id <= 3; ++id) {
      ControlledFunction function;
      function.cntlid = function.vfn = id;
      function.secondary = function.marked = true;
      function.online = true;
      function.queues = function.interrupts = 4;
      topology.functions.push_back(function);
      backend[id].state = make_state(0);
    }
  }

  [[nodiscard]] MigrationSide side() {
    return {.device = topology.device,
            .backend = backend,
            .query = backend.query(),
            .topology = topology,
            .journal = shared,
            .commands = [this] { return std::uint64_t{backend.log().size()}; }};
  }

  FakeBackend backend;
  Topology topology;
  Journal journal;
  SharedJournal shared;
};

class MigrateTest : public testing::Test {
 public:
  MigrateTest() { set_interrupted(false); }
  ~MigrateTest() override { set_interrupted(false); }
  MigrateTest(const MigrateTest&) = delete;
  MigrateTest& operator=(const MigrateTest&) = delete;

 protected:
  std::unique_ptr<Host> host(const std::string& name) {
    return std::make_unique<Host>(io, folder.folders(), name);
  }
  /// What the journal of a host says on disk.
  [[nodiscard]] bool on_disk(const std::string& name, IntentKind kind, std::uint16_t cntlid) {
    const Journal journal(system, folder.folders(), "nqn.test:" + name, "look");
    return journal.find(kind, cntlid) != nullptr;
  }

  TemporaryFolder folder;
  SystemIo system;
  FaultyIo io{system};
};

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
