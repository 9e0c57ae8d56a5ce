// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/nvme/commands.h"
#include "plugins/sim/answers.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint16_t needed_queues = 2, needed_interrupts = 1;
constexpr unsigned reserved_resource = 2;

std::uint16_t& held(Function& function, unsigned resource) {
  return resource == 0 ? function.vq : function.vi;
}

std::uint16_t status_of_kind(const Subsystem& subsystem, unsigned resource) {
  const bool emulator = subsystem.parameters.is_emulator();
  if (resource >= reserved_resource) {
    return emulator ? sc::invalid_resource_identifier : sc::invalid_field;
  }
  const auto total = resource == 0 ? *subsystem.parameters.vq : *subsystem.parameters.vi;
  return total == 0 ? sc::invalid_resource_identifier : std::uint16_t{0};
}

Answer allocate_to_primary(Subsystem& subsystem, std::uint16_t id,
                           const VirtualizationRequest& request) {
  if (request.controller != id) return {.status = sc::invalid_controller_identifier};
  if (const auto status = status_of_kind(subsystem, request.resource); status != 0) {
    return {.status = status};
  }
  const auto pool = pool_of(subsystem, id, request.resource);
  if (request.count > pool.total) return {.status = sc::invalid_number_of_resources};
  if (request.count > pool.total - pool.assigned)
    return {.status = sc::invalid_resource_identifier};
  auto& primary = subsystem.primaries[id];
  (request.resource == 0 ? primary.vq_after_reset : primary.vi_after_reset) = request.count;
  return {.dw0 = request.count};
}

// Rounded to the grain, within the limit of a secondary and the free resources.
std::uint16_t granted(const Subsystem& subsystem, std::uint16_t count, const Pool& pool,
                      std::uint16_t own) {
  const std::uint32_t grain = subsystem.parameters.grain;
  const std::uint32_t more = subsystem.parameters.round_down ? 0 : grain - 1;
  const std::uint32_t rounded = (count + more) / grain * grain;
  return static_cast<std::uint16_t>(
      std::min({rounded, pool.left(own), static_cast<std::uint32_t>(pool.per_secondary)}));
}

Answer assign(Subsystem& subsystem, Function& function, const VirtualizationRequest& request) {
  if (function.online) return {.status = sc::invalid_secondary_controller_state};
  if (const auto status = status_of_kind(subsystem, request.resource); status != 0) {
    return {.status = status};
  }
  const auto pool = pool_of(subsystem, function.primary, request.resource);
  auto& own = held(function, request.resource);
  if (request.count > pool.total || request.count > pool.per_secondary) {
    return {.status = sc::invalid_number_of_resources};
  }
  if (request.count > pool.left(own)) return {.status = sc::invalid_resource_identifier};
  own = granted(subsystem, request.count, pool, own);
  return {.dw0 = own};
}

Answer bring_online(const Subsystem& subsystem, Function& function) {
  const auto& p = subsystem.parameters;
  const bool configured = (*p.vq == 0 || function.vq >= needed_queues) &&
                          (*p.vi == 0 || function.vi >= needed_interrupts);
  if (!function.online && (!configured || !subsystem.present(function))) {
    return {.status = sc::invalid_secondary_controller_state};
  }
  function.online = true;
  return {};
}

}  // namespace

std::uint32_t Pool::left(std::uint16_t own) const noexcept {
  const std::uint32_t used = primary + assigned - own;
  return used < total ? total - used : 0;
}

Pool pool_of(const Subsystem& subsystem, std::uint16_t controlling, unsigned resource) noexcept {
  const auto& p = subsystem.parameters;
  const auto& primary = subsystem.primaries[controlling];
  const bool queues = resource == 0;
  Pool pool{.total = queues ? *p.vq : *p.vi,
            .primary = queues ? primary.vq : primary.vi,
            .per_secondary = queues ? p.vq_max : p.vi_max};
  if (pool.total == 0) pool.per_secondary = 0;
  for (const auto& function : subsystem.functions) {
    if (function.is_secondary() && function.primary == controlling) {
      pool.assigned += queues ? function.vq : function.vi;
    }
  }
  return pool;
}

Answer virtualize(Subsystem& subsystem, std::uint16_t controlling,
                  const VirtualizationRequest& request) {
  using Action = command::VirtualizationAction;
  const auto action = static_cast<Action>(request.action);
  if (action == Action::primary_flexible) {
    return allocate_to_primary(subsystem, controlling, request);
  }
  if (action != Action::offline && action != Action::assign && action != Action::online) {
    return {.status = sc::invalid_field};
  }
  auto* const function = subsystem.find(request.controller);
  if (function == nullptr || !function->is_secondary() || function->primary != controlling) {
    return {.status = sc::invalid_controller_identifier};
  }
  if (action == Action::assign) return assign(subsystem, *function, request);
  if (action == Action::online) return bring_online(subsystem, *function);
  take_offline(*function);
  return {};
}

}  // namespace nvmigrate::sim
