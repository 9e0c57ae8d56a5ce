// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
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
  /// \param sparse one of so many calls is disturbed
  Explorer(unsigned deepest, CustodyWorld first, std::size_t sparse = 1)
      : deepest_(deepest), sparse_(sparse), first_(std::move(first)) {
    meet(first_, "", 0);
  }

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

  /// Long sequences of any steps, advice among them, some of them disturbed.
  void walk(std::size_t walks, std::size_t length, std::mt19937& dice) {
    const auto steps = all_steps();
    for (std::size_t walk = 0; walk < walks && faults_ < most_faults; ++walk) {
      Reached here{first_, "", 0};
      for (std::size_t i = 0; i < length; ++i)
        walk_on(here, steps, dice);
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

  void walk_on(Reached& here, const std::vector<Step>& steps, std::mt19937& dice) {
    const auto advice = dice() % 4 == 0 ? advice_of(here.world) : std::vector<Step>{};
    const auto& choice = advice.empty() ? steps : advice;
    const auto step = choice.at(dice() % choice.size());
    Disturbance disturbance;
    if (dice() % 3 == 0) {
      disturbance = {dice() % 2 == 0 ? Kind::kill : Kind::failure, 1 + dice() % 60,
                     dice() % 4 == 0};
      ++(disturbance.kind == Kind::kill ? kills_ : failures_);
    }
    auto outcome = attempt(here, step, disturbance);
    here.path += "; " + to_string(step) + describe(disturbance);
    here.world = std::move(outcome.world);
    known_.insert(signature_of(here.world));
  }

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
    // Deeper down, a sample of the calls, different in every world.
    const std::size_t every = here.steps == 0 ? 1 : here.steps == 1 ? 4 : 53;
    const auto jump = every * sparse_ * static_cast<std::size_t>(stride());
    for (std::size_t call = 1 + transitions_ % jump; call <= calls; call += jump) {
      for (const auto kind : {Kind::failure, Kind::kill}) {
        ++(kind == Kind::kill ? kills_ : failures_);
        const Disturbance disturbance{kind, call, at_peer};
        auto outcome = attempt(here, step, disturbance);
        follow(here, step, disturbance, std::move(outcome));
      }
    }
  }

  /// After a disturbance the operator follows the advice of the tool; all of it must keep the
  /// guest.
  void follow(const Reached& here, const Step& step, const Disturbance& disturbance,
              Outcome outcome) {
    const auto path = here.path + "; " + to_string(step) + describe(disturbance);
    if (!followed_.insert(signature_of(outcome.world)).second) return;
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
  std::size_t sparse_;
  CustodyWorld first_;
  std::deque<Reached> open_;
  std::unordered_set<std::string> known_, followed_;
  std::size_t transitions_ = 0, failures_ = 0, kills_ = 0, faults_ = 0;
};

std::mt19937 chosen_dice() {
  const char* seed = std::getenv("NVMIGRATE_CUSTODY_SEED");
  return std::mt19937(seed == nullptr ? 1U : static_cast<unsigned>(std::atoi(seed)));
}

/// How many walks: `many` divided by the stride, unless the environment says otherwise.
std::size_t walks(unsigned many) {
  const char* given = std::getenv("NVMIGRATE_CUSTODY_WALKS");
  return given == nullptr ? many / static_cast<unsigned>(stride()) + 1
                          : static_cast<std::size_t>(std::atoi(given));
}

TEST(CustodyJourney, NoSequenceRunsAGuestTwiceOrLosesIt) {
  const InterruptGuard no_sigpipe;
  Explorer explorer(depth(), first_world());
  explorer.explore();
  explorer.tell();
  EXPECT_EQ(explorer.faults(), 0U);
  if (stride() == 1) {
    EXPECT_GE(explorer.transitions(), 100'000U);
  }
}

/// On devices that cannot say whether a function is suspended, so that the records decide.
TEST(CustodyJourney, NoSequenceDoesSoWhereTheDevicesCannotTell) {
  const InterruptGuard no_sigpipe;
  auto dice = chosen_dice();
  Explorer explorer(2, first_world(sim::Personality::rfc), 7);
  explorer.explore();
  explorer.walk(walks(200), 14, dice);
  explorer.tell();
  EXPECT_EQ(explorer.faults(), 0U);
}

TEST(CustodyJourney, NoRandomWalkRunsAGuestTwiceOrLosesIt) {
  const InterruptGuard no_sigpipe;
  auto dice = chosen_dice();
  Explorer explorer(0, first_world());
  explorer.walk(walks(1000), 14, dice);
  explorer.tell();
  EXPECT_EQ(explorer.faults(), 0U);
}

// --- a test for each fault that was found before

constexpr std::size_t a = 0, b = 1, c = 2;

class NamedCustody {
 public:
  NamedCustody& then(const Step& step) {
    outcome_ = take(outcome_.world, step);
    expect_sound(to_string(step));
    return *this;
  }
  [[nodiscard]] const CustodyWorld& world() const noexcept { return outcome_.world; }
  [[nodiscard]] const std::string& error() const noexcept { return outcome_.error; }
  [[nodiscard]] bool runs(std::size_t subsystem) const {
    const auto& function = outcome_.world.subsystems.at(subsystem)->functions.at(1);
    return function.running() && function.guest->has_queues();
  }

  /// Takes a step once for every call through a seam, of either process, with a failure or a kill
  /// there, and goes on with `after`.
  template <typename After>
  void disturbed(const Step& step, const After& after) {
    const auto before = outcome_.world;
    const auto clean = take(before, step);
    ASSERT_EQ(clean.error, "");
    for (const bool at_peer : {false, true}) {
      for (std::size_t call = 1; call <= (at_peer ? clean.peer_calls : clean.calls); ++call) {
        for (const auto kind : {Kind::failure, Kind::kill}) {
          outcome_ = take(before, step, {kind, call, at_peer});
          expect_sound(to_string(step) + " disturbed at call " + std::to_string(call));
          after(*this);
        }
      }
    }
  }

 private:
  void expect_sound(const std::string& what) const {
    for (const auto& fault : outcome_.faults)
      ADD_FAILURE() << fault << " after " << what;
  }

  Outcome outcome_{.world = first_world()};
};

bool resumes_unasked(const std::vector<Step>& advice) {
  return std::any_of(advice.begin(), advice.end(), [](const Step& step) {
    return step.verb == Verb::resume && step.allow.empty();
  });
}

TEST(CustodyJourneyNamed, AnExporterThatDiesAfterTheReaderHasAllLeavesItsSource) {
  const InterruptGuard no_sigpipe;
  NamedCustody host;
  host.disturbed({.verb = Verb::export_pipe, .at = a, .other = c}, [](NamedCustody& now) {
    now.then({.verb = Verb::repair, .at = a}).then({.verb = Verb::resume, .at = a});
  });
}

TEST(CustodyJourneyNamed, AFileThatGotItsNameIsNeverRunBesideItsSource) {
  NamedCustody host;
  host.disturbed({.verb = Verb::export_file, .at = a}, [](NamedCustody& now) {
    now.then({.verb = Verb::repair, .at = a})
        .then({.verb = Verb::resume, .at = a})
        .then({.verb = Verb::import_and_resume, .at = c, .other = a});
    // If the file exists, it was handed over, and its source must not run.
    if (now.world().shared.contains("/files/a.state")) {
      EXPECT_FALSE(now.runs(a));
    }
  });
}

TEST(CustodyJourneyNamed, NothingAdvisesToResumeWhatWasExported) {
  NamedCustody host;
  host.then({.verb = Verb::export_file, .at = a});
  EXPECT_FALSE(resumes_unasked(advice_of(host.world())));
  host.then({.verb = Verb::import_and_resume, .at = c, .other = a});
  EXPECT_EQ(host.error(), "");
  EXPECT_FALSE(resumes_unasked(advice_of(host.world())));
  for (const auto verb : {Verb::unbind, Verb::deprovision}) {
    NamedCustody other = host;
    other.then({.verb = verb, .at = a});
    EXPECT_NE(other.error(), "");
  }
  host.then({.verb = Verb::release, .at = a}).then({.verb = Verb::stop_guest, .at = a});
  EXPECT_EQ(host.then({.verb = Verb::unbind, .at = a}).error(), "") << "it can be cleaned up";
}

TEST(CustodyJourneyNamed, TheSourceOfAnImportOnThisHostIsAway) {
  NamedCustody host;
  host.then({.verb = Verb::export_file, .at = a})
      .then({.verb = Verb::import_and_resume, .at = b, .other = a});
  EXPECT_EQ(host.error(), "");
  EXPECT_TRUE(host.then({.verb = Verb::resume, .at = a}).error().starts_with("away"));
}

TEST(CustodyJourneyNamed, OneStateIsLoadedOnce) {
  NamedCustody host;
  host.then({.verb = Verb::export_file, .at = a})
      .then({.verb = Verb::import_and_resume, .at = b, .other = a})
      .then({.verb = Verb::stop_guest, .at = a})
      .then({.verb = Verb::start_empty, .at = a});
  EXPECT_NE(host.then({.verb = Verb::import_and_resume, .at = a, .other = a}).error(), "");
  EXPECT_FALSE(host.runs(a));
}

TEST(CustodyJourneyNamed, AnOlderFileIsNotLoadedAfterATransfer) {
  NamedCustody host;
  host.then({.verb = Verb::export_file, .at = a})
      .then({.verb = Verb::transfer, .at = a, .other = b, .allow = "exported"});
  EXPECT_EQ(host.error(), "");
  host.then({.verb = Verb::stop_guest, .at = a})
      .then({.verb = Verb::start_empty, .at = a})
      .then({.verb = Verb::import_and_resume, .at = a, .other = a});
  EXPECT_NE(host.error(), "");
  EXPECT_FALSE(host.runs(a));
}

TEST(CustodyJourneyNamed, TwoCopiesAreAProblemThatRepairLeaves) {
  NamedCustody host;
  host.then({.verb = Verb::export_file, .at = a})
      .then({.verb = Verb::import_and_resume, .at = c, .other = a})
      .then({.verb = Verb::raw_resume, .at = a});
  EXPECT_TRUE(host.runs(a) && host.runs(c));
  const auto journal = host.world().files.at(0).at("/run/journal.json");
  EXPECT_TRUE(problems_of(host.world(), a).contains("two_copies"));
  host.then({.verb = Verb::repair, .at = a});
  EXPECT_EQ(host.world().files.at(0).at("/run/journal.json"), journal);
  EXPECT_TRUE(problems_of(host.world(), a).contains("two_copies"));
}

TEST(CustodyJourneyNamed, ASnapshotIsNotLoadedAsTheGuest) {
  NamedCustody host;
  host.then({.verb = Verb::snapshot, .at = a})
      .then({.verb = Verb::import_and_resume, .at = c, .other = a});
  EXPECT_TRUE(host.error().starts_with("source_resumed")) << host.error();
}

TEST(CustodyJourneyNamed, AGuestThatAnotherToolSuspendedIsNotDestroyed) {
  for (const auto verb : {Verb::unbind, Verb::deprovision, Verb::recreate}) {
    NamedCustody host;
    host.then({.verb = Verb::raw_suspend, .at = a}).then({.verb = verb, .at = a});
    EXPECT_NE(host.error(), "");
  }
}

TEST(CustodyJourneyNamed, ATransferThatDiesAfterItsCommitIsFinishedWithoutItsSource) {
  NamedCustody host;
  host.disturbed({.verb = Verb::transfer, .at = a, .other = b}, [](NamedCustody& now) {
    if (now.runs(a)) return;
    now.then({.verb = Verb::repair, .at = b});
    if (now.runs(b)) return;
    now.then({.verb = Verb::repair, .at = a});
    EXPECT_TRUE(now.runs(a) || now.runs(b)) << now.error();
  });
}

TEST(CustodyJourneyNamed, AStateNeedsSomebodyWhoHoldsItsFunctionOpen) {
  NamedCustody host;
  host.then({.verb = Verb::stop_guest, .at = c})
      .then({.verb = Verb::export_file, .at = a})
      .then({.verb = Verb::import_and_resume, .at = c, .other = a});
  EXPECT_TRUE(host.error().starts_with("not_open")) << host.error();
}

}  // namespace
}  // namespace nvmigrate::test
