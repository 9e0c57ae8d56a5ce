// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/migrate/fit.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/state/state_writer.h"
#include "nvmigrate/store/atomic_file.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds{1};

/// The descriptor that a state goes to.
class Outlet {
 public:
  Outlet(Io& io, int fd, std::string object) : io_(&io), fd_(fd), object_(std::move(object)) {
    struct stat about {};
    if (io.fstat(fd, about) != 0) throw OsError(errno, "look at", object_);
    is_pipe_ = S_ISFIFO(about.st_mode);
    is_file_ = S_ISREG(about.st_mode);
  }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& object() const noexcept { return object_; }
  [[nodiscard]] bool is_pipe() const noexcept { return is_pipe_; }

  /// Waits until the reader of a pipe has taken everything. \throws OsError if it went away before
  void wait_for_reader() {
    if (!is_pipe_) return;
    for (int count = 1; count > 0;) {
      if (io_->unread(fd_, count) != 0) {
        if (errno == EPIPE && count == 0) return;
        missed_ = errno == EPIPE && is_anonymous();
        throw OsError(errno, "write", object_);
      }
      if (count == 0) return;
      stop_if_interrupted("its reader stopped before the end of the state");
      std::this_thread::sleep_for(poll_interval);
    }
  }
  /// The reader went away before it had taken everything, and no other reader can take the rest.
  [[nodiscard]] bool missed() const noexcept { return missed_; }

  void sync() {
    if (!is_file_) return;
    while (io_->fsync(fd_) != 0) {
      if (errno != EINTR) throw OsError(errno, "sync", object_);
    }
  }

 private:
  /// Another reader can open a FIFO that has a name.
  [[nodiscard]] bool is_anonymous() {
    std::string target;
    return io_->readlink("/proc/self/fd/" + std::to_string(fd_), target) == 0 &&
           target.starts_with("pipe:");
  }

  Io* io_;
  int fd_;
  std::string object_;
  bool is_pipe_ = false, is_file_ = false, missed_ = false;
};

/// One export, from the checks to the result. Made in the thread of the session; may run in another
/// one beside those of other functions.
class Export {
 public:
  Export(Session& session, std::uint16_t cntlid, std::string file, const ExportOptions& options)
      : session_(&session), options_(&options) {
    const auto before = session.commands_of_this_thread();
    result_.cntlid = cntlid;
    result_.file = std::move(file);
    result_.formats = formats_to_read(session, cntlid, options.formats);
    judge_function(Verb::export_state, session, cntlid, options.allowed,
                   options.resume ? Then::runs : Then::stays_suspended)
        .refuse("export");
    result_.suspended_before = is_suspended(session, cntlid);
    identity_ = identity_of(session, cntlid, result_.formats);
    if (options.raw && identity_.subsystem_state) refuse_to_leave_out();
    commands_ = session.commands_of_this_thread() - before;
  }

  [[nodiscard]] ExportResult plan() {
    result_.suspended = !options_->resume;
    result_.resumed = options_->resume;
    return std::move(result_);
  }

  [[nodiscard]] ExportResult run_to_file() {
    const auto& path = result_.file;
    const auto existing = options_->overwrite ? Existing::replace : Existing::refuse;
    if (options_->dry_run) {
      AtomicFile::check(io(), path, existing);
      return plan();
    }
    AtomicFile file(io(), path, 0600, existing);
    return run([&](Suspension& suspension) { write_file(suspension, file); });
  }

  [[nodiscard]] ExportResult run_to_descriptor(int fd, const std::string& object) {
    if (options_->dry_run) return plan();
    Outlet outlet(io(), fd, object);
    return run([&](Suspension& suspension) { write_outlet(suspension, outlet); });
  }

 private:
  /// Of a raw state, which has no subsystem state.
  void refuse_to_leave_out() {
    Judge judge(Verb::export_state, *session_, options_->allowed);
    judge.add(fact_of("subsystem_state_left_out", session_->device(),
                      session_->function(result_.cntlid)));
    judge.refuse("export");
    result_.findings = judge.findings();
  }

  [[nodiscard]] Io& io() const { return session_->io(); }
  [[nodiscard]] Journal& journal() const { return session_->journal(); }
  [[nodiscard]] MigrationBackend& backend() const { return session_->backend(result_.cntlid); }

