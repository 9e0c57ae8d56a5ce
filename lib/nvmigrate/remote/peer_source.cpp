// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/remote/link.h"
#include "nvmigrate/remote/message.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/state_writer.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

using remote::Json;
using remote::Link;
namespace tags = remote::tags;

/// Tells one transfer from every other one, also from those of other hosts.
std::string new_transfer_id(const SubsystemKey& key, std::uint16_t cntlid) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return key.text() + ":" + std::to_string(cntlid) + ":" + std::to_string(::getpid()) + ":" +
         std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

/// An older destination chooses its backend itself and does not report which.
void check_backend(const Session& session, const Json& answer, const std::string& host) {
  const auto& named = session.workspace().backend_name;
  if (named.empty() || answer.value("backend", std::string{}) == named) return;
  throw Error(ExitStatus::unsupported,
              host + " cannot be told which backend to use: the nvmigrate there is too old",
              "install the same version of nvmigrate on both hosts, or name no backend")
      .with_code("protocol_version");
}

std::string place_of(const Peer& peer) { return peer.url + peer.device + " " + peer.function; }

/// Runs what speaks with the other host; what that host says in FAIL is said to be of there.
template <typename What>
auto speaking_with(const Peer& peer, const What& what) {
  try {
    return what();
  } catch (const remote::PeerError& error) {
    remote::rethrow_of_host(error.original(), peer.host, peer.url);
  } catch (const Json::exception& error) {
    throw Error(ExitStatus::io,
                "a message of " + peer.host + " cannot be understood: " + error.what())
        .with_code("connection");
  }
}

/// One transfer, from its first message to the result.
class PeerTransfer {
 public:
  PeerTransfer(Session& session, std::uint16_t cntlid, const Peer& peer,
               const TransferOptions& options)
      : session_(&session),
        cntlid_(cntlid),
        peer_(&peer),
        options_(&options),
        link_(session.io(), peer.in, peer.out, peer.host),
        id_(new_transfer_id(session.key(), cntlid)) {}

  PeerTransferResult run() {
    const auto before = session_->commands();
    prepare();
    if (options_->dry_run) {
      result_.resumed = options_->resume;
      return std::move(result_);
    }
    stop_if_interrupted("nothing was done");
    strike_stale(*session_, cntlid_);
    stop_.emplace(*session_, cntlid_, suspended_);
    try {
      move();
    } catch (Error& failure) {
      leave().add_to(failure);
      throw;
    } catch (...) {
      leave();
      throw;
    }
    result_.figures.commands += session_->commands() - before;
    return std::move(result_);
  }

 private:
  [[nodiscard]] Journal& journal() const { return session_->journal(); }
  [[nodiscard]] std::string place() const { return place_of(*peer_); }

  /// Both sides are judged before anything is changed, and a refusal has what both find.
  void prepare() {
    result_.formats = formats_to_read(*session_, cntlid_, options_->formats);
    const auto ours = judge_function(Verb::export_state, *session_, cntlid_, options_->allowed,
                                     Then::stays_suspended);
    suspended_ = is_suspended(*session_, cntlid_);
    identity_ = identity_of(*session_, cntlid_, result_.formats);
    auto found = ours.findings();
    speaking_with(*peer_, [&] { ask_destination(found, ours.stops()); });
    refuse_if_any_stands(remote::step, found);
    result_.findings = std::move(found);
  }

  void ask_destination(Findings& found, bool only_asks) {
    result_.host = link_.greet().value("host", peer_->host);
    link_.send(tags::prepare, {{"transfer", id_},
                               {"source", identity_.host + ": " + session_->device() + " " +
                                              std::to_string(cntlid_)},
                               {"device", peer_->device},
                               {"function", peer_->function},
                               {"backend", session_->workspace().backend_name},
                               {"identity", encode(identity_)},
                               {"resume", options_->resume},
                               {"allowed", options_->allowed},
                               {"dry_run", options_->dry_run || only_asks}});
    const auto ready = link_.expect(tags::ready);
    check_backend(*session_, ready, peer_->host);
    auto theirs = remote::findings_of(ready.at("findings"));
    remote::name_host(theirs, peer_->url);
    for (auto& finding : theirs)
      finding.message = result_.host + ": " + finding.message;
    found.insert(found.end(), theirs.begin(), theirs.end());
    result_.cntlid = ready.at("controller_id").get<std::uint16_t>();
    result_.vfn = ready.at("vfn").get<std::uint16_t>();
  }

