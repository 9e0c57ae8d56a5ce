// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"

/// Suspending and resuming controlled functions, and taking the state of one to another: through a
/// file (export, import) or directly (transfer).
///
/// Every operation asks the device anew, holds the function against all conditions of its verb, and
/// throws one Refusal with everything that stands, before anything is changed. `allowed` names
/// conditions that the caller allows, by their codes; overrides_of() lists those there are. Except
/// in a dry run an operation claims its sessions. Besides what is said below, all throw unsupported
/// when the device cannot migrate, permission and busy as Session::claim(), NvmeError with the
/// status of the device, OsError, and Interrupted after a stop signal. The advice and the remedies
/// of an error say what it left behind.
namespace nvmigrate {

/// How far a long piece of work has come.
struct ProgressReport {
  std::string_view step;                  ///< `verify`, `export`, `import`, `transfer`
  std::optional<std::uint16_t> cntlid{};  ///< nothing: it is not about a function
  std::uint64_t done = 0;                 ///< bytes
  std::uint64_t total = 0;                ///< bytes; 0: not known
};

/// Told of progress after every chunk, from any thread, from several at once when several functions
/// are exported. Must not throw. May be empty.
using ProgressCallback = std::function<void(const ProgressReport&)>;

/// The numbers of an export, import or transfer.
struct MigrationFigures {
  std::uint64_t bytes = 0;     ///< of the state
  std::uint64_t commands = 0;  ///< admin commands sent for this function
  /// From the moment before the first Suspend was sent to the end of the last Resume; while
  /// blackout_ended is false the function is still suspended, and this is the time so far.
  std::chrono::nanoseconds blackout{0};
  bool blackout_ended = false;
  std::chrono::nanoseconds elapsed{0};  ///< that the bytes took

