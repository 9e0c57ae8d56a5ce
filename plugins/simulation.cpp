// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/plugins.h"
#include "nvmigrate/store/lock.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::simulation {
namespace {

/// The lock that every command which changes the subsystem holds.
SubsystemLock lock(const Workspace& workspace, const std::string& name) {
  return {*workspace.io, workspace.folders, sim::key_of(workspace.folders, name).text(),
          workspace.command, workspace.wait};
}

SubsystemLock lock(const Workspace& workspace, const Place& place) {
  return lock(workspace, sim::place_of(place.device).name);
}

sim::GuestReport report(const Workspace& workspace, const Place& place) {
  return sim::guest_report(workspace.folders, place.device, place.function);
}

}  // namespace

void create(const Workspace& workspace, const std::string& name) {
  sim::create(workspace.folders, name);
}

void destroy(const Workspace& workspace, const std::string& name) {
  sim::check_name(name);
  const auto held = lock(workspace, name);
  sim::destroy(workspace.folders, name);
}

std::vector<std::string> names(const Workspace& workspace) { return sim::names(workspace.folders); }

void start_guest(const Workspace& workspace, const Place& place, std::optional<unsigned> queues) {
  const auto held = lock(workspace, place);
  sim::start_guest(workspace.folders, place.device, place.function, queues);
}

bool stop_guest(const Workspace& workspace, const Place& place) {
  const auto held = lock(workspace, place);
  return sim::stop_guest(workspace.folders, place.device, place.function);
}

std::vector<std::string> discontinuities(const Workspace& workspace, const Place& source,
                                         const Place& destination) {
  return sim::discontinuities(report(workspace, source), report(workspace, destination));
}

}  // namespace nvmigrate::simulation