  [[nodiscard]] std::unique_ptr<StateWriter> writer(int fd, const std::string& object) const {
    if (options_->raw) return make_raw_state_writer(io(), fd, object, backend().layout());
    return make_state_file_writer(io(), fd, object, identity_);
  }

  ExportResult run(const std::function<void(Suspension&)>& write) {
    const auto before = session_->commands_of_this_thread();
    stop_if_interrupted("nothing was done");
    strike_stale(*session_, result_.cntlid);
    Suspension suspension(*session_, result_.cntlid, result_.suspended_before);
    try {
      write(suspension);
      suspension.keep();
      drop_past(suspension);
    } catch (Error& failure) {
      leave(suspension).add_to(failure);
      throw;
    } catch (...) {
      leave(suspension);
      throw;
    }
    result_.figures.commands = commands_ + session_->commands_of_this_thread() - before;
    return plan();
  }

  void write_file(Suspension& suspension, AtomicFile& file) {
    const auto into = writer(file.fd(), file.path());
    suspend(suspension);
    const auto end = read(suspension, *into, {});
    file.sync();
    stop_if_interrupted("no file was written");
    if (options_->resume) return file.publish();
    hand_over(suspension, end);
    try {
      file.appear();
    } catch (...) {
      handed_over_ = false;  // the file was never named
      throw;
    }
    file.sync_name();
  }

  void write_outlet(Suspension& suspension, Outlet& outlet) {
    const auto into = writer(outlet.fd(), outlet.object());
    if (outlet.is_pipe()) {
      into->announce();
      into->show_identity_first();
      outlet.wait_for_reader();
    }
    suspend(suspension);
    read(suspension, *into, &outlet);
    try {
      outlet.wait_for_reader();
    } catch (...) {
      if (outlet.missed()) handed_over_ = false;
      throw;
    }
    outlet.sync();
  }

  void suspend(Suspension& suspension) {
    if (options_->notice && !result_.suspended_before) backend().quiesce(result_.cntlid);
    IntentDetails details;
    if (!result_.file.empty()) details.emplace("file", result_.file);
    suspension.record(IntentKind::exporting, std::move(details));
    suspension.suspend();
  }

  /// \param outlet what the state is handed over to with its last bytes; nullptr: to nothing yet
  StateEnd read(Suspension& suspension, StateWriter& writer, Outlet* outlet) {
    const auto begun = Suspension::Clock::now();
    writer.suspended_for(suspension.length());
    WatchedSink sink(writer, options_->progress, "export", result_.cntlid);
    if (outlet != nullptr) sink.when_begun([outlet] { outlet->wait_for_reader(); });
    if (!options_->raw) {
      writer.carry_subsystem_state(subsystem_state_of(*session_, result_.cntlid, identity_));
    }
    backend().save(result_.cntlid, result_.formats, sink);
    const auto when_read = suspension.length();
    if (options_->resume) suspension.resume();
    auto end = finish(suspension, writer, when_read, outlet);
    auto& figures = result_.figures;
    figures.blackout = suspension.length();
    figures.blackout_ended = options_->resume;
    figures.elapsed = Suspension::Clock::now() - begun;
    figures.bytes = end.size;
    result_.file_bytes = writer.written();
    result_.sha256 = end.sha256;
    return end;
  }

  StateEnd finish(Suspension& suspension, StateWriter& writer, std::chrono::nanoseconds when_read,
                  Outlet* outlet) {
    const auto before_end = [&](const StateEnd& end, const std::optional<DecodedState>& decoded) {
      judge(decoded);
      if (options_->resume) {
        note_snapshot(end);
      } else if (outlet != nullptr) {
        outlet->wait_for_reader();
        hand_over(suspension, end);
      }
    };
    try {
      return writer.finish(when_read, options_->resume, before_end);
    } catch (...) {
      handed_over_ = false;  // without its last bytes the state is useless
      throw;
    }
  }

  void judge(const std::optional<DecodedState>& decoded) {
    if (!decoded) return;
    Judge judge(Verb::export_state, *session_, options_->allowed);
    for (const auto& found : decoded->findings)
      judge.add(of_function(found, *session_, result_.cntlid, ExitStatus::device));
    judge.refuse("export a state that no destination would accept");
    const auto& found = judge.findings();
    result_.findings.insert(result_.findings.end(), found.begin(), found.end());
  }

