// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/fit.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/pump.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr auto action = "transfer";

std::string place_of(const Session& session, std::uint16_t cntlid) {
  return session.device() + " " + std::to_string(cntlid);
}

std::uint64_t commands_of(const Session& source, const Session& destination) {
  return source.commands() + (&source == &destination ? 0 : destination.commands());
}

/// One end of a transfer.
struct End {
  Session* session;
  std::uint16_t cntlid;

  [[nodiscard]] Journal& journal() const { return session->journal(); }
  [[nodiscard]] MigrationBackend& backend() const { return session->backend(cntlid); }
  [[nodiscard]] std::string place() const { return place_of(*session, cntlid); }
  /// `controlled function 3 (vf 3) of sim:demo`
  [[nodiscard]] std::string name() const {
    return describe(session->function(cntlid)) + " of " + session->device();
  }
};

std::size_t ring_size(const End& source, const End& destination) {
  return std::max(StatePump::default_capacity,
                  2 * std::max(source.session->query(source.cntlid).chunk,
                               destination.session->query(destination.cntlid).chunk));
}

/// One transfer, from the passed checks to the result.
class Transfer {
 public:
  Transfer(End source, End destination, const TransferOptions& options, TransferCheck check,
           std::uint64_t commands_before)
      : source_(source),
        destination_(destination),
        options_(&options),
        commands_before_(commands_before),
        pump_(ring_size(source, destination)),
        destination_stop_(*destination.session, destination.cntlid, check.destination_suspended),
        source_stop_(*source.session, source.cntlid, check.source_suspended),
        source_was_suspended_(check.source_suspended) {
    result_.formats = check.formats;
    result_.findings = std::move(check.findings);
  }

