// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

#include "nvmigrate/host/provision.h"
#include "nvmigrate/store/registry.h"

/// What the journal says of a provisioning that was begun and has not ended.
namespace nvmigrate {

/// Key of an intent `provisioning`: the controlling function as its user named it, for those who
/// look through another controlling function of the subsystem.
inline constexpr const char* device_detail = "device";

/// Notes which conditions the caller allowed, for whoever finishes what an intent begins.
void note_allowed(IntentDetails& details, const std::vector<std::string>& allowed);
/// What note_allowed() noted.
std::vector<std::string> allowed_in(const Intent& intent);

/// The intent of a run of this controlling function that ended early.
std::optional<Intent> unfinished_provisioning(const Topology& topology);
/// Records what is about to be done; of an unfinished run it keeps how things were before.
void record_provisioning(Session& session, const Topology& before, const ProvisionResult& plan,
                         const ProvisionRequest& request);
/// Whether nothing of it is there, and nothing was there before: it ended before its first effect,
/// or somebody took everything back.
bool is_undone(const Topology& topology, const Intent& unfinished);
/// Whether it was destroying VFs, so that finishing it may destroy them too.
bool was_rebuilding(const Intent& unfinished);
/// sriov_drivers_autoprobe as it was before this tool changed it.
bool autoprobe_before(const Topology& topology, const std::optional<Intent>& unfinished);
/// What each function is to have from now on: of functions that the plan says, what it gives them;
/// of VFs beyond, nothing more; of all others, what it was.
std::vector<WantedResources> wanted_after(const Registry& registry, const Topology& before,
                                          const ProvisionResult& plan);
/// The same before a reset of the controlling function: what is online is to have what it has.
std::vector<WantedResources> wanted_as_held(const Registry& registry, const Topology& before);
/// The request it was carrying out; 0 VFs for a deprovision.
ProvisionRequest request_of(const Intent& unfinished);

/// A step for each VF that is there, or was before the unfinished run, and has a record.
void add_forgetting(std::vector<ProvisionStep>& steps, const Topology& topology,
                    const std::optional<Intent>& unfinished);

}  // namespace nvmigrate
