// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <memory>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/fit.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/nvme/status.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate {
namespace {

std::optional<Uuid> only_vendor(const StateFormats& formats) {
  if (formats.vendors.size() == 1) return formats.vendors.front();
  if (formats.vendors.empty()) return std::nullopt;
  throw usage_error("the raw state has a vendor part, and the destination knows several formats",
                    "say which vendor format it is, by its UUID");
}

/// The formats of a state that does not say so itself.
FormatChoice formats_of_raw(const StoredState& state, const StateFormats& known) {
  FormatChoice choice{.version = std::nullopt, .vendor = std::nullopt};
  const auto& decoded = state.decoded();
  if (!decoded) return whole_state(known);
  if (decoded->header.nvme_bytes > 0) choice.version = decoded->nvme_version;
  if (decoded->header.vendor_bytes > 0) choice.vendor = only_vendor(known);
  return choice.version || choice.vendor ? choice : whole_state(known);
}

FormatChoice formats_of(const StoredState& state, Session& session, const ImportOptions& options) {
  if (state.identity()) return state.identity()->formats;
  return options.formats ? *options.formats : formats_of_raw(state, session.query().formats);
}

/// Where the state can be found again by whoever ends the import; what is not a file keeps its
/// name.
std::string place_of(const StoredState& state, Io& io) {
  struct stat about {};
  if (io.stat(state.object(), about) != 0) return state.object();
  return std::filesystem::absolute(state.object()).lexically_normal().string();
}

/// One import, from the passed checks to the result.
class Import {
 public:
  Import(const StoredState& state, Session& session, std::uint16_t cntlid,
         const ImportOptions& options, ImportCheck check, std::uint64_t commands_before)
      : session_(&session),
        options_(&options),
        place_(place_of(state, session.io())),
        commands_before_(commands_before),
        bytes_(state.source()),
        watched_(*bytes_, options.progress, "import", cntlid),
        suspension_(session, cntlid, check.suspended_before) {
    if (check.source_is_suspended == true && is_of(*state.identity(), session)) {
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
      leave().add_to(failure);
      throw;
    } catch (...) {
      leave();
      throw;
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] Journal& journal() const { return session_->journal(); }

  void load() {
    strike_stale(*session_, result_.cntlid);
    journal().record(IntentKind::loading, result_.cntlid, {{"file", place_}});
    suspension_.begin();
    const auto begun = Suspension::Clock::now();
    try {
      session_->backend().load(result_.cntlid, result_.formats, watched_);
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
    journal().record(IntentKind::moved, *source_,
                     {{"destination", session_->device() + " " + std::to_string(result_.cntlid)}});
  }

  void end() {
    result_.figures.blackout = suspension_.length();
    result_.figures.blackout_ended = result_.resumed = options_->resume;
    result_.suspended = !options_->resume;
    result_.figures.commands = session_->commands_of_this_thread() - commands_before_;
    if (options_->resume) {
      suspension_.strike();
    } else {
      suspension_.settle();
    }
    journal().strike({IntentKind::loading, IntentKind::moved}, result_.cntlid);
  }

  Leftover leave() {
    if (loaded_) return leave_loaded();
    if (watched_.touched()) return leave_half_loaded();
    auto left = suspension_.undo();
    return left += journal().try_to_strike({IntentKind::loading}, result_.cntlid);
  }

  Leftover leave_half_loaded() {
    suspension_.keep();
    Leftover left{suspension_.name() +
                      " stays suspended without a usable state; load a complete state, or reset it",
                  {}};
    if (place_.starts_with('/')) left += remedy(Remedy::Action::import_state, place_);
    if (const auto& pci = session_->function(result_.cntlid).pci) {
      left += remedy(Remedy::Action::reset, pci->address);
    }
    return left;
  }

  Leftover leave_loaded() {
    suspension_.keep();
    Leftover left;
    left += suspension_.record_at_last();
    left += journal().try_to_strike({IntentKind::loading, IntentKind::moved}, result_.cntlid);
    left += left.empty() ? "the state is loaded; resume " + suspension_.name()
                         : "the state is loaded; resume " + suspension_.name() +
                               ", allowing `loading`, or load it again";
    return left += suspension_.remedy();
  }

  [[nodiscard]] Remedy remedy(Remedy::Action action, std::string object) const {
    return {.action = action,
            .device = session_->device(),
            .function = result_.cntlid,
            .object = std::move(object)};
  }

  Session* session_;
  const ImportOptions* options_;
  std::string place_;
  std::uint64_t commands_before_;
  std::unique_ptr<StateSource> bytes_;
  WatchedSource watched_;
  Suspension suspension_;
  std::optional<std::uint16_t> source_;  ///< of the same subsystem, and suspended
  ImportResult result_;
  bool loaded_ = false;
};

}  // namespace

void check_destination(Session& session, std::uint16_t cntlid, const ImportOptions& options) {
  judge_function(Verb::import_state, session, cntlid, options.allowed).refuse("import");
}

ImportCheck check_import(const StoredState& state, Session& session, std::uint16_t cntlid,
                         const ImportOptions& options) {
  auto judge = judge_function(Verb::import_state, session, cntlid, options.allowed);
  ImportCheck check;
  check.formats = formats_of(state, session, options);
  Candidate candidate{.identity = state.identity() ? &*state.identity() : nullptr,
                      .decoded = state.decoded() ? &*state.decoded() : nullptr,
                      .formats = check.formats,
                      .destination = word_on(session, cntlid)};
  if (candidate.identity != nullptr) {
    check.source_is_suspended = is_source_suspended(*candidate.identity, session, cntlid);
    candidate.source_is_suspended = check.source_is_suspended;
  }
  check.suspended_before = candidate.destination && candidate.destination->suspended;
  Fit(judge, session, cntlid).look_at(candidate);
  check.findings = judge.findings();
  return check;
}

ImportResult import_state(const StoredState& state, Session& session, std::uint16_t cntlid,
                          const ImportOptions& options) {
  session.claim();
  const auto before = session.commands_of_this_thread();
  auto check = check_import(state, session, cntlid, options);
  refuse_if_any_stands("import " + state.object(), check.findings);
  return Import(state, session, cntlid, options, std::move(check), before).run();
}

}  // namespace nvmigrate
