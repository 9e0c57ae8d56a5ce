// SPDX-License-Identifier: LGPL-2.1-or-later
//
// rehearse
//
// Rehearses a transfer on two simulated subsystems that it makes and removes again, and proves that
// the guest continues exactly where it was suspended. Needs neither root nor hardware.
#include <exception>
#include <iostream>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/session/session.h"

namespace {

namespace simulation = nvmigrate::simulation;

/// A simulated subsystem with one VF that may be migrated and that a VM can use.
class Stage {
 public:
  Stage(const nvmigrate::Workspace& workspace, const std::string& name)
      : workspace_(workspace), name_(name) {
    simulation::create(workspace, name);
    const auto session =
        nvmigrate::Session::open(workspace, "sim:" + name, nvmigrate::Access::change);
    provision(*session, {.vfs = 1});
    mark(*session, "vf1");
    bind(*session, select_to_bind(session->topology(), "vf1"), {});
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() {
    try {
      simulation::destroy(workspace_, name_);
    } catch (const nvmigrate::Error& error) {
      std::cerr << error.what() << '\n';
    }
  }

  [[nodiscard]] simulation::Place function() const { return {"sim:" + name_, "vf1"}; }

 private:
  const nvmigrate::Workspace& workspace_;
  std::string name_;
};

void transfer(const nvmigrate::Workspace& workspace, const simulation::Place& from,
              const simulation::Place& to) {
  // Opened together, so that two transfers in opposite directions cannot wait for each other.
  const auto pair = open_pair(workspace, from.device, to.device, nvmigrate::Access::change);
  auto& source = *pair.source;
  auto& destination = *pair.destination;
  const auto result = transfer_state(
      source, select_one(source.topology(), from.function, "transfer").cntlid, destination,
      select_one(destination.topology(), to.function, "transfer").cntlid);
  std::cout << result.figures.bytes << " bytes with " << result.figures.commands << " commands\n";
}

}  // namespace

int main() try {
  const nvmigrate::InterruptGuard guard;
  const auto workspace = nvmigrate::default_workspace("rehearse");
  const Stage source(workspace, "rehearsal-source");
  const Stage destination(workspace, "rehearsal-destination");
  simulation::start_guest(workspace, source.function());
  simulation::start_guest(workspace, destination.function(), 0);

  transfer(workspace, source.function(), destination.function());
  const auto differences =
      simulation::discontinuities(workspace, source.function(), destination.function());
  for (const auto& difference : differences)
    std::cout << difference << '\n';
  std::cout << (differences.empty() ? "the guest continues\n" : "the guest does not continue\n");
  return differences.empty() ? 0 : 1;
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
