// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"

namespace spdlog {
class logger;
}

namespace nvmigrate::cli {

/// What the tool says on stderr besides its errors. With JSON output every line is a JSON object,
/// and notes, which the document repeats, are left out. Failing to write is no matter.
class Talk {
 public:
  Talk(Environment& environment, const Globals& globals);
  ~Talk();
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  void note(const std::string& line);
  void warn(const std::string& line);
  /// \param trace the same as `line`, for JSON
  void trace(const std::string& line, const Json& trace);

 private:
  [[nodiscard]] std::string shown(const std::string& line) const;

  Environment* environment_;
  std::shared_ptr<spdlog::logger> logger_;
  bool json_;
};

/// Whether a terminal has escape sequences, as TERM says: not when it is unset, dumb or unknown.
bool has_escapes(const Environment& environment);
/// Whether a descriptor may be written in colour: a terminal that has escape sequences, and
/// NO_COLOR is not set.
bool may_colour(const Environment& environment, int descriptor);

}  // namespace nvmigrate::cli
