// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>

#include <algorithm>

#include "cli/parser/command_line.h"
#include "nvmigrate/base/numbers.h"
#include "tests/fuzz/memory_io.h"

namespace {

using namespace nvmigrate;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 64) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// A number that is taken means the same when it is written again.
void check_numbers(const std::string& word) {
  if (const auto number = parse_number(word)) {
    if (parse_number(std::to_string(*number)) != number) std::abort();
    if (parse_number(to_hex(*number)) != number) std::abort();
    if (parse_size(word) != number) std::abort();
  }
  (void)parse_size(word);
}

/// Whether running it touches nothing but the files it is given.
bool harmless(const cli::CommandLine& line) {
  return line.command()->opens == cli::Opens::nothing && !line.name().starts_with("sim");
}

}  // namespace

// Each line is a word of the command line; every file has these bytes in it, too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const auto words = lines_of({reinterpret_cast<const char*>(data), size});
  for (const auto& word : words)
    check_numbers(word);
  test::MemoryIo io{data, size};
  cli::Environment environment{.io = io,
                               .folders = {"/nowhere/state", "/nowhere/run", "/nowhere/sim"},
                               .input = nowhere,
                               .output = nowhere,
                               .error = nowhere,
                               .variable = [](const char*) -> const char* { return nullptr; },
                               .wrap = {}};
  try {
    cli::CommandLine line;
    if (line.parse(words) == cli::Asked::command && !harmless(line)) return 0;
  } catch (const Error&) {
    return 0;
  }
  if (cli::run(words, environment) == ExitStatus::internal) std::abort();
  return 0;
}
