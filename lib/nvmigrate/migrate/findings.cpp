// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/findings.h"

#include <algorithm>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

class Findings {
 public:
  explicit Findings(const std::vector<std::string>& allowed) : allowed_(&allowed) {}

  Finding& blocker(std::string name, std::string message) {
    return list_.emplace_back(
        judged({.name = std::move(name), .message = std::move(message)}, *allowed_));
  }
  Finding& final_blocker(std::string name, std::string message) {
    auto& found = blocker(std::move(name), std::move(message));
    found.overridable = found.allowed = false;
    return found;
  }
  void warning(std::string name, std::string message) {
    list_.push_back({.name = std::move(name), .message = std::move(message), .blocker = false});
  }

  std::vector<Finding> take() {
    std::stable_partition(list_.begin(), list_.end(), [](const Finding& f) { return f.blocker; });
    return std::move(list_);
  }

 private:
  const std::vector<std::string>* allowed_;
  std::vector<Finding> list_;
};

std::string differ(const char* what, const std::string& theirs, const std::string& ours) {
  return std::string("the ") + what + " of the source was '" + theirs +
         "', that of the destination is '" + ours + "'";
}

void look_at_function(Findings& findings, const MigrationSide& side, std::uint16_t cntlid) {
  const auto& function = side.function(cntlid);
  const auto name = side.name_of(cntlid);
  if (function.controls) {
    auto& found = findings.final_blocker(
        "controlling_function", name + " is a controlling function itself (it has SR-IOV)");
    found.status = ExitStatus::refused;
  }
  if (!function.marked) {
    auto& found = findings.final_blocker("unmarked", name + " is not marked for migration");
    found.status = ExitStatus::refused;
    found.remedy = side.command_line("mark", cntlid) + " allows it";
  }
  if (!function.online.value_or(true)) {
    auto& found = findings.final_blocker("offline", name + " is offline");
    found.status = ExitStatus::refused;
    found.remedy = "provision brings it online";
  }
  if (function.kernel_name) {
    auto& found = findings.blocker("host_driver",
                                   name + " is in use by this host as " + *function.kernel_name);
    found.status = ExitStatus::refused;
    found.remedy = side.command_line("bind", cntlid) + " takes it from the host";
  }
}

std::string reset_of(const MigrationSide& side, const ControlledFunction& function) {
  if (!function.pci) return "reset it";
  if (!side.topology.simulated) {
    return "have its VM started anew, or reset it: echo 1 > /sys/bus/pci/devices/" +
           function.pci->address + "/reset";
  }
  return "reset it: nvmigrate sim change " + side.device.substr(side.device.find(':') + 1) +
         " --reset " + function.pci->address;
}

void look_at_destination(Findings& findings, const Candidate& candidate, const MigrationSide& side,
                         std::uint16_t cntlid) {
  if (!candidate.destination) return;
  const auto& there = *candidate.destination;
  if (candidate.formats.version && there.queues.value_or(0) > 0) {
    auto& found = findings.blocker("queues_exist",
                                   side.name_of(cntlid) + " has " + std::to_string(*there.queues) +
                                       " I/O queues already: a guest, or a state loaded before");
    found.status = ExitStatus::refused;
    found.remedy = reset_of(side, side.function(cntlid));
  }
  const bool known = candidate.decoded != nullptr && there.bytes > 0;
  if (known && candidate.decoded->header.vendor_bytes > there.bytes) {
    findings.warning("state_size", "the vendor part has " +
                                       format_size(candidate.decoded->header.vendor_bytes) +
                                       ", and the whole state of the destination has " +
                                       format_size(there.bytes) + " now");
  }
}

void look_for_a_vm(Findings& findings, const MigrationSide& side, std::uint16_t cntlid) {
  const auto& function = side.function(cntlid);
  if (side.pci == nullptr || !function.pci || !(function.vfio.group || function.vfio.device))
    return;
  if (!side.pci->vfio_holders(function.pci->address).empty()) return;
  findings.warning("not_open", "no process holds " + function.pci->address +
                                   " open; a VM that opens it later resets it and loses the state");
}

void look_at_formats(Findings& findings, const FormatChoice& wanted, const MigrationSide& side) {
  const auto& there = side.query.formats;
  if (!wanted.version && !wanted.vendor) {
    findings.final_blocker("no_formats", "the state names no format that it could be loaded in");
  }
  const auto has = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  if (wanted.version && !has(there.versions, *wanted.version)) {
    findings.final_blocker("version", side.device + " does not know version " +
                                          std::to_string(*wanted.version) +
                                          " of the NVMe controller state");
  }
  if (wanted.vendor && !has(there.vendors, *wanted.vendor)) {
    findings.final_blocker("vendor_format", side.device + " does not know the vendor format " +
                                                to_string(*wanted.vendor));
  }
}

std::string source_name(const StateIdentity& identity) {
  return "controlled function " + std::to_string(identity.controller) + " of subsystem " +
         identity.subsystem_nqn;
}

void look_for_the_source(Findings& findings, const Candidate& candidate) {
  if (!candidate.source_frozen) return;
  const auto name = "the source, " + source_name(*candidate.identity) + ",";
  if (*candidate.source_frozen) {
    findings.warning("source_suspended",
                     name + " is suspended on this host: never resume it once this one runs");
    return;
  }
  auto& found = findings.blocker("source_runs",
                                 name + " is not suspended; two copies of one state must not run");
  found.status = ExitStatus::refused;
  found.remedy = "suspend it and export it again";
}

