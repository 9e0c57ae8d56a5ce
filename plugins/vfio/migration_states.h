// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/vfio/vfio_device.h"

namespace nvmigrate::vfio {

/// The states of a migrating device: enum vfio_device_mig_state of linux/vfio.h.
enum class State : std::uint32_t {
  error = 0,
  stop = 1,
  running = 2,
  stop_copy = 3,
  resuming = 4,
  running_p2p = 5,
  pre_copy = 6,
  pre_copy_p2p = 7,
};

/// `RUNNING`, `STOP_COPY`, …; of an unknown value its number.
std::string to_string(State state);
/// Whether the device runs, with or without peer-to-peer DMA.
bool runs(State state) noexcept;
/// The next state on the way to RUNNING, STOP, STOP_COPY or RESUMING, along the arcs of
/// linux/vfio.h: one arc at a time, so that no call does more than one thing that can fail.
/// \param p2p whether the driver has RUNNING_P2P. \throws Error(internal) where there is no way
State next_on_way(State from, State to, bool p2p);

/// One session of saving or of loading: the data descriptor that an arc has given.
class DataStream {
 public:
  /// \param name of the function, for errors. \param piece most bytes of one read or write
  DataStream(VfioDevice& device, int fd, std::string name, std::size_t piece);
  DataStream(const DataStream&) = delete;
  DataStream& operator=(const DataStream&) = delete;
  ~DataStream();

  /// The next bytes of the state, as many as the kernel gives at once. \return 0 at its end
  /// \throws OsError, Interrupted
  std::size_t read(std::span<std::byte> into);
  /// Fills `into`, over short reads. \return how much there was before the end
  std::size_t read_up_to(std::span<std::byte> into);
  /// Writes all of it, over short writes. \throws OsError, Interrupted
  void write(std::span<const std::byte> from);

 private:
  VfioDevice* device_;
  int fd_;
  std::string name_;
  std::size_t piece_;
};

/// A function whose driver migrates it, opened when it is first asked for something. What fails on
/// an arc throws OsError that names both states; a loaded state that the driver does not accept,
/// Error(bad_state). A device that goes into ERROR has lost its state: it is reset, and
/// Error(device) says so.
class MigratingFunction {
 public:
  /// \param name `controlled function 3 (vf 3)`, for errors. \param piece see DataStream
  MigratingFunction(std::unique_ptr<VfioDevice> device, std::string name, std::size_t piece);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_open() const noexcept { return device_->is_open(); }
  /// Opens it and asks what its driver can do. Without effect once it was done.
  /// \throws unsupported when the driver cannot migrate it; OsError, EBUSY when it is open
  /// elsewhere
  void open();

  /// Asks; changes nothing. \throws OsError
  State state();
  /// The same, but what is in ERROR is reset. \throws Error(device) then
  State settled();
  /// How many bytes the driver expects its state to have (MIG_DATA_SIZE); nothing: it does not say.
  std::optional<std::uint64_t> data_size();
  /// Walks to RUNNING or STOP.
  void go(State to);
  /// Walks to STOP_COPY or RESUMING, where a session begins.
  std::unique_ptr<DataStream> begin(State to);
  /// Ends a load that cannot be completed: no arc does that, only a reset,
  /// after which it runs.
  void abort_loading();
  /// Whether it runs, with nothing in it, only because of that.
  [[nodiscard]] bool was_aborted() const noexcept { return aborted_; }

 private:
  /// \return nothing, with errno, when the kernel does not tell it
  std::optional<State> asked();
  /// One arc. \return the data descriptor; -1: it gives none
  int step(State from, State to);
  [[noreturn]] void failed(int code, State from, State to);
  [[noreturn]] void recover(const std::string& how);
  void ask_features();

  std::unique_ptr<VfioDevice> device_;
  std::string name_;
  std::size_t piece_;
  bool aborted_ = false;
  std::optional<std::uint64_t> features_;  ///< flags of VFIO_DEVICE_FEATURE_MIGRATION
};

}  // namespace nvmigrate::vfio
