// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  std::optional<std::vector<std::uint32_t>> namespaces{};  ///< of every VF; empty: all namespaces
  FunctionProfile defaults{};                              ///< of every VF
  std::map<std::string, FunctionProfile> functions{};      ///< by `vf2` or controller id
  std::string place{};     ///< where it stands: `/etc/nvmigrate/lab.json: /subsystems/0`
  bool persisted = false;  ///< recorded by ProfileRecord, not written by a person
  /// Named in remedies, and in the journal for whoever finishes what is begun; empty: it is one of
  /// the profiles of this host.
  std::string file{};
};

/// A profile: one for each controlling function.
struct Profile {
  std::vector<SubsystemProfile> subsystems;
};

/// \param name of the file, for errors
/// \throws Error(usage) `bad_profile` that names file, JSON pointer and what is allowed
NVMIGRATE_API Profile parse_profile(const std::string& text, const std::string& name);
/// The profile as the text of a file.
NVMIGRATE_API std::string text_of(const Profile& profile);

/// The present of a controlling function, as a profile that plan_apply() finds no difference to.
/// \throws NvmeError, OsError
NVMIGRATE_API SubsystemProfile profile_of(Session& session);

/// Whether the entry is of this controlling function.
NVMIGRATE_API bool names(const SubsystemProfile& wanted, const Session& session);

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
NVMIGRATE_API std::string_view to_string(ProfileStep::Action action) noexcept;

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

  /// Whether something is to be done, and be it to end the record of an earlier run.
  [[nodiscard]] NVMIGRATE_API bool differs() const noexcept;
};

/// The difference between a profile and the present. Changes and refuses nothing: what stands
/// against it is in the findings. \throws NvmeError, OsError; Error(usage) `bad_profile` for an
/// owner that this host does not know
NVMIGRATE_API ApplyResult plan_apply(Session& session, const SubsystemProfile& wanted,
                                     const ApplyRequest& request);

/// Makes the changes with provision(), bind(), unbind(), mark() and unmark(). The journal has one
/// intent for the whole. After a failure everything is as it was before, or the journal names what
/// is not. Finishes what a run that ended early began. Claims the session. \throws Refusal with
/// every blocker; else as the functions that it calls
NVMIGRATE_API ApplyResult apply(Session& session, const SubsystemProfile& wanted,
                                const ApplyRequest& request);

/// Which part of the present one operation records, for ProfileRecord::persist().
struct PersistedPart {
  enum class Kind { resources, driver, mark };
  Kind kind{};
  bool wanted = true;                    ///< false: it is no longer
  std::vector<std::uint16_t> cntlids{};  ///< of `driver` and `mark`
  /// Of `resources`: as ProvisionRequest::attach; nothing: what is recorded of them stays.
  std::optional<std::vector<std::uint32_t>> namespaces{};
  bool release_primary = false;  ///< of `resources`
};

/// What is recorded as wanted of one controlling function: what this host applies at boot where no
/// file of an administrator names it. Made before the operation whose result is to be recorded, so
/// that a record that cannot be used stops it.
class NVMIGRATE_API ProfileRecord {
 public:
  /// Claims the session, which must outlive it, and reads the record.
  /// \throws Error(io) `bad_profile` that names a damaged record; OsError, refused
  explicit ProfileRecord(Session& session);
  ProfileRecord(const ProfileRecord&) = delete;
  ProfileRecord& operator=(const ProfileRecord&) = delete;
  ~ProfileRecord();

  /// Records that this part of the present is wanted from now on, also after a restart, or that it
  /// no longer is. Throws nothing, because what was done is done.
  /// \return `beyond_record` for VFs that the record has no room for; `record_unused` where a file
  /// names the controlling function; `not_recorded`, a problem, when it could not be written
  Findings persist(const PersistedPart& part);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace nvmigrate
