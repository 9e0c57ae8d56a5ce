// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/error.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nvmigrate {
namespace {

ExitStatus status_of_errno(int code) {
  switch (code) {
    case EACCES:
    case EPERM:
      return ExitStatus::permission;
    case ENOENT:
      return ExitStatus::not_found;
    case ETIMEDOUT:
      return ExitStatus::timed_out;
    default:
      return ExitStatus::io;
  }
}

}  // namespace

Error::Error(ExitStatus status, const std::string& message, std::string advice,
             std::vector<Remedy> remedies)
    : std::runtime_error(message),
      status_(status),
      code_(row_of(status).name),
      advice_(std::move(advice)),
      remedies_(std::move(remedies)) {}

Error Error::with_code(std::string code) const {
  auto error = *this;
  error.set_code(std::move(code));
  return error;
}

void Error::set_device(const std::string& device) {
  device_ = device;
  for (auto& remedy : remedies_) {
    if (remedy.device.empty() && remedy.action < Remedy::Action::make_folder) {
      remedy.device = device;
    }
  }
}

void Error::add_advice(const std::string& sentence) {
  if (!advice_.empty() && !sentence.empty()) advice_ += "; ";
  advice_ += sentence;
}

OsError::OsError(int number, std::string_view operation, std::string_view object,
                 std::string advice)
    : Error(status_of_errno(number),
            fmt::format("cannot {} {}: {}", operation, object, std::strerror(number)),
            std::move(advice)),
      error_number_(number) {}

Interrupted::Interrupted(const std::string& what_is_left)
    : Error(ExitStatus::interrupted, "interrupted: " + what_is_left) {}

Error usage_error(const std::string& message, std::string advice) {
  return {ExitStatus::usage, message, std::move(advice)};
}

Error not_found(const std::string& message, std::string advice, std::vector<Remedy> remedies) {
  return {ExitStatus::not_found, message, std::move(advice), std::move(remedies)};
}

Error refused(const std::string& message, std::string advice, std::vector<Remedy> remedies) {
  return {ExitStatus::refused, message, std::move(advice), std::move(remedies)};
}

Error unsupported(const std::string& message, std::string advice) {
  return {ExitStatus::unsupported, message, std::move(advice)};
}

Error bad_state(const std::string& message, std::string advice) {
  return {ExitStatus::bad_state, message, std::move(advice)};
}

}  // namespace nvmigrate
