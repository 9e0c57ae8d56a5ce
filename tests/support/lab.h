// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/session/session.h"
#include "tests/support/fake_backend.h"
#include "tests/support/fake_subsystem.h"

namespace nvmigrate::test {

/// Takes one command at a time.
class SerialDevice final : public Device, public AdminPort {
 public:
  explicit SerialDevice(Device& device) : device_(&device) {}
  AdminPort& admin() override { return *this; }
  PciBus& pci() override { return device_->pci(); }
  [[nodiscard]] const std::string& name() const override { return device_->name(); }
  [[nodiscard]] const std::string& address() const override { return device_->address(); }
  [[nodiscard]] bool simulated() const override { return device_->simulated(); }
  AdminCompletion submit(const AdminCommand& command) override {
    const std::lock_guard only(mutex_);
    return device_->admin().submit(command);
  }

 private:
  Device* device_;
  std::mutex mutex_;
};

/// A fake backend behind a port: each call is one command that counts.
class CountedBackend : public MigrationBackend {
 public:
  CountedBackend(MigrationBackend& backend, AdminPort& port) : backend_(&backend), port_(&port) {}

  [[nodiscard]] std::string_view name() const override { return backend_->name(); }
  [[nodiscard]] StateLayout layout() const override { return backend_->layout(); }
  SubsystemStateCarrier* subsystem_state_carrier() override {
    return backend_->subsystem_state_carrier();
  }
  BackendQuery query() override { return backend_->query(); }
  void quiesce(std::uint16_t function) override {
    count();
    backend_->quiesce(function);
  }
  void suspend(std::uint16_t function) override {
    count();
    backend_->suspend(function);
  }
  bool resume(std::uint16_t function) override {
    count();
    return backend_->resume(function);
  }
  FunctionState look(std::uint16_t function, const FormatChoice& formats) override {
    count();
    return backend_->look(function, formats);
  }
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override {
    count();
    backend_->save(function, formats, into);
  }
  void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) override {
    count();
    backend_->load(function, formats, from);
  }

 private:
  void count() { port_->submit({.opcode = 0x42}); }

  MigrationBackend* backend_;
  AdminPort* port_;
};

/// Controlling functions in memory, a fake backend for each, and a workspace for sessions on them.
class Lab {
 public:
  struct Host {
    Host(const std::string& name, std::uint16_t functions) : subsystem(functions, name) {}
    FakeSubsystem subsystem;
    FakeBackend backend;
  };

  Lab(Io& io, Folders folders) {
    workspace.io = &io;
    workspace.folders = std::move(folders);
    workspace.catalog = &catalog_;
    workspace.command = "test";
    catalog_.providers = {
        {.name = "sim",
         .summary = "",
         .simulated = true,
         .owns = [](std::string_view) { return true; },
         .open = [this](Io&, const Folders&,
                        const std::string& device) { return open_device(device); },
         .all = [this](Io&, const Folders&) { return devices(); }}};
    catalog_.backends = {{.name = "nvme",
                          .summary = "",
                          .command_set = "",
                          .make = [this](const BackendPlace& place) {
                            return make(place.device.admin(), place.identity);
                          }}};
  }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  ~Lab() = default;

  /// `sim:NAME`, with functions from 1 that are online VFs of 4 queues and 4 interrupts each; its
  /// NQN is nqn.test:NAME and its serial NAME.
  Host& add(const std::string& name, std::uint16_t functions = 3) {
    auto& host = hosts_.emplace_back(name, functions);
    host.subsystem.serial = name;
    host.subsystem.subsystem_nqn = "nqn.test:" + name;
    host.subsystem.bus.enable(functions);
    for (auto& one : host.subsystem.secondary) {
      one.online = true;
      one.queues = one.interrupts = 4;
      host.backend[one.cntlid];
    }
    return host;
  }
  static SubsystemKey key_of(const std::string& name) { return {"nqn.test:" + name, name}; }

  [[nodiscard]] std::unique_ptr<Session> open(const std::string& name, Access access) const {
    return Session::open(workspace, "sim:" + name, access);
  }

  Workspace workspace;

 private:
  Host& host(const std::string& device) {
    const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& one) {
      return one.subsystem.name() == device;
    });
    if (found == hosts_.end()) throw not_found("there is no " + device);
    return *found;
  }
  std::unique_ptr<Device> open_device(const std::string& device) {
    return std::make_unique<SerialDevice>(host(device).subsystem);
  }
  std::vector<std::string> devices() {
    std::vector<std::string> all;
    for (const auto& host : hosts_)
      all.push_back(host.subsystem.name());
    return all;
  }
  /// Controlling functions of one subsystem have one backend: they control the same functions.
  std::unique_ptr<MigrationBackend> make(AdminPort& port, const ControllerIdentity& identity) {
    for (auto& host : hosts_) {
      if (host.subsystem.serial == identity.serial &&
          host.subsystem.subsystem_nqn == identity.subsystem_nqn) {
        return std::make_unique<CountedBackend>(host.backend, port);
      }
    }
    throw not_found("there is no backend for " + identity.serial);
  }

  std::list<Host> hosts_;
  Catalog catalog_;
};

}  // namespace nvmigrate::test
