// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/host/attachments.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate {

/// Carries out the steps of a plan, one after the other, neighbouring resets at once.
class StepRunner {
 public:
  /// \param before how things are before the first step; both must outlive it
  StepRunner(Session& session, const Topology& before, const ProvisionLimits& limits)
      : session_(&session), before_(&before), limits_(limits), attachments_(session) {}

  /// Goes on behind the steps that were begun, if it ran before. Stops at the first that fails, or
  /// between two when a stop signal came.
  /// \param if_interrupted what the user is told then
  /// \throws NvmeError, OsError, Error(device), Interrupted
  void run(std::span<const ProvisionStep> steps, const char* if_interrupted);
  /// How many of the steps of run() were begun, the failed one included.
  [[nodiscard]] std::size_t begun() const noexcept { return begun_; }

  /// What the device gave, at least what was asked for; 0 for a kind that was not asked for.
  struct Grant {
    std::uint16_t queues = 0, interrupts = 0;
  };
  [[nodiscard]] const std::map<std::uint16_t, Grant>& grants() const noexcept { return grants_; }
  /// Whether the reset of the controlling function took a Controller Reset.
  [[nodiscard]] bool controller_reset() const noexcept { return controller_reset_; }

  /// The steps that undo what run() attached and detached, the former first.
  [[nodiscard]] std::vector<ProvisionStep> attachments_back() const { return attachments_.back(); }

  /// Carries out all of them, whatever fails. \return what failed, a sentence each
  std::vector<std::string> run_all(std::span<const ProvisionStep> steps);

 private:
  void carry_out(const ProvisionStep& step);
  void have_autoprobe(bool probe);
  void change_vfs(unsigned count);
  void forget_all(std::span<const ProvisionStep> steps);
  void assign(const ProvisionStep& step);
  [[nodiscard]] std::uint16_t grant_of(const ProvisionStep& step, const AdminCommand& asked);
  void allocate(const ProvisionStep& step);
  void reset_controlling();
  void await_controlling();
  [[nodiscard]] bool holds_as_allocated();
  void manage(const ProvisionStep& step);
  void reset_all(std::span<const ProvisionStep> steps);
  void reset_function(const ProvisionStep& step);
  [[nodiscard]] std::string address_of(const ProvisionStep& step);

  Session* session_;
  const Topology* before_;
  ProvisionLimits limits_;
  std::size_t begun_ = 0;
  std::map<std::uint16_t, Grant> grants_;
  std::optional<unsigned> allocated_queues_, allocated_interrupts_;
  bool controller_reset_ = false;
  Attachments attachments_;
};

/// Whether VFs are destroyed or made.
bool remakes_vfs(std::span<const ProvisionStep> steps);

/// Some devices list their secondary controllers only once there are VFs.
bool may_be_listed_later(const Topology& topology);

/// The steps back to how things were, after `done` had been begun.
std::vector<ProvisionStep> steps_back(const Topology& before, unsigned vfs_now, bool autoprobe,
                                      std::span<const ProvisionStep> done);

/// What one function is to become; 0 resources are not assigned.
struct FunctionGoal {
  const ControlledFunction* function = nullptr;
  unsigned queues = 0, interrupts = 0;
  bool online = true;
};

/// The steps to make functions so. All are offline before the first gets resources: what one gives
/// back another may need; and the resets stand together, to run at once.
void add_steps(std::vector<ProvisionStep>& steps, std::span<const FunctionGoal> goals);

}  // namespace nvmigrate
