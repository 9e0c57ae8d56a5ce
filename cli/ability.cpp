// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/ability.h"

#include "cli/served.h"

namespace nvmigrate::cli {

MigrationAbility ability_of(AdminPort& port) {
  const auto asked = ask_backends(port);
  if (const auto* serving = chosen(asked)) {
    return {true, {}, !serving->query->formats.vendors.empty()};
  }
  MigrationAbility ability;
  for (const auto& served : asked) {
    ability.why_not += (ability.why_not.empty() ? "" : "; ") + served.reason;
  }
  return ability;
}

}  // namespace nvmigrate::cli
