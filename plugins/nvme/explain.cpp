// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/explain.h"

namespace nvmigrate::nvme {
namespace {

std::string unknown_controller(const std::string& who) {
  return "the device controls no " + who +
         ", or it is offline; nvmigrate list shows what the device controls";
}

/// Devices answer an unknown controller with any of 11Fh, 002h and 137h; 002h has other causes,
/// too.
std::string invalid_field(Step step, const std::string& who) {
  switch (step) {
    case Step::read:
      return "the device does not know the state format that was asked for, or no " + who +
             "; nvmigrate show lists the formats";
    case Step::load:
      return who + " has I/O queues already (reset it and suspend it again), or the device does " +
             "not take this state's format, or it knows no " + who;
    default:
      return unknown_controller(who);
  }
}

std::string sequence_error(Step step, const std::string& who) {
  if (step == Step::resume) {
    return "a state was loaded into " + who +
           " only in part: import it again, or reset the function";
  }
  return "the device lost the order of the chunks: import the state again";
}

std::string not_enough(Step step, const std::string& who) {
  if (step != Step::load) return "free resources of the device and try again";
  return "the state needs more queues or interrupts than " + who +
         " has: give it more with nvmigrate provision --vq and --vi";
}

std::string hint_for(std::uint16_t code, Step step, const std::string& who) {
  switch (code) {
    case sc::invalid_opcode:
      return "the device announces live migration and does not know its commands: update its "
             "firmware";
    case sc::invalid_field:
      return invalid_field(step, who);
    case sc::internal_error:
      return "the device gives no reason; its error log may";
    case sc::command_sequence_error:
      return sequence_error(step, who);
    case sc::invalid_controller_identifier:
      return step == Step::load ? who + " must be suspended or offline to take a state, or " +
                                      unknown_controller(who)
                                : unknown_controller(who);
    case sc::invalid_controller_data_queue:
      return unknown_controller(who);
    case sc::not_enough_resources:
      return not_enough(step, who);
    case sc::controller_suspended:
      return who + " is suspended: resume it first";
    case sc::controller_not_suspended:
      return who + " is not suspended: suspend it first";
    default:
      return {};
  }
}

}  // namespace

std::string operation(Step step, std::uint16_t function) {
  const auto who = "controller " + std::to_string(function);
  switch (step) {
    case Step::notify:
      return "announce a suspend to " + who;
    case Step::suspend:
      return "suspend " + who;
    case Step::resume:
      return "resume " + who;
    case Step::read:
      return "read the state of " + who;
    case Step::load:
      return "load a state into " + who;
  }
  return "migrate " + who;
}

NvmeError explain(NvmeStatus status, Step step, std::uint16_t function) {
  return {status, operation(step, function),
          hint_for(status.code(), step, "controller " + std::to_string(function))};
}

AdminCompletion send(AdminPort& port, const AdminCommand& command, Step step,
                     std::uint16_t function) {
  const auto completion = port.submit(command);
  if (!completion.status.ok()) throw explain(completion.status, step, function);
  return completion;
}

}  // namespace nvmigrate::nvme
