// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "nvmigrate/migrate/migrate.h"

/// What export, import and transfer have in common.
namespace nvmigrate::cli {

/// Which parts of a state are wanted: `--standard-only`, `--format`, `--vendor`.
struct FormatOptions {
  bool standard_only = false;
  std::optional<std::uint64_t> version;
  std::optional<std::string> vendor;

  void declare(Options& options);
  /// Nothing when none was given. \throws usage_error for what is not a UUID
  [[nodiscard]] std::optional<FormatChoice> choice(const StateFormats& formats) const;
};

/// `--chunk SIZE`.
struct ChunkOption {
  std::optional<std::uint64_t> bytes;

  void declare(Options& options);
  /// Before the devices are opened.
  void apply(Context& context) const;
  /// \throws usage_error when it is not a size that the device and the kernel take
  void check(Session& session) const;
};

/// Adds `bytes`, `commands`, `rate_bytes_per_second`, `blackout_us` and `blackout_ended`.
void add(Json& document, const MigrationFigures& figures);
Json json_of(const FormatChoice& formats);
/// `64 MiB in 0.12 s (533 MiB/s), 258 commands`
std::string text_of(const MigrationFigures& figures);
/// `suspended for 121 ms`, `suspended for 121 ms so far`
std::string blackout_text(const MigrationFigures& figures);
/// The beginning of a digest, enough for a reader to tell it from others.
std::string short_digest(const Sha256Digest& digest);

}  // namespace nvmigrate::cli
