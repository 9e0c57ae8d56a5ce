// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/preparing.h"

#include <algorithm>

#include "nvmigrate/migrate/overrides.h"

namespace nvmigrate::cli {

void ChangeOptions::declare_device(Options& options, Offer offer) {
  options.positional("DEVICE", device, "The controlling function", offer);
  options.flag("--dry-run", dry_run, "Say what would be done, and do nothing");
}

void ChangeOptions::declare_functions(Options& options, Offer offer) {
  options.positional("IDS", functions, "Controlled functions: 3, 1-4,7, vf2, 0000:01:00.1, all",
                     offer);
}

void ChangeOptions::declare_allow(Options& options, std::string_view command,
                                  const std::string& help) {
  options.choices("--allow", allowed, overrides_of(command), help, "NAME");
}

bool ChangeOptions::allows(std::string_view name) const {
  return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
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

ProvisionLimits limits_of(const Globals& globals) {
  ProvisionLimits limits;
  limits.appear = globals.timeout.value_or(limits.appear);
  return limits;
}

}  // namespace nvmigrate::cli
