// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/export.h"

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/source_identity.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/watched_stream.h"
#include "nvmigrate/state/state_writer.h"
#include "nvmigrate/store/atomic_file.h"

namespace nvmigrate {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds{1};

/// Waits until the reader of a pipe has taken all: one that went away has not got the state.
void wait_for_reader(Io& io, int fd, const std::string& object) {
  for (int count = 1; count > 0;) {
    if (io.unread(fd, count) != 0) throw OsError(errno, "write", object);
    stop_if_interrupted("its reader did not take the whole state");
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

/// One export, from the checks to the result.
class Export {
 public:
  Export(MigrationSide& side, std::uint16_t cntlid, std::string file, const ExportOptions& options)
      : side_(&side), options_(&options), commands_before_(commands()) {
    result_.cntlid = cntlid;
    result_.file = std::move(file);
    require_controlled(side, cntlid);
    require_marked(side, cntlid);
    require_unambiguous(side, cntlid, options.allowed);
    require_online(side, cntlid);
    result_.formats = options.formats.value_or(whole_state(side.query.formats));
    require_formats(side.query.formats, result_.formats, side.device);
    result_.suspended_before = side.backend.is_frozen(cntlid, result_.formats);
    if (!result_.suspended_before) require_released(side, cntlid, options.allowed);
  }

  [[nodiscard]] ExportResult plan() {
    result_.suspended = !options_->resume;
    result_.resumed = options_->resume;
    return std::move(result_);
  }

  std::unique_ptr<StateWriter> writer(Io& io, int fd, const std::string& object) const {
    if (options_->raw) return make_raw_state_writer(io, fd, object, side_->backend.layout());
    return make_state_file_writer(io, fd, object,
                                  identity_of(*side_, result_.cntlid, result_.formats));
  }

  ExportResult run(StateWriter& writer, const std::function<void()>& publish) {
    stop_if_interrupted("nothing was done");
    Suspension suspension(*side_, result_.cntlid, result_.formats, result_.suspended_before);
    try {
      suspend(suspension);
      read(suspension, writer);
      publish();
      if (!options_->resume) suspension.settle();
    } catch (Error& failure) {
      failure.add_hint(suspension.undo());
      throw;
    }
    result_.suspended = !options_->resume;
    result_.resumed = options_->resume;
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::uint64_t commands() const { return side_->commands ? side_->commands() : 0; }

  void suspend(Suspension& suspension) {
    if (options_->notice && !result_.suspended_before) side_->backend.quiesce(result_.cntlid);
    suspension.begin();
  }

  void read(Suspension& suspension, StateWriter& writer) {
    const auto begun = Suspension::Clock::now();
    writer.suspended_for(suspension.length());
    WatchedSink sink(writer, options_->progress, "export", result_.cntlid);
    side_->backend.save(result_.cntlid, result_.formats, sink);
    const auto when_read = suspension.length();
    if (options_->resume) suspension.resume();
    const auto end = writer.finish(when_read);
    auto& figures = result_.figures;
    figures.blackout = suspension.length();
    figures.blackout_ended = options_->resume;
    figures.elapsed = Suspension::Clock::now() - begun;
    figures.bytes = end.size;
    figures.commands = commands() - commands_before_;
    result_.file_bytes = writer.written();
    result_.sha256 = end.sha256;
    judge(writer.decoded());
  }

  void judge(const std::optional<DecodedState>& decoded) {
    if (!decoded) return;
    for (const auto& found : decoded->findings) {
      result_.findings.push_back(judged({.name = found.name,
                                         .message = found.message,
                                         .blocker = found.blocker,
                                         .status = ExitStatus::device},
                                        options_->allowed));
    }
    refuse_if_any_stands(result_.findings, side_->name_of(result_.cntlid) +
                                               " gave a state that no "
                                               "destination would take");
  }

  MigrationSide* side_;
  const ExportOptions* options_;
  std::uint64_t commands_before_;
  ExportResult result_;
};

}  // namespace

ExportResult export_to_file(Io& io, MigrationSide& side, std::uint16_t cntlid,
                            const std::string& path, const ExportOptions& options) {
  Export work(side, cntlid, path, options);
  if (options.dry_run) {
    AtomicFile::check(io, path);
    return work.plan();
  }
  AtomicFile file(io, path);
  const auto writer = work.writer(io, file.fd(), path);
  return work.run(*writer, [&file] {
    file.sync();
    stop_if_interrupted("no file was written");
    file.publish();
  });
}

ExportResult export_to_descriptor(Io& io, MigrationSide& side, std::uint16_t cntlid, int fd,
                                  const std::string& object, const ExportOptions& options) {
  Export work(side, cntlid, "-", options);
  if (options.dry_run) return work.plan();
  const auto writer = work.writer(io, fd, object);
  return work.run(*writer, [&] { hand_over(io, fd, object); });
}

}  // namespace nvmigrate
