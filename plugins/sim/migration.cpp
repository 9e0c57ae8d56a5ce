// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/answers.h"

namespace nvmigrate::sim {
namespace {

template <typename SubsystemType>
auto* target_of(SubsystemType& subsystem, std::uint16_t target) {
  auto* const function = subsystem.find(target);
  return function == nullptr || function->kind == Kind::controlling ? nullptr : function;
}

// The status of Migration Send for an unknown controller.
std::uint16_t unknown_to_send(const Subsystem& subsystem, std::uint16_t target) {
  const bool known = subsystem.find(target) != nullptr;
  return subsystem.parameters.is_emulator() && !known ? sc::invalid_field
                                                      : sc::invalid_controller_identifier;
}

void keep_continuation(Function& function) {
  Snapshot snapshot;
  snapshot.progress = function.guest->progress();
  snapshot.queues = function.guest->queues();
  snapshot.vendor_digest = function.loaded->vendor_digest;
  function.continued = std::move(snapshot);
  function.loaded.reset();
}

}  // namespace

Answer suspend(Subsystem& subsystem, std::uint16_t controlling, std::uint16_t target, bool notice) {
  if (notice && subsystem.parameters.is_emulator()) return {};
  auto* const function = target_of(subsystem, target);
  if (function == nullptr) return {.status = unknown_to_send(subsystem, target)};
  if (!function->online) return {.status = sc::invalid_controller_identifier};
  if (notice || function->suspended()) return {};
  function->suspended_by = controlling;
  function->stopped = snapshot_of(subsystem, *function);
  return {};
}

Answer resume(Subsystem& subsystem, std::uint16_t target) {
  auto* const function = target_of(subsystem, target);
  if (function == nullptr) return {.status = unknown_to_send(subsystem, target)};
  if (!function->suspended()) return {.status = sc::controller_not_suspended};
  if (function->sequence) return {.status = sc::command_sequence_error};
  function->suspended_by.reset();
  if (function->loaded) keep_continuation(*function);
  return {};
}

std::optional<Formats> formats_named(const Subsystem& subsystem, std::uint16_t controlling,
                                     unsigned version, unsigned vendor) {
  const auto versions = versions_of(subsystem.parameters, controlling);
  const auto vendors = vendors_of(subsystem.parameters, controlling);
  if (subsystem.parameters.is_emulator() && (version != 1 || vendor != 0)) return std::nullopt;
  if (version > versions.size() || vendor > vendors.size()) return std::nullopt;
  Formats formats;
  if (version != 0) formats.version = versions[version - 1];
  if (vendor != 0) formats.vendor = vendors[vendor - 1];
  return formats;
}

std::uint16_t status_of_get(const Subsystem& subsystem, std::uint16_t target) {
  if (target_of(subsystem, target) != nullptr) return 0;
  return subsystem.parameters.is_emulator() ? sc::invalid_controller_data_queue
                                            : sc::invalid_controller_identifier;
}

std::uint16_t status_of_set(const Subsystem& subsystem, std::uint16_t target) {
  const auto* const function = target_of(subsystem, target);
  if (function == nullptr) return unknown_to_send(subsystem, target);
  if (subsystem.parameters.is_emulator())
    return function->was_set ? sc::invalid_field : std::uint16_t{0};
  const bool offline = function->is_secondary() && !function->online;
  const bool ready = function->suspended() || function->guest || offline;
  return ready ? std::uint16_t{0} : sc::invalid_controller_identifier;
}

Image image_of(const Subsystem& subsystem, const Function& function, const Formats& formats) {
  const auto& p = subsystem.parameters;
  Image::Content content;
  content.suspended = function.suspended();
  content.header = formats.header;
  if (p.state_size == state_header_size) return Image(content);
  const std::uint64_t vendor = vendor_length(subsystem, function);
  if (function.guest) content.queues = function.guest->queues();
  if (formats.version) {
    content.version = formats.version;
    const auto queues = content.queues.submission.size() + content.queues.completion.size();
    const std::uint64_t size = state_header_size + nvme_length(queues);
    if (!p.vendor && p.state_size.value_or(0) > size) content.padding = *p.state_size - size;
  }
  if (formats.vendor && vendor != 0) {
    content.vendor = VendorHead::of(function.guest.value_or(Guest()), vendor);
    content.vendor->uuid = *formats.vendor;
  }
  return Image(content);
}

Intake::Rules rules_for(const Subsystem& subsystem, const Function& function,
                        const Formats& formats) {
  return {.formats = formats,
          .limits = limits_of(subsystem, function),
          .queues_exist = function.guest && function.guest->has_queues(),
          .emulator = subsystem.parameters.is_emulator()};
}

void commit(const Subsystem& subsystem, Function& function, const Intake::Result& state) {
  const std::uint64_t seed = state.vendor ? state.vendor->seed : subsystem.parameters.seed;
  const std::uint64_t progress = state.vendor ? state.vendor->progress : 0;
  Queues queues;
  if (state.queues) {
    queues = *state.queues;
  } else if (function.guest) {
    queues = function.guest->queues();
  }
  function.guest = Guest(seed, progress, std::move(queues));
  function.loaded = Loaded{state.vendor ? state.vendor->digest() : ""};
  function.sequence.reset();
  function.was_set = true;
  if (!function.suspended()) keep_continuation(function);
}

}  // namespace nvmigrate::sim