void look_at_source(Findings& findings, const StateIdentity& identity, const MigrationSide& side,
                    std::uint16_t cntlid) {
  const auto& ours = side.topology.identity;
  if (identity.backend != side.backend.name()) {
    findings.final_blocker("backend", "the state was read by the backend '" + identity.backend +
                                          "', the destination has '" +
                                          std::string(side.backend.name()) + "'");
  }
  if (identity.simulated != side.topology.simulated) {
    findings.blocker("simulated",
                     identity.simulated
                         ? "the state is of a simulated function, the destination is real"
                         : "the state is of a real function, the destination is simulated");
  }
  if (identity.model != ours.model || identity.vendor_id != ours.vendor) {
    findings.blocker("model", differ("model", identity.model, ours.model));
  }
  if (identity.firmware != ours.firmware) {
    const auto message = differ("firmware", identity.firmware, ours.firmware);
    if (identity.formats.vendor) {
      findings.blocker("firmware", message + ", and the state has a vendor part");
    } else {
      findings.warning("firmware", message);
    }
  }
  if (identity.subsystem_nqn == ours.subsystem_nqn && identity.controller == cntlid) {
    findings.warning("same_function", "the state was read from the same function");
  }
}

std::uint32_t deepest_of(const auto& queues) {
  std::uint32_t deepest = 0;
  for (const auto& queue : queues)
    deepest = std::max(deepest, queue.entries);
  return deepest;
}

void look_at_depth(Findings& findings, const DecodedState& decoded, const MigrationSide& side) {
  const auto deepest =
      std::max(deepest_of(decoded.submission_queues), deepest_of(decoded.completion_queues));
  const auto most = side.topology.max_queue_entries;
  if (!most || deepest <= *most) return;
  findings.blocker("queue_depth", "the state has a queue of " + std::to_string(deepest) +
                                      " entries, and " + side.device + " takes at most " +
                                      std::to_string(*most) + " (CAP.MQES)");
}

/// Of a state that is not whole there is nothing to load.
bool says_not_whole(const StateFinding& found) {
  return found.name == "too_short" || found.name == "one_dword_short" || found.name == "too_long";
}

void look_at_state(Findings& findings, const DecodedState& decoded, const MigrationSide& side,
                   std::uint16_t cntlid) {
  for (const auto& found : decoded.findings) {
    if (found.blocker && says_not_whole(found)) {
      findings.final_blocker(found.name, found.message);
    } else if (found.blocker) {
      findings.blocker(found.name, found.message);
    } else {
      findings.warning(found.name, found.message);
    }
  }
  look_at_depth(findings, decoded, side);
  const auto& function = side.function(cntlid);
  if (!function.secondary || !side.topology.resources) return;
  std::size_t highest = 0;
  std::size_t vectors = 0;
  for (const auto& queue : decoded.submission_queues)
    highest = std::max<std::size_t>(highest, queue.id);
  for (const auto& queue : decoded.completion_queues) {
    highest = std::max<std::size_t>(highest, queue.id);
    if (queue.interrupts) vectors = std::max<std::size_t>(vectors, queue.vector + 1U);
  }
  if (side.topology.resources->queues.supported && highest > 0 && highest >= function.queues) {
    auto& found = findings.blocker(
        "queues", "the state has I/O queues up to id " + std::to_string(highest) + ", and " +
                      side.name_of(cntlid) + " has " + std::to_string(function.queues) +
                      " queues, the admin queue among them");
    found.remedy = "provision it with more queues";
  }
  if (side.topology.resources->interrupts.supported && vectors > function.interrupts) {
    auto& found = findings.blocker(
        "interrupts", "the state uses " + std::to_string(vectors) + " interrupt vectors, and " +
                          side.name_of(cntlid) + " has " + std::to_string(function.interrupts));
    found.remedy = "provision it with more interrupts";
  }
}

}  // namespace

Finding judged(Finding found, const std::vector<std::string>& allowed) {
  found.allowed = found.blocker && found.overridable &&
                  std::find(allowed.begin(), allowed.end(), found.name) != allowed.end();
  return found;
}

std::vector<Finding> find_obstacles(const Candidate& candidate, const MigrationSide& side,
                                    std::uint16_t cntlid, const std::vector<std::string>& allowed) {
  Findings findings(allowed);
  look_at_function(findings, side, cntlid);
  if (candidate.identity != nullptr) {
    look_at_source(findings, *candidate.identity, side, cntlid);
    look_for_the_source(findings, candidate);
  } else {
    findings.warning("raw", "a raw state does not say where it comes from");
  }
  look_at_formats(findings, candidate.formats, side);
  if (candidate.decoded != nullptr) look_at_state(findings, *candidate.decoded, side, cntlid);
  look_at_destination(findings, candidate, side, cntlid);
  look_for_a_vm(findings, side, cntlid);
  return findings.take();
}

std::vector<Finding> find_misfits(const DecodedState& decoded, const MigrationSide& side,
                                  std::uint16_t cntlid, const std::vector<std::string>& allowed) {
  Findings findings(allowed);
  look_at_state(findings, decoded, side, cntlid);
  return findings.take();
}

void refuse_if_any_stands(const std::vector<Finding>& findings, const std::string& what) {
  std::string message;
  std::string hint;
  const Finding* first = nullptr;
  for (const auto& found : findings) {
    if (!found.stands()) continue;
    if (first == nullptr) first = &found;
    message += (message.empty() ? "" : "; ") + found.message;
    const auto way = !found.remedy.empty() ? found.remedy
                     : found.overridable   ? "--allow " + found.name + " overrides this"
                                           : std::string{};
    if (!way.empty()) hint += (hint.empty() ? "" : "; ") + way;
    if (!found.remedy.empty() && found.overridable) hint += " (or --allow " + found.name + ")";
  }
  if (first != nullptr) throw Error(first->status, what + ": " + message, hint);
}

}  // namespace nvmigrate
