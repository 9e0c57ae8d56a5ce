// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/driver_change.h"

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/ports/pci_bus.h"

namespace nvmigrate {
namespace {

constexpr const char* address_key = "address";
constexpr const char* driver_key = "original_driver";
constexpr const char* override_key = "original_override";

std::optional<std::string> detail(const Intent& intent, const char* key) {
  const auto found = intent.details.find(key);
  if (found == intent.details.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> driver_now(PciBus& bus, const std::string& address) {
  const auto function = bus.find(address);
  if (!function) throw not_found("function " + address + " is gone from the PCI bus");
  return function->driver;
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

OriginalDriver original_driver_of(const ControlledFunction& function) {
  if (function.binding) {
    return {function.binding->original_driver, function.binding->original_override};
  }
  for (const auto& intent : function.intents) {
    if (intent.kind == IntentKind::unbound) {
      return {detail(intent, driver_key), detail(intent, override_key)};
    }
  }
  if (!function.pci || function.on_vfio()) return {};
  return {function.pci->driver, function.pci->override_to};
}

std::map<std::string, std::string> details_of(const std::string& address,
                                              const OriginalDriver& original) {
  std::map<std::string, std::string> details{{address_key, address}};
  if (original.driver) details.emplace(driver_key, *original.driver);
  if (original.override_to) details.emplace(override_key, *original.override_to);
  return details;
}

VfioNodes give_to_vfio(PciBus& bus, const std::string& address, const std::string& driver,
                       std::chrono::milliseconds timeout) {
  bus.set_override(address, driver);
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
    bus.set_override(address, original.driver ? original.driver : original.override_to);
    bus.unbind(address);
    if (original.driver) {
      bus.probe(address);
      await_driver(bus, address, *original.driver, timeout);
    }
  }
  bus.set_override(address, original.override_to);
}

std::optional<std::string> give_to_any(PciBus& bus, const std::string& address) {
  bus.set_override(address, std::nullopt);
  bus.unbind(address);
  bus.probe(address);
  return driver_now(bus, address);
}

}  // namespace nvmigrate
