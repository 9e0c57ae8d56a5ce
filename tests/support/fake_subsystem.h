// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/libnvme.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/ports/device.h"
#include "tests/support/fake_pci_bus.h"

namespace nvmigrate::test {

/// A controlling function in memory that answers Identify and Virtualization Management by the
/// specification, with a FakePciBus beside it. Much smaller than the simulator, on purpose.
class FakeSubsystem : public Device, public AdminPort {
 public:
  static constexpr const char* nqn = "nqn.2024-01.test:fake";
  using Attached = std::map<std::uint32_t, std::set<std::uint16_t>>;
  using Hook = std::function<std::optional<AdminCompletion>(const AdminCommand&)>;

  /// \param secondaries how many, with controller ids from 1 and VF numbers alike
  explicit FakeSubsystem(std::uint16_t secondaries = 8, const std::string& name = "fake")
      : name_("sim:" + name) {
    for (std::uint16_t id = 1; id <= secondaries; ++id)
      secondary.push_back({id, 0, false, id, 0, 0});
    bus.sriov_of[FakePciBus::physical].total = secondaries;
    bus.vfs_changed = [this](unsigned count) {
      for (auto& one : secondary) {
        if (one.vfn > count) one = {one.cntlid, 0, false, one.vfn, 0, 0};
      }
    };
    bus.physical_was_reset = [this] { reset_primary(function_reset_applies); };
    bus.controller_was_reset = [this] { reset_primary(controller_reset_applies); };
  }

  // What a test sets up and looks at.
  FakePciBus bus;
  std::vector<SecondaryController> secondary;
  std::vector<std::uint16_t> others;  ///< controllers that are neither secondary nor this one
  std::vector<std::uint16_t> other_primaries;  ///< those of them that are primary controllers
  std::string model = "Fake", serial = "FAKE", firmware = "1", subsystem_nqn = nqn;
  std::uint32_t queues_total = 64, interrupts_total = 64;
  std::uint16_t most_each = 16, granularity = 1;
  std::uint16_t queues_primary = 0;  ///< flexible ones that the controlling function holds itself
  std::uint16_t interrupts_primary = 0;
  std::uint16_t queues_private = 2, interrupts_private = 1;
  std::optional<std::uint16_t> queues_allocated, interrupts_allocated;  ///< in effect after a reset
  bool function_reset_applies = true, controller_reset_applies = false;
  bool virtualization = true, live_migration = true;
  std::uint8_t mdts = 0;
  /// CSE of the migration commands and of Virtualization Management; nothing: it has no such log.
  std::optional<unsigned> restriction, restriction_of_management;
  /// With it, the namespaces and the controllers that each is attached to.
  std::optional<Attached> namespaces;
  std::set<std::uint32_t> private_namespaces;
  std::uint64_t blocks = 1024;                      ///< of each, with 512 bytes
  std::optional<std::uint16_t> refused_attachment;  ///< to this controller nothing can be attached
  int grant_more = 0;                               ///< added to what assign grants
  std::vector<std::string> commands;  ///< "identify 15", "online 3", "assign_queues 3 2", …
  Hook before;                        ///< may answer in place of the device
  bool lists_late = false;            ///< its secondary controllers, only once there are VFs

  AdminPort& admin() override { return *this; }
  PciBus& pci() override { return bus; }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] bool simulated() const override { return true; }

  AdminCompletion submit(const AdminCommand& command) override {
    note(command);
    if (before) {
      if (const auto answer = before(command)) return *answer;
    }
    if (command.opcode == command::opcode::get_log_page) return effects_log(command);
    if (command.opcode == command::opcode::namespace_attachment) return attach(command);
    return command.opcode == command::opcode::identify ? identify(command) : manage(command);
  }

  [[nodiscard]] std::size_t count_of(const std::string& words) const {
    return static_cast<std::size_t>(std::count(commands.begin(), commands.end(), words));
  }
  [[nodiscard]] SecondaryController& at(std::uint16_t id) {
    return *std::find_if(secondary.begin(), secondary.end(),
                         [id](const auto& one) { return one.cntlid == id; });
  }
  static AdminCompletion error(std::uint16_t code) { return {{code}, 0, 0}; }

 private:
  template <typename Structure>
  static AdminCompletion answer(const AdminCommand& command, const Structure& data) {
    std::memcpy(command.from_device.data(), &data, sizeof data);
    return {};
  }

