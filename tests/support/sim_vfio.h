// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "plugins/vfio/vfio_device.h"

namespace nvmigrate::test {

/// A variant driver of vfio and the function that it has, as linux/vfio.h lays them down. It takes
/// single arcs only, answers an illegal one with EINVAL, and fails where a test tells it to.
class SimVfioDriver {
 public:
  enum State { error, stop, running, stop_copy, resuming, running_p2p, pre_copy, pre_copy_p2p };
  using Arc = std::pair<unsigned, unsigned>;
  struct Failure {
    int code = 0;
    bool into_error = false;  ///< the device is in ERROR afterwards
  };
  using Bytes = std::vector<std::byte>;

  // What a test sets up.
  std::optional<std::uint64_t> flags = 1;  ///< nothing: a driver without migration
  bool says_size = true;                   ///< MIG_DATA_SIZE, since Linux 6.2
  bool open_elsewhere = false;
  int elsewhere_error = EBUSY;                ///< what an open answers then
  Bytes guest = Bytes(100, std::byte{7});     ///< what the function holds; a reset takes it
  std::size_t most = 64;                      ///< bytes of one read or write
  std::map<Arc, Failure> failures;            ///< once each
  std::map<std::string, int> refusals;        ///< "reset", "migration", "get state": always
  std::optional<std::size_t> read_fails_at;   ///< this byte of a state cannot be read
  std::optional<std::size_t> write_fails_at;  ///< likewise
  int data_error = EIO;                       ///< what those answer
  int interruptions = 0;                      ///< reads and writes that answer EINTR first
  std::size_t precopied = 0;                  ///< bytes that can be read in PRE_COPY
  std::size_t growth = 0;                     ///< bytes more at each saving after the first
  std::function<bool(const Bytes&)> accepts;  ///< whether a state is valid; empty: each is

  // What a test looks at.
  unsigned state = running;
  unsigned resets = 0;
  std::vector<Arc> arcs;
  std::set<int> sessions;  ///< data descriptors that are open
  bool opened = false;

  void open() {
    if (open_elsewhere) throw OsError(elsewhere_error, "open", "/dev/vfio/11");
    if (!std::exchange(opened, true)) wipe();
  }
  void close() {
    if (std::exchange(opened, false)) wipe();
  }
  int reset() {
    if (const int code = refusals["reset"]) return fail(code);
    wipe();
    return 0;
  }
  int feature(std::uint32_t request, std::span<std::byte> data) {
    if (!flags) return fail(ENOTTY);
    if (const int code = refusals["migration"]) return fail(code);
    switch (request) {
      case vfio::uapi::feature_migration | vfio::uapi::feature_get:
        return give(data, vfio::uapi::Migration{*flags});
      case vfio::uapi::feature_data_size | vfio::uapi::feature_get:
        return says_size ? give(data, vfio::uapi::DataSize{guest.size()}) : fail(ENOTTY);
      case vfio::uapi::feature_state | vfio::uapi::feature_get:
        if (const int code = refusals["get state"]) return fail(code);
        return give(data, vfio::uapi::DeviceState{state, -1});
      case vfio::uapi::feature_state | vfio::uapi::feature_set:
        return set(data);
      default:
        return fail(ENOTTY);
    }
  }

