// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/trace.h"

#include <fmt/format.h>

#include <chrono>

#include "nvmigrate/nvme/commands.h"

namespace nvmigrate::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string dwords(const AdminCommand& command) {
  return fmt::format("cdw10={:#x} cdw11={:#x} cdw12={:#x} cdw13={:#x} cdw14={:#x} cdw15={:#x}",
                     command.cdw10, command.cdw11, command.cdw12, command.cdw13, command.cdw14,
                     command.cdw15);
}

void tell(Talk& talk, const AdminCommand& command, const std::string& answer,
          const Json& answer_json, std::int64_t microseconds) {
  const auto line =
      fmt::format("admin {:#04x} {} nsid={:#x} {} out={} in={}: {} in {} us", command.opcode,
                  command::name_of(command.opcode), command.nsid, dwords(command),
                  command.to_device.size(), command.from_device.size(), answer, microseconds);
  Json trace{{"opcode", command.opcode},
             {"name", command::name_of(command.opcode)},
             {"nsid", command.nsid},
             {"cdw", Json::array({command.cdw10, command.cdw11, command.cdw12, command.cdw13,
                                  command.cdw14, command.cdw15})},
             {"bytes_out", command.to_device.size()},
             {"bytes_in", command.from_device.size()}};
  trace.update(answer_json);
  trace["microseconds"] = microseconds;
  talk.trace(line, trace);
}

class TracedDevice final : public Device {
 public:
  TracedDevice(std::unique_ptr<Device> inner, std::shared_ptr<Talk> talk)
      : inner_(std::move(inner)), talk_(std::move(talk)), port_(inner_->admin(), *talk_) {}

  AdminPort& admin() override { return port_; }
  PciBus& pci() override { return inner_->pci(); }
  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] const std::string& address() const override { return inner_->address(); }
  [[nodiscard]] bool simulated() const override { return inner_->simulated(); }

 private:
  std::unique_ptr<Device> inner_;
  std::shared_ptr<Talk> talk_;
  TracingPort port_;
};

}  // namespace

AdminCompletion TracingPort::submit(const AdminCommand& command) {
  const auto began = Clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began).count();
  };
  try {
    const auto completion = inner_->submit(command);
    const auto took = elapsed();
    tell(*talk_, command,
         fmt::format("{} dw0={:#x} dw1={:#x}", to_string(completion.status), completion.dw0,
                     completion.dw1),
         {{"status", to_string(completion.status)},
          {"dw0", completion.dw0},
          {"dw1", completion.dw1}},
         took);
    return completion;
  } catch (const Error& error) {
    tell(*talk_, command, error.what(), {{"error", error.what()}}, elapsed());
    throw;
  }
}

std::unique_ptr<Device> traced(std::unique_ptr<Device> device, std::shared_ptr<Talk> talk) {
  return std::make_unique<TracedDevice>(std::move(device), std::move(talk));
}

}  // namespace nvmigrate::cli
