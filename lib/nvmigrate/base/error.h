// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/version.h"

namespace nvmigrate {

/// What kind of failure it is; the exit status of the tool.
enum class ExitStatus : int {
  ok = 0,
  internal = 1,
  usage = 2,
  not_found = 3,
  refused = 4,
  device = 5,
  timed_out = 6,
  busy = 7,
  bad_state = 8,
  unsupported = 9,
  partial = 10,
  permission = 11,
  io = 12,
  interrupted = 130,
};

/// One row of the table of exit statuses.
struct ExitStatusRow {
  ExitStatus status;
  std::string_view name;     ///< the `class` of an error in JSON
  std::string_view meaning;  ///< as in the man page
};

/// All of them, ascending.
inline constexpr std::array<ExitStatusRow, 14> exit_status_table{{
    {ExitStatus::ok, "ok", "done, or nothing to do"},
    {ExitStatus::internal, "internal", "a fault of the tool itself"},
    {ExitStatus::usage, "usage", "the command line or the configuration is wrong"},
    {ExitStatus::not_found, "not_found", "no such device, function, mark or file"},
    {ExitStatus::refused, "refused", "unsafe or against policy; nothing was done"},
    {ExitStatus::device, "device", "the device answered an NVMe error"},
    {ExitStatus::timed_out, "timed_out", "the device or the kernel did not answer in time"},
    {ExitStatus::busy, "busy", "another command holds the lock of the subsystem"},
    {ExitStatus::bad_state, "bad_state", "the state file is damaged or does not fit"},
    {ExitStatus::unsupported, "unsupported", "the device or the kernel cannot do this"},
    {ExitStatus::partial, "partial", "some of several failed, or two states differ"},
    {ExitStatus::permission, "permission", "the caller lacks the right"},
    {ExitStatus::io, "io", "the operating system answered an error"},
    {ExitStatus::interrupted, "interrupted", "ended by a signal"},
}};

/// The row of a status; of an unknown value that of `internal`.
constexpr const ExitStatusRow& row_of(ExitStatus status) noexcept {
  for (const auto& row : exit_status_table) {
    if (row.status == status) return row;
  }
  return exit_status_table[1];
}

/// How to fix a failure: an operation of this library, or a change of the host. The library names
/// it; a program carries it out, or spells it as a command for its user.
struct Remedy {
  /// What is to be done, and which members say to what.
  enum class Action {
    // Of a controlled function: `device` and `function`.
    resume,
    suspend,
    mark,  ///< `object`: the backend to record; empty: see Session::chosen()
    unmark,
    bind,
    unbind,
    release,
    settle,        ///< `object`: the destination, `ssh://b/nvme0 3`
    import_state,  ///< `object`: the state file
    track_stop,
    reset,  ///< `object`: the PCI address
    // Of a controlling function: `device`.
    list,
    show,
    provision,  ///< `count`: the number of VFs; `queues` and `interrupts` of each, where requested;
                ///< `object`: the ids of namespaces to attach, `1,2` or `all`; empty: none
    recreate,   ///< likewise, destroying the VFs that are there
    deprovision,
    repair,
    apply,       ///< `object`: the file of the profile; empty: the profiles of this host
    apply_anew,  ///< likewise, destroying the VFs that are there
    // Of the host; the comment says what `object` is.
    make_folder,         ///< path
    restrict_folder,     ///< path that others may write to
    give_to_root,        ///< path that another user owns
    load_module,         ///< name of a kernel module
    create_simulation,   ///< name of a simulated subsystem
    destroy_simulation,  ///< likewise
    show_simulation,     ///< likewise
    list_simulations,
  };

  Action action{};
  std::string device{};                     ///< the controlling function, as the user named it
  std::optional<std::uint16_t> function{};  ///< controller id of the controlled function
  std::string object{};                     ///< see Action
  std::string allow{};                      ///< the conditions to allow, `a,b`; empty: none
  std::string backend{};                    ///< to be named for it; empty: none need be
  unsigned count = 0;                       ///< see Action
  /// Of `provision` and `recreate`: flexible resources of each VF; nothing: an even share.
  std::optional<std::uint16_t> queues{}, interrupts{};
  /// Likewise: what the controlling function holds is given back first.
  bool release_primary = false;

