// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/run_tool.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::test {

/// A host of its own, in a folder of its own: state, run and sim folders, and the tool run in this
/// process with every seam watched.
class World {
 public:
  World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  /// The folder for files of the test.
  [[nodiscard]] std::string path(const std::string& name) const;
  [[nodiscard]] Watcher& watcher() noexcept { return watcher_; }

  /// Runs one command line, split at blanks; `$W` stands for the folder.
  Answer run(const std::string& line);
  /// As run, with these descriptors for stdin and stdout; -1 captures stdout.
  Answer run_with(const std::string& line, int input, int output);
  /// Runs it and fails the test when its status is not ok.
  Answer must(const std::string& line);
  /// must() with `-o json`, parsed.
  nlohmann::json read(const std::string& line);

  [[nodiscard]] Folders folders() const;
  /// For the library itself, with every seam watched.
  [[nodiscard]] Workspace workspace(const std::string& command);

  /// Puts the world as it is now aside, and makes it so again.
  void remember();
  void restore();

 private:
  std::filesystem::path root_;
  Watcher watcher_;
  WatchedIo io_{watcher_};
};

}  // namespace nvmigrate::test
