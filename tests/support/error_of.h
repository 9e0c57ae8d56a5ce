// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "nvmigrate/base/error.h"

namespace nvmigrate::test {

/// Does it, expects an Error of this status, and gives its message and its hint.
inline std::string error_of(const std::function<void()>& act, ExitStatus status) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status) << error.what();
    return std::string{error.what()} + " -- " + error.hint();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace nvmigrate::test
