// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/vfio/migration_states.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate::vfio {
namespace {

constexpr std::array<std::string_view, 8> state_names{
    "ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P"};

template <typename Data>
std::span<std::byte> bytes_of(Data& data) {
  return std::as_writable_bytes(std::span{&data, 1});
}

std::string reason(int code) { return std::strerror(code); }  // NOLINT(concurrency-mt-unsafe)

}  // namespace

std::string to_string(State state) {
  const auto number = static_cast<std::size_t>(state);
  if (number < state_names.size()) return std::string{state_names.at(number)};
  return "state " + std::to_string(number);
}

bool runs(State state) noexcept {
  return state == State::running || state == State::running_p2p || state == State::pre_copy ||
         state == State::pre_copy_p2p;
}

State next_on_way(State from, State to, bool p2p) {
  switch (from) {
    case State::running:
      return p2p ? State::running_p2p : State::stop;
    case State::running_p2p:
      return to == State::running ? State::running : State::stop;
    case State::pre_copy:
      return State::running;
    case State::pre_copy_p2p:
      return State::running_p2p;
    case State::stop:
      return to == State::running && p2p ? State::running_p2p : to;
    case State::stop_copy:
    case State::resuming:
      return State::stop;
    case State::error:
      break;
  }
  throw Error(ExitStatus::internal,
              fmt::format("there is no way from {} to {}", to_string(from), to_string(to)));
}

DataStream::DataStream(VfioDevice& device, int fd, std::string name, std::size_t piece)
    : device_(&device), fd_(fd), name_(std::move(name)), piece_(piece) {}

DataStream::~DataStream() {
  if (fd_ >= 0) device_->close_data(fd_);
}

std::size_t DataStream::read(std::span<std::byte> into) {
  for (;;) {
    stop_if_interrupted("the state was read in part");
    const auto count = device_->read(fd_, into.first(std::min(into.size(), piece_)));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw OsError(errno, "read the state of", name_);
  }
}

std::size_t DataStream::read_up_to(std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto count = read(into.subspan(done));
    if (count == 0) break;
    done += count;
  }
  return done;
}

void DataStream::write(std::span<const std::byte> from) {
  while (!from.empty()) {
    stop_if_interrupted("the state was loaded in part");
    const auto count = device_->write(fd_, from.first(std::min(from.size(), piece_)));
    if (count > 0) from = from.subspan(static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) throw OsError(errno, "load a state into", name_);
    if (count == 0) throw OsError(EIO, "load a state into", name_);
  }
}

MigratingFunction::MigratingFunction(std::unique_ptr<VfioDevice> device, std::string name,
                                     std::size_t piece)
    : device_(std::move(device)), name_(std::move(name)), piece_(piece) {}

void MigratingFunction::open() {
  device_->open();
  if (!features_) ask_features();
}

/// A driver without migration does not know the feature.
void MigratingFunction::ask_features() {
  uapi::Migration migration;
  if (device_->feature(uapi::feature_migration | uapi::feature_get, bytes_of(migration)) != 0) {
    if (errno != ENOTTY) throw OsError(errno, "ask for the migration states of", name_);
    throw unsupported(name_ +
                      " is not migratable through its driver: that has no migration states "
                      "(VFIO_DEVICE_FEATURE_MIGRATION)");
  }
  if ((migration.flags & uapi::stop_copy) == 0) {
    throw unsupported(
        fmt::format("{} is not migratable through its driver: that has no STOP_COPY (flags {:#x})",
                    name_, migration.flags));
  }
  features_ = migration.flags;
}

std::optional<State> MigratingFunction::asked() {
  uapi::DeviceState now;
  const bool told = device_->feature(uapi::feature_state | uapi::feature_get, bytes_of(now)) == 0;
  return told ? std::optional(State{now.state}) : std::nullopt;
}

State MigratingFunction::state() {
  const auto now = asked();
  if (!now) throw OsError(errno, "ask for the migration state of", name_);
  return *now;
}

State MigratingFunction::settled() {
  const auto now = state();
  if (now == State::error) recover("is in the state ERROR");
  return now;
}

std::optional<std::uint64_t> MigratingFunction::data_size() {
  uapi::DataSize size;
  const bool told =
      device_->feature(uapi::feature_data_size | uapi::feature_get, bytes_of(size)) == 0;
  return told ? std::optional(size.stop_copy_length) : std::nullopt;
}

int MigratingFunction::step(State from, State to) {
  uapi::DeviceState wanted{.state = static_cast<std::uint32_t>(to), .data_fd = -1};
  if (device_->feature(uapi::feature_state | uapi::feature_set, bytes_of(wanted)) != 0) {
    failed(errno, from, to);
  }
  return wanted.data_fd;
}

/// The kernel leaves the device in the state that it had, or in ERROR.
void MigratingFunction::failed(int code, State from, State to) {
  if (asked() == State::error) {
    recover(fmt::format("went into the state ERROR between {} and {} ({})", to_string(from),
                        to_string(to), reason(code)));
  }
  if (from == State::resuming && code == EINVAL) {
    throw bad_state("the driver of " + name_ + " does not accept the state",
                    "it takes only complete states of the same driver");
  }
  throw OsError(code, "take",
                fmt::format("{} from {} to {}", name_, to_string(from), to_string(to)));
}

/// Nothing of the state can be saved from ERROR, and only a reset leaves it.
void MigratingFunction::recover(const std::string& how) {
  if (device_->reset() != 0) {
    throw Error(ExitStatus::device,
                fmt::format("{} {}, so what it held is lost, and it cannot be reset: {}", name_,
                            how, reason(errno)),
                "close it everywhere, and bind it to its driver again");
  }
  throw Error(ExitStatus::device,
              fmt::format("{} {}: it was reset, and what it held is lost", name_, how),
              "start its guest anew, or load a state that was exported before");
}

void MigratingFunction::go(State to) {
  const bool p2p = (features_.value_or(0) & uapi::p2p) != 0;
  for (auto now = settled(); now != to;) {
    const auto next = next_on_way(now, to, p2p);
    const DataStream unused(*device_, step(now, next), name_, piece_);
    now = next;
  }
}

std::unique_ptr<DataStream> MigratingFunction::begin(State to) {
  go(State::stop);
  const int fd = step(State::stop, to);
  aborted_ = false;
  return std::make_unique<DataStream>(*device_, fd, name_, piece_);
}

void MigratingFunction::abort_loading() {
  if (device_->reset() != 0) throw OsError(errno, "reset", name_);
  aborted_ = true;
}

}  // namespace nvmigrate::vfio
