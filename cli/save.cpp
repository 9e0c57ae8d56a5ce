// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "nvmigrate/profile/profile.h"

namespace nvmigrate::cli {
namespace {

/// A drive that no profile mentions.
bool is_plain(const SubsystemProfile& present) { return !present.vfs && present.functions.empty(); }

Outcome save(Context& context, const std::vector<std::string>& named) {
  std::vector<Error> failures;
  const auto devices = named.empty() ? context.workspace().all_devices(&failures) : named;
  for (const auto& failure : failures)
    context.warn(failure.device() + ": " + failure.what());
  Profile profile;
  for (const auto& device : devices) {
    auto present = profile_of(*context.open(device));
    if (!named.empty() || !is_plain(present)) profile.subsystems.push_back(std::move(present));
  }
  // The profile is the document, in either format.
  return {.text = text_of(profile), .raw_text = true};
}

}  // namespace

Runner declare_save(Options& options) {
  const auto devices = std::make_shared<std::vector<std::string>>();
  options.positionals("DEVICE", *devices, "Controlling functions; without any, all of them",
                      Completes::device);
  return [devices](Context& context) { return save(context, *devices); };
}

}  // namespace nvmigrate::cli
