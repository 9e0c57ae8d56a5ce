// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/vfio/vfio_backend.h"
#include "tests/plugins/conformance/rig.h"
#include "tests/support/fake_subsystem.h"
#include "tests/support/sim_vfio.h"

namespace nvmigrate::test {

/// What is asked of simulated variant drivers, of which one call fails. All that a device answers
/// comes from its driver, as an errno.
struct VfioTraffic {
  std::atomic<std::size_t> calls = 0, most = 0, fails = SIZE_MAX;

  bool pass(std::size_t bytes = 0) {
    most = std::max(most.load(), bytes);
    if (calls++ != fails) return true;
    errno = EIO;
    return false;
  }
};

/// A function of such a driver, which a VMM holds open.
class SeenVfioDevice final : public vfio::VfioDevice {
 public:
  SeenVfioDevice(SimVfioDriver& driver, VfioTraffic& traffic)
      : inner_(driver, true), traffic_(&traffic) {}
  void open() override { inner_.open(); }
  [[nodiscard]] bool is_open() const noexcept override { return inner_.is_open(); }
  int feature(std::uint32_t flags, std::span<std::byte> data) override {
    return traffic_->pass() ? inner_.feature(flags, data) : -1;
  }
  int reset() override { return traffic_->pass() ? inner_.reset() : -1; }
  ssize_t read(int data_fd, std::span<std::byte> into) override {
    return traffic_->pass(into.size()) ? inner_.read(data_fd, into) : -1;
  }
  ssize_t write(int data_fd, std::span<const std::byte> from) override {
    return traffic_->pass(from.size()) ? inner_.write(data_fd, from) : -1;
  }
  void close_data(int data_fd) noexcept override { inner_.close_data(data_fd); }

 private:
  SimVfioDevice inner_;
  VfioTraffic* traffic_;
};

/// A controlling function whose VFs have a variant driver.
class VfioSubsystem final : public FakeSubsystem {
 public:
  /// \param bytes of the states; the last one of each is a checksum
  VfioSubsystem(std::uint64_t bytes, std::byte content, VfioTraffic& traffic) : traffic_(&traffic) {
    for (auto& driver : drivers_) {
      driver.flags = vfio::uapi::stop_copy | vfio::uapi::p2p;
      driver.most = std::size_t{1} << 16U;
      driver.guest.assign(bytes == 0 ? 16 : bytes, content);
      driver.guest.back() = sum_of(driver.guest);
      driver.accepts = [](const SimVfioDriver::Bytes& state) {
        return !state.empty() && state.back() == sum_of(state);
      };
    }
  }
  SimVfioDriver& driver(const std::string& address) {
    return drivers_.at(address == vf(1) ? 0 : 1);
  }
  std::unique_ptr<vfio::VfioDevice> access(const std::string& address) {
    return std::make_unique<SeenVfioDevice>(driver(address), *traffic_);
  }
  static std::string vf(unsigned vfn) { return FakePciBus::vf_address(vfn); }

 private:
  static std::byte sum_of(const SimVfioDriver::Bytes& state) {
    auto sum = static_cast<std::byte>(state.size());
    for (std::size_t at = 0; at + 1 < state.size(); ++at)
      sum ^= state[at];
    return sum;
  }

  VfioTraffic* traffic_;
  std::array<SimVfioDriver, 2> drivers_;
};

/// Two of them, and one without a variant driver.
class VfioRig final : public Rig {
 public:
  explicit VfioRig(std::uint64_t bytes)
      : source_(bytes, std::byte{0x5A}, traffic_), destination_(bytes, std::byte{}, traffic_) {
    for (const std::uint16_t id : {guest, idle, without_driver}) {
      auto& function = topology_.functions.emplace_back();
      function.cntlid = function.vfn = id;
      if (id == without_driver) continue;
      function.pci = FakePciBus::function_at(VfioSubsystem::vf(id));
      function.pci->driver = "acme-vfio-pci";
    }
  }
  static constexpr std::uint16_t without_driver = 3;

  Device& source() override { return source_; }
  Device& destination() override { return destination_; }
  Device& unserved() override { return unserved_; }
  const Topology& topology() override { return topology_; }
  std::vector<std::string> discontinuities() override {
    const auto address = VfioSubsystem::vf(guest);
    const auto &one = source_.driver(address), &other = destination_.driver(address);
    if (one.guest == other.guest && other.state == SimVfioDriver::running) return {};
    return {"the destination has another state"};
  }
  [[nodiscard]] std::size_t calls() const override { return traffic_.calls; }
  [[nodiscard]] std::size_t most_carried() const override { return traffic_.most; }
  void fail(std::size_t call, bool by_kernel) override {
    traffic_.fails = by_kernel ? traffic_.calls + call : SIZE_MAX;
  }

  /// The backend on them; other devices have no driver to reach.
  static std::unique_ptr<MigrationBackend> make(const BackendPlace& place) {
    auto* const subsystem = dynamic_cast<VfioSubsystem*>(&place.device);
    if (subsystem == nullptr) return vfio::make_vfio_backend(place);
    return std::make_unique<vfio::VfioBackend>(
        place, [subsystem](const PciFunction& function, const VfioNodes&) {
          return subsystem->access(function.address);
        });
  }

 private:
  VfioTraffic traffic_;
  VfioSubsystem source_, destination_;
  FakeSubsystem unserved_;
  Topology topology_;
};

}  // namespace nvmigrate::test