  ssize_t read(int fd, std::span<std::byte> into) {
    if (!readable(fd)) return -1;
    const bool early = state == pre_copy || state == pre_copy_p2p;
    const auto end = early ? precopied : guest.size();
    if (position_ == end) return early ? fail(ENOMSG) : 0;
    auto count = std::min({into.size(), most, end - position_});
    if (read_fails_at && position_ + count > *read_fails_at) {
      count = *read_fails_at - position_;
      if (count == 0) return fail(data_error);
    }
    std::copy_n(guest.begin() + static_cast<std::ptrdiff_t>(position_), count, into.begin());
    position_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(int fd, std::span<const std::byte> from) {
    if (!usable(fd, state == resuming)) return -1;
    auto count = std::min(from.size(), most);
    if (write_fails_at && loaded_.size() + count > *write_fails_at) {
      count = *write_fails_at - loaded_.size();
      if (count == 0) return fail(data_error);
    }
    loaded_.insert(loaded_.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    return static_cast<ssize_t>(count);
  }
  void close_data(int fd) { sessions.erase(fd); }

 private:
  static int fail(int code) {
    errno = code;
    return -1;
  }
  template <typename Data>
  static int give(std::span<std::byte> data, const Data& answer) {
    if (data.size() != sizeof answer) return fail(EINVAL);
    std::memcpy(data.data(), &answer, sizeof answer);
    return 0;
  }
  void wipe() {
    ++resets;
    guest.assign(guest.size(), std::byte{});
    state = running;
    session_ = -1;
  }
  bool usable(int fd, bool in_state) {
    if (interruptions > 0) {
      --interruptions;
      return fail(EINTR) == 0;
    }
    return (fd == session_ && sessions.contains(fd) && in_state) || fail(ENODEV) == 0;
  }
  bool readable(int fd) {
    return usable(fd, state == stop_copy || state == pre_copy || state == pre_copy_p2p);
  }

  [[nodiscard]] bool has(unsigned wanted) const {
    const bool with_p2p = (*flags & vfio::uapi::p2p) != 0;
    const bool with_pre_copy = (*flags & vfio::uapi::pre_copy) != 0;
    if (wanted == running_p2p) return with_p2p;
    if (wanted == pre_copy) return with_pre_copy;
    return wanted != pre_copy_p2p || (with_p2p && with_pre_copy);
  }
  [[nodiscard]] bool legal(Arc arc) const {
    static const std::set<Arc> all{
        {stop, stop_copy},          {stop_copy, stop},         {stop, resuming},
        {resuming, stop},           {running, running_p2p},    {running_p2p, running},
        {running_p2p, stop},        {stop, running_p2p},       {running, pre_copy},
        {pre_copy, running},        {pre_copy, pre_copy_p2p},  {pre_copy_p2p, pre_copy},
        {pre_copy, stop_copy},      {pre_copy_p2p, stop_copy}, {pre_copy_p2p, running_p2p},
        {running_p2p, pre_copy_p2p}};
    const bool with_p2p = (*flags & vfio::uapi::p2p) != 0;
    const bool direct = arc == Arc{running, stop} || arc == Arc{stop, running};
    return has(arc.second) && (all.contains(arc) || (direct && !with_p2p));
  }
  int set(std::span<std::byte> data) {
    vfio::uapi::DeviceState wanted;
    if (data.size() != sizeof wanted) return fail(EINVAL);
    std::memcpy(&wanted, data.data(), sizeof wanted);
    const Arc arc{state, wanted.state};
    if (!legal(arc)) return fail(EINVAL);
    arcs.push_back(arc);
    if (const auto failure = failures.extract(arc)) {
      if (failure.mapped().into_error) state = error;
      return fail(failure.mapped().code);
    }
    if (arc.first == resuming && !commit()) return fail(EINVAL);
    state = wanted.state;
    wanted.data_fd = begin(arc);
    return give(data, wanted);
  }
  bool commit() {
    const bool valid = !accepts || accepts(loaded_);
    if (valid) guest = loaded_;
    return valid;
  }
  int begin(Arc arc) {
    const bool continues = arc.first == pre_copy || arc.first == pre_copy_p2p;
    if (arc.second == stop_copy && continues) return -1;
    session_ = -1;
    if (arc.second != stop_copy && arc.second != resuming && arc.second != pre_copy) return -1;
    if (arc.second == stop_copy && savings_++ > 0) guest.resize(guest.size() + growth);
    position_ = 0;
    loaded_.clear();
    sessions.insert(session_ = next_++);
    return session_;
  }

  int session_ = -1, next_ = 100;
  unsigned savings_ = 0;
  std::size_t position_ = 0;
  Bytes loaded_;
};

/// A function of such a driver; the test keeps the driver.
class SimVfioDevice final : public vfio::VfioDevice {
 public:
  /// \param held the caller has it open, and keeps it so
  SimVfioDevice(SimVfioDriver& driver, bool held) : driver_(&driver), held_(held) {
    driver.opened = driver.opened || held;
  }
  SimVfioDevice(const SimVfioDevice&) = delete;
  SimVfioDevice& operator=(const SimVfioDevice&) = delete;
  ~SimVfioDevice() override {
    if (opened_) driver_->close();
  }

  void open() override {
    if (is_open()) return;
    driver_->open();
    opened_ = true;
  }
  [[nodiscard]] bool is_open() const noexcept override { return held_ || opened_; }
  int feature(std::uint32_t flags, std::span<std::byte> data) override {
    return driver_->feature(flags, data);
  }
  int reset() override { return driver_->reset(); }
  ssize_t read(int data_fd, std::span<std::byte> into) override {
    return driver_->read(data_fd, into);
  }
  ssize_t write(int data_fd, std::span<const std::byte> from) override {
    return driver_->write(data_fd, from);
  }
  void close_data(int data_fd) noexcept override { driver_->close_data(data_fd); }

 private:
  SimVfioDriver* driver_;
  bool held_, opened_ = false;
};

}  // namespace nvmigrate::test