  TransferResult run() {
    stop_if_interrupted("nothing was done");
    try {
      move();
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
  /// Everything that touches the disk is done before the first Suspend, but for one rename: the
  /// commit, after which the source is away and the destination holds the guest.
  JournalChange record() {
    strike_stale(*source_.session, source_.cntlid);
    strike_stale(*destination_.session, destination_.cntlid);
    JournalChange begun;
    destination_stop_.add_record(begun, IntentKind::loading, {{"source", source_.place()}});
    source_stop_.add_record(
        begun, IntentKind::suspended,
        {{"destination", destination_.place()}, {unfinished_detail, "the transfer was not done"}});
    begun.write();
    JournalChange commit;
    IntentDetails loaded{{"source", source_.place()}};
    if (options_->resume) loaded.emplace(unfinished_detail, "the transfer had not resumed it");
    destination_stop_.add_record(commit, IntentKind::loaded, std::move(loaded));
    source_stop_.add_record(commit, IntentKind::away, {{"destination", destination_.place()}});
    note_older_state(commit);
    commit.prepare();
    return commit;
  }

  /// A file from an earlier export must no longer be loaded.
  void note_older_state(JournalChange& commit) {
    const auto& before = source_stop_.before();
    const auto digest = before ? detail_of(*before, digest_detail) : std::string{};
    if (digest.empty()) return;
    commit.note(destination_.journal(), {.kind = LedgerLine::Kind::loaded,
                                         .sha256 = digest,
                                         .source = source_.session->key(),
                                         .source_cntlid = source_.cntlid,
                                         .cntlid = destination_.cntlid,
                                         .device = destination_.session->device()});
  }

  void move() {
    auto commit = record();
    if (options_->notice && !source_was_suspended_) source_.backend().quiesce(source_.cntlid);
    destination_stop_.suspend();
    source_stop_.suspend();
    const auto begun = Suspension::Clock::now();
    if (has_subsystem_state(*source_.session, source_.cntlid)) {
      const auto subsystem = source_.backend().subsystem_state_carrier()->save(source_.cntlid);
      load_subsystem_state(*destination_.session, destination_.cntlid, subsystem, touched_);
    }
    pump_.run(
        [this](StateSink& sink) { source_.backend().save(source_.cntlid, result_.formats, sink); },
        [this](StateSource& source) { load(source); });
    is_committing_ = true;
    commit.commit();
    source_stop_.keep();
    moved_ = true;
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    if (options_->resume) destination_stop_.wake();
    result_.figures.blackout = source_stop_.length();
  }

  void load(StateSource& source) {
    WatchedSource watched(source, options_->progress, action, source_.cntlid);
    if (source_.backend().layout() == StateLayout::nvme) {
      watched.judge_with([this](const DecodedState& decoded) { judge(decoded); });
    }
    nvmigrate::load(destination_.backend(), destination_.cntlid, result_.formats, watched,
                    touched_);
    result_.figures.bytes = source.size();
  }

  void judge(const DecodedState& decoded) {
    Judge judge(Verb::transfer, *destination_.session, options_->allowed);
    Fit(judge, *destination_.session, destination_.cntlid).look_at_state(decoded);
    judge.refuse(action);
    const auto& found = judge.findings();
    result_.findings.insert(result_.findings.end(), found.begin(), found.end());
  }

  void end() {
    result_.resumed = result_.figures.blackout_ended = options_->resume;
    result_.figures.commands =
        commands_of(*source_.session, *destination_.session) - commands_before_;
    if (options_->resume) destination_stop_.strike();
    destination_stop_.keep();
  }

  Leftover leave() { return moved_ ? leave_destination() : go_back(); }

  /// The source runs again only once no journal says that its guest is away.
  Leftover go_back() {
    if (is_committing_ && !restore_journal()) return stay_moved();
    auto left = source_stop_.undo();
    if (!touched_) return left += destination_stop_.undo();
    left += leave_half_loaded(destination_stop_, *destination_.session, destination_.cntlid);
    return left;
  }

  /// A commit that failed may have reached the disk.
  bool restore_journal() {
    return source_.journal().try_to_rewrite() && destination_.journal().try_to_rewrite();
  }

  Leftover stay_moved() {
    source_stop_.keep();
    return leave_destination();
  }

  Leftover leave_destination() {
    destination_stop_.keep();
    return {"the state is in " + destination_.name() + "; resume that, and never resume " +
                source_.name(),
            {destination_stop_.remedy()}};
  }

  End source_, destination_;
  const TransferOptions* options_;
  std::uint64_t commands_before_;
  StatePump pump_;
  Suspension destination_stop_, source_stop_;
  bool source_was_suspended_;
  TransferResult result_;
  bool touched_ = false, is_committing_ = false, moved_ = false;
};

/// Blockers first, those of the source before those of the destination.
Findings joined(const Findings& source, const Findings& destination) {
  auto all = source;
  all.insert(all.end(), destination.begin(), destination.end());
  std::stable_partition(all.begin(), all.end(),
                        [](const Finding& found) { return found.severity == Severity::blocker; });
  return all;
}

}  // namespace

TransferCheck check_transfer(Session& source, std::uint16_t from, Session& destination,
                             std::uint16_t to, const TransferOptions& options) {
  if (source.key() == destination.key() && from == to) {
    throw usage_error(describe(source.function(from)) + " is both source and destination");
  }
  TransferCheck check;
  check.formats = formats_to_read(source, from, options.formats);
  // The source is read as in an export, and the destination loaded as in an import.
  const auto of_source =
      judge_function(Verb::export_state, source, from, options.allowed, Then::stays_suspended);
  auto of_destination = judge_function(Verb::import_state, destination, to, options.allowed,
                                       options.resume ? Then::runs : Then::stays_suspended);
  const auto identity = identity_of(source, from, check.formats);
  const Candidate candidate{
      .identity = &identity, .formats = check.formats, .destination = word_on(destination, to)};
  check.source_suspended = is_suspended(source, from);
  check.destination_suspended = is_suspended(destination, to);
  Fit(of_destination, destination, to).look_at(candidate);
  check.findings = joined(of_source.findings(), of_destination.findings());
  return check;
}

TransferResult transfer_state(Session& source, std::uint16_t from, Session& destination,
                              std::uint16_t to, const TransferOptions& options) {
  if (!options.dry_run) claim_pair(source, destination);
  const auto before = commands_of(source, destination);
  auto check = check_transfer(source, from, destination, to, options);
  refuse_if_any_stands(action, check.findings);
  if (options.dry_run) {
    return {.formats = check.formats, .resumed = options.resume, .findings = check.findings};
  }
  return Transfer({&source, from}, {&destination, to}, options, std::move(check), before).run();
}

}  // namespace nvmigrate
