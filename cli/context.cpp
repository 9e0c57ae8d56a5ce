// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/trace.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/ports/rights.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

constexpr int trace_verbosity = 2;

std::string padded(std::string text, std::size_t width) {
  text.resize(width, ' ');
  return text;
}

/// The NQN that NVMe Base 2.1 §4.7.1 (and the kernel) makes for a controller that names none:
/// vendor ids, serial and model number. The kernel's is taken where there is one, so that both
/// agree.
std::string made_up_nqn(Device& device, const ControllerIdentity& identity) {
  for (const auto& controller : device.pci().controllers()) {
    const bool same = !controller.address.empty() && controller.address == device.address();
    if (same && !controller.subsystem_nqn.empty()) return controller.subsystem_nqn;
  }
  const auto vendor = to_hex(identity.vendor, 4).substr(2);
  return "nqn.2014.08.org.nvmexpress:" + vendor + vendor + padded(identity.serial, 20) +
         padded(identity.model, 40);
}

std::string subsystem_nqn(Device& device) {
  const auto identity = read_identity(device.admin());
  return identity.subsystem_nqn.empty() ? made_up_nqn(device, identity) : identity.subsystem_nqn;
}

/// Runs `what`, and has its errors name the device.
template <typename What>
auto naming(const std::string& device, const What& what) {
  try {
    return what();
  } catch (Error& error) {
    if (error.device().empty()) error.set_device(device);
    throw;
  }
}

}  // namespace

Context::Context(Environment& environment, const Globals& globals, std::string command)
    : environment_(&environment),
      globals_(globals),
      command_(std::move(command)),
      talk_(std::make_shared<Talk>(environment, globals_)) {}

const Folders& Context::folders() const {
  if (environment_->find_folders) {
    environment_->folders = environment_->find_folders();
    environment_->find_folders = nullptr;
  }
  return environment_->folders;
}

std::unique_ptr<Device> Context::open_traced(const std::string& name) {
  devices_.push_back(name);
  auto device = open_device(io(), folders(), name);
  if (environment_->wrap) device = environment_->wrap(std::move(device));
  if (globals_.verbosity >= trace_verbosity) device = traced(std::move(device), talk_);
  return device;
}

Subject Context::subject_of(std::unique_ptr<Device> device, bool lock) {
  const auto nqn = subsystem_nqn(*device);
  std::optional<SubsystemLock> held;
  if (lock) held.emplace(io(), folders(), nqn, command_, globals_.wait);
  return {std::move(device), nqn, std::move(held), Registry{io(), folders(), nqn},
          Journal{io(), folders(), nqn, command_}};
}

Subject Context::open(const std::string& name) {
  return naming(name, [&] { return subject_of(open_traced(name), false); });
}

Subject Context::open_to_change(const std::string& name) {
  return naming(name, [&] {
    auto device = open_traced(name);
    if (!device->simulated() && !may_administrate(Sysfs(io(), Sysroot{}))) {
      throw Error(ExitStatus::permission, command_ + " " + name + ": only root may change a device",
                  "run it with sudo; in a container root needs CAP_SYS_ADMIN");
    }
    changes_hardware_ = changes_hardware_ || !device->simulated();
    return subject_of(std::move(device), true);
  });
}

void Context::note(const std::string& line) { talk_->note(line); }
void Context::warn(const std::string& line) { talk_->warn(line); }

void Context::warn_of_failed(std::size_t failed, std::size_t all) {
  if (failed == 0) return;
  warn(std::to_string(failed) + " of " + std::to_string(all) + " functions failed");
}

}  // namespace nvmigrate::cli
