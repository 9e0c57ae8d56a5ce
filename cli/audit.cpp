// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/audit.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/syslog_sink.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <set>

#include "cli/command.h"
#include "cli/text/findings.h"
#include "cli/text/visible.h"

#ifdef NVMIGRATE_JOURNAL
#include <systemd/sd-journal.h>
#endif

namespace nvmigrate::cli {
namespace {

constexpr std::size_t longest_value = 2000;
constexpr auto no_login = "4294967295";  ///< as the kernel shows it
[[maybe_unused]] constexpr auto journal_socket = "/run/systemd/journal/socket";
[[maybe_unused]] constexpr auto message_id = "MESSAGE_ID=7c5b1c0f9a0e4c7d8f63a1d2be90f417";

void add_field(AuditRecord& record, const std::string& name, const std::string& value) {
  if (value.empty()) return;
  auto shown = one_line(value);
  if (shown.size() > longest_value) shown = shown.substr(0, longest_value) + "...";
  record.fields.emplace_back(name, visible(shown));
}

std::string variable(const Context& context, const char* name) {
  const auto& get = context.environment().variable;
  const char* value = get ? get(name) : nullptr;
  return value == nullptr ? "" : value;
}

/// The user who logged in, whatever sudo and su have changed since.
std::string login_uid(Io& io) {
  try {
    const auto text = read_text(io, "/proc/self/loginuid", longest_value);
    const auto uid = text.substr(0, text.find('\n'));
    return uid == no_login ? "" : uid;
  } catch (const Error&) {
    return {};
  }
}

std::string terminal_of(const Environment& environment) {
  std::array<char, 256> name{};
  for (const int descriptor : {environment.input, environment.output, environment.error}) {
    if (::ttyname_r(descriptor, name.data(), name.size()) == 0) return name.data();
  }
  return {};
}

void add_caller(AuditRecord& record, const Context& context) {
  add_field(record, "uid", std::to_string(::getuid()));
  add_field(record, "login_uid", login_uid(context.io()));
  add_field(record, "sudo_uid", variable(context, "SUDO_UID"));
  add_field(record, "terminal", terminal_of(context.environment()));
  add_field(record, "ssh_connection", variable(context, "SSH_CONNECTION"));
}

/// The controller ids in a document, those of its findings left out.
void collect_functions(const Json& document, std::set<std::uint64_t>& found) {
  for (const auto& [name, value] : document.items()) {
    if (name == "findings" || name == "error") continue;
    if (name == "controller_id" && value.is_number_unsigned()) {
      found.insert(value.get<std::uint64_t>());
    } else if (value.is_structured()) {
      collect_functions(value, found);
    }
  }
}

void add_objects(AuditRecord& record, const Context& context, const Outcome* outcome) {
  for (const auto& changed : context.changed_hardware()) {
    add_field(record, "device", changed.device);
    add_field(record, "address", changed.address);
    add_field(record, "subsystem", changed.subsystem);
    add_field(record, "serial", changed.serial);
  }
  std::set<std::uint64_t> functions;
  if (outcome != nullptr) collect_functions(outcome->document, functions);
  for (const auto cntlid : functions)
    add_field(record, "controller_id", std::to_string(cntlid));
}

ExitStatus audited_status(const AuditedRun& run) {
  return run.error != nullptr ? run.error->status() : run.outcome->status;
}

/// The error of a command that reports it to its peer, as `__receive` does.
Json told_error(const AuditedRun& run) {
  if (run.error != nullptr) return json_of(*run.error);
  const auto found = run.outcome->document.find("error");
  return found == run.outcome->document.end() ? Json() : *found;
}

std::string result_word(const AuditedRun& run, bool failed) {
  if (audited_status(run) == ExitStatus::interrupted) return "interrupted";
  return failed ? "failed" : audited_status(run) == ExitStatus::partial ? "partial" : "changed";
}

#ifdef NVMIGRATE_JOURNAL
bool write_to_journal(const AuditRecord& record) {
  if (::access(journal_socket, F_OK) != 0) return false;
  std::vector<std::string> lines{
      message_id, "MESSAGE=" + record.message,
      "PRIORITY=" + std::to_string(record.failed ? LOG_WARNING : LOG_NOTICE),
      "SYSLOG_FACILITY=" + std::to_string(LOG_FAC(LOG_AUTHPRIV)), "SYSLOG_IDENTIFIER=nvmigrate"};
  lines.reserve(lines.size() + record.fields.size());
  for (const auto& [name, value] : record.fields) {
    std::string line = "NVMIGRATE_";
    line.append(name).append(1, '=').append(value);
    for (std::size_t i = 0; line[i] != '='; ++i)
      line[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(line[i])));
    lines.push_back(std::move(line));
  }
  std::vector<iovec> parts;
  parts.reserve(lines.size());
  for (auto& line : lines)
    parts.push_back({line.data(), line.size()});
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}
#else
bool write_to_journal(const AuditRecord& /*record*/) { return false; }
#endif

void write_to_syslog(const AuditRecord& record) {
  using Sink = spdlog::sinks::syslog_sink_mt;
  spdlog::logger logger("audit", std::make_shared<Sink>("nvmigrate", LOG_PID, LOG_AUTHPRIV, false));
  logger.set_error_handler([](const std::string& /*why*/) {});
  logger.log(record.failed ? spdlog::level::warn : spdlog::level::info, audit_line(record));
}

}  // namespace

bool is_audited(const Context& context, const AuditedRun& run) {
  if (context.changed_hardware().empty()) return false;
  if (run.error != nullptr) return true;
  const auto& document = run.outcome->document;
  return document.value("changed", false) || run.outcome->status != ExitStatus::ok ||
         document.contains("error");
}

AuditRecord audit_record(const Context& context, const AuditedRun& run) {
  AuditRecord record;
  const auto error = told_error(run);
  record.failed = error.is_object();
  const auto result = result_word(run, record.failed);
  add_field(record, "command", context.command());
  add_field(record, "arguments", line_of(*run.words));
  add_field(record, "result", result);
  add_field(record, "exit_status", std::to_string(static_cast<int>(audited_status(run))));
  if (record.failed) {
    add_field(record, "code", error.value("code", ""));
    add_field(record, "error", error.value("message", ""));
  }
  add_field(record, "duration_us", std::to_string(run.duration.count() / 1000));
  add_objects(record, context, run.outcome);
  add_caller(record, context);
  record.message = "nvmigrate " + record.fields[1].second + ": " + result;
  return record;
}

std::string audit_line(const AuditRecord& record) {
  std::string line;
  for (const auto& [name, value] : record.fields) {
    line += (line.empty() ? "" : " ") + name + '=' +
            Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return line;
}

std::function<void(const std::string&, const AuditRecord&)> system_audit() {
  return [](const std::string& where, const AuditRecord& record) {
    const bool written = where != "syslog" && write_to_journal(record);
    if (!written && where != "journal") write_to_syslog(record);
  };
}

}  // namespace nvmigrate::cli
