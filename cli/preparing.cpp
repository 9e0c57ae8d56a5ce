// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/preparing.h"

#include <algorithm>

namespace nvmigrate::cli {

void ChangeOptions::declare_device(Options& options, Offer offer) {
  options.positional("DEVICE", device, "The controlling function", offer);
  options.flag("--dry-run", dry_run, "Say what would be done, and do nothing");
}

void ChangeOptions::declare_functions(Options& options, Offer offer) {
  options.positional("IDS", functions, "Controlled functions: 3, 1-4,7, vf2, 0000:01:00.1, all",
                     offer);
}

void ChangeOptions::declare_allow(Options& options, const std::string& help) {
  options.texts("--allow", allowed, help, "NAME");
}

bool ChangeOptions::allows(std::string_view name,
                           std::initializer_list<std::string_view> known) const {
  bool found = false;
  for (const auto& given : allowed) {
    if (std::find(known.begin(), known.end(), given) == known.end()) {
      throw usage_error("--allow: there is no '" + given + "' to allow here");
    }
    found = found || given == name;
  }
  return found;
}

Subject ChangeOptions::open(Context& context) const {
  return dry_run ? context.open(device) : context.open_to_change(device);
}

HostAccess access_of(Subject& subject) {
  return {*subject.device, subject.registry, subject.journal};
}

Json document_of(const ChangeOptions& options, bool changed) {
  return {{"device", options.device}, {"dry_run", options.dry_run}, {"changed", changed}};
}

std::string prefix(const ChangeOptions& options) { return options.dry_run ? "(dry run) " : ""; }

ProvisionLimits limits_of(const Globals& globals) {
  ProvisionLimits limits;
  limits.appear = globals.timeout.value_or(limits.appear);
  return limits;
}

}  // namespace nvmigrate::cli
