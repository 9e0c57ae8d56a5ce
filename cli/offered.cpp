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
  if (offer == Offer::marked_functions) return function.marked;
  if (offer == Offer::bound_functions) return function.binding.has_value();
  return true;
}

std::vector<std::string> functions(Context& context, Offer offer, const std::string& device) {
  if (device.empty() || !is_there(context, device)) return {};
  std::vector<std::string> ids;
  auto subject = context.open(device);
  for (const auto& function : subject.topology().functions) {
    if (fits(function, offer)) ids.push_back(std::to_string(function.cntlid));
  }
  return ids;
}

}  // namespace

std::vector<std::string> offered(Context& context, Offer offer, const std::string& device) {
  switch (offer) {
    case Offer::nothing:
      return {};
    case Offer::device:
      return devices(context);
    case Offer::state_file:
      return {":files"};
    case Offer::folder:
      return {":folders"};
    case Offer::functions:
    case Offer::marked_functions:
    case Offer::bound_functions:
      return functions(context, offer, device);
  }
  return {};
}

}  // namespace nvmigrate::cli
