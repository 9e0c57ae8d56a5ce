// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace nvmigrate {

/// Notes SIGINT, SIGTERM and SIGHUP instead of dying of them, and ignores SIGPIPE, while it
/// exists; of the first three those stay ignored that the caller ignores (nohup). Blocking calls
/// return with EINTR (no SA_RESTART), and so do those that begin after the signal came: an alarm
/// follows it every second.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
};

/// Whether a stop signal has come since the guard was made.
[[nodiscard]] bool interrupted() noexcept;
/// \throws Interrupted, saying `what_is_left`, when a stop signal has come
void stop_if_interrupted(const char* what_is_left);
/// As if a stop signal had come, or had not; for tests.
void set_interrupted(bool value) noexcept;

}  // namespace nvmigrate
