// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/host/access.h"

namespace nvmigrate {

/// What the backend says of the controlling function.
struct MigrationAbility {
  bool possible = false;
  std::string why_not;        ///< naming what was looked at
  bool vendor_state = false;  ///< some vendor format, which carries more than the I/O queues
};

enum class Severity { blocker, warning };
std::string_view to_string(Severity severity) noexcept;

enum class FindingCode {
  no_live_migration,
  controlling_function,
  unknown_function,
  has_virtual_functions,
  offline,
  not_on_vfio,
  used_by_host,
  queues_only,
};
std::string_view to_string(FindingCode code) noexcept;

/// One reason against a mark, or to think twice.
struct MarkFinding {
  FindingCode code{};
  Severity severity{};
  std::string word;  ///< the function as the user named it; empty: the device
  std::optional<std::uint16_t> cntlid;
  std::string message;
};

struct MarkedFunction {
  std::uint16_t cntlid = 0;
  unsigned vfn = 0;
  bool marked = false;  ///< afterwards
  bool changed = false;
};

struct MarkResult {
  std::vector<MarkedFunction> functions;
  std::vector<MarkFinding> findings;

  [[nodiscard]] bool changed() const noexcept;
};

/// What mark would do, and everything that speaks against it. Changes and refuses nothing.
/// \throws usage_error for words that name no functions
MarkResult plan_mark(const Topology& topology, PciBus& bus, const std::string& words,
                     const MigrationAbility& ability);
/// \throws unsupported, refused or not_found, with every blocker in its sentence, when there is one
void insist_on_no_blocker(const MarkResult& plan);
/// Checks, then allows the functions to be migrated; persistent. \throws as the two above; OsError
MarkResult mark(const HostAccess& access, const Topology& topology, const std::string& words,
                const MigrationAbility& ability);

/// What unmark would do: functions that are gone, but were marked, count by their controller id.
/// \throws not_found, refused for the controlling function
MarkResult plan_unmark(const Topology& topology, const Registry& registry,
                       const std::string& words);
MarkResult unmark(const HostAccess& access, const Topology& topology, const std::string& words);

}  // namespace nvmigrate