  void move() {
    auto commit = record();
    if (options_->notice && !suspended_) session_->backend(cntlid_).quiesce(cntlid_);
    speaking_with(*peer_, [&] {
      link_.send(tags::hold);
      link_.expect(tags::held);
      held_ = true;
      stop_->suspend();
      const auto digest = send_state();
      const auto loaded = link_.expect(tags::loaded);
      if (loaded.value("sha256", std::string{}) != digest) {
        throw Error(ExitStatus::io, "the state that " + peer_->host + " loaded is another one");
      }
    });
    stop_if_interrupted("nothing was moved");
    is_committing_ = true;
    commit.commit();
    stop_->keep();
    committed_ = true;
    speaking_with(*peer_, [&] {
      link_.send(tags::commit);
      take(link_.expect(tags::done));
    });
  }

  /// What is written now, and what is to be written at the commit.
  JournalChange record() {
    stop_->record(IntentKind::suspended, {{transfer_detail, id_},
                                          {"destination", place()},
                                          {unfinished_detail, "the transfer was not done"}});
    JournalChange commit;
    stop_->add_record(commit, IntentKind::away, {{transfer_detail, id_}, {"destination", place()}});
    commit.prepare();
    return commit;
  }

  std::string send_state() {
    const auto begun = Suspension::Clock::now();
    const auto writer = make_state_file_writer(session_->io(), link_.out(), peer_->host, identity_);
    writer->suspended_for(stop_->length());
    writer->show_identity_first();
    WatchedSink sink(*writer, options_->progress, remote::step, cntlid_);
    StateEnd end;
    try {
      writer->carry_subsystem_state(subsystem_state_of(*session_, cntlid_, identity_));
      session_->backend(cntlid_).save(cntlid_, result_.formats, sink);
      end = writer->finish(stop_->length());
    } catch (const OsError& error) {
      in_pieces_ = true;
      // The other side stopped reading, and has said why.
      if (error.error_number() == EPIPE) link_.expect(tags::loaded);
      throw;
    } catch (const Interrupted&) {
      in_pieces_ = true;
      throw;
    }
    result_.figures.bytes = end.size;
    result_.figures.elapsed = Suspension::Clock::now() - begun;
    return to_string(end.sha256);
  }

  void take(const Json& done) {
    result_.resumed = result_.figures.blackout_ended = done.value("resumed", false);
    result_.figures.blackout = stop_->length();
    result_.figures.commands = done.value("commands", std::uint64_t{0});
    result_.destination_blackout =
        std::chrono::nanoseconds{done.value("blackout_ns", std::int64_t{0})};
  }

  Leftover leave() {
    if (committed_ || (is_committing_ && !journal().try_to_rewrite()))
      return leave_to_destination();
    auto left = stop_->undo();
    left += abort();
    return left;
  }

  Leftover leave_to_destination() {
    stop_->keep();
    return {"the guest is on " + result_.host + ", which did not say that it runs; settle it",
            {{.action = Remedy::Action::settle,
              .device = session_->device(),
              .function = cntlid_,
              .object = place()}}};
  }

