// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace nvmigrate {
class Error;
}

namespace nvmigrate::cli {

class Context;
struct Outcome;

/// A change of real devices, as it is recorded; nvmigrate-audit(7) describes the fields.
struct AuditRecord {
  std::string message;  ///< for a reader, in one line
  bool failed = false;
  /// Names in lower case, and values in one line without what a terminal would obey. A name may
  /// come several times, of several devices or functions.
  std::vector<std::pair<std::string, std::string>> fields{};
};

/// A command as it ran, and what came of it.
struct AuditedRun {
  const std::vector<std::string>* words = nullptr;  ///< of the command line
  std::chrono::nanoseconds duration{0};
  const Outcome* outcome = nullptr;  ///< nullptr: it failed
  const Error* error = nullptr;      ///< why
};

/// What is recorded of a command, unless it changed nothing and did not fail. Only for a context
/// that changed hardware.
AuditRecord audit_record(const Context& context, const AuditedRun& run);
/// Whether there is something to record.
bool is_audited(const Context& context, const AuditedRun& run);

/// `duration_us="12" uid="0" ...`, as syslog gets it: each value is a JSON string.
std::string audit_line(const AuditRecord& record);

/// Writes records to the journal of systemd or to syslog, as `where` says: auto, journal, syslog.
/// A record that cannot be written is lost; the command does not fail.
std::function<void(const std::string& where, const AuditRecord&)> system_audit();

}  // namespace nvmigrate::cli
