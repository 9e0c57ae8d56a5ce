// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/session/topology.h"

namespace nvmigrate {

/// What may be done to a controlled function, or to the controlling function as a whole.
enum class Verb : std::uint8_t {
  provision,
  deprovision,
  mark,
  unmark,
  bind,
  unbind,
  handle,
  suspend,
  resume,
  release,
  export_state,
  import_state,
  transfer,
  track,
  apply,
};

/// Their names, in the same order.
inline constexpr std::array verb_names{
    std::string_view{"provision"}, std::string_view{"deprovision"}, std::string_view{"mark"},
    std::string_view{"unmark"},    std::string_view{"bind"},        std::string_view{"unbind"},
    std::string_view{"handle"},    std::string_view{"suspend"},     std::string_view{"resume"},
    std::string_view{"release"},   std::string_view{"export"},      std::string_view{"import"},
    std::string_view{"transfer"},  std::string_view{"track"},       std::string_view{"apply"}};

/// `provision`, `export`, …
constexpr std::string_view name_of(Verb verb) noexcept {
  return verb_names.at(static_cast<std::size_t>(verb));
}

/// Some of the verbs.
class Verbs {
 public:
  constexpr Verbs() = default;
  constexpr Verbs(Verb verb)  // NOLINT(google-explicit-constructor): a verb alone is a set of one
      : bits_(static_cast<std::uint16_t>(1U << static_cast<unsigned>(verb))) {}

  [[nodiscard]] constexpr bool has(Verb verb) const noexcept {
    return (bits_ & Verbs(verb).bits_) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr Verbs operator|(Verbs other) const noexcept {
    Verbs both;
    both.bits_ = static_cast<std::uint16_t>(bits_ | other.bits_);
    return both;
  }

 private:
  std::uint16_t bits_ = 0;
};
constexpr Verbs operator|(Verb one, Verb other) noexcept { return Verbs(one) | Verbs(other); }

/// One rule: something that may be found out, what it means for each verb, and how to fix it. All
/// rules are rows of one table; operations, listings and the manual are made from it.
struct Condition {
  std::string_view code;        ///< stable, snake_case: by which a caller allows it
  std::string_view looks_at{};  ///< where the answer comes from
  /// What is said of it. `{function}`, `{device}` and further names stand for what was found.
  /// Empty: the sentence comes from the decoder of states.
  std::string_view sentence;
  std::string_view advice{};                ///< the next step in words; may use the same names
  std::optional<Remedy::Action> remedy{};   ///< the next step to carry out
  ExitStatus status = ExitStatus::refused;  ///< of a command that it stops
  Verbs blocks{}, warns{};                  ///< what it stops, and where it is a warning
  Verbs overrides{};                        ///< where a caller may allow it by its code
  Severity told = Severity::warning;        ///< in listings and checks
};

/// All rules, in the order of the manual.
[[nodiscard]] NVMIGRATE_API std::span<const Condition> conditions() noexcept;
/// The rule of this code, or nullptr for an unknown code.
[[nodiscard]] NVMIGRATE_API const Condition* find_condition(std::string_view code) noexcept;
/// The codes that can be allowed for a verb, in the order of the table.
[[nodiscard]] NVMIGRATE_API std::vector<std::string> overrides_of(Verb verb);
/// Likewise, of the verb of this name; empty for any other name.
[[nodiscard]] NVMIGRATE_API std::vector<std::string> overrides_of(std::string_view verb);

/// Some controlled functions of a topology, which must outlive the list.
using FunctionList = std::vector<const ControlledFunction*>;

/// The functions that the words mean, in the order of the topology, each once.
/// \param words `3`, `0x3`, `1-4,7`, `vf2`, a PCI address, `all` (but no other controlling
/// function, and none of its functions)
/// \param action see Refusal
/// \throws usage_error for a word that is not one of these; not_found for `all` of no
/// functions; Refusal with every word that does not mean a controlled function
NVMIGRATE_API FunctionList select(const Topology& topology, const std::string& words,
                                  const std::string& action);
/// As select, of exactly one function. \throws usage_error when it is several
NVMIGRATE_API const ControlledFunction& select_one(const Topology& topology,
                                                   const std::string& word,
                                                   const std::string& action);

}  // namespace nvmigrate
