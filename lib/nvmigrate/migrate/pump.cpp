// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/pump.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

/// Leaves stop signals to the other threads while it exists.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    sigset_t stops;
    sigemptyset(&stops);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGALRM})
      sigaddset(&stops, number);
    pthread_sigmask(SIG_BLOCK, &stops, &before_);
  }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;
  ~SignalsHeldBack() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

constexpr std::size_t page = 4096;

/// Waking a thread takes about as long as a chunk, so a side that waits polls this long first.
constexpr auto time_to_poll = std::chrono::microseconds{100};

[[noreturn]] void no_memory(std::size_t size) {
  throw OsError(errno, "allocate", std::to_string(size) + " bytes for the state");
}

/// A file in memory; its two mappings keep it alive.
class MemoryFile {
 public:
  explicit MemoryFile(std::size_t size) : fd_(::memfd_create("nvmigrate-state", MFD_CLOEXEC)) {
    if (fd_ < 0) no_memory(size);
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      ::close(fd_);
      no_memory(size);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }

  [[nodiscard]] bool map(void* where, std::size_t size) const {
    return ::mmap(where, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd_,
                  0) != MAP_FAILED;
  }

 private:
  int fd_;
};

}  // namespace

MirroredMemory::MirroredMemory(std::size_t size) : size_(size), base_(nullptr) {
  const MemoryFile file(size);
  void* place = ::mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) no_memory(size);
  base_ = static_cast<std::byte*>(place);
  if (!file.map(base_, size) || !file.map(base_ + size, size)) {
    const int code = errno;
    ::munmap(base_, 2 * size);
    errno = code;
    no_memory(size);
  }
}

MirroredMemory::~MirroredMemory() { ::munmap(base_, 2 * size_); }

std::span<std::byte> MirroredMemory::at(std::uint64_t position, std::size_t count) const noexcept {
  return {base_ + position % size_, count};
}

class StatePump::Sink final : public StateSink {
 public:
  explicit Sink(StatePump& pump) : pump_(&pump) {}
  void begin(std::uint64_t size) override { pump_->start(size); }
  std::span<std::byte> room(std::size_t wanted) override { return pump_->room(wanted); }
  void commit(std::size_t count) override { pump_->commit(count); }

 private:
  StatePump* pump_;
};

class StatePump::Source final : public StateSource {
 public:
  explicit Source(StatePump& pump) : pump_(&pump) {}
  [[nodiscard]] std::uint64_t size() const override { return pump_->size_; }
  std::span<const std::byte> view(std::size_t wanted) override { return pump_->view(wanted); }
  void take(std::size_t count) override { pump_->take(count); }
  bool rewind() override { return pump_->rewind(); }

 private:
  StatePump* pump_;
};

StatePump::StatePump(std::size_t capacity, const StartThread& start)
    : memory_((capacity + page - 1) / page * page),
      worker_(require_thread(start, [this] { serve(); })) {}

StatePump::~StatePump() {
  {
    const std::lock_guard only(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void StatePump::run(const Produce& produce, const Consume& consume) {
  size_ = wanted_bytes_ = wanted_room_ = 0;
  produced_ = consumed_ = 0;
  begun_ = threaded_ = false;
  failure_ = nullptr;
  failed_ = false;
  consume_ = &consume;
  produce_all(produce);
  if (!threaded_ && !failure_) consume_all();
  if (failure_) std::rethrow_exception(failure_);
}

void StatePump::produce_all(const Produce& produce) {
  const SignalsHeldBack held_back;
  try {
    Sink sink(*this);
    produce(sink);
    if (!begun_ || produced_ != size_) {
      throw Error(ExitStatus::device, "the state ended after " + std::to_string(produced_) +
                                          " of " + std::to_string(size_) + " bytes");
    }
  } catch (...) {
    stop_with(std::current_exception());
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !consuming_; });
}

void StatePump::start(std::uint64_t size) {
  const std::lock_guard only(mutex_);
  size_ = size;
  begun_ = true;
  threaded_ = size > std::min<std::uint64_t>(inline_limit, memory_.size());
  consuming_ = threaded_;
  if (threaded_) changed_.notify_all();
}

template <typename Ready>
void StatePump::poll(std::unique_lock<std::mutex>& lock, const Ready& ready) {
  const auto until = std::chrono::steady_clock::now() + time_to_poll;
  lock.unlock();
  while (!ready() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  lock.lock();
}

void StatePump::wait_for_room(std::unique_lock<std::mutex>& lock, std::uint64_t count) {
  if (free() < count) poll(lock, [this, count] { return failed_ || free() >= count; });
  if (free() >= count) return;
  wanted_room_ = std::max(count, batch());
  changed_.wait(lock, [this] { return failure_ || free() >= wanted_room_; });
  wanted_room_ = 0;
}

void StatePump::wait_for_bytes(std::unique_lock<std::mutex>& lock, std::uint64_t count) {
  if (held() < count) poll(lock, [this, count] { return failed_ || held() >= count; });
  if (held() >= count) return;
  wanted_bytes_ = std::max(count, std::min(batch(), size_ - consumed_));
  changed_.wait(lock, [this] { return failure_ || held() >= wanted_bytes_; });
  wanted_bytes_ = 0;
}

std::span<std::byte> StatePump::room(std::size_t wanted) {
  stop_if_interrupted("the transfer of the state was stopped");
  std::unique_lock lock(mutex_);
  const auto count = static_cast<std::size_t>(
      std::min<std::uint64_t>({wanted, size_ - produced_, memory_.size() / 2}));
  wait_for_room(lock, count);
  if (failure_) std::rethrow_exception(failure_);
  return memory_.at(produced_, count);
}

void StatePump::commit(std::size_t count) {
  const std::lock_guard only(mutex_);
  produced_ += count;
  if (wanted_bytes_ > 0 && held() >= wanted_bytes_) changed_.notify_all();
}

std::span<const std::byte> StatePump::view(std::size_t wanted) {
  std::unique_lock lock(mutex_);
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, size_ - consumed_));
  if (count > memory_.size() / 2) {
    throw Error(ExitStatus::internal, "a chunk is larger than the memory it passes through");
  }
  wait_for_bytes(lock, count);
  if (failure_) std::rethrow_exception(failure_);
  return memory_.at(consumed_, count);
}

void StatePump::take(std::size_t count) {
  const std::lock_guard only(mutex_);
  consumed_ += count;
  if (wanted_room_ > 0 && free() >= wanted_room_) changed_.notify_all();
}

bool StatePump::rewind() {
  const std::lock_guard only(mutex_);
  if (produced_ > memory_.size() || threaded_) return false;
  consumed_ = 0;
  return true;
}

void StatePump::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return consuming_ || quit_; });
    if (quit_) return;
    lock.unlock();
    consume_all();
    lock.lock();
    consuming_ = false;
    changed_.notify_all();
  }
}

void StatePump::consume_all() {
  try {
    Source source(*this);
    (*consume_)(source);
    if (consumed_ != size_) {
      throw Error(ExitStatus::internal, "the state was written in part");
    }
  } catch (...) {
    stop_with(std::current_exception());
  }
}

void StatePump::stop_with(std::exception_ptr cause) {
  const std::lock_guard only(mutex_);
  if (!failure_) failure_ = std::move(cause);
  failed_ = true;
  changed_.notify_all();
}

}  // namespace nvmigrate
