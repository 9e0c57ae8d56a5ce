// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/overrides.h"

#include <algorithm>
#include <array>

namespace nvmigrate {
namespace {

constexpr std::string_view where_states_are_read = "export import transfer";

constexpr std::array table{
    Override{"shared_group", "bind"},
    Override{"moved", "provision deprovision unbind resume export transfer"},
    Override{"loading", "resume export transfer"},
    Override{"simulated", "import transfer"},
    Override{"model", "import transfer"},
    Override{"firmware", "import transfer"},
    Override{"source_runs", "import"},
    Override{"host_driver", "suspend export import transfer"},
    Override{"queues_exist", "import transfer"},
    Override{"queues", "import transfer"},
    Override{"interrupts", "import transfer"},
    Override{"queue_depth", "import transfer"},
    Override{"queue_id", where_states_are_read},
    Override{"queue_order", where_states_are_read},
    Override{"queue_size", where_states_are_read},
    Override{"queue_pointer", where_states_are_read},
    Override{"completion_queue", where_states_are_read},
    Override{"queue_count", where_states_are_read},
    Override{"header_version", where_states_are_read},
    Override{"nvme_size", where_states_are_read},
    Override{"too_short", "export"},
    Override{"too_long", "export"},
    Override{"one_dword_short", "export"},
};

bool names(std::string_view commands, std::string_view command) {
  while (!commands.empty()) {
    const auto end = std::min(commands.find(' '), commands.size());
    if (commands.substr(0, end) == command) return true;
    commands.remove_prefix(std::min(end + 1, commands.size()));
  }
  return false;
}

}  // namespace

std::span<const Override> overrides() noexcept { return table; }

std::vector<std::string> overrides_of(std::string_view command) {
  std::vector<std::string> found;
  for (const auto& one : table) {
    if (names(one.commands, command)) found.emplace_back(one.name);
  }
  return found;
}

}  // namespace nvmigrate
