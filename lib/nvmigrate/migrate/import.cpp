// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <filesystem>
#include <memory>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/fit.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/store/journal.h"

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

FormatChoice formats_of(const StoredState& state, Session& session, std::uint16_t cntlid,
                        const ImportOptions& options) {
  if (state.identity()) return state.identity()->formats;
  return options.formats ? *options.formats : formats_of_raw(state, session.query(cntlid).formats);
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
         const ImportOptions& options, const std::optional<Origin>& origin, ImportCheck check,
         std::uint64_t commands_before)
      : state_(&state),
        session_(&session),
        options_(&options),
        origin_(&origin),
        place_(place_of(state, session.io())),
        commands_before_(commands_before),
        bytes_(state.source()),
        watched_(*bytes_, options.progress, "import", cntlid),
        suspension_(session, cntlid, check.suspended_before) {
    result_.cntlid = cntlid;
    result_.formats = check.formats;
    result_.suspended_before = check.suspended_before;
    result_.findings = std::move(check.findings);
  }

  ImportResult run() {
    stop_if_interrupted("nothing was done");
    try {
      load();
      record_loaded();
      loaded_ = true;
      if (options_->resume) suspension_.resume();
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
  [[nodiscard]] std::string digest() const { return to_string(state_->end().sha256); }

  void load() {
    strike_stale(*session_, result_.cntlid);
    suspension_.record(IntentKind::loading, {{"file", place_}, {digest_detail, digest()}});
    suspension_.suspend();
    const auto begun = Suspension::Clock::now();
    load_subsystem_state(*session_, result_.cntlid, state_->subsystem_state(), touched_);
    nvmigrate::load(session_->backend(result_.cntlid), result_.cntlid, result_.formats, watched_,
                    touched_);
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    result_.figures.bytes = watched_.size();
  }

  /// Records in one write that the destination holds the guest and the source on this host is away.
  void record_loaded() {
    JournalChange change;
    IntentDetails details{{"file", place_}, {digest_detail, digest()}};
    if (options_->resume) {
      details.emplace(unfinished_detail, "the command that loaded it had not resumed it");
    }
    suspension_.add_record(change, IntentKind::loaded, std::move(details));
    change.note(journal(), line());
    if (takes_source()) {
      result_.source_device = (*origin_)->session->device();
      result_.source_cntlid = (*origin_)->cntlid;
      change.record((*origin_)->session->journal(), IntentKind::away, (*origin_)->cntlid,
                    {{"destination", session_->device() + " " + std::to_string(result_.cntlid)}});
    }
    change.write();
  }

  [[nodiscard]] LedgerLine line() const {
    LedgerLine line{.kind = LedgerLine::Kind::loaded,
                    .sha256 = digest(),
                    .cntlid = result_.cntlid,
                    .device = session_->device()};
    if (const auto& identity = state_->identity()) {
      line.source = {identity->subsystem_nqn, identity->serial};
      line.source_cntlid = identity->controller;
    }
    return line;
  }

  /// Only the state that was exported last makes its source `away`.
  [[nodiscard]] bool takes_source() const {
    if (!*origin_) return false;
    const auto& source = (*origin_)->session->ask((*origin_)->cntlid);
    if (!source.told || !source.held()) return false;
    const auto* guest = source.custody();
    if (guest == nullptr || guest->kind != IntentKind::exported) return true;
    const auto exported = detail_of(*guest, digest_detail);
    return exported.empty() || exported == digest();
  }

  void end() {
    suspension_.keep();
    result_.figures.blackout = suspension_.length();
    result_.figures.blackout_ended = result_.resumed = options_->resume;
    result_.suspended = !options_->resume;
    result_.figures.commands = session_->commands_of_this_thread() - commands_before_;
  }

  Leftover leave() {
    if (loaded_) return leave_loaded();
    if (touched_) return leave_half_loaded();
    return suspension_.undo();
  }

  Leftover leave_half_loaded() {
    auto left = nvmigrate::leave_half_loaded(suspension_, *session_, result_.cntlid);
    if (place_.starts_with('/')) {
      left.remedies.insert(left.remedies.begin(), {.action = Remedy::Action::import_state,
                                                   .device = session_->device(),
                                                   .function = result_.cntlid,
                                                   .object = place_});
    }
    return left;
  }

  Leftover leave_loaded() {
    suspension_.keep();
    return {"the state is loaded; resume " + suspension_.name(), {suspension_.remedy()}};
  }

  const StoredState* state_;
  Session* session_;
  const ImportOptions* options_;
  const std::optional<Origin>* origin_;
  std::string place_;
  std::uint64_t commands_before_;
  std::unique_ptr<StateSource> bytes_;
  WatchedSource watched_;
  Suspension suspension_;
  ImportResult result_;
  bool touched_ = false, loaded_ = false;
};

Then then_of(const ImportOptions& options) {
  return options.resume ? Then::runs : Then::stays_suspended;
}

Judge judge_destination(Session& session, std::uint16_t cntlid, const ImportOptions& options) {
  return judge_function(Verb::import_state, session, cntlid, options.allowed, then_of(options));
}

std::optional<Origin> origin_of(const StoredState& state, Session& session, std::uint16_t cntlid) {
  return state.identity() ? find_origin(*state.identity(), session, cntlid) : std::nullopt;
}

ImportCheck check(const StoredState& state, Session& session, std::uint16_t cntlid,
                  const ImportOptions& options, const std::optional<Origin>& origin) {
  auto judge = judge_destination(session, cntlid, options);
  ImportCheck check;
  check.formats = formats_of(state, session, cntlid, options);
  const Candidate candidate{.identity = state.identity() ? &*state.identity() : nullptr,
                            .decoded = state.decoded() ? &*state.decoded() : nullptr,
                            .end = &state.end(),
                            .layout = state.layout(),
                            .subsystem_bytes = state.subsystem_state().size(),
                            .formats = check.formats,
                            .origin = origin ? &*origin : nullptr,
                            .destination = word_on(session, cntlid)};
  check.suspended_before = is_suspended(session, cntlid);
  Fit(judge, session, cntlid).look_at(candidate);
  check.findings = judge.findings();
  return check;
}

}  // namespace

