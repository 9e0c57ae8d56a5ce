// SPDX-License-Identifier: LGPL-2.1-or-later
//
// list [DEVICE...]
//
// Shows controlling functions with the functions that they control: where each is, what became of
// its guest, and what is wrong. Without a DEVICE it shows all of this host. Changes nothing.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "nvmigrate/account/account.h"
#include "nvmigrate/base/error.h"
#include "nvmigrate/base/finding.h"
#include "nvmigrate/nvme/identity.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/ports/pci_function.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/session/topology.h"
#include "nvmigrate/store/records.h"
#include "nvmigrate/version.h"

namespace {

void print(const nvmigrate::ControllerIdentity& identity) {
  std::cout << "  controller " << identity.cntlid << ", " << identity.model << ", "
            << (identity.live_migration ? "migrates" : "does not migrate") << '\n';
}

void print(const nvmigrate::PciFunction& function) {
  std::cout << ", " << function.address << ", driver " << function.driver.value_or("none");
}

void print(const nvmigrate::Intent& intent) {
  std::cout << "    " << to_string(intent.kind) << " since " << intent.time << " by "
            << intent.command << '\n';
}

void print(const nvmigrate::ControlledFunction& function) {
  std::cout << "  " << describe(function);
  if (function.pci) print(*function.pci);
  if (function.marked) std::cout << ", marked";
  std::cout << ": " << to_string(custody_of(function)) << '\n';
  for (const auto& intent : function.intents)
    print(intent);
}

void print(const nvmigrate::Finding& finding) {
  std::cout << "  " << to_string(finding.severity) << ": " << finding.message << " ["
            << finding.code << "]\n";
  if (!finding.advice.empty()) std::cout << "    " << finding.advice << '\n';
}

void list(const nvmigrate::Workspace& workspace, const std::string& device) {
  const auto session = nvmigrate::Session::open(workspace, device, nvmigrate::Access::read);
  // The device is asked before a record is believed; the account holds one against the other.
  const auto account = account_of(*session);
  const auto& topology = session->topology();

  std::cout << device << (topology.simulated ? " (simulated)\n" : "\n");
  print(topology.identity);
  for (const auto& function : topology.functions)
    print(function);
  for (const auto& finding : account)
    print(finding);
}

}  // namespace

int main(int count, char** words) try {
  std::cout << "libnvmigrate " << nvmigrate::library_version << '\n';
  const auto workspace = nvmigrate::default_workspace("list");
  std::vector<std::string> devices(words + 1, words + count);
  if (devices.empty()) devices = workspace.all_devices();
  for (const auto& device : devices)
    list(workspace, device);
  return 0;
} catch (const nvmigrate::Error& error) {
  // Every failure has a sentence, a stable code, an exit status and, often, a next step.
  std::cerr << "list: " << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << "list: " << error.what() << '\n';
  return 1;
}
