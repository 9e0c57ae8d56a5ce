// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "nvmigrate/migrate/migrate.h"

/// Moving a guest to another host. The library speaks with the library on the other host through
/// two descriptors; a program connects them, as the tool does with ssh.
namespace nvmigrate {

/// The other host, and the function there that the guest is for.
struct Peer {
  int in = -1, out = -1;  ///< descriptors: from there and to there
  std::string host;       ///< names it in messages
  std::string url;        ///< goes before its devices in findings and remedies: `ssh://b/`
  std::string device;     ///< the controlling function, as that host names it
  std::string function;   ///< of that: `3`, `vf2`, a PCI address
};

/// What a transfer to another host did.
struct PeerTransferResult {
  std::string host;          ///< what the other host calls itself
  std::uint16_t cntlid = 0;  ///< of the destination
  std::uint16_t vfn = 0;     ///< likewise; 0: it is not a VF
  FormatChoice formats{};
  bool resumed = false;  ///< the destination; the source stays suspended
  /// The blackout is measured on the clock of the source: to the moment when it heard that the
  /// destination runs. In a dry run all are 0.
  MigrationFigures figures{};
  /// On the clock of the destination: from the first byte of the state to the end of Resume.
  std::chrono::nanoseconds destination_blackout{0};
  Findings findings{};  ///< warnings of both hosts, and blockers that were allowed
};

/// Moves the running state of a function to another host, in two phases: the destination is judged
/// and suspended, the source suspended, the state sent and verified; then the journal of the source
/// says `away` (the point of no return) and the destination is told to resume. A failure before
/// that point resumes the source if it was suspended here. After it only the destination may run;
/// when its answer is lost, settle_with_peer() finds out how it stands.
///
/// A backend that is named for the source, see Session::name_backend(), counts on both sides.
///
/// The destination that hears nothing more after it has loaded the state stays suspended,
/// `in_doubt`. \throws as transfer_state(); Error(unsupported) with the code `protocol_version`
/// when the other host has another version of the protocol, or cannot be told which backend is
/// named; Error(io) with the code `connection_lost` or `connection`
NVMIGRATE_API PeerTransferResult transfer_to_peer(Session& source, std::uint16_t cntlid,
                                                  const Peer& peer,
                                                  const TransferOptions& options = {});

/// How a transfer that was cut off stands.
enum class Settlement {
  nothing,    ///< the destination is not in doubt
  committed,  ///< the guest is the destination's, which runs now unless it was to stay suspended
  aborted,    ///< the guest is the source's; what the destination holds is not usable
};
/// `nothing`, `committed`, `aborted`.
NVMIGRATE_API std::string_view to_string(Settlement settlement) noexcept;

/// What settle_with_peer() found and did.
struct SettleResult {
  std::string host;  ///< what the other host calls itself
  std::uint16_t cntlid = 0;
  Settlement settlement{};
  std::string status{};  ///< of the destination now: `running`, `loaded`, …
};

/// Asks the destination of a transfer that was cut off whether it is in doubt, and tells it what
/// the journal of the source says. In a dry run it only asks. \throws refused with the code
/// `in_doubt` when the source has no record of the transfer any more; as transfer_to_peer()
NVMIGRATE_API SettleResult settle_with_peer(Session& source, std::uint16_t cntlid, const Peer& peer,
                                            bool dry_run = false);

/// What came of a connection at its destination.
struct PeerServiceResult {
  std::optional<std::uint16_t> cntlid{};  ///< of the function it was about
  bool changed = false;                   ///< whether that was held for the guest
  std::optional<Error> failure{};         ///< the source was told of it, if it could be reached
};

/// The other side of transfer_to_peer() and settle_with_peer(), until the connection ends.
/// \throws OsError and others that could not be sent to the source
NVMIGRATE_API PeerServiceResult serve_peer(const Workspace& workspace, int in, int out);

}  // namespace nvmigrate
