// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate::test {

/// The least that is a backend: what "Add a backend" in CONTRIBUTING.md makes. It moves a state in
/// one command, of version 0 without a vendor part.
class ToyBackend final : public MigrationBackend {
 public:
  explicit ToyBackend(const BackendPlace& place) : place_(place) {}

  [[nodiscard]] std::string_view name() const override { return "toy"; }
  BackendQuery query() override {
    if (!place_.identity.live_migration) throw unsupported("OACS bit 11 is clear");
    return {{{0}, {}}, most(), most()};
  }
  void check(std::uint16_t function) override {
    if (place_.topology().find(function) == nullptr) throw unsupported("it is not controlled");
  }
  void quiesce(std::uint16_t function) override {
    send(command::suspend(function, command::SuspendType::notification), function);
  }
  void suspend(std::uint16_t function) override {
    send(command::suspend(function, command::SuspendType::suspend), function);
  }
  bool resume(std::uint16_t function) override {
    const auto status = place_.device.admin().submit(command::resume(function)).status;
    if (status.code() == sc::controller_not_suspended) return false;
    succeed(status, function);
    return true;
  }
  FunctionState look(std::uint16_t function, const FormatChoice& /*formats*/) override {
    wire::StateHeader head{};
    const auto dw0 = read(function, std::as_writable_bytes(std::span{&head, 1}));
    return {.suspended = (dw0 & 1U) != 0, .bytes = size_of(head)};
  }
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override {
    const auto state = look(function, formats);
    if (state.suspended != true || state.bytes > most()) fail("is not suspended, or too large");
    std::vector<std::byte> bytes(static_cast<std::size_t>(state.bytes));
    read(function, bytes);
    into.begin(bytes.size());
    for (std::span rest{bytes}; !rest.empty();) {
      const auto room = into.room(rest.size());
      const auto count = std::min(room.size(), rest.size());
      std::copy_n(rest.begin(), count, room.begin());
      into.commit(count);
      rest = rest.subspan(count);
    }
  }
  void load(std::uint16_t function, const FormatChoice& /*formats*/, StateSource& from) override {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(from.size(), most()));
    const auto bytes = from.view(size);
    const bool whole = bytes.size() == from.size() && size >= sizeof(wire::StateHeader);
    if (!whole || size % 4 != 0) throw bad_state("the state has a size that cannot be loaded");
    send(command::set_state(function, version_0, command::Sequence::only, 0, bytes), function);
    from.take(bytes.size());
  }

 private:
  static constexpr command::FormatIndexes version_0{.version = 1};
  [[noreturn]] static void fail(const std::string& why) {
    throw Error(ExitStatus::device, "the function " + why);
  }
  static void succeed(NvmeStatus status, std::uint16_t function) {
    if (!status.ok()) throw NvmeError(status, "migrate controller " + std::to_string(function));
  }
  static std::uint64_t size_of(const wire::StateHeader& head) {
    return sizeof head + 4 * (std::uint64_t{head.nvmecss} + head.vss);
  }
  [[nodiscard]] std::size_t most() const {
    const auto limit = place_.options.most;
    return limit == 0 ? largest_chunk : std::min(limit, largest_chunk);
  }
  std::uint32_t send(const AdminCommand& command, std::uint16_t function) {
    const auto completion = place_.device.admin().submit(command);
    succeed(completion.status, function);
    return completion.dw0;
  }
  std::uint32_t read(std::uint16_t function, std::span<std::byte> into) {
    return send(command::get_state(function, version_0, 0, into), function);
  }

  BackendPlace place_;
};

}  // namespace nvmigrate::test
