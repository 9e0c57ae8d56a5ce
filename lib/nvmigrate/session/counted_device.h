// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "nvmigrate/ports/device.h"

namespace nvmigrate {

/// Counts the commands that go through a port, of all threads and of each.
class CountingPort final : public AdminPort {
 public:
  explicit CountingPort(AdminPort& port) : port_(&port) {}

  AdminCompletion submit(const AdminCommand& command) override {
    {
      const std::lock_guard only(mutex_);
      ++total_;
      ++by_thread_[std::this_thread::get_id()];
    }
    return port_->submit(command);
  }
  [[nodiscard]] std::uint64_t total() const {
    const std::lock_guard only(mutex_);
    return total_;
  }
  [[nodiscard]] std::uint64_t of_this_thread() const {
    const std::lock_guard only(mutex_);
    const auto found = by_thread_.find(std::this_thread::get_id());
    return found == by_thread_.end() ? 0 : found->second;
  }

 private:
  AdminPort* port_;
  mutable std::mutex mutex_;
  std::uint64_t total_ = 0;
  std::map<std::thread::id, std::uint64_t> by_thread_;
};

/// A device whose commands are counted.
class CountedDevice final : public Device {
 public:
  explicit CountedDevice(std::unique_ptr<Device> inner)
      : inner_(std::move(inner)), port_(inner_->admin()) {}

  AdminPort& admin() override { return port_; }
  PciBus& pci() override { return inner_->pci(); }
  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] const std::string& address() const override { return inner_->address(); }
  [[nodiscard]] bool simulated() const override { return inner_->simulated(); }
  [[nodiscard]] const CountingPort& count() const noexcept { return port_; }

 private:
  std::unique_ptr<Device> inner_;
  CountingPort port_;
};

}  // namespace nvmigrate
