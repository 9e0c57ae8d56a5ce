// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/custody.h"
#include "tests/plugins/conformance/toy_backend.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {

/// A backend on subsystems of the simulator, with sessions, records and conditions above it.
struct Place {
  std::string backend;
  sim::Parameters parameters;
};

class CustodyConformanceTest : public testing::TestWithParam<Place> {
 protected:
  CustodyConformanceTest() {
    catalog.backends.push_back(
        {.name = "toy",
         .summary = "",
         .command_set = "",
         .only_by_name = true,
         .make = [](const BackendPlace& place) { return std::make_unique<ToyBackend>(place); }});
    workspace = default_workspace("test");
    workspace.folders = lab.folders();
    workspace.catalog = &catalog;
    for (const auto* name : {"a", "b"}) {
      add(name, GetParam().parameters);
      mark_by(name, GetParam().backend);
    }
    sim::start_guest(lab.folders(), "sim:a", "vf1", 2);
    sim::start_guest(lab.folders(), "sim:b", "vf1", 0);
  }

  void add(const std::string& name, const sim::Parameters& parameters) {
    lab.create(name, parameters);
    const auto device = "sim:" + name;
    provision(*open(device), {.vfs = 2});
    const auto session = open(device);
    bind(*session, select(session->topology(), "1", "bind"), {});
  }
  void mark_by(const std::string& name, const std::string& backend) {
    const auto session = open("sim:" + name);
    session->name_backend(backend);
    mark(*session, "1");
  }
  [[nodiscard]] std::unique_ptr<Session> open(const std::string& device) const {
    return Session::open(workspace, device, Access::change);
  }
  [[nodiscard]] Custody custody(const std::string& device) const {
    return custody_of(open(device)->ask(1));
  }
  [[nodiscard]] std::string file() const { return lab.folders().state + "/state"; }
  [[nodiscard]] std::vector<std::string> discontinuities() const {
    return sim::discontinuities(sim::guest_report(lab.folders(), "sim:a", "vf1"),
                                sim::guest_report(lab.folders(), "sim:b", "vf1"));
  }
  /// As through ssh, with the destination in a thread.
  void move_to_peer(const std::string& destination) const {
    std::array<int, 2> there{}, back{};
    ASSERT_EQ(::pipe2(there.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(back.data(), O_CLOEXEC), 0);
    std::thread serving([&] {
      serve_peer(workspace, there[0], back[1]);
      ::close(back[1]);
    });
    const auto end = [&] {
      ::close(there[1]);
      serving.join();
      ::close(there[0]);
      ::close(back[0]);
    };
    try {
      transfer_to_peer(*open("sim:a"), 1,
                       {.in = back[0],
                        .out = there[1],
                        .host = "there",
                        .url = "ssh://there/",
                        .device = destination,
                        .function = "1"});
    } catch (...) {
      end();
      throw;
    }
    end();
  }
  static Findings refusals_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const Refusal& refusal) {
      return refusal.findings();
    }
    return {};
  }
  static std::vector<std::string> refused(const std::function<void()>& act) {
    std::vector<std::string> codes;
    for (const auto& found : refusals_of(act))
      codes.push_back(found.code);
    return codes;
  }

  Lab lab;
  Catalog catalog = built_in();
  Workspace workspace;
};

}  // namespace nvmigrate::test
