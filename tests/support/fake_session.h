// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/fake_backend.h"
#include "tests/support/fake_subsystem.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {

// For gtest's messages.
inline void PrintTo(const Error& error, std::ostream* out) {
  *out << error.code() << " (" << row_of(error.status()).name << "): " << error.what();
}
inline void PrintTo(const Finding& found, std::ostream* out) {
  *out << to_string(found.severity) << " " << found.code << ": " << found.message;
}
inline void PrintTo(const Remedy& remedy, std::ostream* out) {
  *out << "remedy " << static_cast<int>(remedy.action) << " of " << remedy.device << " function "
       << (remedy.function ? std::to_string(*remedy.function) : "-") << " object '" << remedy.object
       << "' count " << remedy.count;
}

}  // namespace nvmigrate

namespace nvmigrate::test {

/// What `act` throws, when it is of this kind.
template <typename Kind = Error, typename Act>
Kind thrown_by(Act act) {
  try {
    act();
  } catch (const Kind& error) {
    return error;
  }
  throw std::logic_error("nothing was thrown");
}

using Codes = std::vector<std::string>;

inline Codes codes_of(const Findings& findings) {
  Codes codes;
  for (const auto& found : findings)
    codes.push_back(found.code);
  return codes;
}

/// The codes of all that stands against what `act` does.
template <typename Act>
Codes refusal_of(Act act) {
  const auto refusal = thrown_by<Refusal>(act);
  Codes codes;
  for (const auto& found : refusal.findings()) {
    if (found.stands()) codes.push_back(found.code);
  }
  return codes;
}

/// A device of the test in a session that thinks it its own.
class BorrowedDevice final : public Device {
 public:
  explicit BorrowedDevice(Device& device) : device_(&device) {}
  AdminPort& admin() override { return device_->admin(); }
  PciBus& pci() override { return device_->pci(); }
  [[nodiscard]] const std::string& name() const override { return device_->name(); }
  [[nodiscard]] const std::string& address() const override { return device_->address(); }
  [[nodiscard]] bool simulated() const override { return device_->simulated(); }

 private:
  Device* device_;
};

/// Likewise a backend, which may serve no device.
class BorrowedBackend final : public MigrationBackend {
 public:
  BorrowedBackend(MigrationBackend& backend, const std::string& unable)
      : backend_(&backend), unable_(&unable) {}
  [[nodiscard]] std::string_view name() const override { return backend_->name(); }
  BackendQuery query() override {
    if (!unable_->empty()) throw unsupported(*unable_);
    return backend_->query();
  }
  void quiesce(std::uint16_t function) override { backend_->quiesce(function); }
  void suspend(std::uint16_t function) override { backend_->suspend(function); }
  bool resume(std::uint16_t function) override { return backend_->resume(function); }
  FunctionState look(std::uint16_t function, const FormatChoice& formats) override {
    return backend_->look(function, formats);
  }
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override {
    backend_->save(function, formats, into);
  }
  void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) override {
    backend_->load(function, formats, from);
  }

 private:
  MigrationBackend* backend_;
  const std::string* unable_;
};

/// A claimed session over a fake subsystem and a fake backend, with records of its own, empty at
/// first.
class FakeSessionTest : public testing::Test {
 protected:
  static constexpr const char* name = "sim:fake";
  static constexpr const char* other_address = "0000:02:00.0";

  FakeSessionTest() {
    set_interrupted(false);
    for (std::uint16_t id = 0; id <= 64; ++id)
      backend[id];
  }
  ~FakeSessionTest() override { set_interrupted(false); }

  /// Opened when it is first asked for, so that a test sets the device up before.
  Session& session() {
    if (!session_) {
      session_ = open();
      session_->claim();
    }
    return *session_;
  }
  /// Gives its lock back, as at the end of a command.
  void close() { session_.reset(); }
  /// Another one, of a command that only reads.
  [[nodiscard]] std::unique_ptr<Session> open() {
    return std::make_unique<Session>(workspace_, std::make_unique<BorrowedDevice>(device));
  }
  /// As the device and the records are now.
  Topology& topology() {
    session().refresh();
    return session().topology();
  }
  Registry& registry() { return session().registry(); }
  Journal& journal() { return session().journal(); }
  /// As they are on disk.
  [[nodiscard]] Journal journal_again() {
    return {io, folder.folders(), {FakeSubsystem::nqn, "FAKE"}, "test"};
  }
  [[nodiscard]] Registry registry_again() {
    return {io, folder.folders(), {FakeSubsystem::nqn, "FAKE"}};
  }

  /// VFs that are there and online, bound to the host's driver.
  void bring_up(unsigned count, std::uint16_t queues = 4, std::uint16_t interrupts = 4) {
    device.bus.enable(count);
    for (auto& one : device.secondary) {
      if (one.vfn <= count) one = {one.cntlid, 0, true, one.vfn, queues, interrupts};
    }
  }
  /// A controller of the subsystem that is not a VF.
  PciFunction& place_other(std::uint16_t cntlid) {
    device.others.push_back(cntlid);
    return device.bus.functions[other_address] = FakePciBus::function_at(other_address);
  }
  /// Likewise, which the kernel's driver has.
  PciFunction& add_other(std::uint16_t cntlid) {
    device.bus.kernel.push_back(
        {"nvme7", other_address, "pcie", "live", FakeSubsystem::nqn, cntlid});
    return place_other(cntlid);
  }
  /// Suspends it and records that, as a command does.
  void suspend(std::uint16_t cntlid, std::map<std::string, std::string> details = {}) {
    record(IntentKind::suspended, cntlid, std::move(details));
  }
  /// Records it, of a function that is suspended where that must be so for the record to be true.
  void record(IntentKind kind, std::uint16_t cntlid,
              std::map<std::string, std::string> details = {}) {
    const bool only_driver = kind == IntentKind::unbound || kind == IntentKind::provisioning;
    if (!only_driver) backend[cntlid].suspended = true;
    journal().record(kind, cntlid, std::move(details));
    session().refresh();
  }
  /// Whenever a function is looked at, the device answers with an error.
  void answer_nothing() {
    backend.hook([](const std::string& call, std::uint16_t) {
      if (call == "look") throw NvmeError({sc::internal_error}, "look");
    });
  }

  static std::string vf(unsigned vfn) { return FakePciBus::vf_address(vfn); }
  static Remedy of(Remedy::Action action, std::optional<std::uint16_t> cntlid = {},
                   std::string object = {}) {
    return {.action = action, .device = name, .function = cntlid, .object = std::move(object)};
  }

  TemporaryFolder folder;
  SystemIo io;
  FakeSubsystem device;
  FakeBackend backend;
  std::string unable;  ///< why the backend does not serve the device; empty: it does

 private:
  Catalog catalog_{.backends = {{.name = "fake",
                                 .summary = "in memory",
                                 .command_set = "none",
                                 .make =
                                     [this](const BackendPlace&) {
                                       return std::make_unique<BorrowedBackend>(backend, unable);
                                     }}},
                   .providers = {}};
  Workspace workspace_{
      .io = &io, .folders = folder.folders(), .catalog = &catalog_, .command = "test"};
  std::unique_ptr<Session> session_;
};

}  // namespace nvmigrate::test
