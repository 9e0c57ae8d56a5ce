// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {

/// What is known of a state before it is loaded.
struct Candidate {
  const StateIdentity* identity = nullptr;     ///< nullptr: a raw state does not say
  const DecodedState* decoded = nullptr;       ///< nullptr: not yet known, or opaque
  const StateEnd* end = nullptr;               ///< nullptr: the state has not been read yet
  std::optional<StateLayout> layout{};         ///< of its bytes; nothing: see end
  std::uint64_t subsystem_bytes = 0;           ///< of the exported subsystem's state it carries
  FormatChoice formats{};                      ///< as it would be loaded
  const Origin* origin = nullptr;              ///< see find_origin()
  std::optional<FunctionState> destination{};  ///< see word_on()
};

/// Tells the judge what stands against loading a state into a function, the conditions of the
/// function itself apart.
class Fit {
 public:
  Fit(Judge& judge, Session& session, std::uint16_t cntlid);

  /// All that can be compared.
  void look_at(const Candidate& candidate);
  /// What the decoded state itself says, against the resources of the function.
  void look_at_state(const DecodedState& decoded);

 private:
  void add(std::string_view code, Words words = {});
  void look_at_source(const StateIdentity& identity);
  void look_at_backend(const StateIdentity& identity);
  void look_at_firmware(const StateIdentity& identity);
  void look_at_namespaces(const StateIdentity& identity);
  void look_at_origin(const Origin& origin, const StateEnd* end);
  void look_at_past(const StateEnd& end, const StateIdentity* identity);
  void look_at_formats(const FormatChoice& wanted);
  void look_at_layout(StateLayout layout);
  void look_at_sizes(std::uint64_t state, std::uint64_t subsystem_state);
  void look_at_destination(const Candidate& candidate);
  void look_at_depth(const DecodedState& decoded);
  void look_at_resources(const DecodedState& decoded);
  [[nodiscard]] bool is_ours(const std::string& backend) const;
  [[nodiscard]] bool has_lost(const StateEnd* end) const;
  [[nodiscard]] bool has_part_of(const StateEnd* end) const;
  [[nodiscard]] std::string place() const;

  Judge* judge_;
  Session* session_;
  const ControlledFunction* function_;
};

/// Judges everything that can be known before the state itself arrives. \param origin see Candidate
Judge judge_arrival(const StateIdentity& identity, Session& session, std::uint16_t cntlid,
                    const std::vector<std::string>& allowed, Then then,
                    const Origin* origin = nullptr);

/// What the decoder of states found, as a finding about the function that has the state.
/// \param status of a command that it stops
Finding of_function(Finding found, const Session& session, std::uint16_t cntlid,
                    ExitStatus status = ExitStatus::bad_state);

}  // namespace nvmigrate
