// SPDX-License-Identifier: LGPL-2.1-or-later
#include <grp.h>
#include <pwd.h>

#include <algorithm>

#include "cli/parser/completion.h"
#include "cli/text/describe.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/ports/pci_bus.h"

namespace nvmigrate::cli {
namespace {

/// Opening a simulated subsystem may create it; completing a line must not.
bool is_there(Context& context, const std::string& device) {
  if (device.empty() || !device.starts_with("sim:")) return !device.empty();
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

/// `vf 2, online, vfio-pci, marked`
std::string about(const ControlledFunction& function) {
  std::string text = function.vfn == 0 ? "not a VF" : "vf " + std::to_string(function.vfn);
  if (const auto status = status_text(function); !status.empty()) text += ", " + status;
  if (function.pci && function.pci->driver) text += ", " + *function.pci->driver;
  return function.marked ? text + ", marked" : text;
}

Candidates functions(Session& session, Completes kind, bool as_vfs) {
  Candidates found;
  for (const auto& function : session.topology().functions) {
    if (!fits(function, kind) || (as_vfs && function.vfn == 0)) continue;
    found.push_back({as_vfs ? "vf" + std::to_string(function.vfn) : std::to_string(function.cntlid),
                     about(function)});
  }
  return found;
}

Candidates namespaces(Session& session) {
  Candidates found{{"all", "every namespace of the subsystem"}};
  session.ask_namespaces();
  for (const auto id : session.topology().namespaces.value_or(std::vector<std::uint32_t>{}))
    found.push_back({std::to_string(id)});
  return found;
}

/// The stock driver, and those that were made for one of the functions.
Candidates drivers(Session& session, const std::string& functions) {
  Candidates found{{"vfio-pci", "the driver of vfio for any PCI function"}};
  for (const auto* function : select_to_bind(session.topology(), functions)) {
    if (!function->pci) continue;
    const auto driver = session.pci().variant_driver(function->pci->address);
    const auto known = [&](const Candidate& one) { return one.word == driver; };
    if (driver && std::none_of(found.begin(), found.end(), known))
      found.push_back({*driver, "made for this function"});
  }
  return found;
}

Candidates of_device(Session& session, Completes kind, const ValuePlace& place) {
  Candidates found;
  switch (kind) {
    case Completes::namespaces:
      return namespaces(session);
    case Completes::vfio_drivers:
      return drivers(session, place.functions.empty() ? "all" : place.functions);
    case Completes::format_versions:
      for (const auto version : session.query().formats.versions)
        found.push_back({std::to_string(version)});
      return found;
    case Completes::vendor_formats:
      for (const auto& uuid : session.query().formats.vendors)
        found.push_back({to_string(uuid)});
      found.push_back({"none", "without the vendor part of the state"});
      return found;
    default:
      return functions(session, kind, place.typed.starts_with('v'));
  }
}

/// One entry of the user or group database after the other.
template <typename Next>
Candidates names_of_all(Next next, const std::string& before) {
  Candidates found;
  while (const auto* entry = next()) {
    if constexpr (requires { entry->pw_name; })
      found.push_back({before + entry->pw_name});
    else
      found.push_back({before + entry->gr_name});
  }
  return found;
}

Candidates owners(const std::string& typed) {
  const auto colon = typed.find(':');
  if (colon == std::string::npos) {
    ::setpwent();
    auto found = names_of_all(::getpwent, "");
    ::endpwent();
    return found;
  }
  ::setgrent();
  auto found = names_of_all(::getgrent, typed.substr(0, colon + 1));
  ::endgrent();
  return found;
}

Candidates devices(Context& context) {
  Candidates found;
  for (auto& name : context.workspace().all_devices()) {
    const bool simulated = name.starts_with("sim:");
    found.push_back({std::move(name), simulated ? "simulated" : ""});
  }
  return found;
}

}  // namespace

bool is_list(Completes kind) noexcept {
  return kind >= Completes::functions && kind <= Completes::namespaces;
}

Candidates candidates(Context& context, Completes kind, const ValuePlace& place) {
  switch (kind) {
    case Completes::nothing:
    case Completes::command:
      return {};
    case Completes::device:
      return devices(context);
    case Completes::owner:
      return owners(place.typed);
    case Completes::state_file:
      return {{":files nvmstate"}};
    case Completes::profile:
      return {{":files json"}};
    case Completes::folder:
      return {{":folders"}};
    default:
      if (!is_there(context, place.device)) return {};
      return of_device(*context.open(place.device), kind, place);
  }
}

}  // namespace nvmigrate::cli
