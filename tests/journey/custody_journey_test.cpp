// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <unordered_set>

#include "nvmigrate/base/error.h"
#include "tests/journey/custody_world.h"
#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

using Kind = Disturbance::Kind;

/// How far the explorer goes: steps in a row without a disturbance.
unsigned depth() {
  const char* given = std::getenv("NVMIGRATE_CUSTODY_DEPTH");
  return given == nullptr ? (stride() > 1 ? 2 : 3) : static_cast<unsigned>(std::atoi(given));
}

/// A world that was reached, and how.
struct Reached {
  CustodyWorld world;
  std::string path;
  unsigned steps = 0;
};

/// Visits every world once and tries every step there; along the way calls fail and processes die.
class Explorer {
 public:
  explicit Explorer(unsigned deepest) : deepest_(deepest) { meet(first_world(), "", 0); }

  void explore() {
    while (!open_.empty() && faults_ < most_faults) {
      const auto here = std::move(open_.front());
      open_.pop_front();
      for (const auto& step : all_steps())
        try_step(here, step);
      for (const auto& step : advice_of(here.world))
        try_step(here, step);
    }
  }

  void tell() const {
    std::cout << known_.size() << " worlds within " << deepest_ << " steps, " << transitions_
              << " transitions, " << failures_ << " failures, " << kills_ << " kills, " << faults_
              << " faults\n";
  }
  [[nodiscard]] std::size_t transitions() const noexcept { return transitions_; }
  [[nodiscard]] std::size_t faults() const noexcept { return faults_; }

 private:
  static constexpr std::size_t most_faults = 20;

  void meet(CustodyWorld world, const std::string& path, unsigned steps) {
    if (steps > deepest_ || !known_.insert(signature_of(world)).second) return;
    if (steps < deepest_) open_.push_back({std::move(world), path, steps});
  }

  Outcome attempt(const Reached& here, const Step& step, const Disturbance& disturbance) {
    auto outcome = take(here.world, step, disturbance);
    ++transitions_;
    for (const auto& fault : outcome.faults)
      tell(here, step, disturbance, fault, outcome.error);
    return outcome;
  }

  void try_step(const Reached& here, const Step& step) {
    auto outcome = attempt(here, step, {});
    const auto path = here.path + "; " + to_string(step);
    for (const auto& remedy : outcome.remedies) {
      if (const auto advised = step_of(remedy)) {
        attempt({outcome.world, path, here.steps + 1}, *advised, {});
      }
    }
    disturb(here, step, outcome);
    meet(std::move(outcome.world), path, here.steps + 1);
  }

  /// Every call of a step that changes something fails once, and the process dies at each.
  void disturb(const Reached& here, const Step& step, const Outcome& clean) {
    if (!clean.error.empty()) return;
    disturb(here, step, clean.calls, false);
    disturb(here, step, clean.peer_calls, true);
  }

  void disturb(const Reached& here, const Step& step, std::size_t calls, bool at_peer) {
    // Deeper, a sample of the calls that is another one at every world.
    const std::size_t every = here.steps == 0 ? 1 : here.steps == 1 ? 7 : 61;
    const auto jump = every * static_cast<std::size_t>(stride());
    for (std::size_t call = 1 + transitions_ % jump; call <= calls; call += jump) {
      for (const auto kind : {Kind::failure, Kind::kill}) {
        ++(kind == Kind::kill ? kills_ : failures_);
        const Disturbance disturbance{kind, call, at_peer};
        auto outcome = attempt(here, step, disturbance);
        follow(here, step, disturbance, std::move(outcome));
      }
    }
  }

  /// After a disturbance the operator does what the tool says; all that it says keeps the guest.
  void follow(const Reached& here, const Step& step, const Disturbance& disturbance,
              Outcome outcome) {
    const auto path = here.path + "; " + to_string(step) + describe(disturbance);
    if (!known_.insert(signature_of(outcome.world)).second) return;
    const Reached there{outcome.world, path, deepest_};
    auto advice = advice_of(outcome.world);
    for (const auto& remedy : outcome.remedies) {
      if (const auto advised = step_of(remedy)) advice.push_back(*advised);
    }
    for (const auto& advised : advice) {
      const auto next = attempt(there, advised, {});
      const Reached after{next.world, path + "; " + to_string(advised), deepest_};
      for (const auto& again : advice_of(next.world))
        attempt(after, again, {});
    }
  }

  static std::string describe(const Disturbance& disturbance) {
    if (disturbance.kind == Kind::none) return "";
    return std::string{disturbance.kind == Kind::kill ? " (killed at call " : " (failed at call "} +
           std::to_string(disturbance.call) + (disturbance.at_peer ? " of the peer)" : ")");
  }

  void tell(const Reached& here, const Step& step, const Disturbance& disturbance,
            const std::string& fault, const std::string& error) {
    ++faults_;
    if (faults_ > most_faults) return;
    ADD_FAILURE() << fault << "\n  after" << here.path << "; " << to_string(step)
                  << describe(disturbance) << "\n  it said: " << error;
  }

  unsigned deepest_;
  std::deque<Reached> open_;
  std::unordered_set<std::string> known_;
  std::size_t transitions_ = 0, failures_ = 0, kills_ = 0, faults_ = 0;
};

TEST(CustodyJourney, NoSequenceRunsAGuestTwiceOrLosesIt) {
  const InterruptGuard no_sigpipe;
  Explorer explorer(depth());
  explorer.explore();
  explorer.tell();
  EXPECT_EQ(explorer.faults(), 0U);
  if (stride() == 1) {
    EXPECT_GE(explorer.transitions(), 100'000U);
  }
}

}  // namespace
}  // namespace nvmigrate::test