  [[nodiscard]] double bytes_per_second() const noexcept {
    const auto seconds = std::chrono::duration<double>(elapsed).count();
    return seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  }
};

// --- suspend and resume
// ---------------------------------------------------------------------------

/// How a function is suspended.
struct SuspendOptions {
  bool notice = false;   ///< announce the Suspend to the device first (a notification, STYPE 0)
  bool dry_run = false;  ///< refuse what would be refused, and change nothing
  std::vector<std::string> allowed{};
};

/// How a function is resumed.
struct ResumeOptions {
  bool dry_run = false;
  std::vector<std::string> allowed{};
};

/// What suspending, resuming or releasing did.
struct ControlResult {
  std::uint16_t cntlid = 0;
  std::optional<bool> suspended_before{};  ///< nothing: neither device nor journal tell
  bool suspended = false;                  ///< now; in a dry run: then
  bool changed = false;
};

/// Suspends a function and keeps it so; the journal says so until it is resumed. When the function
/// is suspended already, only the journal may change.
/// \throws not_found, Refusal; after any other error the function runs as before, or the error says
/// that it does not
NVMIGRATE_API ControlResult suspend_function(Session& session, std::uint16_t cntlid,
                                             const SuspendOptions& options = {});

/// Lets a function run and strikes what the journal says of its suspension. When it runs already,
/// as after a reset, only the journal changes. Where the device does not tell, Resume is sent in
/// any case, and the result says that something changed. \throws not_found, Refusal; after any
/// other error the journal still calls it suspended
NVMIGRATE_API ControlResult resume_function(Session& session, std::uint16_t cntlid,
                                            const ResumeOptions& options = {});

/// How an exported function is released.
struct ReleaseOptions {
  bool dry_run = false;
  std::vector<std::string> allowed{};
};

/// The caller's word that an exported state was taken elsewhere: from then on the guest is `away`,
/// and the function can be cleaned up. Sends nothing to it.
/// \return as of a suspend; `changed` is false when it was released before
/// \throws not_found; Refusal when there is no exported state to release
NVMIGRATE_API ControlResult release_function(Session& session, std::uint16_t cntlid,
                                             const ReleaseOptions& options = {});

// --- track
// ---------------------------------------------------------------------------------------

/// What is tracked of a function.
struct TrackOptions {
  std::vector<MemoryRange> ranges{};       ///< as the function addresses them
  std::optional<std::uint64_t> granule{};  ///< bytes; nothing: the finest of the device
  bool user_data = false;  ///< changes of user data are meant: always refused, with the reason
  bool dry_run = false;
  std::vector<std::string> allowed{};
};

/// Has the device track which host memory a function changes.
/// \return the granule in bytes
/// \throws not_found, Refusal; usage_error for ranges that the device cannot track
NVMIGRATE_API std::uint64_t start_tracking(Session& session, std::uint16_t cntlid,
                                           const TrackOptions& options);

/// Reads, once, what a function changed since tracking began or was last read. A caller that ends
/// without using it must take all tracked memory as changed.
/// \throws not_found, Refusal
NVMIGRATE_API TrackedMemory read_tracked(Session& session, std::uint16_t cntlid,
                                         const std::vector<std::string>& allowed = {});

/// How tracking is stopped.
struct UntrackOptions {
  bool dry_run = false;
  std::vector<std::string> allowed{};
};

/// Stops tracking. The function need not be marked.
/// \throws not_found, Refusal
NVMIGRATE_API void stop_tracking(Session& session, std::uint16_t cntlid,
                                 const UntrackOptions& options = {});

/// Whether the device logs changes of user data, and why this program has no use for that.
/// \param kernel a function of the kernel that makes controller data queues; empty: unknown
/// \return empty when it does not
NVMIGRATE_API Findings check_user_data_log(Session& session, const std::string& kernel);

// --- export
// ---------------------------------------------------------------------------------------

/// How a state is exported.
struct ExportOptions {
  std::optional<FormatChoice> formats{};  ///< nothing: whole_state()
  bool raw = false;        ///< write the plain structure of the specification, not a state file
  bool resume = false;     ///< resume as soon as all was read; else it stays suspended
  bool notice = false;     ///< announce the Suspend first
  bool overwrite = false;  ///< replace a file that has the name already
  std::vector<std::string> allowed{};
  bool dry_run = false;
  ProgressCallback progress{};
};

/// What an export did.
struct ExportResult {
  std::uint16_t cntlid = 0;
  std::string file{};  ///< empty: it went to a descriptor
  FormatChoice formats{};
  bool suspended_before = false;
  bool suspended = false;  ///< now; in a dry run: then
  bool resumed = false;
  MigrationFigures figures{};
  std::uint64_t file_bytes = 0;          ///< of the whole file
  std::optional<Sha256Digest> sha256{};  ///< of the state; nothing in a dry run
  Findings findings{};                   ///< warnings, and blockers that were allowed
};

/// Suspends a function unless it is suspended, reads its state into a file and gives that its name.
/// Before the file gets its name, the journal calls the function `exported`: from then on whoever
/// has the file may run the guest, and nothing resumes the function by itself. After a failure
/// before that there is no file, and a function that was suspended here runs again.
/// \throws not_found; unsupported when the device lacks a format; Refusal, also when the device
/// gave a state that no destination would accept (its status is `device` then), or `file_exists`
NVMIGRATE_API ExportResult export_to_file(Session& session, std::uint16_t cntlid,
                                          const std::string& path,
                                          const ExportOptions& options = {});
/// As export_to_file(), into a descriptor; the journal says `exported` before the last record, or
/// the last bytes of a raw state, are written. What was written before that is an incomplete state
/// file, which no reader accepts. A pipe gets its first bytes before the Suspend, and the state
/// only when its reader has taken the first record. \param object names the descriptor in errors:
/// `standard output`
NVMIGRATE_API ExportResult export_to_descriptor(Session& session, std::uint16_t cntlid, int fd,
                                                const std::string& object,
                                                const ExportOptions& options = {});

/// A function and the path of its file.
using ExportJob = std::pair<std::uint16_t, std::string>;

/// One of several exports: its result, or why it failed.
struct ExportOutcome {
  std::uint16_t cntlid = 0;
  std::optional<ExportResult> result{};
  std::exception_ptr failure{};
};

/// Exports several functions at once, at most `parallel` at a time, each into its file. One that
/// fails does not stop the others; a stop signal stops all. In the order of `jobs`.
/// \throws only what concerns all of them, as Session::claim()
NVMIGRATE_API std::vector<ExportOutcome> export_many(Session& session,
                                                     const std::vector<ExportJob>& jobs,
                                                     unsigned parallel,
                                                     const ExportOptions& options = {});

// --- import
// ---------------------------------------------------------------------------------------

/// How a state is imported.
struct ImportOptions {
  std::optional<FormatChoice> formats{};  ///< of a raw state; nothing: found out where it is clear
  bool resume = false;                    ///< once the state is loaded; else it stays suspended
  std::vector<std::string> allowed{};
  ProgressCallback progress{};
};

/// What an import would meet.
struct ImportCheck {
  FormatChoice formats{};
  bool suspended_before = false;
  Findings findings{};

