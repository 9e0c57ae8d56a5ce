// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/interrupt.h"

#include <unistd.h>

#include <array>
#include <csignal>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGALRM};

/// The call that causes it fails with an errno, which says as much: EPIPE, EFBIG.
bool is_an_error(int signal) { return signal == SIGPIPE || signal == SIGXFSZ; }

volatile std::sig_atomic_t stop_asked = 0;
std::array<struct sigaction, signals.size()> before{};
thread_local unsigned deferrals = 0;

/// A call that begins to wait just after the signal came would miss it. So an alarm follows the
/// first stop signal every second, and ends each such call with EINTR.
void note_stop(int) {
  stop_asked = 1;
  ::alarm(1);
}

void remind(int) { ::alarm(1); }

void (*handler_of(int signal))(int) {
  if (is_an_error(signal)) return SIG_IGN;
  return signal == SIGALRM ? remind : note_stop;
}

/// nohup, and a shell that starts a background job, let it ignore the signals that must not end it.
bool stays_ignored(int signal, const struct sigaction& was) {
  return !is_an_error(signal) && signal != SIGALRM && was.sa_handler == SIG_IGN;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  stop_asked = 0;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals.at(i), nullptr, &before.at(i));
    if (stays_ignored(signals.at(i), before.at(i))) continue;
    struct sigaction action {};
    action.sa_handler = handler_of(signals.at(i));
    sigaction(signals.at(i), &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  ::alarm(0);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals.at(i), &before.at(i), nullptr);
  }
}

InterruptsDeferred::InterruptsDeferred() noexcept { ++deferrals; }
InterruptsDeferred::~InterruptsDeferred() { --deferrals; }

bool interrupted() noexcept { return stop_asked != 0 && deferrals == 0; }

void stop_if_interrupted(const char* what_is_left) {
  if (interrupted()) throw Interrupted(what_is_left);
}

void set_interrupted(bool value) noexcept { stop_asked = value ? 1 : 0; }

}  // namespace nvmigrate
