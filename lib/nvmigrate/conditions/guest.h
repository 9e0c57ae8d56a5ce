// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// Who recorded an intent: ` (export, pid 4711, 2025-01-31T23:59:59Z)`.
std::string recorded_by(const Intent& intent);

/// Where its state went, ` to sim:b 3`; empty when that is not known.
std::string destination_of(const Intent& intent);

/// The backend that a command on a function has to name: neither is the one to use recorded with a
/// mark, nor is it the first that serves the device and need not be named. Empty: none.
/// \throws NvmeError, OsError
std::string backend_to_name(Session& session, std::uint16_t cntlid);
/// Adds the backend's name to the remedies that need it.
void name_backend(Session& session, std::uint16_t cntlid, std::vector<Remedy>& remedies);

/// What ends the record of an incomplete load without a complete one.
struct EndOfLoad {
  std::string advice;              ///< `reset it`
  std::optional<Remedy> remedy{};  ///< nothing: it is not known where the function is
};
/// If the device cannot tell, nothing shows that the function was reset. Unbinding it once nobody
/// holds it open resets it and ends the record.
EndOfLoad end_of_load(const std::string& device, const ControlledFunction& function);

/// Where the guest of a function is: what the device says, held against what is recorded. The
/// device was asked before, see Session::ask().
std::vector<Fact> guest_facts(const Session& session, const ControlledFunction& function);

/// What is to be ended first where the guest of a function is in the way, and how: that of
/// guest_facts(), or the trouble of the journal. Empty when there is nothing.
Finding end_of_guest(Session& session, const ControlledFunction& function);

}  // namespace nvmigrate
