// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

/// The words of a line, apart by blanks.
std::vector<std::string> words_of(const std::string& line);

/// What became of a program.
struct Ran {
  int status = -1;  ///< of its exit; 128 + the signal that killed it
  std::string output, error;
};

/// Runs a program to its end. Its output goes through files, so that no amount of it blocks.
/// \param environment variables besides those of the test
/// \param in_child called before the program is started, to change descriptors or the user
Ran run_program(const std::vector<std::string>& words,
                const std::map<std::string, std::string>& environment = {},
                const std::function<void()>& in_child = {});

/// The real binary, with folders of its own that are gone afterwards.
class Tool {
 public:
  explicit Tool(std::string binary);

  /// Runs it with these words, without its name.
  [[nodiscard]] Ran run(const std::vector<std::string>& words,
                        const std::function<void()>& in_child = {}) const;
  /// Words apart by blanks. A template so that words in braces are never taken for a line.
  template <std::convertible_to<std::string> Line>
  [[nodiscard]] Ran run(const Line& line, const std::function<void()>& in_child = {}) const {
    return run(words_of(line), in_child);
  }

  [[nodiscard]] const std::string& binary() const noexcept { return binary_; }
  [[nodiscard]] const TemporaryFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] std::map<std::string, std::string>& environment() noexcept { return environment_; }

 private:
  std::string binary_;
  TemporaryFolder folder_;
  std::map<std::string, std::string> environment_;
};

/// The lines of a text.
std::vector<std::string> lines_of(const std::string& text);
/// For in_child: an ordinary user, when the test is root.
void become_nobody();

}  // namespace nvmigrate::test
