// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

class Restorer {
 public:
  Restorer(Session& session, const OwnersOfVfs& owners, std::chrono::milliseconds timeout)
      : session_(&session), owners_(&owners), timeout_(timeout) {}

  void restore(const ControlledFunction& was) {
    attempt("remember", was, [&] { remember(was); });
    attempt("give the driver back to", was, [&] { give_driver(was); });
  }

  void give_driver(const ControlledFunction& was) {
    auto& bus = session_->pci();
    // A VF that is not made again has nothing to be given; that it is not was told already.
    if (!was.pci || !bus.find(was.pci->address)) return;
    const auto& pci = *was.pci;
    if (!was.on_vfio()) return give_back(bus, pci.address, {pci.driver, pci.override_to}, timeout_);
    give_nodes(was, give_to_vfio(bus, pci.address, *pci.driver, timeout_));
    if (pci.override_to != pci.driver) bus.set_override(pci.address, pci.override_to);
  }

  /// As restore(), for a function that may be unchanged or may have gained something.
  void put_back(const ControlledFunction& was) {
    attempt("give the driver back to", was, [&] {
      const auto now = was.pci ? session_->pci().find(was.pci->address) : std::nullopt;
      if (!now) return;
      if (now->driver != was.pci->driver || now->override_to != was.pci->override_to) {
        give_driver(was);
      } else {
        give_nodes(was, was.vfio);
      }
    });
    attempt("remember", was, [&] {
      auto& registry = session_->registry();
      if (!was.marked) registry.unmark(was.cntlid);
      if (was.binding) {
        registry.change_bindings({*was.binding}, {});
      } else {
        registry.change_bindings({}, {was.cntlid});
      }
      remember(was);
    });
  }

  [[nodiscard]] std::vector<std::string> failures() && { return std::move(failures_); }

 private:
  template <typename Work>
  void attempt(const std::string& what, const ControlledFunction& was, Work work) {
    try {
      work();
    } catch (const Error& error) {
      failures_.push_back(what + " " + describe(was) + ": " + error.what());
    }
  }

  void remember(const ControlledFunction& was) {
    auto& registry = session_->registry();
    if (was.marked) registry.mark(was.cntlid, was.backend);
    if (was.wanted) want_again(*was.wanted);
    if (was.binding && registry.binding_of(was.cntlid) == nullptr) registry.remember(*was.binding);
    for (const auto& intent : was.intents) {
      if (intent.kind != IntentKind::unbound) continue;
      session_->journal().record(intent.kind, was.cntlid, intent.details);
    }
  }

  void want_again(WantedResources was) {
    auto& registry = session_->registry();
    auto wanted = registry.wanted();
    if (const auto* now = registry.wanted_of(was.cntlid)) {
      was.namespaces.insert(now->namespaces.begin(), now->namespaces.end());
      std::erase_if(wanted, [&](const auto& one) { return one.cntlid == was.cntlid; });
    }
    wanted.push_back(std::move(was));
    std::sort(wanted.begin(), wanted.end(),
              [](const auto& one, const auto& other) { return one.cntlid < other.cntlid; });
    registry.want(std::move(wanted));
  }

  void give_nodes(const ControlledFunction& was, const VfioNodes& nodes) {
    const auto found = owners_->find(was.cntlid);
    if (found == owners_->end()) return;
    give(nodes.group, found->second.group);
    give(nodes.device, found->second.device);
  }

  void give(const std::optional<std::string>& node, const std::optional<Owner>& owner) {
    auto& bus = session_->pci();
    if (!node || !owner || bus.owner(*node) == *owner) return;
    bus.set_owner(*node, owner->user, owner->group);
  }

  Session* session_;
  const OwnersOfVfs* owners_;
  std::chrono::milliseconds timeout_;
  std::vector<std::string> failures_;
};

std::optional<Owner> owner_of(PciBus& bus, const std::optional<std::string>& node) {
  if (!node) return std::nullopt;
  return bus.owner(*node);
}

}  // namespace

OwnersOfVfs read_owners(PciBus& bus, const Topology& topology) {
  OwnersOfVfs owners;
  for (const auto& function : topology.functions) {
    if (!function.on_vfio()) continue;
    owners[function.cntlid] = {owner_of(bus, function.vfio.group),
                               owner_of(bus, function.vfio.device)};
  }
  return owners;
}

std::vector<std::string> restore_functions(Session& session, const Topology& before,
                                           const OwnersOfVfs& owners,
                                           std::chrono::milliseconds timeout) {
  Restorer restorer(session, owners, timeout);
  for (const auto& function : before.functions) {
    if (before.is_enabled_vf(function)) restorer.restore(function);
  }
  return std::move(restorer).failures();
}

std::vector<std::string> put_back(Session& session, const Topology& before,
                                  const OwnersOfVfs& owners, const std::set<std::uint16_t>& cntlids,
                                  std::chrono::milliseconds timeout) {
  Restorer restorer(session, owners, timeout);
  for (const auto& function : before.functions) {
    if (cntlids.contains(function.cntlid)) restorer.put_back(function);
  }
  return std::move(restorer).failures();
}

void restore_drivers(Session& session, const Topology& before, const OwnersOfVfs& owners,
                     std::chrono::milliseconds timeout) {
  Restorer restorer(session, owners, timeout);
  for (const auto& function : before.functions) {
    if (!function.secondary || !function.pci || !function.pci->driver) continue;
    const auto now = session.pci().find(function.pci->address);
    if (now && now->driver != function.pci->driver) restorer.give_driver(function);
  }
}

void rethrow_with_what_is_left(const std::string& device,
                               const std::vector<std::string>& failures) {
  try {
    throw;
  } catch (const Error& error) {
    throw Error(
        error.status(),
        fmt::format("{}; putting things back failed: {}", error.what(), fmt::join(failures, "; ")),
        "the journal names what is left", {{.action = Remedy::Action::repair, .device = device}})
        .with_code(error.code());
  }
}

}  // namespace nvmigrate
