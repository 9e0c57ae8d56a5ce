// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"

namespace nvmigrate::cli {

/// A value, or JSON null.
template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}
/// Text that is not empty, or JSON null.
inline Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}
/// A VF number, or JSON null for 0, which is not a VF.
inline Json vfn_or_null(unsigned vfn) { return vfn == 0 ? Json(nullptr) : Json(vfn); }

}  // namespace nvmigrate::cli
