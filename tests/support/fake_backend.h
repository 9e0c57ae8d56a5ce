// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/nvme/status.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate::test {

/// A controlling function that migrates in memory. A hook sees each call, and each chunk of a save
/// or load, before it is made and may throw.
class FakeBackend : public MigrationBackend {
 public:
  struct Function {
    bool suspended = false;
    std::vector<std::byte> state;  ///< what save() gives; a whole load replaces it
    bool half_loaded = false;      ///< a load began and did not end
    bool loaded = false;           ///< a load ended
    std::optional<unsigned> queues{};
  };
  using Hook = std::function<void(const std::string& call, std::uint16_t function)>;

  void hook(Hook hook) { hook_ = std::move(hook); }
  Function& operator[](std::uint16_t function) { return functions_[function]; }
  [[nodiscard]] std::size_t count(const std::string& call) const {
    return static_cast<std::size_t>(std::count(log_.begin(), log_.end(), call));
  }
  [[nodiscard]] const std::vector<std::string>& log() const noexcept { return log_; }

  StateFormats formats{{0}, {}};
  std::size_t chunk = 4096;
  std::uint64_t largest = 0;
  StateLayout bytes = StateLayout::nvme;
  SubsystemStateCarrier* carrier = nullptr;

  [[nodiscard]] std::string_view name() const override { return "nvme"; }
  [[nodiscard]] StateLayout layout() const override { return bytes; }
  SubsystemStateCarrier* subsystem_state_carrier() override { return carrier; }
  BackendQuery query() override { return {formats, chunk, largest}; }
  void quiesce(std::uint16_t function) override { see("quiesce", function); }
  void suspend(std::uint16_t function) override {
    see("suspend", function);
    const std::lock_guard only(mutex_);
    functions_.at(function).suspended = true;
  }
  bool resume(std::uint16_t function) override {
    see("resume", function);
    const std::lock_guard only(mutex_);
    auto& one = functions_.at(function);
    if (one.half_loaded) throw NvmeError({sc::command_sequence_error}, "resume");
    return std::exchange(one.suspended, false);
  }
  FunctionState look(std::uint16_t function, const FormatChoice&) override {
    see("look", function);
    const std::lock_guard only(mutex_);
    const auto& one = functions_.at(function);
    return {.suspended = one.suspended, .bytes = one.state.size(), .queues = one.queues};
  }
  void save(std::uint16_t function, const FormatChoice&, StateSink& into) override {
    see("save", function);
    const auto state = state_of(function);
    into.begin(state.size());
    for (std::size_t at = 0; at < state.size();) {
      see("save chunk", function);
      const auto room = into.room(std::min(chunk, state.size() - at));
      std::memcpy(room.data(), state.data() + at, room.size());
      into.commit(room.size());
      at += room.size();
    }
  }
  void load(std::uint16_t function, const FormatChoice&, StateSource& from) override {
    see("load", function);
    std::vector<std::byte> state;
    while (state.size() < from.size()) {
      const auto seen = from.view(chunk);
      see_chunk(function);
      state.insert(state.end(), seen.begin(), seen.end());
      from.take(seen.size());
    }
    const std::lock_guard only(mutex_);
    auto& one = functions_.at(function);
    one.half_loaded = false;
    one.loaded = true;
    one.state = std::move(state);
  }

 private:
  /// A chunk that is refused is not taken; one that is not answered may be.
  void see_chunk(std::uint16_t function) {
    const auto take = [&] {
      const std::lock_guard only(mutex_);
      functions_.at(function).half_loaded = true;
    };
    try {
      see("load chunk", function);
    } catch (const NvmeError&) {
      throw;
    } catch (...) {
      take();
      throw;
    }
    take();
  }
  void see(const std::string& call, std::uint16_t function) {
    {
      const std::lock_guard only(mutex_);
      log_.push_back(call);
    }
    if (hook_) hook_(call, function);
  }
  std::vector<std::byte> state_of(std::uint16_t function) {
    const std::lock_guard only(mutex_);
    return functions_.at(function).state;
  }

  std::mutex mutex_;
  std::map<std::uint16_t, Function> functions_;
  std::vector<std::string> log_;
  Hook hook_;
};

}  // namespace nvmigrate::test
