// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/command.h"
#include "cli/text/talk.h"
#include "cli/text/visible.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

/// The Select Graphic Rendition sequence of each tone, and the one that ends it.
constexpr std::array<std::string_view, 5> sequences{"", "\x1b[1m", "\x1b[2m", "\x1b[33m",
                                                    "\x1b[1;31m"};
constexpr std::string_view sequence_end = "\x1b[0m";
constexpr std::string_view ascii_arrow = "-> ", arrow = "\u2192 ";

std::string value_of(const Environment& environment, const char* name) {
  const char* text = environment.variable ? environment.variable(name) : nullptr;
  return text == nullptr ? "" : text;
}

/// The columns of a text with sequences of painted().
std::size_t columns_of(std::string_view text);

/// Where the lines below a line begin.
std::size_t hanging(std::string_view line, std::size_t margin) {
  const auto mark = line.substr(margin, 2);
  return margin == 0 || mark == "- " || mark == "! " || mark == "* " ? margin + 2 : margin;
}

bool stays_whole(std::string_view line, std::size_t margin) {
  const auto words = line.substr(margin);
  return words.starts_with(ascii_arrow) || words.find("  ") != std::string_view::npos;
}

/// The length of a sequence of painted() that a text begins with; 0 if it begins with other text.
std::size_t sequence_at(std::string_view text) {
  if (text.starts_with(sequence_end)) return sequence_end.size();
  for (const auto& sequence : sequences) {
    if (!sequence.empty() && text.starts_with(sequence)) return sequence.size();
  }
  return 0;
}

std::size_t columns_of(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto sequence = sequence_at(text);
    const auto piece = text.substr(0, sequence != 0 ? sequence : text.find('\x1b', 1));
    if (sequence == 0) plain += piece;
    text.remove_prefix(piece.size());
  }
  return width_of(plain);
}

bool has_utf8(const Environment& environment) {
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = value_of(environment, name);
  }
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  return locale.ends_with("utf-8") || locale.ends_with("utf8");
}

}  // namespace

Screen screen_of(const Environment& environment, int descriptor) {
  Screen screen;
  winsize size{};
  if (::isatty(descriptor) != 1) screen.width = endless;
  if (::isatty(descriptor) == 1 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
    if (size.ws_col != 0) screen.width = size.ws_col;
    if (size.ws_row != 0) screen.height = size.ws_row;
  }
  const auto columns = parse_number(value_of(environment, "COLUMNS"));
  if (columns && *columns != 0) screen.width = *columns;
  screen.colour = may_colour(environment, descriptor);
  screen.unicode = has_utf8(environment);
  return screen;
}

Screen talking_screen(const Environment& environment) {
  auto screen = screen_of(environment, environment.error);
  if (::isatty(environment.error) != 1) screen.width = endless;
  return screen;
}

std::string painted(const Screen& screen, const std::string& text, Tone tone) {
  const auto sequence = sequences.at(static_cast<std::size_t>(tone));
  if (!screen.colour || sequence.empty() || text.empty()) return text;
  return std::string{sequence} + text + std::string{sequence_end};
}

std::string visible_but_colours(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto sequence = sequence_at(text);
    const auto piece = text.substr(0, sequence != 0 ? sequence : text.find('\x1b', 1));
    shown += sequence != 0 ? std::string{piece} : visible(piece);
    text.remove_prefix(piece.size());
  }
  return shown;
}

std::string with_arrows(const Screen& screen, std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(line.size());
    const auto margin = std::min(line.find_first_not_of(' '), line.size());
    shown += line.substr(0, margin);
    line.remove_prefix(margin);
    if (screen.unicode && line.starts_with(ascii_arrow)) {
      shown += arrow;
      line.remove_prefix(ascii_arrow.size());
    }
    shown += line;
  }
  return shown;
}

std::string folded(const Screen& screen, std::string_view text) {
  if (screen.width == endless) return std::string{text};
  std::string lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto margin = std::min(line.find_first_not_of(' '), line.size());
    const auto below = hanging(line, margin);
    lines += columns_of(line) <= screen.width || stays_whole(line, margin)
                 ? std::string{line}
                 : std::string(margin, ' ') +
                       wrapped(std::string{line.substr(margin)}, below, screen.width, margin);
    lines += '\n';
  }
  return lines;
}

std::string wrapped(const std::string& words, std::size_t indent, std::size_t width,
                    std::optional<std::size_t> first) {
  std::string text;
  std::size_t at = first.value_or(indent);
  auto begin = at;  // of the line
  std::size_t from = 0;
  while (from < words.size()) {
    const auto to = std::min(words.find(' ', from), words.size());
    const auto word = words.substr(from, to - from);
    const auto columns = columns_of(word);
    if (at > begin && at + columns + 1 > width) {
      text += '\n' + std::string(indent, ' ');
      at = begin = indent;
    } else if (at > begin) {
      text += ' ';
      ++at;
    }
    text += word;
    at += columns;
    from = to + 1;
  }
  return text;
}

}  // namespace nvmigrate::cli
