// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/driver_change.h"

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate {
namespace {

constexpr const char* address_key = "address";

std::optional<std::string> detail(const Intent& intent, const char* key) {
  const auto found = intent.details.find(key);
  if (found == intent.details.end()) return std::nullopt;
  return found->second;
}

PciFunction function_now(PciBus& bus, const std::string& address) {
  auto function = bus.find(address);
  if (!function) throw not_found("function " + address + " is gone from the PCI bus");
  return *function;
}

/// Where it is so already, /sys need not be writable.
void have_override(PciBus& bus, const std::string& address,
                   const std::optional<std::string>& wanted) {
  if (function_now(bus, address).override_to != wanted) bus.set_override(address, wanted);
}

[[noreturn]] void not_in_time(const std::string& what, std::chrono::milliseconds timeout) {
  throw Error(ExitStatus::timed_out, what + " within " + std::to_string(timeout.count()) + " ms");
}

void await_driver(PciBus& bus, const std::string& address, const std::string& driver,
                  std::chrono::milliseconds timeout) {
  const bool taken = wait_until(timeout, [&] { return driver_now(bus, address) == driver; });
  if (!taken) not_in_time("driver " + driver + " did not take " + address, timeout);
}

}  // namespace

std::optional<std::string> driver_now(PciBus& bus, const std::string& address) {
  return function_now(bus, address).driver;
}

OriginalDriver original_driver_of(const ControlledFunction& function) {
  if (function.binding) {
    return {function.binding->original_driver, function.binding->original_override};
  }
  for (const auto& intent : function.intents) {
    if (intent.kind == IntentKind::unbound) {
      return {detail(intent, original_driver_detail), detail(intent, original_override_detail)};
    }
  }
  if (!function.pci) return {};
  return {function.pci->driver, function.pci->override_to};
}

std::map<std::string, std::string> details_of(const std::string& address,
                                              const OriginalDriver& original) {
  std::map<std::string, std::string> details{{address_key, address}};
  if (original.driver) details.emplace(original_driver_detail, *original.driver);
  if (original.override_to) details.emplace(original_override_detail, *original.override_to);
  return details;
}

VfioNodes give_to_vfio(PciBus& bus, const std::string& address, const std::string& driver,
                       std::chrono::milliseconds timeout) {
  have_override(bus, address, driver);
  bus.unbind(address);
  bus.probe(address);
  await_driver(bus, address, driver, timeout);
  VfioNodes nodes;
  const bool appeared = wait_until(timeout, [&] {
    nodes = bus.vfio_nodes(address);
    return nodes.group || nodes.device;
  });
  if (!appeared) not_in_time("no vfio node of " + address + " appeared", timeout);
  return nodes;
}

void give_back(PciBus& bus, const std::string& address, const OriginalDriver& original,
               std::chrono::milliseconds timeout) {
  if (driver_now(bus, address) != original.driver) {
    // A VF is probed only with an override while sriov_drivers_autoprobe is off.
    have_override(bus, address, original.driver ? original.driver : original.override_to);
    bus.unbind(address);
    if (original.driver) {
      bus.probe(address);
      await_driver(bus, address, *original.driver, timeout);
    }
  }
  have_override(bus, address, original.override_to);
}

void give_to_any(PciBus& bus, const std::string& address) {
  have_override(bus, address, std::nullopt);
  bus.unbind(address);
  bus.probe(address);
}

}  // namespace nvmigrate
