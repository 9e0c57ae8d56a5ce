// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/completion.h"

namespace nvmigrate::cli {
namespace {

/// Opening a simulated subsystem may create it; completing a line must not.
bool is_there(Context& context, const std::string& device) {
  if (!device.starts_with("sim:")) return true;
  const auto names = context.workspace().all_devices();
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == device || name.starts_with(device + '/');
  });
}

bool fits(const ControlledFunction& function, Completes kind) {
  const auto* guest = function.custody();
  const auto is = [guest](IntentKind one) { return guest != nullptr && guest->kind == one; };
  switch (kind) {
    case Completes::running_functions:
      return function.may_be_online() && guest == nullptr;
    case Completes::suspended_functions:
      return is(IntentKind::suspended) || is(IntentKind::loaded);
    case Completes::exported_functions:
      return is(IntentKind::exported);
    case Completes::marked_functions:
      return function.marked;
    case Completes::unmarked_functions:
      return !function.marked;
    case Completes::bound_functions:
      return function.binding.has_value();
    case Completes::unbound_functions:
      return function.pci && !function.binding;
    default:
      return true;
  }
}

std::vector<std::string> functions(Context& context, Completes kind, const std::string& device,
                                   bool as_vfs) {
  if (device.empty() || !is_there(context, device)) return {};
  std::vector<std::string> names;
  const auto session = context.open(device);
  for (const auto& function : session->topology().functions) {
    if (!fits(function, kind)) continue;
    if (!as_vfs) names.push_back(std::to_string(function.cntlid));
    if (as_vfs && function.vfn != 0) names.push_back("vf" + std::to_string(function.vfn));
  }
  return names;
}

}  // namespace

bool is_of_functions(Completes kind) noexcept {
  switch (kind) {
    case Completes::nothing:
    case Completes::device:
    case Completes::state_file:
    case Completes::folder:
      return false;
    default:
      return true;
  }
}

std::vector<std::string> candidates(Context& context, Completes kind, const std::string& device,
                                    const std::string& typed) {
  switch (kind) {
    case Completes::nothing:
      return {};
    case Completes::device:
      return context.workspace().all_devices();
    case Completes::state_file:
      return {":files"};
    case Completes::folder:
      return {":folders"};
    default:
      return functions(context, kind, device, typed.starts_with('v'));
  }
}

}  // namespace nvmigrate::cli