ExitStatus ImportCheck::status() const {
  return acceptable() ? ExitStatus::ok : Refusal("import", findings).status();
}

StateLayout layout_of_raw(Session& session, std::uint16_t cntlid) {
  const auto layout = session.backend(cntlid).layout();
  const auto& asked = session.asked_backends();
  const bool clear = std::all_of(asked.begin(), asked.end(), [&](const Serving& one) {
    return !one.query || one.layout == layout;
  });
  if (clear || !session.workspace().backend_name.empty()) return layout;
  throw usage_error(
      "a raw state does not say which backend read it, and several serve " + session.device(),
      "name the backend")
      .with_code("raw_layout");
}

void check_destination(Session& session, std::uint16_t cntlid, const ImportOptions& options) {
  judge_destination(session, cntlid, options).refuse("import");
}

void check_identity(const StateIdentity& identity, Session& session, std::uint16_t cntlid,
                    const ImportOptions& options) {
  const auto origin = find_origin(identity, session, cntlid);
  judge_arrival(identity, session, cntlid, options.allowed, then_of(options),
                origin ? &*origin : nullptr)
      .refuse("import");
}

ImportCheck check_import(const StoredState& state, Session& session, std::uint16_t cntlid,
                         const ImportOptions& options) {
  return check(state, session, cntlid, options, origin_of(state, session, cntlid));
}

ImportResult import_state(const StoredState& state, Session& session, std::uint16_t cntlid,
                          const ImportOptions& options) {
  const auto origin = origin_of(state, session, cntlid);
  if (origin && origin->own) {
    claim_pair(*origin->session, session);
  } else {
    session.claim();
  }
  const auto before = session.commands_of_this_thread();
  auto found = check(state, session, cntlid, options, origin);
  refuse_if_any_stands("import " + state.object(), found.findings);
  return Import(state, session, cntlid, options, origin, std::move(found), before).run();
}

}  // namespace nvmigrate
