// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string_view>

#include "cli/commands_table.h"
#include "cli/state_argument.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/subsystem_state.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate::cli {
namespace {

struct InspectOptions {
  std::string file;
  bool raw = false;
};

constexpr std::array<std::string_view, 4> priorities{"urgent", "high", "medium", "low"};

/// Queue entries between head and tail.
std::uint32_t entries_between(std::uint32_t head, std::uint32_t tail, std::uint32_t entries) {
  return head < entries && tail < entries ? (tail + entries - head) % entries : 0;
}

Json object_of(const SubmissionQueue& queue) {
  return {{"id", queue.id},
          {"completion_queue", queue.completion_queue},
          {"entries", queue.entries},
          {"head", queue.head},
          {"tail", queue.tail},
          {"priority", priorities.at(queue.priority)},
          {"contiguous", queue.contiguous},
          {"prp1", to_hex(queue.prp1)}};
}

Json object_of(const CompletionQueue& queue) {
  return {
      {"id", queue.id},         {"entries", queue.entries},       {"head", queue.head},
      {"tail", queue.tail},     {"phase", queue.phase ? 1 : 0},   {"interrupts", queue.interrupts},
      {"vector", queue.vector}, {"contiguous", queue.contiguous}, {"prp1", to_hex(queue.prp1)}};
}

template <typename Queue>
Json object_of(const std::vector<Queue>& queues) {
  Json list = Json::array();
  for (const auto& queue : queues)
    list.push_back(object_of(queue));
  return list;
}

Json decoded_json(const DecodedState& state) {
  const auto& header = state.header;
  const auto digest =
      state.vendor_sha256 ? Json(nvmigrate::to_string(*state.vendor_sha256)) : Json(nullptr);
  return {{"header_version", header.version},
          {"suspended", header.suspended},
          {"nvme_bytes", header.nvme_bytes},
          {"nvme_version", header.nvme_bytes > 0 ? Json(state.nvme_version) : Json(nullptr)},
          {"submission_queues", object_of(state.submission_queues)},
          {"completion_queues", object_of(state.completion_queues)},
          {"vendor", {{"bytes", header.vendor_bytes}, {"sha256", digest}}}};
}

Json subsystem_json(const std::vector<std::byte>& bytes) {
  const auto facts = decode_subsystem_state(bytes);
  if (!facts) return nullptr;
  return {{"header_version", facts->version},
          {"suspended", facts->suspended},
          {"version", facts->inner_version},
          {"bytes", facts->bytes}};
}

std::string subsystem_text(const std::vector<std::byte>& bytes) {
  const auto facts = decode_subsystem_state(bytes);
  if (!facts) return {};
  return format_size(facts->bytes) + ", version " + std::to_string(facts->inner_version);
}

Json document_of(const StoredState& state) {
  const auto& end = state.end();
  Json json{{"file", state.object()}, {"kind", state.raw() ? "raw" : "state_file"}};
  json["format_version"] = state.raw() ? Json(nullptr) : Json(state_file::version);
  json["file_bytes"] = state.file_size();
  json["identity"] = state.identity() ? Json::parse(encode(*state.identity())) : Json(nullptr);
  json["end"] = state.raw() ? Json(nullptr) : Json::parse(encode(end));
  json["skipped_records"] = state.skipped_records();
  json["bytes"] = end.size;
  json["sha256"] = nvmigrate::to_string(end.sha256);
  json["subsystem_state"] = subsystem_json(state.subsystem_state());
  json["state"] = state.decoded() ? decoded_json(*state.decoded()) : Json(nullptr);
  json["findings"] = json_of(state.decoded() ? state.decoded()->findings : Findings{});
  return json;
}

std::string device_of(const StateIdentity& identity) {
  std::string text = identity.model.empty() ? "unnamed" : identity.model;
  if (!identity.serial.empty()) text += ", serial " + identity.serial;
  if (!identity.firmware.empty()) text += ", firmware " + identity.firmware;
  if (identity.vendor_id != 0) text += ", PCI vendor " + to_hex(identity.vendor_id, 4);
  return text + (identity.simulated ? " (simulated)" : "");
}

std::string function_of(const StateIdentity& identity) {
  std::string text = "controller " + std::to_string(identity.controller);
  text += identity.vfn != 0 ? ", VF " + std::to_string(identity.vfn) : ", no VF";
  if (!identity.address.empty()) text += ", " + identity.address;
  if (identity.queues) text += ", " + plural(*identity.queues, "queue");
  if (identity.interrupts) text += ", " + plural(*identity.interrupts, "interrupt");
  return text;
}

std::string formats_of(const FormatChoice& formats) {
  std::string text = formats.version ? "NVMe version " + std::to_string(*formats.version) : "";
  if (formats.vendor)
    text += (text.empty() ? "vendor " : ", vendor ") + nvmigrate::to_string(*formats.vendor);
  return text;
}

std::string milliseconds(std::uint64_t nanoseconds) {
  auto fraction = std::to_string(1000 + nanoseconds / 1000 % 1000).substr(1);
  return std::to_string(nanoseconds / 1'000'000) + '.' + fraction + " ms";
}

void describe(Description& to, const StateIdentity& identity, const StateEnd& end) {
  to.add("subsystem", identity.subsystem_nqn);
  to.add("device", device_of(identity));
  to.add("controlling function", "controller " + std::to_string(identity.controlling_function));
  to.add("function", function_of(identity));
  to.add("namespaces", identity.namespaces ? nvmigrate::to_string(*identity.namespaces) : "");
  to.add("taken", identity.time + " on " + identity.host + " by " + identity.tool);
  if (end.source_resumed) {
    to.add("source", *end.source_resumed ? "resumed after the state was read (a snapshot)"
                                         : "stayed suspended");
  }
  to.add("blackout so far", end.blackout_ns == 0 ? "" : milliseconds(end.blackout_ns));
  to.add("backend", identity.backend);
  to.add("formats", formats_of(identity.formats));
}

void describe(Description& to, const DecodedState& state) {
  to.add("suspended", state.header.suspended ? "yes, while it was read"
                                             : "unknown; the device does not report it");
  to.add("NVMe part", format_size(state.header.nvme_bytes) + ", " +
                          plural(state.submission_queues.size(), "submission queue") + " and " +
                          plural(state.completion_queues.size(), "completion queue"));
  to.add("vendor part",
         state.header.vendor_bytes == 0 ? "none" : format_size(state.header.vendor_bytes));
  to.add("vendor SHA-256", state.vendor_sha256 ? nvmigrate::to_string(*state.vendor_sha256) : "");
}

std::string lines_of(const std::vector<SubmissionQueue>& queues) {
  if (queues.empty()) return "";
  Table table{{"SQ", "CQ", "ENTRIES", "HEAD", "TAIL", "WAITING", "PRIORITY", "MEMORY", "PRP1"}};
  for (std::size_t column = 0; column < 6; ++column)
    table.align_right(column);
  for (const auto& queue : queues) {
    table.add({std::to_string(queue.id), std::to_string(queue.completion_queue),
               std::to_string(queue.entries), std::to_string(queue.head),
               std::to_string(queue.tail),
               std::to_string(entries_between(queue.head, queue.tail, queue.entries)),
               std::string{priorities.at(queue.priority)},
               queue.contiguous ? "contiguous" : "PRP list", to_hex(queue.prp1)});
  }
  return '\n' + table.text(2);
}

std::string lines_of(const std::vector<CompletionQueue>& queues) {
  if (queues.empty()) return "";
  Table table{{"CQ", "ENTRIES", "HEAD", "TAIL", "WAITING", "PHASE", "VECTOR", "MEMORY", "PRP1"}};
  for (std::size_t column = 0; column < 7; ++column)
    table.align_right(column);
  for (const auto& queue : queues) {
    table.add({std::to_string(queue.id), std::to_string(queue.entries), std::to_string(queue.head),
               std::to_string(queue.tail),
               std::to_string(entries_between(queue.head, queue.tail, queue.entries)),
               queue.phase ? "1" : "0", queue.interrupts ? std::to_string(queue.vector) : "",
               queue.contiguous ? "contiguous" : "PRP list", to_hex(queue.prp1)});
  }
  return '\n' + table.text(2);
}

std::string lines_of(const StoredState& state) {
  const auto& end = state.end();
  std::string text = state.object() + ": " +
                     (state.raw() ? "controller state" : "state file, version 1") + ", " +
                     format_size(state.file_size()) + '\n';
  Description facts;
  if (state.identity()) describe(facts, *state.identity(), end);
  facts.add("state",
            format_size(end.size) + (state.raw() ? "" : " in " + plural(end.chunks, "chunk")));
  facts.add("SHA-256", nvmigrate::to_string(end.sha256));
  facts.add("exported subsystem", subsystem_text(state.subsystem_state()));
  if (state.decoded()) describe(facts, *state.decoded());
  facts.add("skipped records",
            state.skipped_records() == 0 ? "" : std::to_string(state.skipped_records()));
  text += facts.text(2);
  if (!state.decoded()) return text;
  text +=
      lines_of(state.decoded()->submission_queues) + lines_of(state.decoded()->completion_queues);
  const auto findings = text_of(state.decoded()->findings);
  return text + (findings.empty() ? "" : '\n' + findings);
}

Outcome inspect(const Context& context, const InspectOptions& options) {
  const auto state =
      open_state(context, options.file,
                 {.kind = options.raw ? StateKind::raw : StateKind::detect, .vendor_digest = true});
  Outcome outcome{.document = document_of(state), .text = lines_of(state)};
  if (state.decoded() && any_stands(state.decoded()->findings))
    outcome.status = ExitStatus::bad_state;
  return outcome;
}

}  // namespace

Runner declare_inspect(Options& options) {
  auto chosen = std::make_shared<InspectOptions>();
  options.positional("FILE", chosen->file, "State file, or - for standard input",
                     Completes::state_file);
  options.flag("--raw", chosen->raw,
               "The file is a plain controller state, as nvme-cli and export --raw write it");
  return [chosen](Context& context) { return inspect(context, *chosen); };
}

}  // namespace nvmigrate::cli