  /// What the destination was made to do is taken back, as far as it can still be told.
  Leftover abort() {
    if (!held_) return {};
    Leftover unknown{
        "what " + result_.host + " holds is not usable; list it there before it is used", {}};
    // It waits for the rest of a piece, and would take a message for that. The end of the
    // connection tells it.
    if (in_pieces_) return unknown;
    try {
      link_.send(tags::abort);
      const auto status = answer_to_abort().value("status", std::string{});
      if (status != "loading") return {};
      return {"on " + result_.host +
                  " the destination stays suspended without a usable state; "
                  "transfer the state again, or list it there for other ways",
              {}};
    } catch (const std::exception&) {
      return unknown;
    }
  }

  /// It may have answered to the state before it heard that the transfer is off.
  Json answer_to_abort() {
    auto message = link_.receive();
    if (message.tag == tags::loaded) message = link_.receive();
    if (message.tag != tags::done) throw Error(ExitStatus::io, "it did not answer");
    return std::move(message.body);
  }

  Session* session_;
  std::uint16_t cntlid_;
  const Peer* peer_;
  const TransferOptions* options_;
  Link link_;
  std::string id_;
  bool suspended_ = false;
  StateIdentity identity_;
  std::optional<Suspension> stop_;
  PeerTransferResult result_;
  bool held_ = false, in_pieces_ = false, is_committing_ = false, committed_ = false;
};

Error neither_knows(const std::string& host) {
  return refused(
             "this host has no record of the transfer any more, so that neither knows whether it "
             "was committed",
             "unless the guest went on here after the transfer, resume it on " + host +
                 ", allowing `in_doubt`")
      .with_code("in_doubt");
}

/// The outcome is in the journal of the source: a record that is still there, or a line in the
/// ledger which says that the source went on. Where there is neither, as after a reboot, the
/// destination may hold the only copy.
bool was_committed(Session& session, std::uint16_t cntlid, const std::string& transfer,
                   const std::string& host) {
  const auto guest = session.journal().custody(cntlid);
  if (guest && detail_of(*guest, transfer_detail) == transfer) {
    return guest->kind == IntentKind::away;
  }
  const auto ledger = session.journal().ledger();
  const bool resumed = std::any_of(ledger.begin(), ledger.end(), [&](const LedgerLine& line) {
    return line.kind == LedgerLine::Kind::resumed && line.transfer == transfer;
  });
  if (!resumed) throw neither_knows(host);
  return false;
}

}  // namespace

std::string_view to_string(Settlement settlement) noexcept {
  switch (settlement) {
    case Settlement::nothing:
      return "nothing";
    case Settlement::committed:
      return "committed";
    case Settlement::aborted:
      return "aborted";
  }
  return "nothing";
}

PeerTransferResult transfer_to_peer(Session& source, std::uint16_t cntlid, const Peer& peer,
                                    const TransferOptions& options) {
  if (!options.dry_run) source.claim();
  return PeerTransfer(source, cntlid, peer, options).run();
}

SettleResult settle_with_peer(Session& source, std::uint16_t cntlid, const Peer& peer,
                              bool dry_run) {
  if (!dry_run) source.claim();
  check_named_backend(source, cntlid, remote::step);
  Link link(source.io(), peer.in, peer.out, peer.host);
  return speaking_with(peer, [&] {
    SettleResult result;
    result.host = link.greet().value("host", peer.host);
    link.send(tags::ask, {{"device", peer.device},
                          {"function", peer.function},
                          {"backend", source.workspace().backend_name},
                          {"dry_run", dry_run}});
    const auto doubt = link.expect(tags::doubt);
    check_backend(source, doubt, peer.host);
    result.cntlid = doubt.at("controller_id").get<std::uint16_t>();
    result.status = doubt.value("status", std::string{});
    if (doubt.at("transfer").is_null()) return result;
    const bool committed =
        was_committed(source, cntlid, doubt.at("transfer").get<std::string>(), result.host);
    result.settlement = committed ? Settlement::committed : Settlement::aborted;
    if (dry_run) return result;
    link.send(committed ? tags::commit : tags::abort);
    result.status = link.expect(tags::done).value("status", std::string{});
    return result;
  });
}

}  // namespace nvmigrate
