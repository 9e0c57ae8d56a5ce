// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/nvme/identify.h"
#include "plugins/vfio/vfio_backend.h"
#include "tests/support/error_of.h"
#include "tests/support/fake_subsystem.h"
#include "tests/support/memory_streams.h"
#include "tests/support/sim_vfio.h"

namespace nvmigrate::test {

/// The backend on controller 3, VF 3, whose variant driver is simulated.
class VfioBackendTest : public testing::Test {
 protected:
  using Arcs = std::vector<SimVfioDriver::Arc>;
  using S = SimVfioDriver;
  static constexpr std::uint16_t id = 3;

  VfioBackendTest() {
    set_interrupted(false);
    for (std::uint16_t each = 1; each <= 4; ++each) {
      auto& function = topology.functions.emplace_back();
      function.cntlid = function.vfn = each;
    }
    bind("acme-vfio-pci");
  }
  ~VfioBackendTest() override { set_interrupted(false); }

  ControlledFunction& function() { return *topology.find(id); }
  void bind(std::optional<std::string> to) {
    function().pci = FakePciBus::function_at(address);
    function().pci->driver = std::move(to);
  }
  /// As a VMM that uses the library has it open: opened before, with its guest in it.
  void hold() { held = true; }
  void hold(S::State state) {
    hold();
    driver.opened = true;
    driver.state = state;
  }
  [[nodiscard]] BackendPlace place() {
    BackendPlace place{.device = device, .identity = identity};
    place.topology = [this]() -> const Topology& { return topology; };
    place.options.held = [this](const std::string& at) { return held && at == address ? 7 : -1; };
    return place;
  }
  vfio::VfioBackend& backend() {
    if (!backend_) {
      backend_.emplace(place(), [this](const PciFunction&, const VfioNodes&) {
        return std::make_unique<SimVfioDevice>(driver, held);
      });
    }
    return *backend_;
  }
  /// As at the end of a session.
  void end() { backend_.reset(); }

  void suspended() {
    hold();
    backend().suspend(id);
    driver.arcs.clear();
  }
  std::vector<std::byte> saved() {
    MemorySink sink(70000);
    backend().save(id, {}, sink);
    EXPECT_EQ(sink.announced, sink.bytes.size());
    return sink.bytes;
  }
  void load(std::vector<std::byte> state) {
    MemorySource source(std::move(state));
    backend().load(id, {}, source);
  }
  static std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
    return bytes;
  }

  static constexpr const char* address = "0000:01:00.3";
  FakeSubsystem device;
  ControllerIdentity identity;
  Topology topology;
  SimVfioDriver driver;
  bool held = false;

 private:
  std::optional<vfio::VfioBackend> backend_;
};

}  // namespace nvmigrate::test
