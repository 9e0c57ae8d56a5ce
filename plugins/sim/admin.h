// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/nvme/admin_port.h"
#include "plugins/sim/sequences.h"

namespace nvmigrate::sim {

/// The admin queue of a controlling function: decodes commands as they are encoded on the wire. A
/// wrong length, a reserved bit that is set, a count that does not fit its data: Invalid Field.
class SimAdminPort final : public AdminPort {
 public:
  SimAdminPort(Store& store, std::uint16_t controlling)
      : store_(&store), controlling_(controlling), sequences_(store, controlling) {}

  AdminCompletion submit(const AdminCommand& command) override;

 private:
  Answer execute(const AdminCommand& command, const Subsystem& subsystem);
  [[nodiscard]] Answer execute_identify(const AdminCommand& command,
                                        const Subsystem& subsystem) const;
  Answer execute_virtualization(const AdminCommand& command);
  Answer execute_send(const AdminCommand& command, const Subsystem& subsystem);
  Answer execute_suspend(const AdminCommand& command);
  Answer execute_resume(const AdminCommand& command);
  Answer execute_set(const AdminCommand& command);
  [[nodiscard]] Answer execute_receive(const AdminCommand& command,
                                       const Subsystem& subsystem) const;

  Store* store_;
  std::uint16_t controlling_;
  Sequences sequences_;
};

}  // namespace nvmigrate::sim
