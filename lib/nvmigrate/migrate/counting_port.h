// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

#include "nvmigrate/ports/admin_port.h"

namespace nvmigrate {

/// Counts the commands that go through a port, of all threads and of each.
class CountingPort final : public AdminPort {
 public:
  explicit CountingPort(AdminPort& port) : port_(&port) {}

  AdminCompletion submit(const AdminCommand& command) override;
  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] std::uint64_t of_this_thread() const;

 private:
  AdminPort* port_;
  mutable std::mutex mutex_;
  std::uint64_t total_ = 0;
  std::map<std::thread::id, std::uint64_t> by_thread_;
};

}  // namespace nvmigrate
