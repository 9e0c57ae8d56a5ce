// SPDX-License-Identifier: LGPL-2.1-or-later
#include <memory>
#include <optional>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/fit.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/remote/link.h"
#include "nvmigrate/remote/message.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/state/byte_source.h"
#include "nvmigrate/state/chunk_source.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

using remote::Json;
using remote::Link;
using remote::Message;
namespace tags = remote::tags;

/// The destination of one connection.
class Destination {
 public:
  Destination(const Workspace& workspace, int in, int out)
      : workspace_(&workspace), link_(*workspace.io, in, out, "the source") {}

  PeerServiceResult serve() {
    PeerServiceResult result;
    try {
      link_.greet();
      while (!ended_)
        answer(link_.receive());
    } catch (const remote::Disconnected& failure) {
      leave();
      if (stop_) result.failure = failure;
    } catch (Error& failure) {
      leave().add_to(failure);
      link_.send(tags::fail, remote::error_json(failure));
      result.failure = failure;
    } catch (...) {
      leave();
      throw;
    }
    if (session_) result.cntlid = cntlid_;
    result.changed = stop_.has_value();
    return result;
  }

 private:
  [[noreturn]] static void refuse_message(const std::string& why) {
    throw Error(ExitStatus::io, why).with_code("connection");
  }

  void answer(const Message& message) {
    try {
      carry_out(message);
    } catch (const Json::exception& error) {
      refuse_message(std::string{"a message cannot be understood: "} + error.what());
    }
  }

  void carry_out(const Message& message) {
    if (message.tag == tags::prepare) return prepare(message.body);
    if (message.tag == tags::hold) return hold();
    if (message.tag == tags::commit) return commit();
    if (message.tag == tags::abort) return abort();
    if (message.tag == tags::ask) return tell_doubt(message.body);
    refuse_message("a message came that is not known here");
  }

  /// Once in a connection: what was begun must not lose its session, nor be taken back as if it
  /// had not been loaded.
  void open(const Json& body) {
    if (session_) refuse_message("a second transfer came in one connection");
    session_ = Session::open(*workspace_, body.at("device").get<std::string>(), Access::read);
    session_->name_backend(body.value("backend", std::string{}));
    cntlid_ = select_one(session_->topology(), body.at("function").get<std::string>(), remote::step)
                  .cntlid;
    if (!body.at("dry_run").get<bool>()) session_->claim();
  }

  [[nodiscard]] std::string backend() const {
    const auto* serving = session_->serving(cntlid_);
    return serving == nullptr ? std::string{} : std::string{serving->row->name};
  }

  void prepare(const Json& body) {
    open(body);
    transfer_ = body.at("transfer").get<std::string>();
    source_ = body.at("source").get<std::string>();
    resume_ = body.at("resume").get<bool>();
    allowed_ = body.at("allowed").get<std::vector<std::string>>();
    identity_ = decode_state_identity(body.at("identity").get<std::string>(), 0);
    const auto judge = judge_arrival(identity_, *session_, cntlid_, allowed_,
                                     resume_ ? Then::runs : Then::stays_suspended);
    was_suspended_ = is_suspended(*session_, cntlid_);
    link_.send(tags::ready, {{"controller_id", cntlid_},
                             {"vfn", session_->function(cntlid_).vfn},
                             {"backend", backend()},
                             {"findings", remote::to_json(judge.findings())}});
    refused_ = judge.stops() || body.at("dry_run").get<bool>();
  }

  void hold() {
    if (!session_ || refused_ || stop_) {
      refuse_message("the transfer was not prepared");
    }
    const auto before = session_->commands();
    strike_stale(*session_, cntlid_);
    stop_.emplace(*session_, cntlid_, was_suspended_);
    stop_->record(IntentKind::loading, {{transfer_detail, transfer_}, {"source", source_}});
    stop_->suspend();
    link_.send(tags::held);
    const auto digest = load();
    record_loaded(digest);
    commands_ = session_->commands() - before;
    link_.send(tags::loaded, {{"sha256", digest}});
  }

  std::string load() {
    auto reader = std::make_unique<FileChunkReader>(
        make_stream_source(*workspace_->io, link_.in(), link_.peer()), link_.peer(), Behind::more);
    begun_ = Suspension::Clock::now();
    const auto arriving = reader->identity();
    Sha256 digest;
    std::string verified;
    const StreamChecks checks{
        .chunk = [&](std::span<const std::byte> chunk) { digest.update(chunk); },
        .end = [&, file = reader.get()](ChunkReader&) { verified = verify(digest, file->end()); }};
    load_subsystem_state(*session_, cntlid_, reader->subsystem_state(), touched_);
    ChunkSource source(std::move(reader), arriving.size, checks, link_.peer(), start_thread);
    WatchedSource watched(source, {}, remote::step, cntlid_);
    if (arriving.layout == StateLayout::nvme) {
      watched.judge_with([this](const DecodedState& decoded) { judge(decoded); });
    }
    nvmigrate::load(session_->backend(cntlid_), cntlid_, arriving.formats, watched, touched_);
    return verified;
  }

