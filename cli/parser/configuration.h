// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nvmigrate::cli {

struct Environment;

/// The value of an option, set elsewhere than on the command line.
struct Setting {
  std::string section;  ///< the command: `bind`; empty: of every command
  std::string key;      ///< the long name without dashes: `owner`
  std::string value;
  std::string origin;  ///< `NVMIGRATE_WAIT`; `/etc/nvmigrate/nvmigrate.conf, line 3`
};

/// Where settings are found. A variable goes before the file, and the command line before both.
struct Configuration {
  using Settings = std::vector<Setting>;

  /// NVMIGRATE_OUTPUT_FORMAT and the like, of the options of this part of the tree.
  std::function<Settings(const CLI::App&)> of_variables{};
  std::function<Settings()> of_file{};
};

/// That of this environment. Reading the file throws refused when another user could have written
/// it, as read_trusted() does; usage_error, with file and line, for what is not `KEY = VALUE`.
Configuration configuration_of(const Environment& environment);

/// Whether a text has the value of a setting as a word, or its option. Values of one character
/// are too common to tell.
bool mentions(std::string_view text, const Setting& setting);

/// The name of a section, empty for what stands before all, and the options that it may set.
using SectionVisitor =
    std::function<void(const std::string&, const std::vector<const CLI::Option*>&)>;
/// All sections of nvmigrate.conf that may set something.
void for_each_section(const SectionVisitor& visit);
/// nvmigrate.conf with every key there is, all of them comments, and what each is for.
std::string example_configuration();

}  // namespace nvmigrate::cli
