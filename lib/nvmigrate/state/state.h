// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/nvme/identity.h"

namespace nvmigrate {

class Io;
class StateSource;

/// A SHA-256 digest (FIPS 180-4).
using Sha256Digest = std::array<std::uint8_t, 32>;

/// 64 lower-case hexadecimal digits.
NVMIGRATE_API std::string to_string(const Sha256Digest& digest);
/// The form above. \return nothing for any other text
NVMIGRATE_API std::optional<Sha256Digest> parse_sha256(std::string_view text) noexcept;

/// What the bytes of a state are.
enum class StateLayout {
  nvme,    ///< a Controller State structure, Base 2.1 figure 358
  opaque,  ///< known to the backend alone
};

/// Where a state comes from: the JSON of the first record. Members are named as here; numbers are
/// numbers, formats by value: `"formats": {"version": 0, "vendor": "<uuid>"}`, null when not there.
struct StateIdentity {
  std::string tool;     ///< `nvmigrate 0.1.0`
  std::string host;     ///< name of the host that wrote it
  std::string time;     ///< RFC 3339, UTC, when the reading began
  std::string backend;  ///< that read it: `nvme`
  StateLayout layout = StateLayout::nvme;
  FormatChoice formats;
  bool simulated = false;  ///< the source was a simulated subsystem

  std::string subsystem_nqn, serial, model, firmware;  ///< of the controlling function
  std::uint16_t vendor_id = 0;                         ///< PCI
  std::uint16_t controlling_function = 0;              ///< its controller id
  std::uint16_t controller = 0;  ///< controller id of the controlled function the state is of
  std::uint16_t vfn = 0;         ///< its 1-based VF number; 0: it is not a VF
  std::string address;           ///< its PCI address; empty when not known
  std::optional<std::uint16_t> queues, interrupts;  ///< flexible resources it had (VQ, VI)
  /// Attached to it, ascending by id. Nothing: not known, as of a file of a former version, of a
  /// device without Namespace Management, and of more than 512.
  std::optional<std::vector<NamespaceShape>> namespaces{};
  /// The state of its exported NVM subsystem (NVMe Base 2.4) is carried, too.
  bool subsystem_state = false;

