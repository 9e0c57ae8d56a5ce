// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/guards.h"

namespace nvmigrate {
namespace {

std::string cannot(const Deed& deed, const ControlledFunction& function) {
  return "cannot " + deed.what + " " + describe(function) + ": ";
}

}  // namespace

std::string describe(const ControlledFunction& function) {
  return describe(function.cntlid, function.vfn);
}

std::string describe(std::uint16_t cntlid, unsigned vfn) {
  auto text = "controlled function " + std::to_string(cntlid);
  return vfn == 0 ? text : text + " (vf " + std::to_string(vfn) + ")";
}

std::string describe(const std::vector<Use>& uses) {
  std::string text;
  for (const auto& use : uses) {
    if (!text.empty()) text += ", ";
    text += use.object + " " + use.how;
  }
  return text;
}

bool on_vfio(const ControlledFunction& function) noexcept {
  return function.vfio.group.has_value() || function.vfio.device.has_value();
}

void refuse_controlling(PciBus& bus, const ControlledFunction& function, const Deed& deed) {
  if (!function.pci) return;
  if (const auto vfs = bus.sriov(function.pci->address).enabled; vfs != 0) {
    throw refused(cannot(deed, function) + "it has " + std::to_string(vfs) +
                      " VFs, which depend on its driver",
                  "take its VFs away first");
  }
  if (!function.controls) return;
  throw refused(cannot(deed, function) + "it is a controlling function itself (it has SR-IOV)",
                "name a function that is controlled only");
}

void refuse_open_node(PciBus& bus, const ControlledFunction& function, const Deed& deed) {
  if (!function.pci) return;
  const auto holders = bus.vfio_holders(function.pci->address);
  if (holders.empty()) return;
  throw refused(cannot(deed, function) + "its vfio node is open: " + describe(holders),
                "end the virtual machine that has it");
}

void refuse_host_uses(PciBus& bus, const ControlledFunction& function, const Deed& deed) {
  if (!function.pci) return;
  const auto uses = bus.host_uses(function.pci->address);
  if (uses.empty()) return;
  throw refused(cannot(deed, function) + "this host uses it: " + describe(uses),
                "unmount or release it first");
}

void refuse_suspended(const Topology& topology, const ControlledFunction& function,
                      const Deed& deed) {
  const auto verb = [&](const std::string& name) {
    return "nvmigrate " + name + " " + topology.device + " " + std::to_string(function.cntlid);
  };
  if (function.has(IntentKind::loading)) {
    throw refused(cannot(deed, function) + "a state is loaded into it only in part",
                  verb("import") + " -f FILE loads a whole one");
  }
  if (function.has(IntentKind::moved) && !deed.allow_moved) {
    throw refused(cannot(deed, function) + "its state was moved and runs elsewhere",
                  "--allow moved says that the copy left here is not needed any more");
  }
  if (function.has(IntentKind::suspended) && !function.has(IntentKind::moved)) {
    throw refused(cannot(deed, function) + "it is suspended",
                  verb("resume") + " lets it run again");
  }
}

void refuse_in_use(const Topology& topology, PciBus& bus, const ControlledFunction& function,
                   const Deed& deed) {
  refuse_open_node(bus, function, deed);
  refuse_host_uses(bus, function, deed);
  refuse_suspended(topology, function, deed);
}

}  // namespace nvmigrate
