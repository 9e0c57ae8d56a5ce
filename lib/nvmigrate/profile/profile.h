// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/host/provision.h"
#include "nvmigrate/session/session.h"

/// The wanted state of hosts: what is in the file that nvmigrate-profile(5) describes.
namespace nvmigrate {

/// A driver that a profile names for "one that is made for the function, else vfio-pci", and for
/// "the one that it had before it was bound".
inline constexpr const char *auto_driver = "auto", *host_driver_word = "host";

/// The code of an error about what is in a profile.
inline constexpr const char* bad_profile = "bad_profile";

/// What a profile says of one function, or of every VF. Nothing: that stays as it is.
struct FunctionProfile {
  std::optional<std::uint16_t> queues{}, interrupts{};
  std::optional<bool> marked{};
  std::optional<std::string>
      backend{};                        ///< of the mark; nothing: the one that it has, or the first
  std::optional<std::string> driver{};  ///< of vfio, or one of the two words above
  std::optional<std::string> owner{};   ///< of its vfio nodes: `USER[:GROUP]`, names or numbers
  bool operator==(const FunctionProfile&) const = default;
};

/// What a profile says of one controlling function and what it controls.
struct SubsystemProfile {
  std::string nqn{}, serial{}, model{};          ///< empty: any; one of the first two is given
  std::optional<std::uint16_t> controller_id{};  ///< of the controlling function
  std::optional<unsigned> vfs{};
  bool release_primary = false;  ///< the controlling function holds no flexible resources
  std::optional<std::vector<std::uint32_t>> namespaces{};  ///< of every VF; empty: all there are
  FunctionProfile defaults{};                              ///< of every VF
  std::map<std::string, FunctionProfile> functions{};      ///< by `vf2` or controller id
  std::string place{};     ///< where it stands: `/etc/nvmigrate/lab.json: /subsystems/0`
  bool persisted = false;  ///< recorded by a command, not written by a person
};

/// A profile: one for each controlling function.
struct Profile {
  std::vector<SubsystemProfile> subsystems;
};

/// \param name of the file, for errors
/// \throws Error(usage) `bad_profile` that names file, JSON pointer and what is allowed
Profile parse_profile(const std::string& text, const std::string& name);
/// The profile as the text of a file.
std::string text_of(const Profile& profile);
/// An entry in one line, as the journal keeps it; parse_profile() takes it.
std::string line_of(const SubsystemProfile& wanted);

/// The present of a controlling function, as a profile that plan_apply() finds no difference to.
/// \throws NvmeError, OsError
SubsystemProfile profile_of(Session& session);

/// Whether the entry is of this controlling function.
bool names(const SubsystemProfile& wanted, const Session& session);

/// An entry and the controlling function that it means.
struct ProfileTarget {
  Session* session = nullptr;
  const SubsystemProfile* wanted = nullptr;
};
/// Which controlling functions the entries of one or more profiles mean.
struct ProfileMatch {
  std::vector<ProfileTarget> targets;             ///< in the order of the keys of their subsystems
  std::vector<const SubsystemProfile*> absent{};  ///< of no controlling function of this host
};
/// A persisted entry gives way to one of a file.
/// \throws Refusal when an entry matches several controlling functions, or several entries one
ProfileMatch match(const std::vector<SubsystemProfile>& entries,
                   const std::vector<std::unique_ptr<Session>>& sessions);
/// The finding that this host does not have what an entry names.
Finding absence_of(const SubsystemProfile& wanted, bool blocks);

/// What is done to one function to make it as the profile says.
struct ProfileStep {
  /// In the order in which they are done; the first two before functions are provisioned.
  enum class Action { unmark, unbind, bind, own, mark };
  Action action{};
  std::optional<std::uint16_t> cntlid;  ///< nothing: not known before it is provisioned
  unsigned vfn = 0;                     ///< 1-based; 0: it is not a VF
  std::string driver{};                 ///< of `bind`
  std::string owner{};                  ///< of `bind` and `own`; empty: as it comes
  std::string backend{};                ///< of `mark`; empty: see Session::chosen()
};
/// `unmark`, `unbind`, …: the word in JSON.
std::string_view to_string(ProfileStep::Action action) noexcept;

/// How a profile is applied.
struct ApplyRequest {
  bool recreate = false;               ///< VFs may be destroyed and made again
  std::vector<std::string> allowed{};  ///< codes of conditions
  ProvisionLimits limits{};
};

/// What will be done, or was.
struct ApplyResult {
  ProvisionResult provisioning;
  std::vector<ProfileStep> steps;    ///< in their order
  std::optional<Intent> unfinished;  ///< of an earlier run, which this one finishes
  Findings findings;

  /// Whether something is to be done.
  [[nodiscard]] bool differs() const noexcept;
};

/// The difference between a profile and the present. Changes and refuses nothing: what stands
/// against it is in the findings. \throws NvmeError, OsError; Error(usage) `bad_profile` for an
/// owner that this host does not know
ApplyResult plan_apply(Session& session, const SubsystemProfile& wanted,
                       const ApplyRequest& request);

/// Makes the changes with provision(), bind(), unbind(), mark() and unmark(). The journal has one
/// intent for the whole. After a failure everything is as it was before, or the journal names what
/// is not. Finishes what a run that ended early began. Claims the session. \throws Refusal with
/// every blocker; else as the functions that it calls
ApplyResult apply(Session& session, const SubsystemProfile& wanted, const ApplyRequest& request);

/// The outcome for one of several controlling functions.
struct Applied {
  std::optional<ApplyResult> result;
  std::exception_ptr failure;
};
/// apply() to several controlling functions, those of different subsystems side by side.
std::vector<Applied> apply_all(const std::vector<ProfileTarget>& targets,
                               const ApplyRequest& request);

/// Applies again the profile of a run that ended early, as the journal has it. Claims the session.
/// \return nothing when there is nothing to finish. \throws as apply()
std::optional<ApplyResult> finish_apply(Session& session, const ProvisionLimits& limits = {});

/// The conditions that can be allowed when a profile is applied.
std::vector<std::string> overrides_of_apply();

// --- what should be configured on this host

/// Which part of the present one command records, for persist().
struct PersistedPart {
  enum class Kind { resources, driver, mark };
  Kind kind{};
  bool wanted = true;                    ///< false: it is no longer
  std::vector<std::uint16_t> cntlids{};  ///< of `driver` and `mark`
  bool namespaces = false;               ///< of `resources`: those attached now are wanted
  bool release_primary = false;          ///< of `resources`
};
/// Records that this part of the present is wanted on this host from now on, also after a restart,
/// or that it no longer is. The session is claimed. \throws OsError, refused
void persist(Session& session, const PersistedPart& part);

/// Every `*.json` of the configuration folder, in the order of their names, and what was persisted.
/// \throws as parse_profile(); refused for files that others may write; OsError
std::vector<SubsystemProfile> declared_profiles(Io& io, const Folders& folders);

}  // namespace nvmigrate
