// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <array>
#include <cstring>

#include "nvmigrate/nvme/subsystem_state.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

/// What follows the header: version, seed, and values that stand for features and follow from it.
struct Body {
  Le16 ver = wire::subsystem_state_version;
  std::array<std::uint8_t, 6> zero{};
  Le64 seed;
  std::array<std::byte, 240> features{};
};

struct State {
  wire::SubsystemStateHeader header;
  Body body;
};
static_assert(sizeof(State) == 320);

State state_of(std::uint64_t seed, bool suspended) {
  State state;
  state.header.csattr = suspended ? wire::csattr_suspended : std::uint8_t{0};
  state.header.nvmecss = sizeof(Body) / 4;
  state.body.seed = seed;
  fill_stream(seed, 0, state.body.features);
  return state;
}

/// Differs between all functions, so that tests recognise a state that was carried over.
std::uint64_t own_seed(const Subsystem& subsystem, std::uint16_t target) {
  std::uint64_t seed = target;
  for (const char each : subsystem.name)
    seed = mixed(seed ^ static_cast<unsigned char>(each));
  return seed;
}

const Function* exported(const Subsystem& subsystem, std::uint16_t target) {
  const auto* const function = subsystem.find(target);
  return function == nullptr || function->kind == Kind::controlling ? nullptr : function;
}

}  // namespace

Answer get_subsystem_state(const Subsystem& subsystem, std::uint16_t target,
                           std::span<std::byte> into) {
  const auto* const function = exported(subsystem, target);
  if (function == nullptr) return {.status = sc::invalid_controller_identifier};
  const auto state =
      state_of(function->exported.value_or(own_seed(subsystem, target)), function->suspended());
  std::memcpy(into.data(), &state, std::min(into.size(), sizeof state));
  return {.dw0 = function->suspended() ? 1U : 0U};
}

Answer set_subsystem_state(Subsystem& subsystem, std::uint16_t target,
                           std::span<const std::byte> bytes) {
  const auto* const function = exported(subsystem, target);
  if (function == nullptr || !function->suspended()) {
    return {.status = sc::invalid_controller_identifier};
  }
  State state;
  if (bytes.size() != sizeof state) return {.status = sc::exported_subsystem_state};
  std::memcpy(&state, bytes.data(), sizeof state);
  const auto facts = decode_subsystem_state(bytes);
  const bool right =
      facts && facts->bytes == bytes.size() && is_stream(state.body.seed, 0, state.body.features);
  if (!right) return {.status = sc::exported_subsystem_state};
  subsystem.find(target)->exported = state.body.seed;
  return {};
}

}  // namespace nvmigrate::sim