  void note(const AdminCommand& command) {
    if (command.opcode == command::opcode::identify) {
      static constexpr char digits[] = "0123456789ABCDEF";
      const auto cns = command.cdw10 & 0xFFU;
      commands.push_back(std::string{"identify "} + digits[cns >> 4U] + digits[cns & 0xFU]);
      return;
    }
    if (command.opcode == command::opcode::get_log_page) {
      commands.emplace_back("log page");
      return;
    }
    if (command.opcode == command::opcode::namespace_attachment) {
      std::string words = command.cdw10 == 0 ? "attach " : "detach ";
      words += std::to_string(command.nsid) + ":";
      for (const auto each : decode_controllers(command.to_device))
        words += " " + std::to_string(each);
      commands.push_back(words);
      return;
    }
    const auto id = std::to_string(command.cdw10 >> 16U);
    const bool queues = ((command.cdw10 >> 8U) & 7U) == 0;
    switch (command.cdw10 & 0xFU) {
      case 7:
        commands.push_back("offline " + id);
        break;
      case 1:
        commands.push_back((queues ? "allocate_queues " : "allocate_interrupts ") +
                           std::to_string(command.cdw11));
        break;
      case 8:
        commands.push_back((queues ? "assign_queues " : "assign_interrupts ") + id + " " +
                           std::to_string(command.cdw11));
        break;
      case 9:
        commands.push_back("online " + id);
        break;
      default:
        commands.push_back("unknown");
    }
  }

  AdminCompletion identify(const AdminCommand& command) {
    const auto from = static_cast<std::uint16_t>(command.cdw10 >> 16U);
    switch (static_cast<command::Cns>(command.cdw10 & 0xFFU)) {
      case command::Cns::controller:
        return identify_controller(command);
      case command::Cns::controllers:
        return list_controllers(command, from);
      case command::Cns::primary_capabilities:
        return primary(command, from);
      case command::Cns::secondary_controllers:
        return list_secondaries(command, from);
      case command::Cns::namespaces:
      case command::Cns::allocated_namespace:
      case command::Cns::attached_controllers:
        return namespaces ? identify_namespaces(command) : error(sc::invalid_field);
      default:
        return error(sc::invalid_field);
    }
  }

  AdminCompletion identify_controller(const AdminCommand& command) {
    nvme_id_ctrl data{};
    std::memcpy(data.mn, model.data(), model.size());
    std::memcpy(data.sn, serial.data(), serial.size());
    std::memcpy(data.fr, firmware.data(), firmware.size());
    std::memcpy(data.subnqn, subsystem_nqn.data(), subsystem_nqn.size());
    const unsigned oacs = (virtualization ? unsigned{NVME_CTRL_OACS_VIRT_MGMT} : 0U) |
                          (namespaces ? unsigned{NVME_CTRL_OACS_NS_MGMT} : 0U) |
                          (live_migration ? wire::oacs_live_migration : 0U);
    data.oacs = htole16(static_cast<std::uint16_t>(oacs));
    data.mdts = mdts;
    data.lpa = restriction ? NVME_CTRL_LPA_CMD_EFFECTS : 0;
    return answer(command, data);
  }

  [[nodiscard]] AdminCompletion effects_log(const AdminCommand& command) const {
    nvme_cmd_effects_log data{};
    data.acs[0x41] = data.acs[0x42] = htole32(1U | *restriction << 16U);
    data.acs[0x1C] = htole32(1U | restriction_of_management.value_or(*restriction) << 16U);
    return answer(command, data);
  }

  [[nodiscard]] bool hides() const {
    return lists_late && bus.sriov_of.at(FakePciBus::physical).enabled == 0;
  }

  AdminCompletion list_controllers(const AdminCommand& command, std::uint16_t from) {
    std::vector<std::uint16_t> ids{0};
    for (const auto& one : hides() ? std::vector<SecondaryController>{} : secondary)
      ids.push_back(one.cntlid);
    ids.insert(ids.end(), others.begin(), others.end());
    std::sort(ids.begin(), ids.end());
    nvme_ctrl_list data{};
    std::uint16_t count = 0;
    for (const auto id : ids) {
      if (id >= from && count < NVME_ID_CTRL_LIST_MAX) data.identifier[count++] = htole16(id);
    }
    data.num = htole16(count);
    return answer(command, data);
  }

  AdminCompletion identify_namespaces(const AdminCommand& command) {
    if ((command.cdw10 & 0xFFU) == 0x10) {
      nvme_ns_list data{};
      std::size_t count = 0;
      for (const auto& [nsid, ids] : *namespaces) {
        if (nsid > command.nsid) data.ns[count++] = htole32(nsid);
      }
      return answer(command, data);
    }
    const auto found = namespaces->find(command.nsid);
    if (found == namespaces->end()) return error(sc::invalid_namespace);
    if ((command.cdw10 & 0xFFU) == 0x12) {
      const std::vector<std::uint16_t> ids(found->second.begin(), found->second.end());
      const auto list = encode_controllers(ids);
      std::copy(list.begin(), list.end(), command.from_device.begin());
      return {};
    }
    nvme_id_ns data{};
    data.nsze = htole64(blocks);
    data.nmic = private_namespaces.contains(command.nsid) ? 0 : 1;
    data.lbaf[0].ds = 9;
    return answer(command, data);
  }

  /// One controller after the other, as the emulator does it.
  AdminCompletion attach(const AdminCommand& command) {
    const auto found = namespaces->find(command.nsid);
    if (found == namespaces->end()) return error(sc::invalid_namespace);
    for (const auto id : decode_controllers(command.to_device)) {
      const bool attaches = command.cdw10 == 0;
      if (refused_attachment == id) return error(sc::internal_error);
      if (attaches && !found->second.insert(id).second)
        return error(sc::namespace_already_attached);
      if (!attaches && found->second.erase(id) == 0) return error(sc::namespace_not_attached);
    }
    return {};
  }

