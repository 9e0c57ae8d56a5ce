// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nvmigrate/host/functions.h"
#include "nvmigrate/profile/profile.h"

namespace nvmigrate {

/// A function that a profile speaks of, and what it says.
struct WantedFunction {
  const ControlledFunction* function = nullptr;  ///< nullptr: the device does not list it yet
  unsigned vfn = 0;                              ///< 1-based; 0: it is not a VF
  FunctionProfile wants{};
};

/// The VFs that should exist, and the other functions that the profile names.
/// \param wrong gets a finding for each named function that does not exist
std::vector<WantedFunction> wanted_functions(Session& session, const SubsystemProfile& wanted,
                                             Findings& wrong);

/// The request for provision(). \return nothing when the profile does not ask for any; no VFs: none
/// shall be left
std::optional<ProvisionRequest> provisioning_of(const SubsystemProfile& wanted,
                                                const std::vector<WantedFunction>& functions,
                                                const Topology& topology,
                                                const ApplyRequest& request);

/// The steps for each function, apart from its resources, in order.
/// \param remade whether the present VFs are destroyed and made again first
std::vector<ProfileStep> function_steps(Session& session,
                                        const std::vector<WantedFunction>& functions, bool remade);

/// The known controller ids of the steps of one kind, which are carried out together.
std::vector<std::uint16_t> ids_of(const std::vector<ProfileStep>& steps,
                                  ProfileStep::Action action);

/// Functions to bind to one driver with one owner, by controller id.
struct BindGroup {
  std::string driver, owner;
  std::vector<std::uint16_t> cntlids;
  /// \throws usage_error for an unknown owner
  [[nodiscard]] BindRequest request(const ApplyRequest& from) const;
};
std::vector<BindGroup> bind_groups(const std::vector<ProfileStep>& steps);

/// \throws not_found
FunctionList functions_of(Session& session, const std::vector<std::uint16_t>& cntlids);
/// `1,4,7`, as mark() takes it.
std::string words_of(const std::vector<std::uint16_t>& cntlids);

/// Calls `mark` with the functions to be marked (as mark() takes them), once for each backend that
/// the steps name, which is the one of the session meanwhile.
void with_each_backend(Session& session, const std::vector<ProfileStep>& steps,
                       const std::function<void(const std::string& words)>& mark);

/// The intent of a run that ended early.
std::optional<Intent> unfinished_apply(const Topology& topology);

}  // namespace nvmigrate