  bool operator==(const Remedy&) const = default;
};

/// What every failure is thrown as: a sentence that names operation, object and cause, a stable
/// code, the exit status, and what the caller can do next.
class NVMIGRATE_API Error : public std::runtime_error {
 public:
  /// \param advice a sentence on the next step; may be empty
  Error(ExitStatus status, const std::string& message, std::string advice = {},
        std::vector<Remedy> remedies = {});

  /// As which exit status it ends a command.
  [[nodiscard]] ExitStatus status() const noexcept { return status_; }
  /// The name of the condition that caused it, `unmarked`; else the name of its status, `io`.
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  /// The next step in words; may be empty.
  [[nodiscard]] const std::string& advice() const noexcept { return advice_; }
  /// How to fix it, best first; may be empty.
  [[nodiscard]] const std::vector<Remedy>& remedies() const noexcept { return remedies_; }
  /// The controlling function concerned; may be empty.
  [[nodiscard]] const std::string& device() const noexcept { return device_; }

  /// \param code of a condition
  /// The same error with another code.
  [[nodiscard]] Error with_code(std::string code) const;
  void set_code(std::string code) { code_ = std::move(code); }
  /// Names the controlling function, also in the remedies that name none.
  void set_device(const std::string& device);
  /// Adds a sentence to the advice; an empty one adds nothing.
  void add_advice(const std::string& sentence);
  /// Behind those that there are.
  void add_remedy(Remedy remedy) { remedies_.push_back(std::move(remedy)); }

 private:
  ExitStatus status_;
  std::string code_, advice_, device_;
  std::vector<Remedy> remedies_;
};

/// A failed system call: `cannot write /srv/x: No space left on device`.
class NVMIGRATE_API OsError : public Error {
 public:
  /// \param number errno; EACCES and EPERM end with `permission`, ENOENT with `not_found`,
  /// ETIMEDOUT with `timed_out`, everything else with `io`
  OsError(int number, std::string_view operation, std::string_view object, std::string advice = {});

  /// errno of the call that failed.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }

 private:
  int error_number_;
};

/// Ended by SIGINT, SIGTERM or SIGHUP at a point where it is safe to stop. Thrown only while there
/// is an InterruptGuard.
class NVMIGRATE_API Interrupted : public Error {
 public:
  /// \param what_is_left `nothing was changed`
  explicit Interrupted(const std::string& what_is_left);
};

/// Notes SIGINT, SIGTERM and SIGHUP instead of dying of them, and ignores SIGPIPE and SIGXFSZ,
/// while it exists. A stop signal that the caller ignores (nohup) stays ignored. Blocking calls
/// return with EINTR (no SA_RESTART), and so do those that begin after the signal came: an alarm
/// follows it every second.
class NVMIGRATE_API InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
};

/// While it exists, no stop signal interrupts this thread, so that it can undo what a failure or an
/// earlier signal left half done. Signals that arrive meanwhile take effect afterwards.
class NVMIGRATE_API InterruptsDeferred {
 public:
  InterruptsDeferred() noexcept;
  InterruptsDeferred(const InterruptsDeferred&) = delete;
  InterruptsDeferred& operator=(const InterruptsDeferred&) = delete;
  ~InterruptsDeferred();
};

/// An Error of the status `usage`: the caller asked for something that makes no sense.
NVMIGRATE_API Error usage_error(const std::string& message, std::string advice = {});
/// An Error of the status `not_found`.
NVMIGRATE_API Error not_found(const std::string& message, std::string advice = {},
                              std::vector<Remedy> remedies = {});
/// An Error of the status `refused`, of what no condition says; see Refusal.
NVMIGRATE_API Error refused(const std::string& message, std::string advice = {},
                            std::vector<Remedy> remedies = {});
/// An Error of the status `unsupported`.
NVMIGRATE_API Error unsupported(const std::string& message, std::string advice = {});
/// An Error of the status `bad_state`; see also StateFileError.
NVMIGRATE_API Error bad_state(const std::string& message, std::string advice = {});

}  // namespace nvmigrate
