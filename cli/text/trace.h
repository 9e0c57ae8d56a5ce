// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "cli/text/talk.h"

namespace nvmigrate::cli {

/// Tells of every admin command that passes: opcode, dwords, lengths, status and latency.
class TracingPort final : public AdminPort {
 public:
  TracingPort(AdminPort& inner, Talk& talk) : inner_(&inner), talk_(&talk) {}

  AdminCompletion submit(const AdminCommand& command) override;

 private:
  AdminPort* inner_;
  Talk* talk_;
};

/// The same device with its admin commands traced.
std::unique_ptr<Device> traced(std::unique_ptr<Device> device, std::shared_ptr<Talk> talk);

}  // namespace nvmigrate::cli
