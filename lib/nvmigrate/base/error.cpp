// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/error.h"

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

std::string sentence(int code, std::string_view operation, std::string_view object) {
  std::string text{operation};
  text.append(" ").append(object).append(": ").append(std::strerror(code));
  return text;
}

}  // namespace

Error::Error(ExitStatus status, const std::string& message, std::string hint)
    : std::runtime_error(message), status_(status), hint_(std::move(hint)) {}

void Error::add_hint(const std::string& next) {
  if (!hint_.empty() && !next.empty()) hint_ += "; ";
  hint_ += next;
}

OsError::OsError(int code, std::string_view operation, std::string_view object, std::string hint)
    : Error(status_of_errno(code), sentence(code, operation, object), std::move(hint)),
      code_(code) {}

Interrupted::Interrupted(const std::string& what_was_left)
    : Error(ExitStatus::interrupted, "interrupted: " + what_was_left) {}

Error usage_error(const std::string& message, std::string hint) {
  return {ExitStatus::usage, message, std::move(hint)};
}

Error not_found(const std::string& message, std::string hint) {
  return {ExitStatus::not_found, message, std::move(hint)};
}

Error refused(const std::string& message, std::string hint) {
  return {ExitStatus::refused, message, std::move(hint)};
}

Error unsupported(const std::string& message, std::string hint) {
  return {ExitStatus::unsupported, message, std::move(hint)};
}

Error bad_state(const std::string& message, std::string hint) {
  return {ExitStatus::bad_state, message, std::move(hint)};
}

}  // namespace nvmigrate
