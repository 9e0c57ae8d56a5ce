// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include "nvmigrate/host/functions.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {

/// Binds and unbinds three VFs that are online.
class BindingTest : public FakeSessionTest {
 protected:
  BindingTest() { bring_up(3); }

  BindingResult take(const std::string& words, BindRequest request = {}) {
    if (request.timeout == BindRequest{}.timeout) request.timeout = std::chrono::milliseconds{10};
    return nvmigrate::bind(session(), select(topology(), words, "bind"), request);
  }
  BindingResult give_back(const std::string& words, Codes allowed = {}, Together together = {}) {
    const UnbindRequest request{std::move(allowed), std::chrono::milliseconds{10},
                                std::move(together)};
    return unbind(session(), select(topology(), words, "unbind"), request);
  }
  /// The codes that stand against it.
  Codes refused(const std::string& words, const BindRequest& request = {}) {
    device.bus.changes.clear();
    const auto intents = journal_again().intents().size();
    auto codes = refusal_of([&] { take(words, request); });
    EXPECT_THAT(device.bus.changes, testing::IsEmpty()) << "refused before any effect";
    EXPECT_THAT(journal_again().intents(), testing::SizeIs(intents));
    return codes;
  }
  void expect_no_records() {
    EXPECT_THAT(registry_again().bindings(), testing::IsEmpty());
    EXPECT_THAT(journal_again().intents(), testing::IsEmpty());
  }
  [[nodiscard]] std::optional<std::string> driver(unsigned vfn) {
    return device.bus.functions.at(vf(vfn)).driver;
  }
  [[nodiscard]] std::optional<std::string> override_of(unsigned vfn) {
    return device.bus.functions.at(vf(vfn)).override_to;
  }
};

}  // namespace nvmigrate::test
