// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/render.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "cli/text/findings.h"
#include "cli/text/screen.h"
#include "cli/text/visible.h"

namespace nvmigrate::cli {
namespace {

constexpr int json_indent = 2;

/// Serial numbers and paths may hold any bytes; JSON may not.
std::string lines_of(const Json& document, int indent) {
  return visible(document.dump(indent, ' ', false, Json::error_handler_t::replace)) + '\n';
}

std::string error_text(const Environment& environment, const Error& error, const Help& help) {
  const auto screen = talking_screen(environment);
  auto text = headline_of(error) + '\n' + details_of(error);
  for (const auto& [section, key, value, origin] : help.settings)
    text += fmt::format("  {} = {} is set by {}\n", key, one_line(value), origin);
  if (!help.meant.empty()) text += "  did you mean\n";
  for (const auto& command : help.meant)
    text += "  -> " + line_of(command) + '\n';
  text = painted(screen, "nvmigrate:", Tone::problem) + ' ' + visible(text);
  return with_arrows(screen, folded(screen, text));
}

Json error_json(const Error& error, const Help& help) {
  auto object = json_of(error);
  for (const auto& command : help.meant)
    object["commands"].push_back(command);
  for (const auto& [section, key, value, origin] : help.settings)
    object["settings"].push_back({{"key", key}, {"value", value}, {"origin", origin}});
  return {{"error", std::move(object)}};
}

std::string text_for(const Screen& screen, const Outcome& outcome) {
  if (outcome.raw_text) return outcome.text;
  const auto text = outcome.coloured ? visible_but_colours(outcome.text) : visible(outcome.text);
  return with_arrows(screen, folded(screen, text));
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
  const int where = outcome.on_stderr ? environment.error : environment.output;
  auto text = text_for(
      outcome.on_stderr ? talking_screen(environment) : screen_of(environment, where), outcome);
  if (json) {
    Json document{{"schema", schema_name(command)}};
    document.update(outcome.document);
    text = lines_of(document, json_indent);
  }
  write_all(environment.io, where, std::as_bytes(std::span{text}),
            outcome.on_stderr ? "standard error" : "standard output");
}

void print_error(Environment& environment, bool json, const Error& error,
                 const Help& help) noexcept {
  try {
    const auto text =
        json ? lines_of(error_json(error, help), -1) : error_text(environment, error, help);
    write_all(environment.io, environment.error, std::as_bytes(std::span{text}), "standard error");
  } catch (const std::exception&) {
    // Nobody is left to be told; the exit status says it.
  }
}

}  // namespace nvmigrate::cli
