// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/ports/device.h"

namespace nvmigrate::test {

/// A controlling function that answers by script, and remembers what it was sent. Answers are used
/// once each, in order; after the last one `otherwise` answers; without it the test fails.
class ScriptedPort : public AdminPort {
 public:
  using Answer = std::function<AdminCompletion(const AdminCommand&)>;
  struct Sent {
    AdminCommand command;         ///< its data pointers are gone
    std::vector<std::byte> data;  ///< what went to the device
  };

  ScriptedPort() = default;
  explicit ScriptedPort(Answer answer) : otherwise_(std::move(answer)) {}

  ScriptedPort& then(Answer answer) {
    script_.push_back(std::move(answer));
    return *this;
  }
  /// A completion without data; `status` is SCT<<8 | SC, or any raw status.
  ScriptedPort& then(std::uint16_t status, std::uint32_t dw0 = 0) {
    return then([=](const AdminCommand&) { return AdminCompletion{{status}, dw0, 0}; });
  }
  /// Success with data from the device, as much of it as was asked for.
  ScriptedPort& then(std::vector<std::byte> data, std::uint32_t dw0 = 0) {
    return then([data = std::move(data), dw0](const AdminCommand& command) {
      copy(data, command.from_device);
      return AdminCompletion{{0}, dw0, 0};
    });
  }
  ScriptedPort& otherwise(Answer answer) {
    otherwise_ = std::move(answer);
    return *this;
  }

  AdminCompletion submit(const AdminCommand& command) override {
    const Answer answer = next(command);
    return answer(command);
  }

  [[nodiscard]] const std::vector<Sent>& sent() const noexcept { return sent_; }
  [[nodiscard]] std::size_t left() const noexcept { return script_.size(); }

  static void copy(const std::vector<std::byte>& data, std::span<std::byte> into) {
    std::copy_n(data.begin(), std::min(data.size(), into.size()), into.begin());
  }

 private:
  Answer next(const AdminCommand& command) {
    const std::scoped_lock lock(mutex_);
    sent_.push_back({command, {command.to_device.begin(), command.to_device.end()}});
    sent_.back().command.to_device = {};
    sent_.back().command.from_device = {};
    if (script_.empty() && !otherwise_) throw std::logic_error("a command that no script expects");
    if (script_.empty()) return otherwise_;
    Answer answer = std::move(script_.front());
    script_.pop_front();
    return answer;
  }

  std::mutex mutex_;
  std::deque<Answer> script_;
  Answer otherwise_;
  std::vector<Sent> sent_;
};

/// A controlling function that has nothing but a port.
class PortDevice final : public Device {
 public:
  explicit PortDevice(AdminPort& port) : port_(&port) {}
  AdminPort& admin() override { return *port_; }
  PciBus& pci() override { throw std::logic_error("it has no PCI bus"); }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] bool simulated() const override { return true; }

 private:
  AdminPort* port_;
  std::string name_ = "sim:port", address_;
};

}  // namespace nvmigrate::test
