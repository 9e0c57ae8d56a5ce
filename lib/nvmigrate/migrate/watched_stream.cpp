// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/watched_stream.h"

#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/nvme/status.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate {

WatchedSink::WatchedSink(StateSink& into, ProgressCallback progress, std::string_view step,
                         std::uint16_t cntlid)
    : into_(&into), progress_(std::move(progress)), report_{.step = step, .cntlid = cntlid} {}

void WatchedSink::begin(std::uint64_t size) {
  report_.done = 0;
  report_.total = size;
  into_->begin(size);
  if (when_begun_) when_begun_();
}

std::span<std::byte> WatchedSink::room(std::size_t wanted) {
  stop_if_interrupted("the state was read in part");
  return into_->room(wanted);
}

void WatchedSink::commit(std::size_t count) {
  into_->commit(count);
  report_.done += count;
  if (progress_) progress_(report_);
}

WatchedSource::WatchedSource(StateSource& from, ProgressCallback progress, std::string_view step,
                             std::uint16_t cntlid)
    : from_(&from), progress_(std::move(progress)), report_{.step = step, .cntlid = cntlid} {
  report_.total = from.size();
}

std::span<const std::byte> WatchedSource::view(std::size_t wanted) {
  stop_if_interrupted("the state was loaded in part");
  const auto seen = from_->view(wanted);
  if (judge_) judge(seen);
  touched_ = true;
  return seen;
}

void WatchedSource::judge(std::span<const std::byte> seen) {
  const auto end = report_.done + seen.size();
  if (end <= decoded_) return;
  decoder_.feed(seen.last(static_cast<std::size_t>(end - decoded_)));
  decoded_ = end;
  if (decoded_ == size()) judge_(decoder_.finish());
}

void WatchedSource::take(std::size_t count) {
  from_->take(count);
  taken_ = true;
  report_.done += count;
  if (progress_) progress_(report_);
}

bool WatchedSource::rewind() {
  if (!from_->rewind()) return false;
  report_.done = 0;
  return true;
}

void load(MigrationBackend& backend, std::uint16_t cntlid, const FormatChoice& formats,
          WatchedSource& from, bool& touched) {
  touched = true;
  try {
    backend.load(cntlid, formats, from);
  } catch (const NvmeError&) {
    from.refused();
    touched = from.touched();
    throw;
  } catch (...) {
    touched = from.touched();
    throw;
  }
}

}  // namespace nvmigrate
