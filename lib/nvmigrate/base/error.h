// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "nvmigrate/base/exit_status.h"

namespace nvmigrate {

/// What every failure is thrown as: a sentence naming operation, object and cause, the exit
/// status it ends the tool with, and, where one exists, the next step.
class Error : public std::runtime_error {
 public:
  Error(ExitStatus status, const std::string& message, std::string hint = {});

  [[nodiscard]] ExitStatus status() const noexcept { return status_; }
  /// The next step for the reader; empty when there is none.
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  /// One more thing to know or to do; empty adds nothing.
  void add_hint(const std::string& next);
  /// The controlling function concerned; empty when none is.
  [[nodiscard]] const std::string& device() const noexcept { return device_; }
  void set_device(std::string device) { device_ = std::move(device); }

 private:
  ExitStatus status_;
  std::string hint_;
  std::string device_;
};

/// A failed system call.
class OsError : public Error {
 public:
  /// \param code errno; EACCES and EPERM end with `permission`, ENOENT with `not_found`, ETIMEDOUT
  /// with `timed_out`, everything else with `io`.
  OsError(int code, std::string_view operation, std::string_view object, std::string hint = {});

  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Ended by SIGINT, SIGTERM or SIGHUP at a point where it is safe to stop.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& what_was_left);
};

Error usage_error(const std::string& message, std::string hint = {});
Error not_found(const std::string& message, std::string hint = {});
Error refused(const std::string& message, std::string hint = {});
Error unsupported(const std::string& message, std::string hint = {});
Error bad_state(const std::string& message, std::string hint = {});

}  // namespace nvmigrate
