// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/nvme/commands.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/store.h"

namespace nvmigrate::sim {

/// A decoded Set Controller State.
struct SetRequest {
  std::uint16_t target = 0;
  command::Sequence place = command::Sequence::only;
  std::uint8_t version = 0, vendor = 0;  ///< CSVI, CSUUIDI
  std::uint64_t offset = 0;
  std::span<const std::byte> data;
};

/// The Set sequences that come through one opened controlling function. A sequence is kept in the
/// file of the subsystem when it begins and when the device is closed, so that its middle costs no
/// file access. The content is checked outside all locks, so that functions are loaded in parallel.
class Sequences {
 public:
  Sequences(Store& store, std::uint16_t controlling) : store_(&store), controlling_(controlling) {}
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;
  ~Sequences();

  Answer set(const SetRequest& request);

 private:
  struct Running {
    std::uint64_t token = 0;
    Intake intake;
    std::mutex busy;
    Running(std::uint64_t token_, Intake intake_) : token(token_), intake(std::move(intake_)) {}
  };
  using Pointer = std::shared_ptr<Running>;

  Answer begin(const SetRequest& request, const Subsystem& subsystem, const Formats& formats);
  Answer go_on(const SetRequest& request, const Subsystem& subsystem, const Formats& formats);
  Answer commit_if_right(const SetRequest& request, Running& running);
  Pointer running(const SetRequest& request, const OpenSequence& kept, const Intake::Rules& rules);
  void keep(std::uint16_t target, const Pointer& running);
  void drop(std::uint16_t target);
  Answer fail(std::uint16_t target, std::uint16_t status);
  void save(std::uint16_t target, const Running& running);

  Store* store_;
  std::uint16_t controlling_;
  std::mutex mutex_;
  std::map<std::uint16_t, Pointer> running_;
};

/// The admin queue of a controlling function: decodes commands as they are encoded on the wire. A
/// wrong length, a reserved bit that is set and a count that does not fit its data are each an
/// Invalid Field.
class SimAdminPort final : public AdminPort {
 public:
  SimAdminPort(Store& store, std::uint16_t controlling)
      : store_(&store), controlling_(controlling), sequences_(store, controlling) {}

  AdminCompletion submit(const AdminCommand& command) override;

 private:
  Answer execute(const AdminCommand& command, const Subsystem& subsystem);
  [[nodiscard]] Answer execute_identify(const AdminCommand& command,
                                        const Subsystem& subsystem) const;
  [[nodiscard]] static Answer execute_log_page(const AdminCommand& command,
                                               const Parameters& parameters);
  Answer execute_attachment(const AdminCommand& command);
  Answer execute_virtualization(const AdminCommand& command);
  Answer execute_send(const AdminCommand& command, const Subsystem& subsystem);
  /// The vendor commands of the personalities `rfc` and `both`.
  Answer execute_vendor(const AdminCommand& command, const Subsystem& subsystem);
  Answer execute_vendor_control(const AdminCommand& command, const Function& function);
  Answer execute_vendor_load(const AdminCommand& command, const Subsystem& subsystem,
                             const Function& function);
  Answer execute_suspend(const AdminCommand& command);
  Answer execute_resume(const AdminCommand& command);
  Answer execute_set(const AdminCommand& command);
  Answer execute_set_subsystem(const AdminCommand& command, const Parameters& parameters);
  Answer execute_track_send(const AdminCommand& command);
  Answer execute_track_receive(const AdminCommand& command, const Subsystem& subsystem);
  [[nodiscard]] Answer execute_receive(const AdminCommand& command,
                                       const Subsystem& subsystem) const;

  Store* store_;
  std::uint16_t controlling_;
  Sequences sequences_;
};

}  // namespace nvmigrate::sim
