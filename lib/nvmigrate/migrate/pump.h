// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>

#include "nvmigrate/base/parallel.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// Page aligned memory that continues with its own beginning: every stretch of at most its size is
/// contiguous, wherever in a ring it lies. In memory from the start, so that no page fault is left
/// for later.
class MirroredMemory {
 public:
  /// \param size a multiple of the page size. \throws OsError when there is no memory
  explicit MirroredMemory(std::size_t size);
  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;
  ~MirroredMemory();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// `count` bytes, at most size(), from `position` of an endless stream.
  [[nodiscard]] std::span<std::byte> at(std::uint64_t position, std::size_t count) const noexcept;

 private:
  std::size_t size_;
  std::byte* base_;
};

/// A bounded ring between the thread that reads a state (producer) and the one that passes it on
/// (consumer), so that they overlap. It fits in a core's cache: moving a chunk from one core to
/// another through memory takes longer than the commands. A side that has to wait polls for a
/// moment, then sleeps until a quarter of the ring is ready, so that the threads seldom wake each
/// other. States that fit (inline_limit) need no second thread. All memory and the thread are made
/// with the object: make it before the function is suspended.
class StatePump {
 public:
  static constexpr std::size_t default_capacity = std::size_t{1} << 20U;
  static constexpr std::uint64_t inline_limit = std::uint64_t{1} << 20U;

  /// \param capacity bytes, at least twice the largest chunk of either side
  /// \throws OsError when there is no memory, Error(io) when there is no thread
  explicit StatePump(std::size_t capacity = default_capacity,
                     const StartThread& start = start_thread);
  StatePump(const StatePump&) = delete;
  StatePump& operator=(const StatePump&) = delete;
  ~StatePump();

  using Produce = std::function<void(StateSink&)>;
  using Consume = std::function<void(StateSource&)>;

  /// Passes one state through, and ends when both have. The producer runs in this thread, where
  /// stop signals are held back meanwhile; the consumer runs in the other one, where they end a
  /// blocked write. A stop signal ends the work at the next chunk. \throws what the one threw that
  /// failed first; Interrupted; Error(device) when the producer ended before the whole state was
  /// there
  void run(const Produce& produce, const Consume& consume);

 private:
  class Sink;
  class Source;

  [[nodiscard]] std::uint64_t held() const noexcept { return produced_ - consumed_; }
  [[nodiscard]] std::uint64_t free() const noexcept { return memory_.size() - held(); }
  [[nodiscard]] std::uint64_t batch() const noexcept { return memory_.size() / 4; }
  template <typename Ready>
  void poll(std::unique_lock<std::mutex>& lock, const Ready& ready);
  void wait_for_bytes(std::unique_lock<std::mutex>& lock, std::uint64_t count);
  void wait_for_room(std::unique_lock<std::mutex>& lock, std::uint64_t count);

  void start(std::uint64_t size);
  std::span<std::byte> room(std::size_t wanted);
  void commit(std::size_t count);
  std::span<const std::byte> view(std::size_t wanted);
  void take(std::size_t count);
  bool rewind();

  void produce_all(const Produce& produce);
  void serve();
  void consume_all();
  void stop_with(std::exception_ptr cause);

  MirroredMemory memory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t size_ = 0;
  std::atomic<std::uint64_t> produced_ = 0, consumed_ = 0;
  std::uint64_t wanted_bytes_ = 0, wanted_room_ = 0;  ///< what a side that waits waits for; or 0
  std::atomic<bool> failed_ = false;
  bool begun_ = false, threaded_ = false, consuming_ = false, quit_ = false;
  std::exception_ptr failure_;
  const Consume* consume_ = nullptr;
  std::thread worker_;
};

}  // namespace nvmigrate
