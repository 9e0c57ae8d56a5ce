// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/profile/profile.h"

/// The profiles of this host, and applying several at once.
namespace nvmigrate {

/// A profile that cannot be used.
struct BadProfile {
  Error error;                        ///< names the file
  std::optional<std::string> text{};  ///< as far as it could be read; nothing: it could not
};

/// What is to be configured on this host.
struct DeclaredProfiles {
  std::vector<SubsystemProfile> entries{};
  std::vector<BadProfile> bad{};
};

/// How the names of profiles end.
inline constexpr auto profile_ending = ".json";
/// Where ProfileRecord keeps what is persisted, a file for each subsystem.
std::string persisted_folder(const Folders& folders);

/// Every `*.json` of the configuration folder, in the order of their names, and what was persisted.
/// One that is not a profile, or that others may write, is a bad one.
DeclaredProfiles declared_profiles(Io& io, const Folders& folders);
/// Only those of the configuration folder.
DeclaredProfiles profiles_of_files(Io& io, const Folders& folders);
/// The entries of one controlling function: those from files, or else those that were persisted.
std::vector<const SubsystemProfile*> entries_of(const Session& session,
                                                const std::vector<SubsystemProfile>& entries);
/// How many VFs they want of a controlling function; 0: they do not name it, or name it twice.
unsigned declared_vfs(const Session& session);

/// Whether its text has the name of a controlling function, or is not known.
bool may_be_about(const BadProfile& bad, const Session& session);

/// An entry and the controlling function that it means.
struct ProfileTarget {
  Session* session = nullptr;
  const SubsystemProfile* wanted = nullptr;
  std::exception_ptr failure{};  ///< why it cannot be applied to this one; nothing: it can
};
/// Which controlling functions the entries of one or more profiles mean.
struct ProfileMatch {
  std::vector<ProfileTarget> targets;             ///< in the order of the keys of their subsystems
  std::vector<const SubsystemProfile*> absent{};  ///< of no controlling function of this host
  std::vector<Refusal> unclear{};                 ///< of entries that match several
};
/// A persisted entry gives way to one of a file, also to one that cannot be read.
ProfileMatch match(const DeclaredProfiles& declared,
                   const std::vector<std::unique_ptr<Session>>& sessions);
/// The finding that this host does not have what an entry names.
Finding absence_of(const SubsystemProfile& wanted, bool blocks);
/// What an apply would refuse for the form of the profiles: bad ones, entries that match several
/// controlling functions, controlling functions that are named twice, owners that are not known.
Findings check_profiles(const DeclaredProfiles& declared,
                        const std::vector<std::unique_ptr<Session>>& sessions);

/// The outcome for one of several controlling functions.
struct Applied {
  std::optional<ApplyResult> result;
  std::exception_ptr failure;
};
/// plan_apply() of several. What stands against one is its failure.
std::vector<Applied> plan_all(const std::vector<ProfileTarget>& targets,
                              const ApplyRequest& request);
/// apply() for several controlling functions; different subsystems run in parallel.
std::vector<Applied> apply_all(const std::vector<ProfileTarget>& targets,
                               const ApplyRequest& request);

/// Key of an intent `applying`: see SubsystemProfile::file. Former versions did not record it.
inline constexpr const char* file_detail = "file";
/// What finish_apply() would do. Changes nothing. \return nothing when there is nothing to finish
/// \throws Error(usage) `bad_profile` when the journal does not say what was applied; as
/// plan_apply()
std::optional<ApplyResult> plan_finish(Session& session);
/// Applies again the profile of a run that ended early, as the journal has it, with what that run
/// was allowed. Claims the session. \return nothing when there is nothing to finish
/// \throws as plan_finish(), apply()
std::optional<ApplyResult> finish_apply(Session& session, const ProvisionLimits& limits = {});

/// The conditions that can be allowed when a profile is applied.
std::vector<std::string> overrides_of_apply();
/// An entry in one line, as the journal keeps it; parse_profile() takes it.
std::string line_of(const SubsystemProfile& wanted);

}  // namespace nvmigrate
