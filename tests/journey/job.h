// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "tests/journey/world.h"
#include "tests/support/stride.h"

namespace nvmigrate::test {

/// One job of the tool, with what must hold however it ended.
struct Job {
  std::string name;
  std::vector<std::string> before;  ///< lines that prepare the world
  std::string line;                 ///< the run that is disturbed
  /// Once the leftovers are repaired: what a user does to have the job done after all. Fails the
  /// test when it cannot be done.
  void (*finish)(World& world, const Job& job);
  std::vector<std::string> leaves{};  ///< kinds of intents that remain when it is done
  std::string to{};                   ///< device and function a guest moves to; empty: none moves
};

void PrintTo(const Job& job, std::ostream* out);

/// export, import, transfer, provision, bind and what goes with each.
const std::vector<Job>& jobs();

/// Online state and resources of every function, before a job and after it ended well.
struct Provisioned {
  nlohmann::json before, wanted;
};

/// Runs the job undisturbed, and restores the world that was put aside before.
Provisioned provisioned_by(World& world, const Job& job);

/// Whether the function that a guest runs on in every job is suspended, asked of the simulator.
bool source_is_suspended(World& world);

/// What the tool calls that function: `running`, `exported`, …
std::string source_status(World& world);

/// Fails the test when, after a disturbed run, a file is half published, something is suspended,
/// driverless or provisioned in part that nothing names, or a guest runs, or can run, twice.
void expect_nothing_lost(World& world, const Job& job, const Provisioned& provisioned);

/// Runs the repair that the tool names and then finishes the job; everything must be home.
void expect_repaired(World& world, const Job& job);

}  // namespace nvmigrate::test
