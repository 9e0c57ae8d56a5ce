// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/watch.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "cli/text/render.h"
#include "cli/text/table.h"
#include "cli/text/talk.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/time.h"

namespace nvmigrate::cli {
namespace {

/// To the upper left, and nothing is left below: less flicker than clearing first.
constexpr const char* home = "\x1b[H\x1b[J";

void wait(std::uint64_t seconds) {
  constexpr auto step = std::chrono::milliseconds{50};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
  while (!interrupted() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(step);
}

}  // namespace

std::string first_lines(const std::string& text, std::size_t room) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= room || room == 0) return text;
  std::size_t end = 0;
  for (std::size_t line = 0; line + 1 < room; ++line)
    end = text.find('\n', end) + 1;
  return text.substr(0, end) + "(" + plural(lines - room + 1, "more line") + ")\n";
}

void watch(Context& context, std::uint64_t seconds, const std::function<std::string()>& draw) {
  auto& environment = context.environment();
  if (::isatty(environment.output) != 1) {
    throw usage_error("--watch needs a terminal on standard output",
                      "a script can run the command in a loop");
  }
  try {
    while (!interrupted()) {
      const auto text = draw();
      const auto screen = context.screen();
      const auto head =
          painted(screen,
                  "every " + std::to_string(seconds) + " s, " + utc_now() + "; Ctrl-C ends it",
                  Tone::faint) +
          "\n\n";
      const auto room = screen.height == endless ? 0 : screen.height - 1;
      print_text(environment,
                 (has_escapes(environment) ? home : "") +
                     with_arrows(screen, visible_but_colours(first_lines(head + text, room))));
      wait(seconds);
    }
  } catch (const Interrupted&) {
    // It was told to end while it looked.
  }
}

}  // namespace nvmigrate::cli