  [[nodiscard]] bool acceptable() const noexcept { return !any_stands(findings); }
  /// The exit status of the import's refusal; ok if it would not be refused.
  [[nodiscard]] NVMIGRATE_API ExitStatus status() const;
};

/// What an import did.
struct ImportResult {
  std::uint16_t cntlid = 0;
  /// The controlling function of this host whose function gave the state, and that function, which
  /// is away now; empty: it is not one of this host.
  std::string source_device{};
  std::optional<std::uint16_t> source_cntlid{};
  FormatChoice formats{};
  bool suspended_before = false;
  bool suspended = false;  ///< now
  bool resumed = false;
  MigrationFigures figures{};
  Findings findings{};  ///< warnings, and blockers that were allowed
};

/// What the bytes of a raw state for this function are. Where backends with several layouts serve
/// the device, the workspace has to name one: a raw state does not say which backend read it.
/// \throws usage_error with the code `raw_layout` when it does not; as Session::backend()
NVMIGRATE_API StateLayout layout_of_raw(Session& session, std::uint16_t cntlid);
/// What can be judged of a destination before the state for it is read, as from a pipe.
/// \throws not_found, Refusal
NVMIGRATE_API void check_destination(Session& session, std::uint16_t cntlid,
                                     const ImportOptions& options = {});
/// What can be judged as soon as the first record of a state file was read: model, firmware,
/// backend, formats, where the source is, resources and queues of the destination.
/// \throws as check_destination()
NVMIGRATE_API void check_identity(const StateIdentity& identity, Session& session,
                                  std::uint16_t cntlid, const ImportOptions& options = {});

/// Compares a state that was read and verified with the function that it is for, and looks for the
/// function that it was read from among all controlling functions of this host. Changes nothing.
/// \throws not_found; usage_error when the formats of a raw state are not clear
NVMIGRATE_API ImportCheck check_import(const StoredState& state, Session& session,
                                       std::uint16_t cntlid, const ImportOptions& options = {});

/// Suspends the function unless it is suspended, loads the state and, when asked to, resumes it.
/// Where a controlling function of this host controls the function that the state was read from,
/// that is locked too, and is `away` from the moment that the state is loaded.
/// Once loading began and failed, the function stays suspended, the journal says `loading`, and the
/// error says how to go on. When the device took nothing of the state, a function that was
/// suspended here runs again.
/// \throws as check_import(); Refusal; StateFileError when the file changed since it was verified
NVMIGRATE_API ImportResult import_state(const StoredState& state, Session& session,
                                        std::uint16_t cntlid, const ImportOptions& options = {});

// --- transfer
// -------------------------------------------------------------------------------------

/// How a state is transferred.
struct TransferOptions {
  std::optional<FormatChoice> formats{};  ///< nothing: whole_state() of the source
  bool resume = true;                     ///< the destination, once it took the state
  bool notice = false;                    ///< announce the Suspend of the source first
  bool dry_run = false;
  std::vector<std::string> allowed{};
  ProgressCallback progress{};
};

/// What a transfer would meet.
struct TransferCheck {
  FormatChoice formats{};
  bool source_suspended = false, destination_suspended = false;  ///< before
  Findings findings{};  ///< of both, as far as they are known before the state is read
};

/// What a transfer did.
struct TransferResult {
  FormatChoice formats{};
  bool resumed = false;  ///< the destination; the source stays suspended
  MigrationFigures figures{};
  Findings findings{};  ///< warnings, and blockers that were allowed
};

/// Changes nothing. \throws not_found; unsupported when the source lacks a format; usage_error when
/// both are the same function
NVMIGRATE_API TransferCheck check_transfer(Session& source, std::uint16_t from,
                                           Session& destination, std::uint16_t to,
                                           const TransferOptions& options = {});

/// Moves the running state of one function into another, without a file and in bounded memory. The
/// blackout counts from the Suspend of the source to the Resume of the destination.
///
/// The source stays the fallback until the destination took the whole state; then the journal of
/// the source says `away` (the point of no return) and the destination is resumed; the source is
/// never resumed after that. A failure before that point resumes the source if it was suspended
/// here, and leaves the destination suspended if it took any of the state. After it the destination
/// keeps the state, and the error says how to resume it.
///
/// Both functions may be of one subsystem, and both sessions one; see also open_pair().
/// \throws as check_transfer(); Refusal with everything that stands against either function
NVMIGRATE_API TransferResult transfer_state(Session& source, std::uint16_t from,
                                            Session& destination, std::uint16_t to,
                                            const TransferOptions& options = {});

}  // namespace nvmigrate
