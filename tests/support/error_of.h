// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate::test {

/// The Error that this throws.
inline Error failure_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ExitStatus::ok, {}};
}

/// Does it, expects an Error of this status, and gives its message and its advice.
inline std::string error_of(const std::function<void()>& act, ExitStatus status) {
  const auto error = failure_of(act);
  EXPECT_EQ(error.status(), status) << error.what();
  return std::string{error.what()} + " -- " + error.advice();
}

/// Does it and expects an Error of this status. \return its remedies
inline std::vector<Remedy> remedies_of(const std::function<void()>& act, ExitStatus status) {
  const auto error = failure_of(act);
  EXPECT_EQ(error.status(), status) << error.what();
  return error.remedies();
}

}  // namespace nvmigrate::test
