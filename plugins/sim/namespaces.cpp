// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/libnvme.h"
#include "plugins/sim/answers.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint32_t last_nsid = 0xFFFFFFFD;

template <typename T>
Answer filled(const T& data, std::span<std::byte> into) {
  std::memcpy(into.data(), &data, sizeof data);
  return {};
}

bool is_allocated(const Subsystem& subsystem, std::uint32_t nsid) {
  return nsid != 0 && nsid <= subsystem.parameters.namespaces;
}

nvme_ns_list namespaces_behind(const Subsystem& subsystem, std::uint32_t nsid) {
  nvme_ns_list data{};
  std::size_t count = 0;
  while (count < NVME_ID_NS_LIST_MAX && is_allocated(subsystem, ++nsid))
    data.ns[count++] = htole32(nsid);
  return data;
}

nvme_id_ns shape_of(const Parameters& p) {
  nvme_id_ns data{};
  data.nsze = data.ncap = htole64(p.namespace_size / p.block_size);
  data.nmic = p.private_namespaces ? 0 : NVME_NS_NMIC_SHARED;
  data.lbaf[0].ds = static_cast<std::uint8_t>(std::countr_zero(p.block_size));
  return data;
}

nvme_ctrl_list attached_to(const Subsystem& subsystem, std::uint32_t nsid, std::uint16_t from) {
  nvme_ctrl_list data{};
  std::uint16_t count = 0;
  for (const auto& function : subsystem.functions) {
    if (function.id < from || !function.namespaces.contains(nsid)) continue;
    if (count == NVME_ID_CTRL_LIST_MAX) break;
    data.identifier[count++] = htole16(function.id);
  }
  data.num = htole16(count);
  return data;
}

// Whom the list names; empty when it is not valid.
std::vector<Function*> functions_in(Subsystem& subsystem, std::span<const std::byte> list) {
  std::vector<std::uint16_t> ids;
  try {
    ids = decode_controllers(list);
  } catch (const Error&) {
    return {};
  }
  std::vector<Function*> functions;
  for (const auto id : ids) {
    auto* const function = subsystem.find(id);
    const bool is_known = function != nullptr &&
                          (!subsystem.parameters.is_emulator() || subsystem.present(*function));
    const bool ascends = functions.empty() || functions.back()->id < id;
    if (!is_known || !ascends) return {};
    functions.push_back(function);
  }
  return functions;
}

bool is_attached_anywhere(const Subsystem& subsystem, std::uint32_t nsid) {
  return std::any_of(subsystem.functions.begin(), subsystem.functions.end(),
                     [&](const Function& one) { return one.namespaces.contains(nsid); });
}

std::uint16_t attach(Subsystem& subsystem, Function& function, std::uint32_t nsid) {
  if (function.namespaces.contains(nsid)) return sc::namespace_already_attached;
  if (subsystem.parameters.private_namespaces && is_attached_anywhere(subsystem, nsid)) {
    return sc::namespace_is_private;
  }
  function.namespaces.insert(nsid);
  return 0;
}

}  // namespace

Answer identify_namespaces(const Subsystem& subsystem, std::uint8_t cns, std::uint16_t from,
                           std::uint32_t nsid, std::span<std::byte> into) {
  const auto kind = static_cast<command::Cns>(cns);
  if (kind == command::Cns::namespaces) {
    if (nsid > last_nsid) return {.status = sc::invalid_namespace};
    return filled(namespaces_behind(subsystem, nsid), into);
  }
  if (!is_allocated(subsystem, nsid)) return {.status = sc::invalid_namespace};
  return kind == command::Cns::allocated_namespace
             ? filled(shape_of(subsystem.parameters), into)
             : filled(attached_to(subsystem, nsid, from), into);
}

// The controllers in front of the one that fails keep what was done to them.
Answer attach_namespace(Subsystem& subsystem, std::uint32_t nsid, bool detach,
                        std::span<const std::byte> list) {
  if (!is_allocated(subsystem, nsid)) return {.status = sc::invalid_namespace};
  const auto functions = functions_in(subsystem, list);
  if (functions.empty()) return {.status = sc::controller_list_invalid};
  for (auto* const function : functions) {
    const auto detached = [&] {
      return function->namespaces.erase(nsid) != 0 ? std::uint16_t{0} : sc::namespace_not_attached;
    };
    const auto status = detach ? detached() : attach(subsystem, *function, nsid);
    if (status != 0) return {.status = status};
  }
  return {};
}

}  // namespace nvmigrate::sim
