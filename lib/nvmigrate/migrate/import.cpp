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

/// One import, from the verified state to the result.
class Import {
 public:
  Import(const StoredState& state, MigrationSide& side, std::uint16_t cntlid,
         const ImportOptions& options, ImportCheck check)
      : side_(&side),
        options_(&options),
        stored_(&state),
        commands_before_(commands()),
        source_(state.source()),
        watched_(*source_, options.progress, "import", cntlid),
        suspension_(side, cntlid, check.formats, check.suspended_before) {
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
    side_->backend.load(cntlid, result_.formats, watched_);
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    result_.figures.bytes = watched_.size();
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
    const auto left =
        side_->journal.try_to_strike({IntentKind::loading, IntentKind::moved}, result_.cntlid);
    return joined(left, "the state is loaded; " + side_->command_line("resume", result_.cntlid) +
                            (left.empty() ? "" : " --allow loading") + " lets " +
                            side_->name_of(result_.cntlid) + " run");
  }

  MigrationSide* side_;
  const ImportOptions* options_;
  const StoredState* stored_;
  std::uint64_t commands_before_;
  std::unique_ptr<StateSource> source_;
  WatchedSource watched_;
  Suspension suspension_;
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
  const Candidate candidate{.identity = state.identity() ? &*state.identity() : nullptr,
                            .decoded = state.decoded() ? &*state.decoded() : nullptr,
                            .formats = check.formats};
  check.findings = find_obstacles(candidate, side, cntlid, options.allowed);
  if (side.function(cntlid).online.value_or(true)) {
    check.suspended_before = side.backend.is_frozen(cntlid, whole_state(side.query.formats));
  }
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
