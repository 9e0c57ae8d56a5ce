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

/// A subsystem as one line of JSON.
std::string to_text(const Subsystem& subsystem);
/// \throws std::exception saying what is wrong with the text
Subsystem from_text(const std::string& text);

/// A subsystem in memory instead of in a file, for tests that explore many worlds. Its guests do
/// I/O only when told to.
struct Memory {
  std::shared_ptr<const Subsystem> now;
};

/// Keeps a subsystem in one file, which every change replaces whole under a lock file (and does not
/// sync: it is a simulation). Readers take no lock, and read the file only if it was replaced.
/// Threads and processes may share it.
class Store {
 public:
  /// \param folder of all simulated subsystems
  Store(std::string folder, std::string name);
  explicit Store(Memory& memory) : memory_(&memory) {}

  /// The subsystem as it is now. \throws not_found, Error(io) when it is damaged
  std::shared_ptr<const Subsystem> read();

  /// Changes a copy of the subsystem under the lock and publishes it if it differs. With a change,
  /// every running guest does some I/O. When `act` throws, nothing changes.
  /// \return the result of `act`
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

  /// Like change(), on a copy that is dropped. \return the result of `act`
  template <typename Act>
  auto rehearse(Act&& act) {
    Subsystem copy = *read();
    return std::forward<Act>(act)(copy);
  }

  /// \throws refused when there is one already
  void create(const Parameters& parameters);
  /// Like create(), but without effect when there is one.
  void create_if_missing(const Parameters& parameters);
  /// Removes it, damaged or not. \throws not_found
  void destroy();
  /// Its NQN, if the file still tells it. \throws not_found
  std::optional<std::string> nqn();

  [[nodiscard]] bool exists();
  /// \throws refused when there is one
  void require_absence();
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The names in a folder, sorted; none when it is missing.
  static std::vector<std::string> names(const std::string& folder);

 private:
  // Holds the flock of the lock file, of the one that still has the name.
  class Locked {
   public:
    explicit Locked(Store& store);
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked();

   private:
    Store* store_;
  };

  void require_existence();
  const std::shared_ptr<const Subsystem>& refreshed();
  std::shared_ptr<const Subsystem> parsed(int fd);
  void remember_file();
  void publish(Subsystem next);
  void write(std::shared_ptr<const Subsystem> next);
  void make(const Parameters& parameters);
  bool lock_is_current();

  Memory* memory_ = nullptr;  ///< instead of a file
  SystemIo io_;
  std::string folder_, name_, path_, lock_path_;
  std::mutex mutex_;
  std::optional<OpenFile> file_;  ///< read last; kept open so that no other file gets its inode
  struct stat known_ {};          ///< of file_
  std::optional<OpenFile> lock_;
  std::shared_ptr<const Subsystem> current_;
};

}  // namespace nvmigrate::sim
