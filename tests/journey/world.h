// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::test {

/// What one run of the tool answered.
struct Answer {
  ExitStatus status{};
  std::string out, err;
  /// stdout as JSON. \throws nlohmann's error when it is none
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
};

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
  /// As run, with these descriptors for stdin and stdout.
  Answer run_with(const std::string& line, int input, int output);
  /// Runs it and fails the test when its status is not ok.
  Answer must(const std::string& line);
  /// must() with `-o json`, parsed.
  nlohmann::json read(const std::string& line);

  /// Puts the world as it is now aside, and makes it so again.
  void remember();
  void restore();

 private:
  std::filesystem::path root_;
  Watcher watcher_;
  WatchedIo io_{watcher_};
};

}  // namespace nvmigrate::test
