// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

#include "nvmigrate/host/provision.h"

namespace nvmigrate {

/// What the journal says of a provision or deprovision that is begun and not ended.

/// Key of an intent `provisioning`: the controlling function as a user names it, so that who looks
/// through another one of its subsystem can be told.
inline constexpr const char* device_detail = "device";

/// The intent of one that died, of this controlling function.
std::optional<Intent> provisioning_wreck(const Topology& topology);
/// Records what is about to be done, keeping of a wreck how things were before it.
void record_provisioning(const HostAccess& access, const Topology& before,
                         const ProvisionResult& plan, const ProvisionWish& wish);
/// Whether it was destroying VFs, so that finishing it may too.
bool was_rebuilding(const Intent& wreck);
/// sriov_drivers_autoprobe as it was before anything of ours.
bool autoprobe_before(const Topology& topology, const std::optional<Intent>& wreck);
/// The wish it was carrying out; 0 VFs for a deprovision.
ProvisionWish wish_of(const Intent& wreck);

/// Whether the function is a VF of this controlling function that is there now.
bool is_enabled_vf(const Topology& topology, const ControlledFunction& function);
/// A step for each VF there is, or was before the wreck, of which something is remembered.
void add_forgetting(std::vector<ProvisionStep>& steps, const Topology& topology,
                    const std::optional<Intent>& wreck);

}  // namespace nvmigrate
