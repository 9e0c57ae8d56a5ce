// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "tests/plugins/conformance/rig.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {

/// Counts what goes through the admin ports of several devices, and has one command fail.
struct Traffic {
  std::mutex mutex;
  std::size_t commands = 0, most = 0;
  std::optional<std::pair<std::size_t, bool>>
      fault;  ///< of which command, and whether by the kernel

  AdminCompletion pass(AdminPort& port, const AdminCommand& command) {
    std::optional<bool> by_kernel;
    {
      const std::lock_guard only(mutex);
      most = std::max({most, command.to_device.size(), command.from_device.size()});
      if (fault && fault->first == commands) by_kernel = fault->second;
      ++commands;
    }
    if (by_kernel == true) throw OsError(EIO, "submit to", "the device");
    if (by_kernel) return {.status = {static_cast<std::uint16_t>(0x4000U | sc::internal_error)}};
    return port.submit(command);
  }
};

/// A simulated controlling function whose traffic is seen.
class SeenDevice final : public Device, public AdminPort {
 public:
  SeenDevice(std::unique_ptr<Device> inner, Traffic& traffic)
      : inner_(std::move(inner)), traffic_(&traffic) {}
  AdminPort& admin() override { return *this; }
  PciBus& pci() override { return inner_->pci(); }
  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] const std::string& address() const override { return inner_->address(); }
  [[nodiscard]] bool simulated() const override { return true; }
  AdminCompletion submit(const AdminCommand& command) override {
    return traffic_->pass(inner_->admin(), command);
  }

 private:
  std::unique_ptr<Device> inner_;
  Traffic* traffic_;
};

/// Simulated subsystems of one shape.
class SimRig final : public Rig {
 public:
  explicit SimRig(const sim::Parameters& parameters)
      : source_(made("a", parameters)),
        destination_(made("b", parameters)),
        unserved_(made("c", {.vfs_total = 2, .migration = false})) {
    sim::start_guest(lab_.folders(), "sim:a", "vf1", 2);
    sim::start_guest(lab_.folders(), "sim:b", "vf1", 0);
    for (const std::uint16_t id : {guest, idle, without_vf}) {
      auto& function = topology_.functions.emplace_back();
      function.cntlid = id;
      function.vfn = id == without_vf ? std::uint16_t{0} : id;
    }
  }
  static constexpr std::uint16_t without_vf = 3;  ///< the other controller of the subsystem

  Device& source() override { return *source_; }
  Device& destination() override { return *destination_; }
  Device& unserved() override { return *unserved_; }
  const Topology& topology() override { return topology_; }
  std::vector<std::string> discontinuities() override {
    const auto& folders = lab_.folders();
    return sim::discontinuities(sim::guest_report(folders, "sim:a", "vf1"),
                                sim::guest_report(folders, "sim:b", "vf1"));
  }
  [[nodiscard]] std::size_t calls() const override { return traffic_.commands; }
  [[nodiscard]] std::size_t most_carried() const override { return traffic_.most; }
  void fail(std::size_t call, bool by_kernel) override {
    traffic_.fault = {traffic_.commands + call, by_kernel};
  }

 private:
  std::unique_ptr<SeenDevice> made(const std::string& name, sim::Parameters parameters) {
    parameters.vfs_total = 2;
    parameters.others = 1;
    lab_.create(name, parameters);
    Bench(lab_, "sim:" + name).provision(2);
    return std::make_unique<SeenDevice>(lab_.open("sim:" + name), traffic_);
  }

  Lab lab_;
  Traffic traffic_;
  std::unique_ptr<SeenDevice> source_, destination_, unserved_;
  Topology topology_;
};

}  // namespace nvmigrate::test
