// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/counting_port.h"

namespace nvmigrate {

AdminCompletion CountingPort::submit(const AdminCommand& command) {
  {
    const std::lock_guard only(mutex_);
    ++total_;
    ++by_thread_[std::this_thread::get_id()];
  }
  return port_->submit(command);
}

std::uint64_t CountingPort::total() const {
  const std::lock_guard only(mutex_);
  return total_;
}

std::uint64_t CountingPort::of_this_thread() const {
  const std::lock_guard only(mutex_);
  const auto found = by_thread_.find(std::this_thread::get_id());
  return found == by_thread_.end() ? 0 : found->second;
}

}  // namespace nvmigrate