  /// As some devices do, it answers with its own capabilities for a controller that has none.
  AdminCompletion primary(const AdminCommand& command, std::uint16_t named) {
    if (!virtualization) return error(sc::invalid_field);
    nvme_primary_ctrl_cap data{};
    const bool other = std::count(other_primaries.begin(), other_primaries.end(), named) != 0;
    data.cntlid = htole16(other ? named : std::uint16_t{0});
    data.crt = 3;
    data.vqfrt = htole32(queues_total);
    data.vifrt = htole32(interrupts_total);
    data.vqrfa = htole32(assigned(&SecondaryController::queues));
    data.vqrfap = htole16(queues_primary);
    data.virfap = htole16(interrupts_primary);
    data.vqprt = htole16(queues_private);
    data.viprt = htole16(interrupts_private);
    data.virfa = htole32(assigned(&SecondaryController::interrupts));
    data.vqfrsm = htole16(most_each);
    data.vifrsm = htole16(most_each);
    data.vqgran = htole16(granularity);
    data.vigran = htole16(granularity);
    return answer(command, data);
  }

  AdminCompletion list_secondaries(const AdminCommand& command, std::uint16_t from) {
    if (!virtualization) return error(sc::invalid_field);
    nvme_secondary_ctrl_list data{};
    for (const auto& one : secondary) {
      if (hides() || one.cntlid < from || data.num == NVME_ID_SECONDARY_CTRL_MAX) continue;
      auto& entry = data.sc_entry[data.num++];
      entry.scid = htole16(one.cntlid);
      entry.pcid = htole16(one.primary);
      entry.scs = one.online ? 1 : 0;
      entry.vfn = htole16(one.vfn);
      entry.nvq = htole16(one.queues);
      entry.nvi = htole16(one.interrupts);
    }
    return answer(command, data);
  }

  [[nodiscard]] std::uint32_t assigned(std::uint16_t SecondaryController::*of) const {
    std::uint32_t sum = 0;
    for (const auto& one : secondary)
      sum += one.*of;
    return sum;
  }

  /// As any Controller Level Reset: all secondary controllers are offline and have nothing.
  void reset_primary(bool applies) {
    for (auto& one : secondary)
      one = {one.cntlid, 0, false, one.vfn, 0, 0};
    if (!applies) return;
    queues_primary = queues_allocated.value_or(queues_primary);
    interrupts_primary = interrupts_allocated.value_or(interrupts_primary);
  }

  AdminCompletion allocate(const AdminCommand& command) {
    const bool queues = ((command.cdw10 >> 8U) & 7U) == 0;
    const auto of = queues ? &SecondaryController::queues : &SecondaryController::interrupts;
    const auto total = queues ? queues_total : interrupts_total;
    if (assigned(of) + command.cdw11 > total) return error(sc::invalid_resource_identifier);
    const auto count = static_cast<std::uint16_t>(command.cdw11);
    (queues ? queues_allocated : interrupts_allocated) = count;
    return {{0}, count, 0};
  }

  AdminCompletion manage(const AdminCommand& command) {
    const auto id = command.cdw10 >> 16U;
    if (id == 0 && (command.cdw10 & 0xFU) == 1) return allocate(command);
    const auto found = std::find_if(secondary.begin(), secondary.end(),
                                    [id](const auto& one) { return one.cntlid == id; });
    if (found == secondary.end()) return error(sc::invalid_controller_identifier);
    switch (command.cdw10 & 0xFU) {
      case 7:
        *found = {found->cntlid, 0, false, found->vfn, 0, 0};
        return {};
      case 8:
        return assign(*found, command);
      case 9:
        return bring_online(*found);
      default:
        return error(sc::invalid_field);
    }
  }

  AdminCompletion assign(SecondaryController& one, const AdminCommand& command) {
    if (one.online) return error(sc::invalid_secondary_controller_state);
    const bool queues = ((command.cdw10 >> 8U) & 7U) == 0;
    const auto of = queues ? &SecondaryController::queues : &SecondaryController::interrupts;
    const auto total = queues ? queues_total : interrupts_total;
    if (command.cdw11 > most_each) return error(sc::invalid_number_of_resources);
    const auto held = queues ? queues_primary : interrupts_primary;
    if (assigned(of) - one.*of + command.cdw11 + held > total)
      return error(sc::invalid_resource_identifier);
    one.*of = static_cast<std::uint16_t>(static_cast<int>(command.cdw11) + grant_more);
    return {{0}, one.*of, 0};
  }

  AdminCompletion bring_online(SecondaryController& one) {
    const bool enabled = one.vfn == 0 || one.vfn <= bus.sriov_of[FakePciBus::physical].enabled;
    if (!enabled || one.queues < 2 || one.interrupts < 1) {
      return error(sc::invalid_secondary_controller_state);
    }
    one.online = true;
    return {};
  }

  std::string name_, address_ = FakePciBus::physical;
};

}  // namespace nvmigrate::test
