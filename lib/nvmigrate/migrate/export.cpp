// SPDX-License-Identifier: LGPL-2.1-or-later
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

namespace nvmigrate {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds{1};

/// Waits until the reader of a pipe has taken all: one that went away has not got the state.
void wait_for_reader(Io& io, int fd, const std::string& object) {
  for (int count = 1; count > 0;) {
    if (io.unread(fd, count) != 0) throw OsError(errno, "write", object);
    stop_if_interrupted("its reader stopped before the end of the state");
    if (count > 0) std::this_thread::sleep_for(poll_interval);
  }
}

/// What was written is where it should be, not only on its way.
void hand_over(Io& io, int fd, const std::string& object) {
  struct stat about {};
  if (io.fstat(fd, about) != 0) throw OsError(errno, "look at", object);
  if (S_ISFIFO(about.st_mode)) wait_for_reader(io, fd, object);
  if (!S_ISREG(about.st_mode)) return;
  while (io.fsync(fd) != 0) {
    if (errno != EINTR) throw OsError(errno, "sync", object);
  }
}

/// One export, from the checks to the result. Made in the thread of the session; may run in another
/// one beside those of other functions.
class Export {
 public:
  Export(Session& session, std::uint16_t cntlid, std::string file, const ExportOptions& options)
      : session_(&session), options_(&options) {
    const auto before = session.commands_of_this_thread();
    result_.cntlid = cntlid;
    result_.file = std::move(file);
    result_.formats = formats_to_read(session, options.formats);
    judge_function(Verb::export_state, session, cntlid, options.allowed).refuse("export");
    result_.suspended_before = is_suspended(session, cntlid);
    identity_ = identity_of(session, cntlid, result_.formats);
    commands_ = session.commands_of_this_thread() - before;
  }

  [[nodiscard]] ExportResult plan() {
    result_.suspended = !options_->resume;
    result_.resumed = options_->resume;
    return std::move(result_);
  }

  [[nodiscard]] ExportResult run_to_file() {
    const auto& path = result_.file;
    if (options_->dry_run) {
      AtomicFile::check(io(), path);
      return plan();
    }
    AtomicFile file(io(), path);
    return run(file.fd(), path, [&file] {
      file.sync();
      stop_if_interrupted("no file was written");
      file.publish();
    });
  }

  [[nodiscard]] ExportResult run_to_descriptor(int fd, const std::string& object) {
    if (options_->dry_run) return plan();
    return run(fd, object, [&] { hand_over(io(), fd, object); });
  }

 private:
  [[nodiscard]] Io& io() const { return session_->io(); }
  [[nodiscard]] MigrationBackend& backend() const { return session_->backend(); }

  [[nodiscard]] std::unique_ptr<StateWriter> writer(int fd, const std::string& object) const {
    if (options_->raw) return make_raw_state_writer(io(), fd, object, backend().layout());
    return make_state_file_writer(io(), fd, object, identity_);
  }

  ExportResult run(int fd, const std::string& object, const std::function<void()>& publish) {
    const auto before = session_->commands_of_this_thread();
    const auto into = writer(fd, object);
    stop_if_interrupted("nothing was done");
    strike_stale(*session_, result_.cntlid);
    Suspension suspension(*session_, result_.cntlid, result_.suspended_before);
    try {
      suspend(suspension);
      read(suspension, *into);
      publish();
      if (!options_->resume) suspension.settle();
    } catch (Error& failure) {
      suspension.undo().add_to(failure);
      throw;
    }
    result_.figures.commands = commands_ + session_->commands_of_this_thread() - before;
    return plan();
  }

  void suspend(Suspension& suspension) {
    if (options_->notice && !result_.suspended_before) backend().quiesce(result_.cntlid);
    suspension.begin();
  }

  void read(Suspension& suspension, StateWriter& writer) {
    const auto begun = Suspension::Clock::now();
    writer.suspended_for(suspension.length());
    WatchedSink sink(writer, options_->progress, "export", result_.cntlid);
    backend().save(result_.cntlid, result_.formats, sink);
    const auto when_read = suspension.length();
    if (options_->resume) suspension.resume();
    const auto end = writer.finish(when_read);
    auto& figures = result_.figures;
    figures.blackout = suspension.length();
    figures.blackout_ended = options_->resume;
    figures.elapsed = Suspension::Clock::now() - begun;
    figures.bytes = end.size;
    result_.file_bytes = writer.written();
    result_.sha256 = end.sha256;
    judge(writer.decoded());
  }

  void judge(const std::optional<DecodedState>& decoded) {
    if (!decoded) return;
    Judge judge(Verb::export_state, *session_, options_->allowed);
    for (const auto& found : decoded->findings)
      judge.add(of_function(found, *session_, result_.cntlid, ExitStatus::device));
    judge.refuse("export a state that no destination would accept");
    result_.findings = judge.findings();
  }

  Session* session_;
  const ExportOptions* options_;
  StateIdentity identity_;
  std::uint64_t commands_ = 0;  ///< sent for the checks
  ExportResult result_;
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
