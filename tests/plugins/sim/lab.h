// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/sim.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

using Bytes = std::vector<std::byte>;

/// Simulated subsystems in a folder of their own.
class Lab {
 public:
  [[nodiscard]] Folders folders() const { return folder_.folders(); }
  [[nodiscard]] std::string file(const std::string& name) const {
    return folders().sim + "/" + name + ".json";
  }
  void create(const std::string& name, const sim::Parameters& parameters = {}) const {
    sim::create(folders(), name, parameters);
  }
  std::unique_ptr<Device> open(const std::string& device) {
    return open_sim(io_, folders(), device);
  }
  SystemIo& io() { return io_; }

 private:
  TemporaryFolder folder_;
  SystemIo io_;
};

/// One opened controlling function, and commands to it with their status as SCT<<8 | SC.
class Bench {
 public:
  static constexpr std::size_t plenty = std::size_t{512} << 10U;

  Bench(Lab& lab, const std::string& device) : device_(lab.open(device)) {}

  AdminPort& port() { return device_->admin(); }
  PciBus& pci() { return device_->pci(); }
  Device& device() { return *device_; }

  AdminCompletion submit(const AdminCommand& command) { return port().submit(command); }
  std::uint16_t code(const AdminCommand& command) { return submit(command).status.code(); }

  Bytes identify(command::Cns cns, std::uint16_t from = 0) {
    Bytes data(wire::identify_size);
    EXPECT_EQ(code(command::identify(cns, from, data)), 0);
    return data;
  }
  SecondaryController secondary(std::uint16_t id) {
    return decode_secondaries(identify(command::Cns::secondary_controllers, id)).at(0);
  }

  std::uint16_t manage(std::uint16_t id, command::VirtualizationAction action,
                       command::Resource resource = command::Resource::queues,
                       std::uint16_t count = 0) {
    return code(command::virtualization(id, action, resource, count));
  }
  std::uint16_t online(std::uint16_t id) {
    return manage(id, command::VirtualizationAction::online);
  }
  std::uint16_t offline(std::uint16_t id) {
    return manage(id, command::VirtualizationAction::offline);
  }
  std::uint16_t assign(std::uint16_t id, command::Resource resource, std::uint16_t count) {
    return manage(id, command::VirtualizationAction::assign, resource, count);
  }
  /// VFs 1 … count enabled, each online with these resources.
  void provision(unsigned count, std::uint16_t queues = 4, std::uint16_t interrupts = 2) {
    pci().set_autoprobe(device_->address(), false);
    pci().set_enabled_vfs(device_->address(), count);
    for (std::uint16_t id = 1; id <= count; ++id) {
      EXPECT_EQ(assign(id, command::Resource::queues, queues), 0);
      EXPECT_EQ(assign(id, command::Resource::interrupts, interrupts), 0);
      EXPECT_EQ(online(id), 0);
    }
  }

  std::uint16_t suspend(std::uint16_t id) {
    return code(command::suspend(id, command::SuspendType::suspend));
  }
  std::uint16_t resume(std::uint16_t id) { return code(command::resume(id)); }
  std::uint16_t set(std::uint16_t id, const Bytes& image, command::FormatIndexes formats = {1, 1}) {
    return code(command::set_state(id, formats, command::Sequence::only, 0, image));
  }
  std::uint16_t set_part(std::uint16_t id, command::Sequence place, const Bytes& image,
                         std::size_t from, std::size_t count,
                         command::FormatIndexes formats = {1, 1}) {
    return code(
        command::set_state(id, formats, place, from, std::span{image}.subspan(from, count)));
  }
  AdminCompletion get(std::uint16_t id, std::uint64_t offset, std::span<std::byte> into,
                      command::FormatIndexes formats = {1, 1}) {
    return submit(command::get_state(id, formats, offset, into));
  }
  wire::StateHeader header(std::uint16_t id, command::FormatIndexes formats = {1, 1}) {
    wire::StateHeader header{};
    EXPECT_TRUE(get(id, 0, std::as_writable_bytes(std::span{&header, 1}), formats).status.ok());
    return header;
  }
  std::uint64_t size(std::uint16_t id, command::FormatIndexes formats = {1, 1}) {
    const auto about = header(id, formats);
    return sizeof(about) + 4 * (about.nvmecss + about.vss);
  }
  /// The whole state, read in chunks.
  Bytes image(std::uint16_t id, command::FormatIndexes formats = {1, 1},
              std::size_t chunk = plenty) {
    Bytes bytes(size(id, formats));
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      const auto part = std::span{bytes}.subspan(at, std::min(chunk, bytes.size() - at));
      EXPECT_TRUE(get(id, at, part, formats).status.ok());
    }
    return bytes;
  }

 private:
  std::unique_ptr<Device> device_;
};

}  // namespace nvmigrate::test
