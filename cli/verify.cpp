// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/state_argument.h"
#include "cli/text/findings.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

struct VerifyOptions {
  std::string file;
  bool raw = false;
};

Outcome sound(const std::string& file, const StoredState& state) {
  const auto findings = state.decoded() ? state.decoded()->findings : Findings{};
  const bool blocked = any_stands(findings);
  Outcome outcome;
  outcome.document = {
      {"file", file},
      {"valid", !blocked},
      {"offset", nullptr},
      {"reason", blocked ? Json("the controller state in it is invalid") : Json(nullptr)},
      {"bytes", state.end().size},
      {"subsystem_state_bytes", state.subsystem_state().size()},
      {"sha256", to_string(state.end().sha256)},
      {"findings", json_of(findings)}};
  outcome.text =
      called(file) + (blocked ? ": complete, but the controller state in it is invalid\n"
                              : ": complete and valid, " + format_size(state.end().size) +
                                    ", SHA-256 " + to_string(state.end().sha256) + '\n');
  outcome.text += text_of(findings);
  if (blocked) outcome.status = ExitStatus::bad_state;
  return outcome;
}

Outcome damaged(const std::string& file, const StateFileError& error) {
  Outcome outcome;
  outcome.document = {
      {"file", file},           {"valid", false},           {"offset", error.offset()},
      {"reason", error.what()}, {"bytes", nullptr},         {"subsystem_state_bytes", nullptr},
      {"sha256", nullptr},      {"findings", Json::array()}};
  outcome.text = std::string{error.what()} + "\n  first fault at byte " +
                 std::to_string(error.offset()) + " (" + to_hex(error.offset()) + ")\n";
  if (!error.advice().empty()) outcome.text += "  " + error.advice() + '\n';
  outcome.status = ExitStatus::bad_state;
  return outcome;
}

Outcome verify(const Context& context, const VerifyOptions& options) {
  try {
    return sound(options.file,
                 open_state(context, options.file,
                            {.kind = options.raw ? StateKind::raw : StateKind::detect}));
  } catch (const StateFileError& error) {
    return damaged(options.file, error);
  }
}

}  // namespace

Runner declare_verify(Options& options) {
  auto chosen = std::make_shared<VerifyOptions>();
  options.positional("FILE", chosen->file, "State file, or - for standard input",
                     Completes::state_file);
  options.flag("--raw", chosen->raw,
               "The file is a plain controller state, as nvme-cli and export --raw write it");
  return [chosen](Context& context) { return verify(context, *chosen); };
}

}  // namespace nvmigrate::cli
