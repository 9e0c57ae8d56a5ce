// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/identify.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/image.h"
#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

constexpr unsigned first_group = 10;
constexpr unsigned fixed_resources = 64;  ///< of a controller without flexible ones
constexpr std::uint64_t default_vendor_length = (64U << 10U) + 20U;
constexpr std::uint64_t bare_header = 48;

// The ids of the functions in the order of their kinds: controlling, VFs, secondaries, others.
struct Layout {
  explicit Layout(const Parameters& p)
      : controlling(p.controlling),
        vfs_total(p.vfs_total),
        secondaries_from(p.controlling * (1 + p.vfs_total)),
        others_from(secondaries_from + p.secondaries),
        end(others_from + p.others),
        buses_each((p.vfs_total + 1 + 255) / 256) {}

  [[nodiscard]] unsigned vf(unsigned primary, unsigned vfn) const {
    return controlling + primary * vfs_total + vfn - 1;
  }

  unsigned controlling, vfs_total, secondaries_from, others_from, end, buses_each;
};

// Bus, device and function number; the 257th bus is in the next domain.
std::uint64_t routing_id(const Parameters& p, const Function& function) {
  const Layout layout(p);
  const auto bus_of_primary = [&](unsigned id) { return 1ULL + id * layout.buses_each; };
  switch (function.kind) {
    case Kind::controlling:
      return bus_of_primary(function.id) << 8U;
    case Kind::vf:
      return (bus_of_primary(function.primary) << 8U) + function.vfn;
    case Kind::secondary:
    case Kind::other:
      break;
  }
  return (bus_of_primary(p.controlling) + function.id - layout.secondaries_from) << 8U;
}

std::string address_text(std::uint64_t routing) {
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", routing >> 16U, routing >> 8U & 0xFFU,
                     routing >> 3U & 0x1FU, routing & 7U);
}

// Compared as a number: an address of each function as text would cost most of a command.
std::optional<std::uint64_t> routing_in(const std::string& address) {
  unsigned domain = 0, bus = 0, device = 0, function = 0;
  if (std::sscanf(address.c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4) {
    return std::nullopt;
  }
  const auto routing = std::uint64_t{domain} << 16U | bus << 8U | device << 3U | function;
  return address_text(routing) == address ? std::optional(routing) : std::nullopt;
}

template <typename Self>
auto* search_address(Self& self, std::string_view address) {
  const auto routing = routing_in(std::string{address});
  const auto found = std::find_if(self.functions.begin(), self.functions.end(), [&](auto& each) {
    return routing == routing_id(self.parameters, each) && self.present(each) && self.here(each);
  });
  return found == self.functions.end() ? nullptr : &*found;
}

// Differs between subsystems, so that their guests do.
std::uint64_t guest_seed(const Subsystem& subsystem, std::uint16_t id) {
  std::uint64_t seed = subsystem.parameters.seed;
  for (const char each : subsystem.name)
    seed = mixed(seed ^ static_cast<unsigned char>(each));
  return mixed(seed + id);
}

std::string cannot_start(const Subsystem& subsystem, const Function& function,
                         std::string_view why) {
  return fmt::format("cannot start a guest on controller {} of sim:{}: {}", function.id,
                     subsystem.name, why);
}

Error offline(const Subsystem& subsystem, const Function& function) {
  auto error = refused(cannot_start(subsystem, function, "it is offline"), "provision it first");
  if (function.kind != Kind::vf) return error;
  const auto enabled = subsystem.primaries[function.primary].enabled_vfs;
  error.add_remedy({.action = Remedy::Action::provision,
                    .device = subsystem.device_name(function.primary),
                    .count = std::max<unsigned>(enabled, function.vfn)});
  return error;
}

void check_guest(const Subsystem& subsystem, const Function& function) {
  if (function.kind == Kind::controlling) {
    throw refused(cannot_start(subsystem, function, "it is a controlling function"));
  }
  if (!subsystem.present(function) || !function.online) throw offline(subsystem, function);
  if (function.suspended()) {
    throw refused(cannot_start(subsystem, function, "it is suspended"), "resume it first",
                  {{.action = Remedy::Action::resume,
                    .device = subsystem.device_name(*function.suspended_by),
                    .function = function.id}});
  }
  if (function.guest) {
    throw refused(cannot_start(subsystem, function, "it has a guest already"),
                  "stop that guest first");
  }
}

std::set<std::uint32_t> attached_at_first(const Parameters& p, std::uint16_t id) {
  std::set<std::uint32_t> attached;
  const bool none = p.private_namespaces ? id != 0 : p.detached && id >= p.controlling;
  for (std::uint32_t nsid = 1; !none && nsid <= p.namespaces; ++nsid)
    attached.insert(attached.end(), nsid);
  return attached;
}

void bring_online(Function& function, const Parameters& p) {
  function.online = true;
  function.vq = *p.vq == 0 ? std::uint16_t{0} : std::uint16_t{2};
  function.vi = *p.vi == 0 ? std::uint16_t{0} : std::uint16_t{1};
}

Function made_secondary(Function function, const Parameters& p) {
  function.kind = Kind::secondary;
  bring_online(function, p);
  function.driver = "nvme";
  return function;
}

bool applies_allocation(PrimaryReset by, bool function_level) {
  if (by == PrimaryReset::both) return true;
  return by == (function_level ? PrimaryReset::function : PrimaryReset::controller);
}

// A primary that holds all that no secondary has, as many as its fields can tell.
Primary made_primary(const Subsystem& subsystem, std::uint16_t id) {
  const auto rest_of = [&](unsigned resource) {
    const auto free = pool_of(subsystem, id, resource).left(0);
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(free, 0xFFFF));
  };
  Primary primary;
  primary.vq = primary.vq_after_reset = rest_of(0);
  primary.vi = primary.vi_after_reset = rest_of(1);
  return primary;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
  static constexpr std::array<std::string_view, 4> names{"controlling", "vf", "secondary", "other"};
  return names.at(static_cast<std::size_t>(kind));
}

