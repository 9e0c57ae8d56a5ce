// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/intel/intel_backend.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/ports/device.h"

namespace nvmigrate::intel {
namespace {

namespace opcode = command::opcode;
namespace vf = command::vf;

constexpr std::size_t page = 4096;

/// Memory of whole pages, filled with zeros.
class Pages {
 public:
  explicit Pages(std::size_t bytes)
      : size_((bytes + page - 1) / page * page),
        memory_(static_cast<std::byte*>(std::aligned_alloc(page, size_))) {
    if (!memory_) throw std::bad_alloc();
    std::memset(memory_.get(), 0, size_);
  }
  [[nodiscard]] std::span<std::byte> all() const noexcept { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};

std::string advice_for(std::uint16_t code) {
  switch (code) {
    case sc::invalid_opcode:
      return "the device announces these commands but lacks them; update its firmware";
    case sc::invalid_field:
      return "check that the VF is enabled and online, and that the state is of this device";
    case sc::command_sequence_error:
      return "suspend the function first, and keep others from resetting it";
    default:
      return {};
  }
}

AdminCompletion send(AdminPort& port, const AdminCommand& command, std::string_view verb,
                     std::uint16_t function) {
  const auto completion = port.submit(command);
  if (completion.status.ok()) return completion;
  throw NvmeError(completion.status, fmt::format("{} controller {}", verb, function),
                  advice_for(completion.status.code()));
}

std::string too_large(std::string_view verb, std::uint16_t function, std::uint64_t size,
                      std::size_t most) {
  return fmt::format(
      "cannot {} controller {}: its state has {} bytes, and one command carries 1 to {}", verb,
      function, size, most);
}

constexpr auto read = "read the state of", write = "load a state into";

}  // namespace

AdminPort& IntelBackend::port() const { return place_.device.admin(); }

std::size_t IntelBackend::most() const noexcept {
  const auto limit = place_.options.most;
  return limit == 0 ? vf::most : std::min(vf::most, limit);
}

BackendQuery IntelBackend::query() {
  const auto& identity = place_.identity;
  if (identity.vendor != vf::vendor) {
    throw unsupported(
        fmt::format("the PCI vendor id of Identify Controller is {:04x}h, not {:04x}h",
                    identity.vendor, vf::vendor));
  }
  if (identity.first_vendor_byte != vf::supported) {
    throw unsupported(fmt::format("byte 3072 of Identify Controller is {}, not {}",
                                  identity.first_vendor_byte, vf::supported));
  }
  return {.formats = {}, .chunk = most(), .largest = most()};
}

std::uint16_t IntelBackend::index_of(std::uint16_t function) const {
  const auto* found = place_.topology().find(function);
  if (found != nullptr && found->vfn != 0) return found->vfn;
  throw unsupported(
      fmt::format("its commands name VFs by number, and controller {} is not a VF", function));
}

void IntelBackend::check(std::uint16_t function) { static_cast<void>(index_of(function)); }

void IntelBackend::quiesce(std::uint16_t function) { check(function); }

void IntelBackend::suspend(std::uint16_t function) {
  auto suspend = vf::control(opcode::vf_suspend, index_of(function));
  suspend.timeout = std::max(suspend.timeout, place_.options.suspend_timeout);
  send(port(), suspend, "suspend", function);
}

bool IntelBackend::resume(std::uint16_t function) {
  send(port(), vf::control(opcode::vf_resume, index_of(function)), "resume", function);
  return true;
}

FunctionState IntelBackend::look(std::uint16_t function, const FormatChoice& /*formats*/) {
  check(function);
  return {.suspended = std::nullopt};
}

void IntelBackend::save(std::uint16_t function, const FormatChoice& /*formats*/, StateSink& into) {
  const auto index = index_of(function);
  const std::uint64_t size =
      send(port(), vf::control(opcode::vf_state_size, index), read, function).dw0;
  if (size == 0 || size > most()) {
    throw Error(ExitStatus::device, too_large(read, function, size, most()));
  }
  const Pages state(static_cast<std::size_t>(size));
  send(port(), vf::save(index, state.all()), read, function);
  into.begin(size);
  for (auto rest = state.all().first(static_cast<std::size_t>(size)); !rest.empty();) {
    const auto room = into.room(rest.size());
    const auto count = std::min(room.size(), rest.size());
    std::memcpy(room.data(), rest.data(), count);
    into.commit(count);
    rest = rest.subspan(count);
  }
}

void IntelBackend::load(std::uint16_t function, const FormatChoice& /*formats*/,
                        StateSource& from) {
  const auto index = index_of(function);
  const auto size = from.size();
  if (size == 0 || size > most()) throw bad_state(too_large(write, function, size, most()));
  const auto state = from.view(static_cast<std::size_t>(size));
  if (state.size() != size) {
    throw bad_state(fmt::format("cannot {} controller {}: the state ends before its announced size",
                                write, function));
  }
  send(port(), vf::load(index, state), write, function);
  from.take(state.size());
}

std::unique_ptr<MigrationBackend> make_intel_backend(const BackendPlace& place) {
  return std::make_unique<IntelBackend>(place);
}

}  // namespace nvmigrate::intel
