// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace nvmigrate::cli {

struct Environment;

/// No limit of columns.
inline constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();

/// What a descriptor that people read can show.
struct Screen {
  std::size_t width = 80;        ///< in columns
  std::size_t height = endless;  ///< in lines; endless: it is not a terminal
  bool colour = false;           ///< see may_colour()
  bool unicode = false;          ///< arrows and branches; the locale has UTF-8
};

/// The width is COLUMNS, else that of the terminal, or 80 where it does not tell. What is not a
/// terminal has no limit: sentences stay whole for grep, and no column is left out.
Screen screen_of(const Environment& environment, int descriptor);

/// That of standard error, where people are talked to: as wide as the terminal, whatever COLUMNS
/// says where it is none.
Screen talking_screen(const Environment& environment);

/// What a text means, in colour.
enum class Tone { plain, strong, faint, warning, problem };
/// The text between escape sequences of its tone, where the screen has colours.
std::string painted(const Screen& screen, const std::string& text, Tone tone);

/// As visible(), but for the escape sequences of painted().
std::string visible_but_colours(std::string_view text);
/// The arrow in front of each command, `->` at the beginning of a line, as the screen can show it.
std::string with_arrows(const Screen& screen, std::string_view text);

/// Lines that are wider than the screen in several, which begin where the first does, two columns
/// further to the right when it begins with a mark or at the margin. Commands behind arrows, which
/// are to be pasted, and rows of tables stay whole.
std::string folded(const Screen& screen, std::string_view text);
/// Words in lines of at most `width` columns, where no word is longer. The first line continues
/// where the caller stands, at column `indent`, at which the others begin. \param first column of
/// the first word, where that is another
std::string wrapped(const std::string& words, std::size_t indent, std::size_t width,
                    std::optional<std::size_t> first = {});

}  // namespace nvmigrate::cli
