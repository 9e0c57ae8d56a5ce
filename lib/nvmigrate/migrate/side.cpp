// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/side.h"

#include <algorithm>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

bool contains(const auto& list, const auto& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string listed(const StateFormats& formats) {
  std::string text;
  for (const auto version : formats.versions)
    text += " version " + std::to_string(version) + ",";
  for (const auto& vendor : formats.vendors)
    text += " vendor format " + to_string(vendor) + ",";
  if (text.empty()) return " none";
  text.pop_back();
  return text;
}

std::string detail(const Intent& intent, const std::string& key) {
  const auto found = intent.details.find(key);
  return found == intent.details.end() ? "another function" : found->second;
}

}  // namespace

std::optional<Intent> SharedJournal::find(IntentKind kind, std::uint16_t cntlid) const {
  const std::lock_guard only(mutex_);
  const auto* found = journal_->find(kind, cntlid);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

void SharedJournal::record(IntentKind kind, std::uint16_t cntlid,
                           std::map<std::string, std::string> details) {
  const std::lock_guard only(mutex_);
  journal_->record(kind, cntlid, std::move(details));
}

void SharedJournal::strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid) {
  const std::lock_guard only(mutex_);
  journal_->strike(kinds, cntlid);
}

std::string SharedJournal::try_to_strike(const std::vector<IntentKind>& kinds,
                                         std::uint16_t cntlid) noexcept {
  try {
    strike(kinds, cntlid);
    return {};
  } catch (const std::exception& failure) {
    return not_up_to_date(failure);
  }
}

bool SharedJournal::try_to_rewrite() noexcept {
  try {
    const std::lock_guard only(mutex_);
    journal_->rewrite();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

const ControlledFunction& MigrationSide::function(std::uint16_t cntlid) const {
  const auto* found = topology.find(cntlid);
  if (found == nullptr) {
    throw not_found(device + " has no controlled function " + std::to_string(cntlid));
  }
  return *found;
}

std::string MigrationSide::name_of(std::uint16_t cntlid) const {
  return "controlled function " + std::to_string(cntlid) + " of " + device;
}

std::string MigrationSide::command_line(const std::string& verb, std::uint16_t cntlid) const {
  return "nvmigrate " + verb + " " + device + " " + std::to_string(cntlid);
}

std::string not_up_to_date(const std::exception& failure) noexcept {
  try {
    return std::string("the journal is not up to date: ") + failure.what();
  } catch (const std::exception&) {
    return {};
  }
}

std::string joined(std::string first, const std::string& second) {
  if (!first.empty() && !second.empty()) first += "; ";
  return first += second;
}

FormatChoice whole_state(const StateFormats& formats) {
  FormatChoice choice{.version = std::nullopt, .vendor = std::nullopt};
  if (contains(formats.versions, std::uint16_t{0})) {
    choice.version = std::uint16_t{0};
  } else if (!formats.versions.empty()) {
    choice.version = formats.versions.front();
  }
  if (!formats.vendors.empty()) choice.vendor = formats.vendors.front();
  if (!choice.version && !choice.vendor) throw unsupported("the device offers no state format");
  return choice;
}

void require_formats(const StateFormats& formats, const FormatChoice& choice,
                     const std::string& device) {
  if (!choice.version && !choice.vendor) {
    throw usage_error("neither a version of the NVMe state nor a vendor format is chosen");
  }
  const auto hint = device + " has:" + listed(formats);
  if (choice.version && !contains(formats.versions, *choice.version)) {
    throw unsupported(device + " has no version " + std::to_string(*choice.version) +
                          " of the NVMe controller state",
                      hint);
  }
  if (choice.vendor && !contains(formats.vendors, *choice.vendor)) {
    throw unsupported(device + " has no vendor format " + to_string(*choice.vendor), hint);
  }
}

void require_marked(const MigrationSide& side, std::uint16_t cntlid) {
  if (side.function(cntlid).marked) return;
  throw refused(side.name_of(cntlid) + " is not marked for migration",
                side.command_line("mark", cntlid) + " allows it");
}

void require_unambiguous(const MigrationSide& side, std::uint16_t cntlid,
                         const std::vector<std::string>& allowed) {
  if (side.journal.find(IntentKind::loading, cntlid) &&
      !contains(allowed, std::string("loading"))) {
    throw refused(
        "a state was being loaded into " + side.name_of(cntlid) + ", and that did not end well",
        "load a whole state with " + side.command_line("import", cntlid) +
            " -f FILE, or give --allow loading to take it as it is");
  }
  const auto moved = side.journal.find(IntentKind::moved, cntlid);
  if (moved && !contains(allowed, std::string("moved"))) {
    throw refused("the state of " + side.name_of(cntlid) + " was moved to " +
                      detail(*moved, "destination") + " and runs there",
                  "two copies must never run; reset the function and resume it to use it anew, or "
                  "give --allow moved when you know that the other one is gone");
  }
}

void require_controlled(const MigrationSide& side, std::uint16_t cntlid) {
  if (!side.function(cntlid).controls) return;
  throw refused(side.name_of(cntlid) + " is a controlling function itself (it has SR-IOV)",
                "name a function that is controlled only: nvmigrate list " + side.device);
}

void require_released(const MigrationSide& side, std::uint16_t cntlid,
                      const std::vector<std::string>& allowed) {
  const auto& function = side.function(cntlid);
  if (!function.kernel_name || contains(allowed, std::string("host_driver"))) return;
  throw refused(
      side.name_of(cntlid) + " is in use by this host as " + *function.kernel_name +
          ", whose driver resets a function that does not answer",
      side.command_line("bind", cntlid) + " takes it from the host (or --allow host_driver)");
}

void require_online(const MigrationSide& side, std::uint16_t cntlid) {
  if (side.function(cntlid).online.value_or(true)) return;
  throw refused(side.name_of(cntlid) + " is offline and has no state",
                side.command_line("show", cntlid) + " shows it; provision brings it online");
}

}  // namespace nvmigrate
