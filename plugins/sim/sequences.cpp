// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/error.h"
#include "plugins/sim/admin.h"

namespace nvmigrate::sim {
namespace {

bool begins(command::Sequence place) {
  return place == command::Sequence::first || place == command::Sequence::only;
}

bool same_formats(const OpenSequence& kept, const SetRequest& request, std::uint16_t controlling) {
  return kept.through == controlling && kept.version == request.version &&
         kept.vendor == request.vendor;
}

OpenSequence kept_of(const Intake& intake, const SetRequest& request, std::uint16_t controlling,
                     std::uint64_t token) {
  OpenSequence kept;
  kept.token = token;
  kept.through = controlling;
  kept.version = request.version;
  kept.vendor = request.vendor;
  kept.prefix = intake.prefix();
  kept.position = intake.position();
  kept.intact = intake.intact();
  return kept;
}

}  // namespace

// What cannot be saved is lost with the process, like the memory of a device without power.
Sequences::~Sequences() {
  try {
    for (const auto& [target, running] : running_)
      save(target, *running);
  } catch (const Error&) {
    running_.clear();
  }
}

Answer Sequences::set(const SetRequest& request) {
  const auto subsystem = store_->read();
  if (subsystem->parameters.is_emulator() && request.place != command::Sequence::only) {
    return {.status = sc::internal_error};
  }
  if (const auto status = status_of_set(*subsystem, request.target); status != 0) {
    return {.status = status};
  }
  const auto formats = formats_named(*subsystem, controlling_, request.version, request.vendor);
  const bool none = request.version == 0 && request.vendor == 0;
  const bool misaligned = request.offset % 4 != 0;
  const bool empty = request.data.empty() && request.place != command::Sequence::last;
  if (!formats || none || misaligned || empty) return fail(request.target, sc::invalid_field);
  return begins(request.place) ? begin(request, *subsystem, *formats)
                               : go_on(request, *subsystem, *formats);
}

Answer Sequences::begin(const SetRequest& request, const Subsystem& subsystem,
                        const Formats& formats) {
  const auto& function = *subsystem.find(request.target);
  const auto running = std::make_shared<Running>(subsystem.generation,
                                                 Intake(rules_for(subsystem, function, formats)));
  // The emulator ignores the offset.
  const std::uint64_t offset = subsystem.parameters.is_emulator() ? 0 : request.offset;
  if (const auto status = running->intake.take(offset, request.data); status != 0) {
    return fail(request.target, status);
  }
  if (request.place == command::Sequence::only) return commit_if_right(request, *running);
  store_->change([&](Subsystem& now) {
    running->token = now.generation;
    now.find(request.target)->sequence =
        kept_of(running->intake, request, controlling_, running->token);
    return Answer{};
  });
  keep(request.target, running);
  return {};
}

Answer Sequences::go_on(const SetRequest& request, const Subsystem& subsystem,
                        const Formats& formats) {
  const auto& function = *subsystem.find(request.target);
  if (!function.sequence) return {.status = sc::command_sequence_error};
  if (!same_formats(*function.sequence, request, controlling_)) {
    return fail(request.target, sc::invalid_field);
  }
  const auto running =
      this->running(request, *function.sequence, rules_for(subsystem, function, formats));
  const std::lock_guard guard(running->busy);
  if (!request.data.empty()) {
    const auto status = running->intake.take(request.offset, request.data);
    if (status != 0) return fail(request.target, status);
  }
  if (request.place == command::Sequence::middle) return {};
  return commit_if_right(request, *running);
}

Answer Sequences::commit_if_right(const SetRequest& request, Running& running) {
  if (const auto status = running.intake.end(); status != 0) return fail(request.target, status);
  drop(request.target);
  return store_->change([&](Subsystem& now) -> Answer {
    auto& function = *now.find(request.target);
    const bool whole = request.place == command::Sequence::only;
    if (!whole && (!function.sequence || function.sequence->token != running.token)) {
      return {.status = sc::command_sequence_error};
    }
    if (const auto status = status_of_set(now, request.target); status != 0) {
      return {.status = status};
    }
    commit(now, function, running.intake.result());
    return {};
  });
}

// Another process may have begun the sequence.
Sequences::Pointer Sequences::running(const SetRequest& request, const OpenSequence& kept,
                                      const Intake::Rules& rules) {
  const std::lock_guard guard(mutex_);
  auto& here = running_[request.target];
  if (!here || here->token != kept.token) {
    here = std::make_shared<Running>(kept.token,
                                     Intake(rules, kept.prefix, kept.position, kept.intact));
  }
  return here;
}

void Sequences::keep(std::uint16_t target, const Pointer& running) {
  const std::lock_guard guard(mutex_);
  running_[target] = running;
}

void Sequences::drop(std::uint16_t target) {
  const std::lock_guard guard(mutex_);
  running_.erase(target);
}

// Any failure makes the whole sequence void.
Answer Sequences::fail(std::uint16_t target, std::uint16_t status) {
  drop(target);
  if (store_->read()->find(target)->sequence) {
    store_->change([&](Subsystem& now) {
      now.find(target)->sequence.reset();
      return Answer{};
    });
  }
  return {.status = status};
}

void Sequences::save(std::uint16_t target, const Running& running) {
  store_->change([&](Subsystem& now) {
    auto& sequence = now.find(target)->sequence;
    if (sequence && sequence->token == running.token) {
      sequence->prefix = running.intake.prefix();
      sequence->position = running.intake.position();
      sequence->intact = running.intake.intact();
    }
    return Answer{};
  });
}

}  // namespace nvmigrate::sim
