// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {

/// What is known of a state before it is loaded.
struct Candidate {
  const StateIdentity* identity = nullptr;     ///< nullptr: a raw state does not say
  const DecodedState* decoded = nullptr;       ///< nullptr: not yet known, or opaque
  FormatChoice formats{};                      ///< as it would be loaded
  std::optional<bool> source_is_suspended{};   ///< see is_source_suspended()
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
  void look_at_firmware(const StateIdentity& identity);
  void look_at_suspension_of_source(const StateIdentity& identity, bool suspended);
  void look_at_formats(const FormatChoice& wanted);
  void look_at_destination(const Candidate& candidate);
  void look_at_depth(const DecodedState& decoded);
  void look_at_resources(const DecodedState& decoded);

  Judge* judge_;
  Session* session_;
  const ControlledFunction* function_;
};

/// What the decoder of states found, as a finding about the function that has the state.
/// \param status of a command that it stops
Finding of_function(Finding found, const Session& session, std::uint16_t cntlid,
                    ExitStatus status = ExitStatus::bad_state);

}  // namespace nvmigrate
