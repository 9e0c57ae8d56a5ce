// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "cli/command.h"
#include "nvmigrate/migrate/migrate.h"

namespace nvmigrate::cli {

/// Declares `--progress auto|bar|json|none`.
void declare_progress(Options& options, std::string& mode);

/// Shows on standard error how far the work has come: a bar for a reader, JSON lines for a machine,
/// or nothing; by default a bar on a terminal. Must outlive the work it is told of.
class ProgressDisplay {
 public:
  ProgressDisplay(const Context& context, const std::string& mode);
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;
  ~ProgressDisplay();  ///< takes the bar away

  /// Empty when nothing is to be shown.
  [[nodiscard]] ProgressCallback callback();

 private:
  enum class Mode { none, bar, json };

  void show(const ProgressReport& report) noexcept;
  void draw(std::string line);
  void write(const std::string& text) noexcept;

  Environment* environment_;
  Mode mode_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_;
  std::size_t drawn_ = 0;  ///< bytes of the bar that is there
};

}  // namespace nvmigrate::cli