Function* Subsystem::find(std::uint64_t id) noexcept {
  return id < functions.size() ? &functions[static_cast<std::size_t>(id)] : nullptr;
}

const Function* Subsystem::find(std::uint64_t id) const noexcept {
  return id < functions.size() ? &functions[static_cast<std::size_t>(id)] : nullptr;
}

Function* Subsystem::at_address(std::string_view address) noexcept {
  return search_address(*this, address);
}

const Function* Subsystem::at_address(std::string_view address) const noexcept {
  return search_address(*this, address);
}

bool Subsystem::here(const Function& function) const noexcept {
  const auto& p = parameters;
  if (function.kind == Kind::controlling) return function.id < p.controlling - p.elsewhere;
  return function.kind != Kind::vf || function.primary < p.controlling - p.elsewhere;
}

bool Subsystem::present(const Function& function) const noexcept {
  return function.kind != Kind::vf || function.vfn <= primaries[function.primary].enabled_vfs;
}

std::string Subsystem::address_of(const Function& function) const {
  return address_text(routing_id(parameters, function));
}

std::optional<unsigned> Subsystem::group_of(const Function& function) const noexcept {
  if (!parameters.iommu) return std::nullopt;
  const bool second =
      parameters.shared_groups && function.kind == Kind::vf && function.vfn % 2 == 0;
  return first_group + function.id - (second ? 1U : 0U);
}

std::string Subsystem::device_name(std::uint16_t controlling) const {
  if (parameters.controlling == 1) return fmt::format("sim:{}", name);
  return fmt::format("sim:{}/{}", name, controlling);
}

const Function& Subsystem::named(const std::string& word, std::uint16_t controlling) const {
  const Function* found = nullptr;
  const bool is_vf = word.starts_with("vf");
  const auto number = parse_number(is_vf ? std::string_view(word).substr(2) : word);
  if (is_vf && number) {
    if (*number >= 1 && *number <= parameters.vfs_total) {
      found = find(Layout(parameters).vf(controlling, static_cast<unsigned>(*number)));
    }
  } else if (number) {
    found = find(*number);
  } else if (word.find(':') != std::string::npos) {
    found = at_address(word);
  } else {
    throw usage_error(fmt::format("'{}' does not name a function", word),
                      "give a controller id, vfN or a PCI address");
  }
  if (found == nullptr) throw not_found(fmt::format("sim:{} has no function {}", name, word));
  return *found;
}

std::string serial_of(const Subsystem& subsystem) {
  const auto& given = subsystem.parameters.serial;
  return given ? bytes_of(*given) : ("SIM-" + subsystem.name).substr(0, 20);
}

SubsystemKey key_of(const Subsystem& subsystem) {
  return {.nqn = subsystem.parameters.nqn, .serial = exact_text(serial_of(subsystem))};
}

