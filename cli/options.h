// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace nvmigrate::cli {

/// What the completion offers for a value.
enum class Offer { nothing, device, functions, marked_functions, bound_functions, state_file, folder };

/// A command's options while it declares them, over CLI11: the only declaration there is; help, the
/// man pages' OPTIONS and the completion come from it. Values are stored where the references point
/// when the command line has been parsed. Names as CLI11 takes them: "-f,--file".
/// Keeps CLI11 out of the commands' translation units.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(&app) {}

  void flag(const std::string& names, bool& value, const std::string& help);
  void text(const std::string& names, std::string& value, const std::string& help,
            const std::string& placeholder, Offer offer = Offer::nothing);
  void text(const std::string& names, std::optional<std::string>& value, const std::string& help,
            const std::string& placeholder, Offer offer = Offer::nothing);
  /// May be given several times.
  void texts(const std::string& names, std::vector<std::string>& values, const std::string& help,
             const std::string& placeholder, Offer offer = Offer::nothing);
  /// A number, decimal or 0x, range-checked.
  void number(const std::string& names, std::optional<std::uint64_t>& value, const std::string& help,
              std::uint64_t from, std::uint64_t to);
  /// A size in bytes with an optional K, M, G or T.
  void size(const std::string& names, std::optional<std::uint64_t>& value, const std::string& help);
  /// One of a few words; `value` holds the default.
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  /// A required positional; its name in capitals: DEVICE, ID, FILE.
  void positional(const std::string& name, std::string& value, const std::string& help,
                  Offer offer = Offer::nothing);
  void optional_positional(const std::string& name, std::optional<std::string>& value,
                           const std::string& help, Offer offer = Offer::nothing);
  void positionals(const std::string& name, std::vector<std::string>& values,
                   const std::string& help, Offer offer = Offer::nothing);  ///< none or more

  /// The last option declared must be given.
  void required();

 private:
  CLI::App* app_;
};

}  // namespace nvmigrate::cli
