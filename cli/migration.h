// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "nvmigrate/migrate/counting_port.h"
#include "nvmigrate/migrate/figures.h"
#include "nvmigrate/migrate/findings.h"
#include "nvmigrate/migrate/side.h"

namespace nvmigrate::cli {

/// An opened controlling function that is ready to migrate what it controls.
class MigrationAccess {
 public:
  /// \param journal of the other side when both are of one subsystem; nothing: the subject's own
  /// \throws unsupported naming what was looked at when no backend serves the device
  MigrationAccess(const Context& context, Subject subject, Journal* journal = nullptr);
  MigrationAccess(const MigrationAccess&) = delete;
  MigrationAccess& operator=(const MigrationAccess&) = delete;
  ~MigrationAccess() = default;

  [[nodiscard]] MigrationSide& side() noexcept { return side_; }
  [[nodiscard]] const Topology& topology() const noexcept { return topology_; }
  [[nodiscard]] Journal& journal() noexcept { return *own_journal_; }

 private:
  Subject subject_;
  CountingPort port_;
  std::unique_ptr<MigrationBackend> backend_;
  Topology topology_;
  Journal* own_journal_;
  SharedJournal journal_;
  MigrationSide side_;
};

/// Which parts of a state are wanted: `--standard-only`, `--format`, `--vendor`.
struct FormatOptions {
  bool standard_only = false;
  std::optional<std::uint64_t> version;
  std::optional<std::string> vendor;

  void declare(Options& options);
  /// Nothing when none was given. \throws usage_error for a UUID that is none
  [[nodiscard]] std::optional<FormatChoice> choice(const StateFormats& formats) const;
};

/// `--allow NAME`, with the names that can occur in this command.
void declare_allow(Options& options, std::vector<std::string>& names, std::string_view command);
void declare_dry_run(Options& options, bool& dry_run);

/// Adds `bytes`, `commands`, `rate_bytes_per_second`, `blackout_us` and `blackout_ended`.
void add(Json& document, const MigrationFigures& figures);
Json json_of(const FormatChoice& formats);
Json json_of(const std::vector<Finding>& findings);
std::string text_of(const std::vector<Finding>& findings);
/// `64 MiB in 0.12 s (533 MiB/s), 258 commands, 121.3 ms suspended`
std::string text_of(const MigrationFigures& figures);

/// What became of one function when several were asked for: the error as in errors, or null.
Json failure_json(const std::exception_ptr& failure);
std::string failure_text(const std::exception_ptr& failure);
/// ok, or what a command ends with when some of these failed (null: did not): the failure's own
/// status when one function was asked for, which is rethrown; interrupted; else partial.
ExitStatus status_of(const std::vector<std::exception_ptr>& failures);
/// Says on standard error which of several functions failed, and how many.
void tell_failures(Context& context, const std::vector<std::exception_ptr>& failures);

}  // namespace nvmigrate::cli