  static std::string verify(Sha256& digest, const StateEnd& end) {
    if (digest.finish() == end.sha256) return to_string(end.sha256);
    throw bad_state("the state was damaged on its way: its SHA-256 is another one");
  }

  void judge(const DecodedState& decoded) {
    Judge judge(Verb::transfer, *session_, allowed_);
    Fit(judge, *session_, cntlid_).look_at_state(decoded);
    judge.refuse(remote::step);
  }

  /// The state is complete, and whether it may run is for the source to say.
  void record_loaded(const std::string& digest) {
    JournalChange change;
    IntentDetails details{{transfer_detail, transfer_},
                          {"source", source_},
                          {digest_detail, digest},
                          {in_doubt_detail, source_}};
    if (!resume_) details.emplace(keep_detail, "the transfer leaves it suspended");
    stop_->add_record(change, IntentKind::loaded, std::move(details));
    change.note(session_->journal(),
                {.kind = LedgerLine::Kind::loaded,
                 .sha256 = digest,
                 .source = SubsystemKey{identity_.subsystem_nqn, identity_.serial},
                 .source_cntlid = identity_.controller,
                 .cntlid = cntlid_,
                 .device = session_->device()});
    change.write();
    loaded_ = true;
  }

  void commit() {
    if (!loaded_) refuse_message("there is no complete state to commit");
    committed_ = true;
    if (resume_) {
      stop_->wake();
      runs_ = true;
      stop_->strike();
    } else {
      stop_->record(IntentKind::loaded, {{"source", source_}});
      stop_->keep();
    }
    const auto blackout =
        begun_ ? Suspension::Clock::now() - *begun_ : Suspension::Clock::duration{};
    link_.send(tags::done, {{"resumed", resume_},
                            {"status", resume_ ? "running" : "loaded"},
                            {"commands", commands_ + (resume_ ? 1U : 0U)},
                            {"blackout_ns", std::chrono::nanoseconds(blackout).count()}});
    ended_ = true;
  }

  void abort() {
    if (loaded_) {
      spoil();
    } else if (stop_) {
      stop_->undo();
    }
    link_.send(tags::done, {{"resumed", false}, {"status", loaded_ ? "loading" : "running"}});
    ended_ = true;
  }

  /// The guest goes on at the source, so that this copy must never run.
  void spoil() {
    JournalChange change;
    stop_->add_record(change, IntentKind::loading, {{"source", source_}});
    change.drop_loads(session_->journal(), cntlid_).write();
    stop_->keep();
  }

  void tell_doubt(const Json& body) {
    open(body);
    check_named_backend(*session_, cntlid_, remote::step);
    const auto& function = session_->ask_again(cntlid_);
    const auto* guest = function.custody();
    const bool doubts = guest != nullptr && !detail_of(*guest, in_doubt_detail).empty();
    if (doubts) {
      transfer_ = detail_of(*guest, transfer_detail);
      source_ = detail_of(*guest, "source");
      resume_ = detail_of(*guest, keep_detail).empty();
      if (session_->claimed()) stop_.emplace(*session_, cntlid_, true);
      loaded_ = session_->claimed();
    }
    link_.send(tags::doubt, {{"controller_id", cntlid_},
                             {"backend", backend()},
                             {"transfer", doubts ? Json(transfer_) : Json()},
                             {"status", to_string(custody_of(function))}});
  }

  Leftover leave() {
    const InterruptsDeferred until_done;
    if (!stop_) return {};
    if (loaded_ && !committed_) {
      stop_->keep();
      return {};
    }
    if (loaded_) return leave_committed();
    if (!touched_) return stop_->undo();
    return leave_half_loaded(*stop_, *session_, cntlid_);
  }

  /// The guest is here now, so that it may be resumed without asking the source.
  Leftover leave_committed() {
    stop_->keep();
    if (runs_) return {stop_->name() + " runs, but the journal is not up to date", {}};
    IntentDetails details{{transfer_detail, transfer_}, {"source", source_}};
    if (resume_) details.emplace(unfinished_detail, "the transfer was committed, not resumed");
    try {
      stop_->record(IntentKind::loaded, std::move(details));
    } catch (const std::exception&) {
      // It stays in doubt, and the source tells it once more when it is asked.
    }
    stop_->keep();
    return {"the state is loaded; resume " + stop_->name(), {stop_->remedy()}};
  }

  const Workspace* workspace_;
  Link link_;
  std::unique_ptr<Session> session_;
  std::uint16_t cntlid_ = 0;
  std::string transfer_, source_;
  bool resume_ = true, was_suspended_ = false, refused_ = false;
  std::vector<std::string> allowed_;
  StateIdentity identity_;
  std::optional<Suspension> stop_;
  std::optional<Suspension::Clock::time_point> begun_;
  std::uint64_t commands_ = 0;
  bool touched_ = false, loaded_ = false, committed_ = false, runs_ = false, ended_ = false;
};

}  // namespace

PeerServiceResult serve_peer(const Workspace& workspace, int in, int out) {
  return Destination(workspace, in, out).serve();
}

}  // namespace nvmigrate
