// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/import.h"

#include <algorithm>
#include <memory>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"

namespace nvmigrate {
namespace {

std::optional<Uuid> only_vendor(const StateFormats& formats) {
  if (formats.vendors.size() == 1) return formats.vendors.front();
  if (formats.vendors.empty()) return std::nullopt;
  throw usage_error("the raw state has a vendor part, and the destination knows several formats",
                    "say which with --vendor UUID");
}

/// The formats of a state that does not say so itself.
FormatChoice formats_of_raw(const StoredState& state, const MigrationSide& side) {
  FormatChoice choice{.version = std::nullopt, .vendor = std::nullopt};
  const auto& decoded = state.decoded();
  if (!decoded) return whole_state(side.query.formats);
  if (decoded->header.nvme_bytes > 0) choice.version = decoded->nvme_version;
  if (decoded->header.vendor_bytes > 0) choice.vendor = only_vendor(side.query.formats);
  return choice.version || choice.vendor ? choice : whole_state(side.query.formats);
}

FormatChoice formats_of(const StoredState& state, const MigrationSide& side,
                        const ImportOptions& options) {
  if (state.identity()) return state.identity()->formats;
  return options.formats ? *options.formats : formats_of_raw(state, side);
}

bool is_of(const StateIdentity& identity, const MigrationSide& side) {
  return identity.subsystem_nqn == side.topology.identity.subsystem_nqn;
}

/// The device's word on the function that the state was read from; nothing when it is none of this
/// host's, or the destination itself.
std::optional<bool> ask_source(const StoredState& state, const MigrationSide& side,
                               std::uint16_t cntlid, const ImportOptions& options) {
  const auto& identity = state.identity();
  if (!identity) return std::nullopt;
  if (!is_of(*identity, side)) {
    return options.ask_source ? options.ask_source(*identity) : std::nullopt;
  }
  const auto* source = side.topology.find(identity->controller);
  if (identity->controller == cntlid || source == nullptr) return std::nullopt;
  if (!source->online.value_or(true)) return std::nullopt;
  return side.backend.is_frozen(identity->controller, whole_state(side.query.formats));
}

/// One import, from the verified state to the result.
class Import {
 public:
  Import(const StoredState& state, MigrationSide& side, std::uint16_t cntlid,
         const ImportOptions& options, ImportCheck check)
      : side_(&side),
        options_(&options),
        stored_(&state),
        commands_before_(commands()),
        bytes_(state.source()),
        watched_(*bytes_, options.progress, "import", cntlid),
        suspension_(side, cntlid, check.formats, check.suspended_before) {
    if (check.source_frozen == true && is_of(*state.identity(), side)) {
      source_ = state.identity()->controller;
    }
    result_.cntlid = cntlid;
    result_.formats = check.formats;
    result_.suspended_before = check.suspended_before;
    result_.findings = std::move(check.findings);
  }

  ImportResult run() {
    stop_if_interrupted("nothing was done");
    try {
      load();
      loaded_ = true;
      hold_source_back();
      if (options_->resume) suspension_.wake();
      end();
    } catch (Error& failure) {
      failure.add_hint(leave());
      throw;
    } catch (...) {
      leave();
      throw;
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::uint64_t commands() const { return side_->commands ? side_->commands() : 0; }

  void load() {
    const auto cntlid = result_.cntlid;
    side_->journal.record(IntentKind::loading, cntlid, {{"file", stored_->object()}});
    suspension_.begin();
    const auto begun = Suspension::Clock::now();
    try {
      side_->backend.load(cntlid, result_.formats, watched_);
    } catch (const NvmeError&) {
      watched_.refused();
      throw;
    }
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    result_.figures.bytes = watched_.size();
  }

  /// From now on the state is the destination's; the source has a copy that must not run.
  void hold_source_back() {
    if (!source_) return;
    side_->journal.record(IntentKind::moved, *source_,
                          {{"destination", side_->device + " " + std::to_string(result_.cntlid)}});
  }

  void end() {
    result_.figures.blackout = suspension_.length();
    result_.figures.blackout_ended = result_.resumed = options_->resume;
    result_.suspended = !options_->resume;
    result_.figures.commands = commands() - commands_before_;
    if (options_->resume) {
      suspension_.strike();
    } else {
      suspension_.settle();
    }
    side_->journal.strike({IntentKind::loading, IntentKind::moved}, result_.cntlid);
  }

  std::string leave() {
    if (loaded_) return leave_loaded();
    if (watched_.touched()) return leave_half_loaded();
    return joined(suspension_.undo(),
                  side_->journal.try_to_strike({IntentKind::loading}, result_.cntlid));
  }

  std::string leave_half_loaded() {
    suspension_.keep();
    return side_->name_of(result_.cntlid) +
           " stays suspended without a usable state: import again, or reset the function and run " +
           side_->command_line("resume", result_.cntlid);
  }

  std::string leave_loaded() {
    suspension_.keep();
    auto left = suspension_.leave_named();
    left = joined(left, side_->journal.try_to_strike({IntentKind::loading, IntentKind::moved},
                                                     result_.cntlid));
    return joined(left, "the state is loaded; " + side_->command_line("resume", result_.cntlid) +
                            (left.empty() ? "" : " --allow loading") + " lets " +
                            side_->name_of(result_.cntlid) + " run");
  }

  MigrationSide* side_;
  const ImportOptions* options_;
  const StoredState* stored_;
  std::uint64_t commands_before_;
  std::unique_ptr<StateSource> bytes_;
  WatchedSource watched_;
  Suspension suspension_;
  std::optional<std::uint16_t> source_;  ///< of the same subsystem, and suspended
  ImportResult result_;
  bool loaded_ = false;
};

}  // namespace

bool ImportCheck::acceptable() const noexcept {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& found) { return found.stands(); });
}

ImportCheck check_import(const StoredState& state, const MigrationSide& side, std::uint16_t cntlid,
                         const ImportOptions& options) {
  ImportCheck check;
  check.formats = formats_of(state, side, options);
  check.source_frozen = ask_source(state, side, cntlid, options);
  Candidate candidate{.identity = state.identity() ? &*state.identity() : nullptr,
                      .decoded = state.decoded() ? &*state.decoded() : nullptr,
                      .formats = check.formats,
                      .source_frozen = check.source_frozen};
  if (side.function(cntlid).online.value_or(true)) {
    candidate.destination = side.backend.look(cntlid, whole_state(side.query.formats));
    check.suspended_before = candidate.destination->frozen;
  }
  check.findings = find_obstacles(candidate, side, cntlid, options.allowed);
  return check;
}

ImportResult import_state(const StoredState& state, MigrationSide& side, std::uint16_t cntlid,
                          const ImportOptions& options) {
  auto check = check_import(state, side, cntlid, options);
  refuse_if_any_stands(check.findings,
                       "import " + state.object() + " into " + side.name_of(cntlid));
  return Import(state, side, cntlid, options, std::move(check)).run();
}

}  // namespace nvmigrate
