// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/state_argument.h"
#include "cli/text/describe.h"
#include "cli/text/table.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate::cli {
namespace {

struct CompareOptions {
  std::string left, right;
  bool raw_left = false, raw_right = false;
};

Json object_of(const std::vector<StateDifference>& differences) {
  Json list = Json::array();
  for (const auto& difference : differences) {
    list.push_back({{"field", difference.field},
                    {"a", text_or_null(difference.left)},
                    {"b", text_or_null(difference.right)}});
  }
  return list;
}

/// Two whole digests are wider than a terminal; JSON has them.
std::string shortened(const std::string& value) {
  constexpr std::size_t digest = 64, enough = 16;
  const bool is_digest =
      value.size() == digest && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_digest ? value.substr(0, enough) + "…" : value;
}

std::string lines_of(const CompareOptions& options,
                     const std::vector<StateDifference>& differences) {
  if (differences.empty()) return options.left + " and " + options.right + " hold the same state\n";
  Table table{{"FIELD", options.left, options.right}};
  for (const auto& difference : differences)
    table.add({difference.field, shortened(difference.left), shortened(difference.right)});
  return table.text();
}

StoredState open(const Context& context, const std::string& file, bool raw) {
  return open_state(context, file,
                    {.kind = raw ? StateKind::raw : StateKind::detect, .vendor_digest = true});
}

Outcome compare(const Context& context, const CompareOptions& options) {
  if (options.left == "-" && options.right == "-") {
    throw usage_error("standard input is one state, not two");
  }
  const auto left = open(context, options.left, options.raw_left);
  const auto right = open(context, options.right, options.raw_right);
  const auto differences = compare_states(left, right);
  Outcome outcome;
  outcome.document = {{"a", options.left},
                      {"b", options.right},
                      {"same", differences.empty()},
                      {"differences", object_of(differences)}};
  outcome.text = lines_of(options, differences);
  if (!differences.empty()) outcome.status = ExitStatus::partial;
  return outcome;
}

}  // namespace

Runner declare_compare(Options& options) {
  auto chosen = std::make_shared<CompareOptions>();
  options.positional("A", chosen->left, "State file, or - for standard input",
                     Completes::state_file);
  options.positional("B", chosen->right, "State file to compare it with, or -",
                     Completes::state_file);
  options.flag("--raw-a", chosen->raw_left, "A is a plain controller state");
  options.flag("--raw-b", chosen->raw_right, "B is a plain controller state");
  return [chosen](Context& context) { return compare(context, *chosen); };
}

}  // namespace nvmigrate::cli
