// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/explain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

#include "nvmigrate/session/session.h"

namespace nvmigrate::nvme {
namespace {

using Action = Remedy::Action;

struct NextStep {
  std::string advice;
  std::vector<Remedy> remedies{};
  const char* code = nullptr;  ///< other than that of every device error
};

Remedy of_function(Action action, std::uint16_t cntlid) {
  return {.action = action, .function = cntlid};
}

NextStep unknown_controller(std::uint16_t cntlid) {
  return {fmt::format("check that the device controls controller {} and that it is online", cntlid),
          {Remedy{.action = Action::list}}};
}

/// Devices answer an unknown controller with 11Fh, 002h or 137h. 002h has other causes as well.
NextStep invalid_field(Step step, std::uint16_t cntlid) {
  switch (step) {
    case Step::read:
      return {fmt::format("check that the device supports the state format and has a controller {}",
                          cntlid),
              {Remedy{.action = Action::show}}};
    case Step::load:
      return {fmt::format("if controller {0} has I/O queues, reset it and suspend it again; "
                          "otherwise check that the device supports the format of the state and "
                          "has a controller {0}",
                          cntlid),
              {Remedy{.action = Action::show}}};
    default:
      return unknown_controller(cntlid);
  }
}

NextStep invalid_identifier(Step step, std::uint16_t cntlid) {
  if (step != Step::load) return unknown_controller(cntlid);
  return {fmt::format("suspend controller {} before it takes a state", cntlid),
          {of_function(Action::suspend, cntlid), Remedy{.action = Action::list}}};
}

NextStep sequence_error(Step step, std::uint16_t cntlid) {
  if (step != Step::resume) return {"the device lost the order of the chunks: import again"};
  return {
      fmt::format("controller {} holds only a part of a state: import it again, or reset the "
                  "function",
                  cntlid)};
}

NextStep not_enough(Step step, std::uint16_t cntlid) {
  if (step != Step::load) return {"free resources of the device, then try again"};
  return {fmt::format("the state needs more queues or interrupts than controller {} has: provision "
                      "it with more",
                      cntlid),
          {Remedy{.action = Action::show}}};
}

/// The device has one status for a controller that it does not know and for one that is, or is not,
/// tracked; and it neither begins nor stops to track a suspended one.
NextStep next_step_of_tracking(std::uint16_t code, Step step, std::uint16_t cntlid) {
  const bool begins = step == Step::track;
  if (code == sc::controller_suspended) {
    return {begins ? "the device begins to track only while the function runs: resume it first"
                   : "the device stops tracking only while the function is not suspended: repeat "
                     "this once it was resumed, or reset because its guest has moved away"};
  }
  if (code != sc::invalid_controller_identifier) return {};
  if (begins) {
    return {
        "the device tracks its memory already, or does not know the controller: stop that first",
        {of_function(Action::track_stop, cntlid), Remedy{.action = Action::list}}};
  }
  return {"the device does not track its memory, or does not know the controller: begin tracking",
          {Remedy{.action = Action::list}},
          "not_tracked"};
}

NextStep next_step(std::uint16_t code, Step step, std::uint16_t cntlid) {
  if (step >= Step::track) return next_step_of_tracking(code, step, cntlid);
  switch (code) {
    case sc::invalid_opcode:
      return {"update the firmware: the device announces live migration but lacks its commands"};
    case sc::invalid_field:
      return invalid_field(step, cntlid);
    case sc::internal_error:
      return {"look for a reason in the error log of the device"};
    case sc::command_sequence_error:
      return sequence_error(step, cntlid);
    case sc::invalid_controller_identifier:
      return invalid_identifier(step, cntlid);
    case sc::invalid_controller_data_queue:
      return unknown_controller(cntlid);
    case sc::not_enough_resources:
      return not_enough(step, cntlid);
    case sc::controller_suspended:
      return {fmt::format("resume controller {} first", cntlid),
              {of_function(Action::resume, cntlid)}};
    case sc::controller_not_suspended:
      return {fmt::format("suspend controller {} first", cntlid),
              {of_function(Action::suspend, cntlid)}};
    default:
      return {};
  }
}

constexpr const char* verb_of(Step step) noexcept {
  switch (step) {
    case Step::notify:
      return "announce the suspension of";
    case Step::suspend:
      return "suspend";
    case Step::resume:
      return "resume";
    case Step::read:
      return "read the state of";
    case Step::track:
      return "track the memory of";
    case Step::untrack:
      return "stop tracking the memory of";
    case Step::read_tracked:
      return "read the tracked changes of";
    case Step::load:
      break;
  }
  return "load a state into";
}

}  // namespace

std::string operation(Step step, std::uint16_t cntlid) {
  return fmt::format("{} controller {}", verb_of(step), cntlid);
}

NvmeError explain(NvmeStatus status, Step step, std::uint16_t cntlid) {
  auto next = next_step(status.code(), step, cntlid);
  NvmeError error(status, operation(step, cntlid), std::move(next.advice),
                  std::move(next.remedies));
  if (next.code != nullptr) error.set_code(next.code);
  return error;
}

std::size_t shorter(const OsError& error, std::size_t bytes) noexcept {
  const int code = error.error_number();
  if ((code != EINVAL && code != ENOMEM) || bytes <= smallest_chunk) return 0;
  return std::max(smallest_chunk, bytes / 2 / smallest_chunk * smallest_chunk);
}

AdminCompletion send(AdminPort& port, const AdminCommand& command, Step step,
                     std::uint16_t cntlid) {
  const auto completion = port.submit(command);
  if (!completion.status.ok()) throw explain(completion.status, step, cntlid);
  return completion;
}

}  // namespace nvmigrate::nvme
