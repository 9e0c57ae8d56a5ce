// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "nvmigrate/store/journal.h"

namespace nvmigrate::test {

/// What the journal says of this kind and function.
inline std::optional<Intent> find(const Journal& journal, IntentKind kind, std::uint16_t cntlid) {
  const auto intents = journal.intents();
  const auto found = std::find_if(intents.begin(), intents.end(), [&](const Intent& intent) {
    return intent.kind == kind && intent.cntlid == cntlid;
  });
  return found == intents.end() ? std::nullopt : std::optional(*found);
}

}  // namespace nvmigrate::test
