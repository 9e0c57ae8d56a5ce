// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/profile/profile.h"

namespace nvmigrate::cli {

/// What the commands have in common that change a controlled function.
struct Changing {
  std::string device, functions;
  bool dry_run = false;
  std::optional<bool> persist{};  ///< nothing: the command has no such option
  std::vector<std::string> allowed;

  /// DEVICE, and --dry-run.
  void declare_device(Options& options) {
    options.device("DEVICE", device, "The controlling function");
    options.dry_run(dry_run);
  }
  /// IDS.
  void declare_functions(Options& options, Completes completes) {
    options.functions(functions, completes);
  }
  /// --allow NAME, with the conditions that can be allowed for this command.
  void declare_allow(Options& options, std::string_view verb) {
    options.choices("--allow", allowed, overrides_of(verb),
                    "Allow the one condition of this name; may be repeated", "NAME");
  }
  /// --persist. \param help what it does
  void declare_persist(Options& options, const std::string& help) {
    persist = false;
    options.flag("--persist", *persist, help);
  }
  /// Whether what was done is to be recorded.
  [[nodiscard]] bool persists() const { return persist.value_or(false) && !dry_run; }
  /// The beginning of the document.
  [[nodiscard]] Json document(bool changed) const {
    Json json{{"device", device}, {"dry_run", dry_run}, {"changed", changed}};
    if (persist) json["persisted"] = persists();
    return json;
  }
};

/// --persist of one command: made before the change, so that a record that cannot be read stops it.
class Persisting {
 public:
  /// \throws as ProfileRecord
  Persisting(const Changing& given, Session& session);
  /// After the change: what stands in the way is told beside the result, which stays.
  void record(Context& context, Outcome& outcome, const PersistedPart& part);

 private:
  std::optional<ProfileRecord> record_;
};

inline constexpr auto persist_help = "Record the result as wanted, for 'nvmigrate apply'";
inline constexpr auto unpersist_help = "Record that it is no longer wanted";

/// A provisioning step, which is the same object in every document.
Json json_of(const ProvisionStep& step);
/// Steps in words, a line each; neighbours that are alike make one line.
std::string steps_text(std::span<const ProvisionStep> steps);

/// --timeout, of resets and nodes.
inline ProvisionLimits limits_of(const Globals& globals) {
  ProvisionLimits limits;
  limits.appear = globals.timeout.value_or(limits.appear);
  limits.live = std::max(limits.live, limits.appear);
  return limits;
}

}  // namespace nvmigrate::cli
