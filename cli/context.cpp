// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/findings.h"
#include "cli/trace.h"
#include "nvmigrate/plugins.h"

namespace nvmigrate::cli {
namespace {

constexpr int trace_verbosity = 2;

}  // namespace

Context::Context(Environment& environment, const Globals& globals, std::string command,
                 Access access)
    : environment_(&environment),
      globals_(globals),
      command_(std::move(command)),
      access_(access),
      talk_(std::make_shared<Talk>(environment, globals_)) {}

const Folders& Context::folders() const {
  if (environment_->find_folders) {
    environment_->folders = environment_->find_folders();
    environment_->find_folders = nullptr;
  }
  return environment_->folders;
}

const Workspace& Context::workspace() {
  if (workspace_) return *workspace_;
  workspace_.emplace(Workspace{.io = &io(),
                               .folders = folders(),
                               .catalog = &built_in(),
                               .command = command_,
                               .wait = globals_.wait});
  if (globals_.timeout) workspace_->backend.suspend_timeout = *globals_.timeout;
  workspace_->wrap = [this](std::unique_ptr<Device> device) {
    if (environment_->wrap) device = environment_->wrap(std::move(device));
    return globals_.verbosity >= trace_verbosity ? traced(std::move(device), talk_)
                                                 : std::move(device);
  };
  workspace_->claimed = [this](const Session& session) {
    if (session.simulated()) return;
    changed_hardware_.push_back({.device = session.device(),
                                 .address = session.address(),
                                 .subsystem = session.key().nqn,
                                 .serial = session.identity().serial});
  };
  return *workspace_;
}

void Context::set_chunk(std::size_t bytes) {
  static_cast<void>(workspace());
  workspace_->backend.chunk = bytes;
}

void Context::set_backend(const std::string& name) {
  static_cast<void>(workspace());
  workspace_->backend_name = name;
}

std::unique_ptr<Session> Context::open(const std::string& device) {
  devices_.push_back(device);
  return Session::open(workspace(), device, access_);
}

std::unique_ptr<Session> Context::look(const std::string& device) {
  devices_.push_back(device);
  return Session::open(workspace(), device, Access::read);
}

SessionPair Context::open_pair(const std::string& source, const std::string& destination) {
  devices_ = {source, destination};
  return nvmigrate::open_pair(workspace(), source, destination, access_);
}

void Context::note(const std::string& line) { talk_->note(line); }
void Context::warn(const std::string& line) { talk_->warn(line); }

void Context::warn(const Findings& findings) {
  for (const auto& found : findings) {
    if (found.severity == Severity::warning || found.allowed) talk_->warn(message_of(found));
  }
}

void Context::warn_of_failed(std::size_t failed, std::size_t all, std::string_view what) {
  if (failed == 0) return;
  warn(std::to_string(failed) + " of " + std::to_string(all) + ' ' + std::string{what} + " failed");
}

}  // namespace nvmigrate::cli
