// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/pump.h"
#include "nvmigrate/migrate/source_identity.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"

namespace nvmigrate {
namespace {

std::string place_of(const MigrationSide& side, std::uint16_t cntlid) {
  return side.device + " " + std::to_string(cntlid);
}

/// Tells one transfer from every other one.
std::string new_transfer_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(::getpid()) + "-" +
         std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::size_t ring_size(const MigrationSide& source, const MigrationSide& destination) {
  return std::max(StatePump::default_capacity,
                  2 * std::max(source.query.chunk, destination.query.chunk));
}

/// One transfer, from the passed checks to the result.
class Transfer {
 public:
  Transfer(MigrationSide& source, std::uint16_t from, MigrationSide& destination, std::uint16_t to,
           const TransferOptions& options, TransferCheck check)
      : source_(&source),
        destination_(&destination),
        from_(from),
        to_(to),
        options_(&options),
        commands_before_(commands()),
        id_(new_transfer_id()),
        pump_(ring_size(source, destination)),
        destination_stop_(destination, to, check.formats, check.destination_suspended),
        source_stop_(source, from, check.formats, check.source_suspended),
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
      failure.add_hint(leave());
      throw;
    } catch (...) {
      leave();
      throw;
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::uint64_t commands() const {
    const auto of = [](const MigrationSide& side) {
      return side.all_commands ? side.all_commands() : 0;
    };
    return of(*source_) + of(*destination_);
  }

  /// Everything that touches the disk is done before the first Suspend, but for one rename.
  Journal::Prepared record() {
    destination_->journal.record(IntentKind::loading, to_,
                                 {{"transfer", id_},
                                  {"source", place_of(*source_, from_)},
                                  {"source_nqn", source_->topology.identity.subsystem_nqn},
                                  {"source_controller", std::to_string(from_)}});
    destination_stop_.record();
    source_stop_.record({{"destination", place_of(*destination_, to_)}});
    return source_->journal.alone().prepare(
        from_, {IntentKind::suspended}, IntentKind::moved,
        {{"transfer", id_}, {"destination", place_of(*destination_, to_)}});
  }

  void move() {
    auto moved = record();
    if (options_->notice && !source_was_suspended_) source_->backend.quiesce(from_);
    destination_stop_.freeze();
    source_stop_.freeze();
    const auto begun = Suspension::Clock::now();
    pump_.run([this](StateSink& sink) { source_->backend.save(from_, result_.formats, sink); },
              [this](StateSource& source) { load(source); });
    is_committing_ = true;
    moved.commit();
    source_stop_.keep();
    moved_ = true;
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    if (options_->resume) destination_stop_.wake();
    result_.figures.blackout = source_stop_.length();
  }

  void load(StateSource& source) {
    WatchedSource watched(source, options_->progress, "transfer", from_);
    if (source_->backend.layout() == StateLayout::nvme) {
      watched.judge_with([this](const DecodedState& decoded) { judge(decoded); });
    }
    try {
      destination_->backend.load(to_, result_.formats, watched);
    } catch (const NvmeError&) {
      watched.refused();
      touched_ = watched.touched();
      throw;
    } catch (...) {
      touched_ = watched.touched();
      throw;
    }
    touched_ = true;
    result_.figures.bytes = source.size();
  }

  void judge(const DecodedState& decoded) {
    auto found = find_misfits(decoded, *destination_, to_, options_->allowed);
    refuse_if_any_stands(found, "move the state of " + source_->name_of(from_) + " to " +
                                    destination_->name_of(to_));
    result_.findings.insert(result_.findings.end(), std::make_move_iterator(found.begin()),
                            std::make_move_iterator(found.end()));
  }

  void end() {
    result_.resumed = result_.figures.blackout_ended = options_->resume;
    result_.figures.commands = commands() - commands_before_;
    if (options_->resume) {
      destination_stop_.strike();
    } else {
      destination_stop_.settle();
    }
    destination_->journal.strike({IntentKind::loading, IntentKind::moved}, to_);
  }

  std::string leave() { return moved_ ? leave_destination() : go_back(); }

  /// The source runs again only once no journal says that its state runs elsewhere.
  std::string go_back() {
    if (is_committing_ && !source_->journal.try_to_rewrite()) return stay_moved();
    auto left =
        joined(source_stop_.undo(), source_->journal.try_to_strike({IntentKind::moved}, from_));
    if (!touched_) {
      left = joined(left, destination_stop_.undo());
      return joined(left, destination_->journal.try_to_strike({IntentKind::loading}, to_));
    }
    destination_stop_.keep();
    return joined(left, destination_->name_of(to_) +
                            " stays suspended without a usable state: transfer again, or reset it "
                            "and run " +
                            destination_->command_line("resume", to_));
  }

  std::string stay_moved() {
    source_stop_.keep();
    return leave_destination();
  }

  std::string leave_destination() {
    auto left = destination_stop_.leave_named();
    destination_stop_.keep();
    left = joined(
        left, destination_->journal.try_to_strike({IntentKind::loading, IntentKind::moved}, to_));
    return joined(left, "the state is in " + destination_->name_of(to_) + "; run " +
                            destination_->command_line("resume", to_) + ", and never resume " +
                            source_->name_of(from_));
  }

  MigrationSide* source_;
  MigrationSide* destination_;
  std::uint16_t from_, to_;
  const TransferOptions* options_;
  std::uint64_t commands_before_;
  std::string id_;
  StatePump pump_;
  Suspension destination_stop_, source_stop_;
  bool source_was_suspended_;
  TransferResult result_;
  bool touched_ = false, is_committing_ = false, moved_ = false;
};

}  // namespace

TransferCheck check_transfer(const MigrationSide& source, std::uint16_t from,
                             const MigrationSide& destination, std::uint16_t to,
                             const TransferOptions& options) {
  const bool one_subsystem =
      source.topology.identity.subsystem_nqn == destination.topology.identity.subsystem_nqn;
  if (one_subsystem && from == to) {
    throw usage_error(source.name_of(from) + " is source and destination");
  }
  require_controlled(source, from);
  require_marked(source, from);
  require_unambiguous(source, from, options.allowed);
  require_online(source, from);
  TransferCheck check;
  check.formats = options.formats.value_or(whole_state(source.query.formats));
  require_formats(source.query.formats, check.formats, source.device);
  check.source_suspended = source.backend.is_frozen(from, check.formats);
  if (!check.source_suspended) require_released(source, from, options.allowed);
  const auto identity = identity_of(source, from, check.formats);
  Candidate candidate{.identity = &identity, .decoded = nullptr, .formats = check.formats};
  if (destination.function(to).online.value_or(true)) {
    candidate.destination = destination.backend.look(to, whole_state(destination.query.formats));
    check.destination_suspended = candidate.destination->frozen;
  }
  check.findings = find_obstacles(candidate, destination, to, options.allowed);
  return check;
}

TransferResult transfer_state(MigrationSide& source, std::uint16_t from, MigrationSide& destination,
                              std::uint16_t to, const TransferOptions& options) {
  auto check = check_transfer(source, from, destination, to, options);
  refuse_if_any_stands(check.findings, "move the state of " + source.name_of(from) + " to " +
                                           destination.name_of(to));
  return Transfer(source, from, destination, to, options, std::move(check)).run();
}

bool load_was_committed(Io& io, const Folders& folders, const Intent& loading) {
  const auto detail = [&loading](const char* key) {
    const auto found = loading.details.find(key);
    return found == loading.details.end() ? std::string{} : found->second;
  };
  if (detail("transfer").empty() || detail("source_nqn").empty()) return false;
  const Journal journal(io, folders, detail("source_nqn"), "resume");
  return std::any_of(journal.intents().begin(), journal.intents().end(), [&](const Intent& intent) {
    const auto id = intent.details.find("transfer");
    return intent.kind == IntentKind::moved && id != intent.details.end() &&
           id->second == detail("transfer");
  });
}

}  // namespace nvmigrate
