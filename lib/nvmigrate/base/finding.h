// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate {

/// How much a finding matters.
enum class Severity {
  ok,       ///< looked at, and as it should be
  warning,  ///< worth knowing
  problem,  ///< something is wrong, whether or not it stands in the way of a command
  blocker,  ///< stands against what is to be done
};
/// `ok`, `warning`, `problem`, `blocker`.
NVMIGRATE_API std::string_view to_string(Severity severity) noexcept;

/// One thing that was found out about a host, a device, a function or a state. Every check, refusal
/// and listing consists of these.
struct Finding {
  std::string code{};  ///< the condition's name: stable, snake_case
  Severity severity = Severity::blocker;
  ExitStatus status = ExitStatus::refused;  ///< of a command that this stops
  std::string message{};                    ///< a sentence without its full stop
  std::string device{};                     ///< the controlling function; empty: of the host
  std::optional<std::uint16_t> cntlid{};    ///< the controlled function concerned
  std::optional<std::uint64_t> offset{};    ///< the byte of a state concerned
  bool overridable = false;                 ///< a caller may allow it by its code
  bool allowed = false;                     ///< the caller did so
  std::string advice{};                     ///< the next step in words, where there is one
  std::vector<Remedy> remedies{};           ///< the next step to carry out, best first

  /// Whether it stops the command.
  [[nodiscard]] bool stands() const noexcept { return severity == Severity::blocker && !allowed; }
  bool operator==(const Finding&) const = default;
};
using Findings = std::vector<Finding>;

/// Whether one of them stops the command.
[[nodiscard]] NVMIGRATE_API bool any_stands(const Findings& findings) noexcept;

/// The refusal of an action, with everything that stands against it. Its status and code are those
/// of the weightiest finding (unsupported, refused, not found, then the first), its advice and
/// remedies those of all, each once.
class NVMIGRATE_API Refusal : public Error {
 public:
  /// \param action continues "cannot": `export`, `import guest.nvmstate`
  /// \param findings at least one that stands; the others are kept as they are
  Refusal(const std::string& action, Findings findings);

  [[nodiscard]] const Findings& findings() const noexcept { return findings_; }
  /// What was refused, `export`; the sentences are those of findings().
  [[nodiscard]] const std::string& action() const noexcept { return action_; }

 private:
  std::string action_;
  Findings findings_;
};

/// \param action see Refusal. \throws Refusal when one of the findings stands
NVMIGRATE_API void refuse_if_any_stands(const std::string& action, const Findings& findings);

}  // namespace nvmigrate
