// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"
#include "plugins/sim/model.h"

namespace nvmigrate::sim {

/// Where a subsystem is kept: one file that is replaced whole at every change (not synced: it is a
/// simulation), under a lock file. Readers take no lock and, while the file is the one they read
/// last, read nothing. Threads and processes may share it.
class Store {
 public:
  /// \param folder of all simulated subsystems
  Store(std::string folder, std::string name);

  /// The subsystem as it is now. \throws not_found with the next step, Error(io) when it is damaged
  std::shared_ptr<const Subsystem> read();

  /// Changes a copy of the subsystem under the lock and publishes it if it differs. When something
  /// changed, every running guest also goes on. What `act` throws leaves everything as it was.
  /// \return what `act` returns
  template <typename Act>
  auto change(Act&& act) {
    const std::lock_guard guard(mutex_);
    refreshed();
    const Locked locked(*this);
    Subsystem next = *refreshed();
    auto answer = std::forward<Act>(act)(next);
    publish(std::move(next));
    return answer;
  }

  /// Does to a copy what change() would do to the subsystem. \return what `act` returns
  template <typename Act>
  auto rehearse(Act&& act) {
    Subsystem copy = *read();
    return std::forward<Act>(act)(copy);
  }

  /// \throws refused when there is one already
  void create(const Parameters& parameters);
  /// As create, but without effect when there is one.
  void create_if_missing(const Parameters& parameters);
  /// Removes it, whatever is in it. \throws not_found
  void destroy();
  /// Its NQN when that can be told, damaged or not. \throws not_found
  std::optional<std::string> nqn();

  [[nodiscard]] bool exists();
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The names in a folder, sorted; none when it is missing.
  static std::vector<std::string> names(const std::string& folder);

 private:
  // The lock file is taken with flock, and is the one that still bears the name.
  class Locked {
   public:
    explicit Locked(Store& store);
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked();

   private:
    Store* store_;
  };

  void insist_on_existence();
  const std::shared_ptr<const Subsystem>& refreshed();
  std::shared_ptr<const Subsystem> parsed(int fd);
  void remember_file();
  void publish(Subsystem next);
  void write(std::shared_ptr<const Subsystem> next);
  void make(const Parameters& parameters);
  bool lock_is_current();

  SystemIo io_;
  std::string folder_, name_, path_, lock_path_;
  std::mutex mutex_;
  std::optional<OpenFile> file_;  ///< what was read last; open, so that no other has its inode
  struct stat known_ {};          ///< of file_
  std::optional<OpenFile> lock_;
  std::shared_ptr<const Subsystem> current_;
};

}  // namespace nvmigrate::sim
