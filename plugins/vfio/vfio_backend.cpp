// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/vfio/vfio_backend.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/ports/device.h"
#include "plugins/vfio/linux_vfio_device.h"

namespace nvmigrate::vfio {
namespace {

constexpr auto simulated = "simulated functions have no driver of vfio";

/// A state that fits in here is read once.
constexpr std::size_t small_state = std::size_t{1} << 20U;

std::size_t piece_of(const BackendOptions& options) {
  const auto wanted = options.chunk != 0 ? options.chunk : options.chunk_limit;
  return options.most != 0 ? std::min(wanted, options.most) : wanted;
}

Error not_suspended(const MigratingFunction& function) {
  return {ExitStatus::device, function.name() + " is not suspended"};
}

Error open_elsewhere(const MigratingFunction& function, const std::string& who) {
  return refused(function.name() + " is open elsewhere" + (who.empty() ? "" : ": " + who),
                 "only the program that holds it open can migrate it through vfio");
}

/// Reads the rest of a state and counts it.
std::uint64_t count_rest(DataStream& stream, std::span<std::byte> unused) {
  std::uint64_t size = 0;
  while (const auto count = stream.read(unused))
    size += count;
  return size;
}

void put(std::span<const std::byte> state, StateSink& into) {
  while (!state.empty()) {
    const auto room = into.room(state.size());
    const auto count = std::min(room.size(), state.size());
    std::memcpy(room.data(), state.data(), count);
    into.commit(count);
    state = state.subspan(count);
  }
}

/// \throws Error(device) when it has not this size
void pass_on(DataStream& stream, std::uint64_t size, StateSink& into, const std::string& name) {
  std::array<std::byte, 1> beyond{};
  for (auto left = size; left > 0;) {
    const auto room =
        into.room(static_cast<std::size_t>(std::min<std::uint64_t>(small_state, left)));
    const auto count = stream.read(room);
    if (count == 0) break;
    into.commit(count);
    left -= count;
    if (left == 0 && stream.read(beyond) == 0) return;
  }
  throw Error(ExitStatus::device,
              fmt::format("the state of {} changed its size while it was read", name),
              "keep others from using the function");
}

}  // namespace

VfioBackend::VfioBackend(const BackendPlace& place, Access access)
    : place_(place), access_(std::move(access)), piece_(piece_of(place.options)) {}

std::string VfioBackend::why_not(const ControlledFunction& function) const {
  if (!access_) return simulated;
  if (!function.pci) return describe(function) + " is not on the PCI bus";
  const auto& pci = *function.pci;
  if (!pci.driver) return pci.address + " has no driver";
  if (*pci.driver == stock_driver) {
    return fmt::format(
        "{} is not migratable through its driver: {} has no migration states "
        "(VFIO_DEVICE_FEATURE_MIGRATION)",
        pci.address, *pci.driver);
  }
  if (is_vfio_driver(pci.driver)) return {};
  return fmt::format("{} is bound to {}, which is not a driver of vfio", pci.address, *pci.driver);
}

BackendQuery VfioBackend::query() {
  if (!access_) throw unsupported(simulated);
  std::string plain;
  for (const auto& function : place_.topology().functions) {
    const auto reason = why_not(function);
    if (reason.empty()) return {.formats = {}, .chunk = piece_};
    const bool on_vfio = function.pci && is_vfio_driver(function.pci->driver);
    if (plain.empty() && on_vfio) plain = reason;
  }
  throw unsupported(plain.empty() ? "no controlled function is bound to a variant driver of vfio"
                                  : plain);
}

const ControlledFunction& VfioBackend::find(std::uint16_t function) const {
  const auto* found = place_.topology().find(function);
  if (found != nullptr) return *found;
  throw unsupported(fmt::format("controller {} is not a controlled function", function));
}

void VfioBackend::check(std::uint16_t function) {
  if (const auto reason = why_not(find(function)); !reason.empty()) throw unsupported(reason);
}

MigratingFunction& VfioBackend::known(std::uint16_t function) {
  const std::lock_guard only(mutex_);
  if (const auto known = functions_.find(function); known != functions_.end()) {
    return known->second;
  }
  check(function);
  const auto& found = find(function);
  return functions_
      .emplace(function,
               MigratingFunction(access_(*found.pci, found.vfio), describe(found), piece_))
      .first->second;
}

VfioBackend::Holders VfioBackend::holders(std::uint16_t function) {
  const std::lock_guard only(mutex_);
  auto& bus = place_.device.pci();
  const auto& address = find(function).pci->address;
  return {.names = nvmigrate::describe(bus.vfio_holders(address)), .unseen = bus.unseen(address)};
}

MigratingFunction& VfioBackend::opened(std::uint16_t function) {
  auto& one = known(function);
  try {
    one.open();
  } catch (OsError& error) {
    // Of a node that is open already, the kernel answers EBUSY to a group, and EINVAL to an
    // iommufd.
    const bool busy = error.error_number() == EBUSY;
    const auto who = busy || error.error_number() == EINVAL ? holders(function) : Holders{};
    if (busy || !who.names.empty()) throw open_elsewhere(one, who.names);
    if (!who.unseen.empty()) error.add_advice("it may be open elsewhere: " + who.unseen);
    throw;
  }
  return one;
}

bool VfioBackend::outlasts(std::uint16_t function) {
  const auto& pci = find(function).pci;
  return pci && place_.options.held && place_.options.held(pci->address) >= 0;
}

void VfioBackend::quiesce(std::uint16_t function) { check(function); }

void VfioBackend::suspend(std::uint16_t function) {
  auto& one = opened(function);
  if (runs(one.settled())) one.go(State::stop);
}

bool VfioBackend::resume(std::uint16_t function) {
  auto& one = known(function);
  // Only a process that has it open can have suspended it. For processes that cannot be seen, the
  // kernel knows: it lets nobody else open it.
  if (!one.is_open() && holders(function).is_nobody()) return false;
  const auto now = opened(function).settled();
  if (now == State::resuming) {
    throw Error(ExitStatus::device, one.name() + " holds an incomplete state",
                "load a complete state, or reset it");
  }
  if (now != State::running) one.go(State::running);
  return !runs(now);
}

FunctionState VfioBackend::look(std::uint16_t function, const FormatChoice& /*formats*/) {
  auto& one = known(function);
  if (!one.is_open()) {
    const auto who = holders(function);
    if (!who.names.empty()) throw open_elsewhere(one, who.names);
    if (!who.unseen.empty()) return {};
    return {.suspended = false, .queues = 0};
  }
  one.open();
  const auto now = one.state();
  if (now == State::error) {
    throw Error(ExitStatus::device, one.name() + " is in the state ERROR: what it held is lost",
                "reset it");
  }
  if (runs(now)) return {.suspended = false};
  return {.suspended = true, .bytes = one.data_size().value_or(0)};
}

/// A sink is told the size first, of which the kernel gives only an estimate: a state that is not
/// small is read twice.
void VfioBackend::save(std::uint16_t function, const FormatChoice& /*formats*/, StateSink& into) {
  auto& one = opened(function);
  if (runs(one.settled())) throw not_suspended(one);
  std::vector<std::byte> head(small_state);
  auto stream = one.begin(State::stop_copy);
  head.resize(stream->read_up_to(head));
  if (head.empty()) throw Error(ExitStatus::device, "the driver gives no state of " + one.name());
  if (head.size() < small_state) {
    into.begin(head.size());
    put(head, into);
  } else {
    const auto size = head.size() + count_rest(*stream, head);
    stream = one.begin(State::stop_copy);
    into.begin(size);
    pass_on(*stream, size, into, one.name());
  }
  one.go(State::stop);
}

void VfioBackend::load(std::uint16_t function, const FormatChoice& /*formats*/, StateSource& from) {
  auto& one = opened(function);
  const auto now = one.settled();
  if (runs(now) && !one.was_aborted()) throw not_suspended(one);
  if (now == State::resuming) one.abort_loading();
  const auto stream = one.begin(State::resuming);
  for (auto left = from.size(); left > 0;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(piece_, left));
    const auto view = from.view(count);
    if (view.size() != count) {
      throw bad_state("the state for " + one.name() + " ends before its announced size");
    }
    stream->write(view);
    from.take(count);
    left -= count;
  }
  one.go(State::stop);
}

std::unique_ptr<MigrationBackend> make_vfio_backend(const BackendPlace& place) {
  static SystemIo io;
  if (place.device.simulated()) return std::make_unique<VfioBackend>(place, nullptr);
  const Kernel kernel{.io = &io};
  return std::make_unique<VfioBackend>(
      place,
      [kernel, held = place.options.held](const PciFunction& function,
                                          const VfioNodes& nodes) -> std::unique_ptr<VfioDevice> {
        const int fd = held ? held(function.address) : -1;
        if (fd >= 0) return std::make_unique<LinuxVfioDevice>(kernel, function.address, fd);
        return std::make_unique<LinuxVfioDevice>(kernel, function.address, nodes);
      });
}

}  // namespace nvmigrate::vfio
