// SPDX-License-Identifier: LGPL-2.1-or-later
//
// save_and_apply
//
// Prepares a simulated subsystem, saves what it is as a profile, takes everything away, and has the
// profile make it again. Needs neither root nor hardware; removes what it made.
#include <exception>
#include <iostream>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/profile/profile.h"
#include "nvmigrate/session/session.h"

namespace {

constexpr auto name = "profile-example", device = "sim:profile-example";

void take_away(nvmigrate::Session& session) {
  unbind(session, select(session.topology(), "all", "unbind"), {});
  deprovision(session);
}

/// What was provisioned is also recorded as wanted: `nvmigrate apply` without a file would have it
/// again after a restart. A record that cannot be read stops this before anything is changed.
void prepare(nvmigrate::Session& session) {
  using Part = nvmigrate::PersistedPart;
  nvmigrate::ProfileRecord record(session);
  provision(session, {.vfs = 2, .queues = 4, .interrupts = 2});
  bind(session, select_to_bind(session.topology(), "vf1,vf2"), {});
  mark(session, "vf1");
  for (const auto& finding : record.persist({.kind = Part::Kind::resources}))
    std::cerr << finding.message << '\n';
  // No longer wanted: this is only an example.
  record.persist({.kind = Part::Kind::resources, .wanted = false});
}

void print(const nvmigrate::ApplyResult& result) {
  for (const auto& step : result.provisioning.steps)
    std::cout << "  " << to_string(step.action) << '\n';
  for (const auto& step : result.steps)
    std::cout << "  " << to_string(step.action) << " vf" << step.vfn << ' ' << step.driver << '\n';
}

int run(const nvmigrate::Workspace& workspace) {
  const auto session = nvmigrate::Session::open(workspace, device, nvmigrate::Access::change);
  prepare(*session);
  // The text is what `nvmigrate save` prints; keep it in a file, and `nvmigrate apply` takes it.
  const auto text = text_of(nvmigrate::Profile{{profile_of(*session)}});
  std::cout << text;
  take_away(*session);

  const auto profile = nvmigrate::parse_profile(text, "the text above");
  const auto& wanted = profile.subsystems.front();
  if (!names(wanted, *session)) return 1;
  const auto plan = plan_apply(*session, wanted, {});
  refuse_if_any_stands("apply", plan.findings);
  std::cout << "steps:\n";
  print(plan);
  apply(*session, wanted, {});
  const bool differs = plan_apply(*session, wanted, {}).differs();
  std::cout << (differs ? "something differs\n" : "nothing differs\n");
  take_away(*session);
  return differs ? 1 : 0;
}

}  // namespace

int main() try {
  const nvmigrate::InterruptGuard guard;
  const auto workspace = nvmigrate::default_workspace("save_and_apply");
  nvmigrate::simulation::create(workspace, name);
  const auto status = run(workspace);
  nvmigrate::simulation::destroy(workspace, name);
  return status;
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
