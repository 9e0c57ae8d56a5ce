// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nvmigrate/state/raw_state.h"

namespace nvmigrate {

/// Turns queue records into queues and notes the faults of a state.
class QueueChecks {
 public:
  /// Adds at most `limit` findings. When they are full, a first blocker replaces the last one.
  QueueChecks(Findings& findings, std::size_t limit) : findings_(&findings), limit_(limit) {}

  void add(std::string code, std::string message, Severity severity, std::uint64_t offset);
  /// A reserved field that is not 0; noted once.
  void add_reserved(std::uint64_t offset);

  SubmissionQueue take(const wire::SubmissionQueueState& record, std::uint64_t offset);
  CompletionQueue take(const wire::CompletionQueueState& record, std::uint64_t offset);
  /// The checks that need all queues.
  void finish(const DecodedState& state);

 private:
  template <typename Queue>
  void check(const Queue& queue, const std::string& what, std::uint16_t& last,
             std::uint64_t offset);

  Findings* findings_;
  std::size_t limit_;
  std::uint16_t last_submission_ = 0, last_completion_ = 0;
  bool reserved_ = false;
};

}  // namespace nvmigrate
