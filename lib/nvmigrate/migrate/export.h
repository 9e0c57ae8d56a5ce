// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/migrate/figures.h"
#include "nvmigrate/migrate/findings.h"
#include "nvmigrate/migrate/progress.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/state/digest.h"

namespace nvmigrate {

struct ExportOptions {
  std::optional<FormatChoice> formats{};  ///< nothing: whole_state()
  bool raw = false;                    ///< the plain structure of the specification, no state file
  bool resume = false;                 ///< resume as soon as all was read; else it stays suspended
  bool notice = false;                 ///< give notice before the Suspend
  std::vector<std::string> allowed{};  ///< names of blockers in the state, moved, loading
  bool dry_run = false;                ///< refuse what the run refuses, and do nothing
  ProgressCallback progress{};
};

struct ExportResult {
  std::uint16_t cntlid = 0;
  std::string file{};  ///< `-`: to a descriptor
  FormatChoice formats{};
  bool suspended_before = false;
  bool suspended = false;  ///< now
  bool resumed = false;
  MigrationFigures figures{};
  std::uint64_t file_bytes = 0;
  std::optional<Sha256Digest> sha256{};  ///< of the state; nothing in a dry run
  std::vector<Finding> findings{};       ///< of the structure of the state
};

/// Suspends a function unless it is suspended, reads its state into a file and publishes that. On
/// any failure the file is absent and a function that was suspended here runs again; the hint of
/// the error says so when that failed too.
/// \throws refused (unmarked, offline, a load not ended, moved; a place that is no plain file),
/// Error(device) when the device gave a state that no destination would take
ExportResult export_to_file(Io& io, MigrationSide& side, std::uint16_t cntlid,
                            const std::string& path, const ExportOptions& options);
/// As export_to_file, into a descriptor; `object` names it in errors. What was written before a
/// failure is an incomplete state file, which no reader accepts.
ExportResult export_to_descriptor(Io& io, MigrationSide& side, std::uint16_t cntlid, int fd,
                                  const std::string& object, const ExportOptions& options);

/// One of several exports: its result, or why it failed.
struct ExportOutcome {
  std::uint16_t cntlid = 0;
  std::optional<ExportResult> result{};
  std::exception_ptr failure{};
};

/// Exports several functions at once, at most `parallel` at a time, each into its file. One that
/// fails does not stop the others; a stop signal stops all. In the order of `jobs`.
std::vector<ExportOutcome> export_many(
    Io& io, MigrationSide& side, const std::vector<std::pair<std::uint16_t, std::string>>& jobs,
    unsigned parallel, const ExportOptions& options);

}  // namespace nvmigrate