Function made_function(const Parameters& p, std::uint16_t id) {
  const Layout layout(p);
  Function function;
  function.id = id;
  function.namespaces = attached_at_first(p, id);
  if (id < layout.controlling) {
    function.kind = Kind::controlling;
    function.online = true;
    if (id >= p.controlling - p.elsewhere) return function;
    function.driver = "nvme";
    function.instance = id;
    return function;
  }
  if (id < layout.secondaries_from) {
    function.kind = Kind::vf;
    function.primary = static_cast<std::uint16_t>((id - layout.controlling) / p.vfs_total);
    function.vfn = static_cast<std::uint16_t>((id - layout.controlling) % p.vfs_total + 1);
    if (function.primary >= p.controlling - p.elsewhere) bring_online(function, p);
    return function;
  }
  function.instance = p.controlling + id - layout.secondaries_from;
  if (id < layout.others_from) return made_secondary(std::move(function), p);
  function.online = true;
  function.driver = "nvme";
  return function;
}

Subsystem made(const std::string& name, const Parameters& parameters) {
  Subsystem subsystem;
  subsystem.name = name;
  subsystem.parameters = completed(parameters, name);
  subsystem.primaries.resize(parameters.controlling);
  for (unsigned id = parameters.controlling - parameters.elsewhere; id < parameters.controlling;
       ++id) {
    subsystem.primaries[id].enabled_vfs = parameters.vfs_total;
  }
  const Layout layout(parameters);
  subsystem.functions.reserve(layout.end);
  for (unsigned id = 0; id < layout.end; ++id) {
    subsystem.functions.push_back(
        made_function(subsystem.parameters, static_cast<std::uint16_t>(id)));
  }
  for (unsigned id = 0; parameters.primary_holds && id < parameters.controlling; ++id) {
    subsystem.primaries[id] = made_primary(subsystem, static_cast<std::uint16_t>(id));
  }
  return subsystem;
}

Limits limits_of(const Subsystem& subsystem, const Function& function) noexcept {
  const auto& p = subsystem.parameters;
  const unsigned vq = function.is_secondary() && *p.vq != 0 ? function.vq : fixed_resources;
  const unsigned vi = function.is_secondary() && *p.vi != 0 ? function.vi : fixed_resources;
  return {.pairs = vq == 0 ? 0 : vq - 1, .vectors = vi};
}

void reset(Function& function) {
  function.suspended_by.reset();
  function.guest.reset();
  function.sequence.reset();
  function.loaded.reset();
  function.continued.reset();
  function.exported.reset();
  function.was_set = false;
}

void take_offline(Function& function) {
  reset(function);
  function.online = false;
  function.vq = 0;
  function.vi = 0;
}

void reset_controlling(Subsystem& subsystem, std::uint16_t id, bool function_level) {
  for (auto& function : subsystem.functions) {
    if (function.is_secondary() && function.primary == id) take_offline(function);
    if (function.suspended_by == id) function.suspended_by.reset();
    if (function.tracking && function.tracking->through == id) function.tracking.reset();
    if (function.sequence && function.sequence->through == id) function.sequence.reset();
  }
  if (!applies_allocation(subsystem.parameters.primary_reset, function_level)) return;
  auto& primary = subsystem.primaries[id];
  primary.vq = primary.vq_after_reset;
  primary.vi = primary.vi_after_reset;
}

void start_guest(Subsystem& subsystem, Function& function, std::optional<unsigned> pairs) {
  check_guest(subsystem, function);
  const auto limits = limits_of(subsystem, function);
  if (pairs.value_or(0) > limits.pairs) {
    throw usage_error(cannot_start(subsystem, function,
                                   fmt::format("it has at most {} I/O queue pairs", limits.pairs)));
  }
  reset(function);
  function.stopped.reset();
  function.guest = Guest(guest_seed(subsystem, function.id),
                         pairs.value_or(std::min(2U, limits.pairs)), limits.vectors);
}

void advance_guests(Subsystem& subsystem) {
  for (auto& function : subsystem.functions) {
    if (function.running() && function.guest->has_queues()) function.guest->advance();
  }
}

Snapshot snapshot_of(const Subsystem& subsystem, const Function& function) {
  Snapshot snapshot;
  if (!function.guest) return snapshot;
  snapshot.progress = function.guest->progress();
  snapshot.queues = function.guest->queues();
  if (const auto length = vendor_length(subsystem, function); length != 0) {
    snapshot.vendor_digest = VendorHead::of(*function.guest, length).digest();
  }
  return snapshot;
}

std::uint64_t vendor_length(const Subsystem& subsystem, const Function& function) {
  const auto& p = subsystem.parameters;
  if (!p.vendor || p.state_size == bare_header) return 0;
  if (!p.state_size) return default_vendor_length;
  const auto queues = function.guest ? function.guest->began_with().submission.size() +
                                           function.guest->began_with().completion.size()
                                     : 0;
  const std::uint64_t others = bare_header + nvme_length(queues);
  if (*p.state_size <= others) return 0;
  return std::max<std::uint64_t>(*p.state_size - others, VendorHead::size);
}

}  // namespace nvmigrate::sim
