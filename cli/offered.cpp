// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/completion.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

std::vector<std::string> devices(Context& context) {
  std::vector<std::string> names;
  for (const auto& provider : providers()) {
    for (auto& name : provider.all(context.io(), context.folders()))
      names.push_back(name);
  }
  return names;
}

/// Opening a simulated subsystem may create it; completing a line must not.
bool is_there(Context& context, const std::string& device) {
  if (!device.starts_with("sim:")) return true;
  const auto names = devices(context);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == device || name.starts_with(device + '/');
  });
}

bool fits(const ControlledFunction& function, Offer offer) {
  const bool suspended = function.has(IntentKind::suspended);
  switch (offer) {
    case Offer::running_functions:
      return function.online.value_or(true) && !suspended;
    case Offer::suspended_functions:
      return suspended;
    case Offer::marked_functions:
      return function.marked;
    case Offer::unmarked_functions:
      return !function.marked;
    case Offer::bound_functions:
      return function.binding.has_value();
    case Offer::unbound_functions:
      return function.pci && !function.binding;
    default:
      return true;
  }
}

std::vector<std::string> functions(Context& context, Offer offer, const std::string& device,
                                   bool as_vfs) {
  if (device.empty() || !is_there(context, device)) return {};
  std::vector<std::string> names;
  auto subject = context.open(device);
  for (const auto& function : subject.topology().functions) {
    if (!fits(function, offer)) continue;
    if (!as_vfs) names.push_back(std::to_string(function.cntlid));
    if (as_vfs && function.vfn != 0) names.push_back("vf" + std::to_string(function.vfn));
  }
  return names;
}

}  // namespace

bool is_of_functions(Offer offer) noexcept {
  switch (offer) {
    case Offer::nothing:
    case Offer::device:
    case Offer::state_file:
    case Offer::folder:
      return false;
    default:
      return true;
  }
}

std::vector<std::string> offered(Context& context, Offer offer, const std::string& device,
                                 const std::string& typed) {
  switch (offer) {
    case Offer::nothing:
      return {};
    case Offer::device:
      return devices(context);
    case Offer::state_file:
      return {":files"};
    case Offer::folder:
      return {":folders"};
    default:
      return functions(context, offer, device, typed.starts_with('v'));
  }
}

}  // namespace nvmigrate::cli