  std::uint64_t size = 0;         ///< bytes of the state; the writer fills it in
  std::uint64_t blackout_ns = 0;  ///< since the first suspend, when the reading began
  bool operator==(const StateIdentity&) const = default;
};

/// What is known when all is written: the JSON of the last record.
struct StateEnd {
  Sha256Digest sha256{};          ///< of the state
  std::uint64_t size = 0;         ///< bytes of the state
  std::uint64_t chunks = 0;       ///< records that it is in
  std::uint64_t blackout_ns = 0;  ///< since the first suspend, when the last byte had been read
  std::string time;               ///< RFC 3339, UTC
  /// Whether the source was resumed when it had been read: the state is a snapshot, and the guest
  /// went on without it. Nothing: a raw state, or one of a former version, does not say.
  std::optional<bool> source_resumed{};
  bool operator==(const StateEnd&) const = default;
};

/// A file that is damaged or is not a state file; exit status bad_state. Its code is one of
/// `not_a_state_file`, `text_mode` (a transfer in text mode changed line ends), `unknown_version`
/// (also of a critical record), `incomplete`, `damaged`, `invalid_record` (the JSON of a record),
/// `invalid_state` (the state inside has no valid header) and `changed` (since it was verified).
class NVMIGRATE_API StateFileError : public Error {
 public:
  /// \param offset of the first byte of the file that cannot be accepted
  StateFileError(std::uint64_t offset, std::string code, const std::string& message,
                 std::string advice = {});
  /// Of that byte.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::uint64_t offset_;
};

/// The fixed head of a Controller State structure, Base 2.1 figure 358; sizes in bytes.
struct StateHeaderFacts {
  std::uint16_t version = 0;
  bool suspended = false;          ///< CSATTR b0: during the whole reading
  std::uint64_t nvme_bytes = 0;    ///< 4 * NVMECSS
  std::uint64_t vendor_bytes = 0;  ///< 4 * VSS
  /// Of the whole structure, this head included.
  [[nodiscard]] NVMIGRATE_API std::uint64_t total() const noexcept;
};

/// An I/O Submission Queue, Base 2.1 figure 360; head and tail count entries.
struct SubmissionQueue {
  std::uint64_t prp1 = 0;
  std::uint32_t entries = 0;  ///< QSIZE + 1
  std::uint16_t id = 0, completion_queue = 0, head = 0, tail = 0;
  bool contiguous = false;    ///< PC
  std::uint8_t priority = 0;  ///< QPRIO: 0 urgent, 1 high, 2 medium, 3 low
  bool operator==(const SubmissionQueue&) const = default;
};

/// An I/O Completion Queue, Base 2.1 figure 361; head and tail count entries.
struct CompletionQueue {
  std::uint64_t prp1 = 0;
  std::uint32_t entries = 0;
  std::uint16_t id = 0, head = 0, tail = 0;
  bool contiguous = false;   ///< PC
  bool interrupts = false;   ///< IEN
  bool phase = false;        ///< S0PT, the phase tag of slot 0
  std::uint16_t vector = 0;  ///< interrupt vector
  bool operator==(const CompletionQueue&) const = default;
};

/// A Controller State structure, decoded; the vendor part as size and digest.
struct DecodedState {
  StateHeaderFacts header;
  std::uint16_t nvme_version = 0;  ///< NVMECS.VER; 0 without an NVMe part
  std::vector<SubmissionQueue> submission_queues;
  std::vector<CompletionQueue> completion_queues;
  std::optional<Sha256Digest> vendor_sha256;  ///< when asked for and there is a vendor part
  Findings findings;                          ///< with offsets in the state; at most 64
};

/// How a file is read.
enum class StateKind {
  detect,  ///< as a state file, refused when it does not begin with the magic
  raw,     ///< as the plain structure of the specification
};

/// How a state is read.
struct ReadStateOptions {
  StateKind kind = StateKind::detect;
  StateLayout raw_layout = StateLayout::nvme;  ///< of a raw state, which does not say
  bool vendor_digest = false;  ///< compute the SHA-256 of the vendor part, which takes time
  /// Keep the bytes of a pipe, so that source() works: a few in memory, more in an unlinked private
  /// file in this folder. Nothing: do not keep them.
  std::optional<std::string> spool_folder = {};
  /// Called with the first record as soon as it was read, before any of the state; throws to go no
  /// further. Not called for a raw state. May be empty.
  std::function<void(const StateIdentity&)> accept = {};
  /// Called with the bytes of the state read so far and in total (0: not known); may be empty.
  std::function<void(std::uint64_t, std::uint64_t)> progress = {};
  /// Starts the threads that hash and read ahead; a state of one chunk needs none.
  std::function<std::thread(std::function<void()>)> start_thread = {};  ///< empty: std::thread
};

/// A state in a file or from a pipe, read and verified as a whole.
class NVMIGRATE_API StoredState {
 public:
  /// Reads and verifies all of it: every checksum, every length, the digest, the end.
  /// \throws StateFileError (bad_state) with the offset of the first fault; OsError; Error(io) when
  /// the system has no more threads.
  /// A raw state whose structure can be followed is accepted with findings. A raw dump without its
  /// last dword is completed when that is reserved, and then has the finding `one_dword_short` as a
  /// warning.
  static StoredState open(Io& io, const std::string& path, const ReadStateOptions& options = {});
  /// As open, from a descriptor that need not seek (a pipe); `object` names it in errors.
  static StoredState read(Io& io, int fd, const std::string& object,
                          const ReadStateOptions& options = {});
  ~StoredState();
  StoredState(const StoredState&) = delete;
  StoredState& operator=(const StoredState&) = delete;
  StoredState(StoredState&&) noexcept;
  StoredState& operator=(StoredState&&) noexcept;

  /// Its name, for messages.
  [[nodiscard]] const std::string& object() const noexcept;
  [[nodiscard]] bool raw() const noexcept;
  /// Nothing for a raw state.
  [[nodiscard]] const std::optional<StateIdentity>& identity() const noexcept;
  /// What its bytes are. A raw state that was read as opaque is `nvme` when its size is that of the
  /// header of a Controller State at its begin.
  [[nodiscard]] StateLayout layout() const noexcept;
  /// Of a raw state: size and digest, computed; chunks, blackout and time empty.
  [[nodiscard]] const StateEnd& end() const noexcept;
  /// Nothing for an opaque layout.
  [[nodiscard]] const std::optional<DecodedState>& decoded() const noexcept;
  /// Of the exported NVM subsystem, as the device gave it; empty: it is not carried.
  [[nodiscard]] const std::vector<std::byte>& subsystem_state() const noexcept;
  /// Bytes of the file.
  [[nodiscard]] std::uint64_t file_size() const noexcept;
  /// Optional records that were skipped.
  [[nodiscard]] std::uint64_t skipped_records() const noexcept;

  /// The bytes of the state, read and checked a second time, ahead of the caller. It hands out the
  /// last bytes only after it has found the whole file as it was verified. One source at a time.
  /// Its view() throws StateFileError when the file changed in between. \throws Error(internal)
  /// when it came from a pipe and was not kept; Error(io) as open
  [[nodiscard]] std::unique_ptr<StateSource> source() const;

 private:
  struct Impl;
  explicit StoredState(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One field in which two states differ.
struct StateDifference {
  std::string field;        ///< dotted: `identity.serial`, `submission_queues.3.tail`
  std::string left, right;  ///< empty: that state does not have the field
  bool operator==(const StateDifference&) const = default;
};

/// The differences, field by field: identity (not when one of them is raw; never time, host, tool
/// and blackout), formats, header, each queue, vendor part, and last the digest of the whole. Read
/// the states with `vendor_digest`. Empty when they are the same.
NVMIGRATE_API std::vector<StateDifference> compare_states(const StoredState& left,
                                                          const StoredState& right);

}  // namespace nvmigrate
