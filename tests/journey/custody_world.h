// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "plugins/sim/model.h"
#include "tests/support/memory_io.h"

namespace nvmigrate::test {

/// Two hosts with three simulated subsystems of one VF each, as values: copying a world is cheap,
/// and equal worlds have equal signatures.
inline constexpr std::array subsystem_names{"a", "b", "c"};
/// The host of a subsystem: sim:a and sim:b are on the first one, sim:c is on the second.
constexpr std::size_t host_of(std::size_t subsystem) noexcept { return subsystem < 2 ? 0 : 1; }

inline constexpr std::uint16_t vf = 1;  ///< controller id of the only VF of every subsystem

inline std::string device_of(std::size_t subsystem) {
  return std::string{"sim:"} + subsystem_names.at(subsystem);
}
/// Where its exports go.
inline std::string file_of(std::size_t subsystem) {
  return std::string{"/files/"} + subsystem_names.at(subsystem) + ".state";
}

inline constexpr auto pipe_name = "/files/pipe.state";
/// The subsystem of a device string. \throws std::logic_error
std::size_t subsystem_of(const std::string& device);

/// What an operator would know about a guest, independently of the hosts.
struct Fate {
  std::uint64_t latest = 0;  ///< progress when it ran last
  bool ended = false;        ///< the operator ended its only copy
  bool doubled = false;      ///< an override, or another tool, let two copies run
  bool given_up = false;     ///< an override that names it lost it
  /// The hosts that loaded a file of it, by its progress there: to take one file to two hosts is
  /// for the operator to avoid, since neither host can know.
  std::map<std::uint64_t, std::set<std::size_t>> loaded_at{};
};

/// A world between two steps.
struct CustodyWorld {
  std::array<MemoryFiles, 2> files;
  MemoryFiles shared;  ///< state files, which every host can read
  std::array<std::shared_ptr<const sim::Subsystem>, 3> subsystems;
  std::map<std::uint64_t, Fate> guests;  ///< by seed
  std::set<std::size_t> foreign;         ///< subsystems whose function another tool suspended
};

inline const sim::Function& function_of(const CustodyWorld& world, std::size_t subsystem) {
  return world.subsystems.at(subsystem)->functions.at(vf);
}
inline bool has_guest(const sim::Function& function) {
  return function.guest && function.guest->has_queues();
}

/// One step of an operator, of another tool, or of fate.
struct Step {
  enum class Verb {
    suspend,
    resume,
    release,
    export_file,
    snapshot,
    export_pipe,  ///< into an import with resume at `other`
    import_file,  ///< of the file of `other`
    import_and_resume,
    transfer,
    settle,
    bind,
    unbind,
    deprovision,
    recreate,
    repair,
    start_guest,
    start_empty,
    stop_guest,
    reset,
    power_cycle,
    raw_suspend,
    raw_resume,
  };
  Verb verb{};
  std::size_t at = 0;     ///< the subsystem
  std::size_t other = 0;  ///< see Verb; of a transfer the destination
  std::string allow{};    ///< the condition that the operator allows; empty: none
  bool advised = false;   ///< the tool printed it
};
using Verb = Step::Verb;
std::string to_string(const Step& step);
/// All steps without an advice.
std::vector<Step> all_steps();

/// What happens to a step: nothing, or that a call through a seam fails, or the process dies there.
struct Disturbance {
  enum class Kind { none, failure, kill };
  Kind kind = Kind::none;
  std::size_t call = 0;  ///< the number of the call, from 1 on
  bool at_peer = false;  ///< counted in the process on the other host
};

/// What a step led to.
struct Outcome {
  CustodyWorld world;
  std::string error{};                ///< empty: it did what it was told
  std::vector<Remedy> remedies{};     ///< that the error printed
  std::size_t calls = 0;              ///< through seams, of the first process
  std::size_t peer_calls = 0;         ///< of the process on the other host
  std::vector<std::string> faults{};  ///< invariants that do not hold
};

/// Adds the invariants that do not hold to the faults, and what happened to the guests to the
/// world.
void check(const CustodyWorld& before, const Step& step, Outcome& outcome);
/// A guest runs on sim:a; VMs that wait hold the functions of sim:b and sim:c.
CustodyWorld first_world(sim::Personality personality = sim::Personality::spec);
/// Takes the step and checks the invariants.
Outcome take(const CustodyWorld& world, const Step& step, const Disturbance& disturbance = {});
/// Worlds with equal signatures behave the same.
std::string signature_of(const CustodyWorld& world);
/// What the tool advises in a world, as steps.
std::vector<Step> advice_of(const CustodyWorld& world);
/// The codes of the problems that the tool tells of a subsystem.
std::set<std::string> problems_of(const CustodyWorld& world, std::size_t subsystem);
/// The step that a remedy is. \return nothing for one that only looks
std::optional<Step> step_of(const Remedy& remedy);

}  // namespace nvmigrate::test
