// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/render.h"

#include <algorithm>
#include <string_view>

#include "cli/findings.h"
#include "cli/talk.h"
#include "cli/visible.h"

namespace nvmigrate::cli {
namespace {

constexpr int json_indent = 2;

/// Serial numbers and paths may hold any bytes; JSON may not.
std::string lines_of(const Json& document, int indent) {
  return visible(document.dump(indent, ' ', false, Json::error_handler_t::replace)) + '\n';
}

std::string red(const Environment& environment, const std::string& text) {
  return may_colour(environment, environment.error) ? "\x1b[1;31m" + text + "\x1b[0m" : text;
}

std::string error_text(const Environment& environment, const Error& error,
                       const std::vector<std::vector<std::string>>& meant) {
  auto text = headline_of(error) + '\n' + details_of(error);
  if (!meant.empty()) text += "  did you mean\n";
  for (const auto& command : meant)
    text += "  -> " + line_of(command) + '\n';
  return red(environment, "nvmigrate:") + ' ' + visible(text);
}

Json error_json(const Error& error, const std::vector<std::vector<std::string>>& meant) {
  auto object = json_of(error);
  for (const auto& command : meant)
    object["commands"].push_back(command);
  return {{"error", std::move(object)}};
}

}  // namespace

std::string schema_name(const std::string& command) {
  std::string name = command;
  std::replace(name.begin(), name.end(), ' ', '-');
  return "nvmigrate." + name + "/1";
}

void print_text(Environment& environment, const std::string& text) {
  write_all(environment.io, environment.output, std::as_bytes(std::span{text}), "standard output");
}

void print(Environment& environment, const Globals& globals, const std::string& command,
           const Outcome& outcome) {
  const bool json = globals.output == OutputFormat::json && !outcome.raw_text;
  auto text = outcome.raw_text ? outcome.text : visible(outcome.text);
  if (json) {
    Json document{{"schema", schema_name(command)}};
    document.update(outcome.document);
    text = lines_of(document, json_indent);
  }
  const int where = outcome.on_stderr ? environment.error : environment.output;
  write_all(environment.io, where, std::as_bytes(std::span{text}),
            outcome.on_stderr ? "standard error" : "standard output");
}

void print_error(Environment& environment, bool json, const Error& error,
                 const std::vector<std::vector<std::string>>& meant) noexcept {
  try {
    const auto text =
        json ? lines_of(error_json(error, meant), -1) : error_text(environment, error, meant);
    write_all(environment.io, environment.error, std::as_bytes(std::span{text}), "standard error");
  } catch (const std::exception&) {
    // Nobody is left to be told; the exit status says it.
  }
}

}  // namespace nvmigrate::cli