  /// From here on only the operator may resume the function.
  void hand_over(Suspension& suspension, const StateEnd& end) {
    IntentDetails details{{digest_detail, to_string(end.sha256)}};
    if (!result_.file.empty()) details.emplace("file", result_.file);
    said_exported_ = true;
    suspension.record(IntentKind::exported, std::move(details));
    handed_over_ = true;
  }

  /// An idle guest may have the same state as in an earlier export or snapshot. The ledger lines of
  /// that must not block an import of this one. If they cannot be dropped, the import reports them.
  void drop_past(const Suspension& suspension) noexcept {
    const auto& before = suspension.before();
    const bool had_left =
        before && (before->kind == IntentKind::exported || before->kind == IntentKind::away);
    if (!handed_over_ || had_left) return;
    try {
      const auto lines = journal().ledger();
      const auto digest = to_string(*result_.sha256);
      const bool any = std::any_of(lines.begin(), lines.end(), [&](const LedgerLine& line) {
        return line.sha256 == digest && line.source == session_->key() &&
               line.source_cntlid == result_.cntlid;
      });
      if (any) JournalChange().drop_past(journal(), result_.cntlid, digest).write();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): see above
    }
  }

  /// The guest goes on without this state, which must not be loaded as if it were the guest.
  void note_snapshot(const StateEnd& end) {
    JournalChange()
        .note(journal(), {.kind = LedgerLine::Kind::resumed,
                          .sha256 = to_string(end.sha256),
                          .source = session_->key(),
                          .source_cntlid = result_.cntlid,
                          .cntlid = result_.cntlid,
                          .device = session_->device()})
        .write();
  }

  Leftover leave(Suspension& suspension) const {
    if (!handed_over_) {
      auto left = suspension.undo();
      // If the journal could not be written, it may still say that the state was handed over.
      for (auto& remedy : left.remedies) {
        if (said_exported_) remedy.allow = "two_copies";
      }
      if (left.empty()) {
        left += suspension.name() + (result_.suspended_before ? " is suspended" : " runs") +
                " as before";
      }
      return left;
    }
    suspension.keep();
    auto resume = suspension.remedy();
    auto release = resume;
    release.action = Remedy::Action::release;
    resume.allow = "exported";
    return {suspension.name() +
                " stays suspended, since its state may have been taken; release it "
                "if it was, and resume it only if it was not",
            {release, resume}};
  }

  Session* session_;
  const ExportOptions* options_;
  StateIdentity identity_;
  std::uint64_t commands_ = 0;  ///< sent for the checks
  ExportResult result_;
  bool said_exported_ = false;  ///< the journal may say so
  bool handed_over_ = false;    ///< whoever has the bytes may run them
};

/// Does a part of the work for one of several functions; what it throws is its outcome.
void attempt(ExportOutcome& outcome, const std::function<void()>& part) {
  try {
    part();
  } catch (...) {
    outcome.failure = std::current_exception();
  }
}

}  // namespace

ExportResult export_to_file(Session& session, std::uint16_t cntlid, const std::string& path,
                            const ExportOptions& options) {
  if (!options.dry_run) session.claim();
  return Export(session, cntlid, path, options).run_to_file();
}

ExportResult export_to_descriptor(Session& session, std::uint16_t cntlid, int fd,
                                  const std::string& object, const ExportOptions& options) {
  if (!options.dry_run) session.claim();
  return Export(session, cntlid, {}, options).run_to_descriptor(fd, object);
}

std::vector<ExportOutcome> export_many(Session& session, const std::vector<ExportJob>& jobs,
                                       unsigned parallel, const ExportOptions& options) {
  if (!options.dry_run) session.claim();
  std::vector<std::optional<Export>> exports(jobs.size());
  std::vector<ExportOutcome> outcomes(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    outcomes[i].cntlid = jobs[i].first;
    attempt(outcomes[i],
            [&] { exports[i].emplace(session, jobs[i].first, jobs[i].second, options); });
  }
  run_parallel(jobs.size(), parallel, [&](std::size_t i) {
    if (!exports[i]) return;
    attempt(outcomes[i], [&] { outcomes[i].result = exports[i]->run_to_file(); });
  });
  return outcomes;
}

}  // namespace nvmigrate
