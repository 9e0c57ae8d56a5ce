// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvmigrate/conditions/conditions.h"

namespace nvmigrate {

/// Where the answers of several conditions come from.
namespace looked_at {
inline constexpr auto secondary_list = "the Secondary Controller List (Identify CNS 15h)";
inline constexpr auto capabilities = "the Primary Controller Capabilities (Identify CNS 14h)";
inline constexpr auto attached_namespaces =
    "the namespaces and whom they are attached to (Identify CNS 10h and 12h)";
}  // namespace looked_at

/// The part of the table about provisioning, and about the host.
[[nodiscard]] std::span<const Condition> conditions_of_provisioning() noexcept;
/// The part of the table about a state and its destination.
[[nodiscard]] std::span<const Condition> conditions_of_states() noexcept;
/// The rule of this code. \throws Error(internal) for an unknown code
[[nodiscard]] const Condition& condition(std::string_view code);

/// What stands for the names in a sentence.
using Words = std::vector<std::pair<std::string, std::string>>;

/// Something that was found: a rule that applies, to what, and with which words.
struct Fact {
  std::string_view code;
  std::string device;      ///< the controlling function, `{device}`; empty: of the host
  std::string function{};  ///< `{function}`, see describe()
  std::optional<std::uint16_t> cntlid{};
  Words words{};
  std::vector<Remedy> remedies{};  ///< empty: the one that the rule names
  unsigned count = 0;              ///< of the rule's remedy, where that takes a number
};
/// A fact about a controlled function.
[[nodiscard]] Fact fact_of(std::string_view code, const std::string& device,
                           const ControlledFunction& function, Words words = {});

/// The finding outside any verb, with the severity that the rule has in listings.
[[nodiscard]] Finding told(const Fact& fact);
/// The finding for a verb: a blocker, a warning or, when the verb does not care, ok.
/// \param allowed the codes that the caller allows
[[nodiscard]] Finding judged(const Fact& fact, Verb verb,
                             const std::vector<std::string>& allowed = {});
/// The same for a finding of the decoder of states: the table says whether it can be allowed.
[[nodiscard]] Finding judged(Finding found, Verb verb, const std::vector<std::string>& allowed);

}  // namespace nvmigrate
