// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate::bench {

/// A folder of its own with simulated hosts, gone at the end. The run folder lies in memory, as
/// /run does.
class BenchWorld {
 public:
  explicit BenchWorld(const std::string& parent);
  BenchWorld(const BenchWorld&) = delete;
  BenchWorld& operator=(const BenchWorld&) = delete;
  ~BenchWorld();

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] const Folders& folders() const noexcept { return folders_; }

  /// Two hosts, sim:a and sim:b, with one marked function each; on the first a guest runs, on the
  /// second one is prepared. Replaces those of before.
  void make_hosts(std::uint64_t state_size);
  std::unique_ptr<Device> open(const std::string& name);

  /// Runs one command line of the tool. \throws std::runtime_error with what it said when it fails
  nlohmann::json run(const std::string& line, int input = 0, int output = -1);

 private:
  void forget();

  SystemIo io_;
  std::string folder_, memory_;
  Folders folders_;
};

}  // namespace nvmigrate::bench
