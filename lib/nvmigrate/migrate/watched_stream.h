// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// A sink before another one, that tells the progress and ends at the next chunk after a stop
/// signal.
class WatchedSink final : public StateSink {
 public:
  WatchedSink(StateSink& into, ProgressCallback progress, std::string_view step,
              std::uint16_t cntlid);
  /// Called after begin(), before the first bytes of the state are asked for.
  void when_begun(std::function<void()> what) { when_begun_ = std::move(what); }
  void begin(std::uint64_t size) override;
  std::span<std::byte> room(std::size_t wanted) override;
  void commit(std::size_t count) override;
  [[nodiscard]] std::uint64_t done() const noexcept { return report_.done; }

 private:
  StateSink* into_;
  ProgressCallback progress_;
  std::function<void()> when_begun_;
  ProgressReport report_;
};

/// A source before another one: tells the progress, ends at the next chunk after a stop signal,
/// remembers whether anything may have reached the device, and decodes what passes, so that the
/// last bytes of a state are only handed out when all of it was found good.
class WatchedSource final : public StateSource {
 public:
  /// Called with the whole decoded state before the last bytes are handed out; throws to refuse it.
  using Judge = std::function<void(const DecodedState&)>;

  WatchedSource(StateSource& from, ProgressCallback progress, std::string_view step,
                std::uint16_t cntlid);
  /// Decodes what passes. For states whose layout is that of the specification.
  void judge_with(Judge judge) { judge_ = std::move(judge); }

  [[nodiscard]] std::uint64_t size() const override { return from_->size(); }
  std::span<const std::byte> view(std::size_t wanted) override;
  void take(std::size_t count) override;
  bool rewind() override;
  /// Whether the device may hold any of it: bytes were handed out, and not refused().
  [[nodiscard]] bool touched() const noexcept { return touched_; }
  /// The device answered with an error to what was handed out last: it did not take that.
  void refused() noexcept { touched_ = taken_; }

 private:
  void judge(std::span<const std::byte> seen);

  StateSource* from_;
  ProgressCallback progress_;
  ProgressReport report_;
  Judge judge_;
  StateDecoder decoder_;
  std::uint64_t decoded_ = 0;
  bool touched_ = false, taken_ = false;
};

/// Loads the state into a function. `touched` says afterwards, also when it throws, whether the
/// device may hold any of it.
void load(MigrationBackend& backend, std::uint16_t cntlid, const FormatChoice& formats,
          WatchedSource& from, bool& touched);

}  // namespace nvmigrate
