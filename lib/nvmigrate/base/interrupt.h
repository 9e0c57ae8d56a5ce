// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/base/error.h"

namespace nvmigrate {

/// Whether a stop signal has come since the guard was made, unless this thread defers them.
[[nodiscard]] bool interrupted() noexcept;
/// \throws Interrupted, saying `what_is_left`, when a stop signal has come
void stop_if_interrupted(const char* what_is_left);
/// As if a stop signal had come, or had not; for tests.
void set_interrupted(bool value) noexcept;

}  // namespace nvmigrate
