// SPDX-License-Identifier: LGPL-2.1-or-later
//
// provision_and_bind DEVICE VFS
//
// Takes a bare controlling function to VFs that a VM can be given: enables them, shares the
// flexible resources out, binds them to vfio, allows them to be migrated, and prints what QEMU
// needs of each. What is done already is not done again.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/finding.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/nvme/status.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/session/session.h"

namespace {

void warn(const nvmigrate::Findings& findings) {
  for (const auto& finding : findings)
    std::cerr << to_string(finding.severity) << ": " << finding.message << '\n';
}

/// \return the VFs as words: `vf1,vf2`. Functions are named as on a command line: also `3`,
/// `1-4,7`, a PCI address, `all`
std::string make(nvmigrate::Session& session, unsigned vfs) {
  // plan_provision() tells what this would do, and does nothing.
  const auto result = provision(session, {.vfs = vfs});
  warn(result.findings);
  std::cout << result.vfs << " VFs, " << result.was_vfs << " before\n";
  std::string words;
  for (const auto& function : result.functions) {
    std::cout << "  vf " << function.vfn << ": " << function.queues << " queues, "
              << function.interrupts << " interrupts\n";
    words += (words.empty() ? "vf" : ",vf") + std::to_string(function.vfn);
  }
  return words;
}

void give_to_vfio(nvmigrate::Session& session, const std::string& words) {
  const auto functions = select_to_bind(session.topology(), words);
  const auto result = nvmigrate::bind(session, functions, nvmigrate::BindRequest{});
  warn(result.findings);
  // One function that fails does not stop the others.
  for (const auto& change : result.functions) {
    if (change.failure) std::cerr << change.address << ": " << change.failure->what() << '\n';
  }
}

void print_handles(nvmigrate::Session& session) {
  for (const auto& function : session.topology().functions) {
    if (function.on_vfio())
      std::cout << nvmigrate::as_qemu({make_handle(session, function.cntlid)});
  }
}

/// Everything that stands against an action, not only the first. Some conditions can be allowed:
/// by their code, in `allowed` of the request.
int report(const nvmigrate::Refusal& refusal) {
  std::cerr << "cannot " << refusal.action() << ":\n";
  for (const auto& finding : refusal.findings()) {
    const auto* condition = nvmigrate::find_condition(finding.code);
    std::cerr << "  " << finding.message << " [" << finding.code << ", from "
              << (condition != nullptr ? condition->looks_at : "the state") << "]\n";
    if (!finding.advice.empty()) std::cerr << "    " << finding.advice << '\n';
    if (finding.overridable) std::cerr << "    it can be allowed\n";
  }
  return static_cast<int>(refusal.status());
}

}  // namespace

int main(int count, char** words) try {
  if (count != 3) throw nvmigrate::usage_error("give DEVICE and the number of VFs");
  // While it lives, a stop signal ends what is in progress at a point where that is safe.
  const nvmigrate::InterruptGuard guard;
  const auto workspace = nvmigrate::default_workspace("provision_and_bind");
  // The session holds the lock of the subsystem until its end.
  const auto session = nvmigrate::Session::open(workspace, words[1], nvmigrate::Access::change);
  const auto vfs = make(*session, static_cast<unsigned>(std::strtoul(words[2], nullptr, 0)));
  give_to_vfio(*session, vfs);
  warn(mark(*session, vfs).findings);
  print_handles(*session);
  return 0;
} catch (const nvmigrate::Refusal& refusal) {
  return report(refusal);
} catch (const nvmigrate::NvmeError& error) {
  std::cerr << error.what() << " [" << name_of(error.nvme_status()) << "]\n";
  return static_cast<int>(error.status());
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
