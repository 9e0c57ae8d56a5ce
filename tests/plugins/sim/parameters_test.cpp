// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/parameters.h"

#include "tests/plugins/sim/lab.h"

namespace nvmigrate::sim {
namespace {

using testing::HasSubstr;

std::string refusal(const Parameters& parameters) {
  return test::error_of([&] { (void)completed(parameters, "a"); }, ExitStatus::usage);
}

template <typename Change>
Parameters with(const Change& change) {
  Parameters parameters;
  change(parameters);
  return parameters;
}

TEST(SimParameters, FillsInWhatIsLeftOpen) {
  const auto p = completed({}, "a");
  EXPECT_EQ(p.vq, 64U);
  EXPECT_EQ(p.vi, 32U);
  EXPECT_EQ(p.mdts, 512U << 10U);
  EXPECT_THAT(p.nqn, testing::EndsWith(":a"));
  EXPECT_EQ(p.vendor_uuids.size(), 1U);
  EXPECT_EQ(completed(p, "b"), p);
}

TEST(SimParameters, TheEmulatorHasNoVendorStateAndNoLimit) {
  const auto p = completed(with([](auto& each) { each.personality = Personality::emulator; }), "a");
  EXPECT_FALSE(p.vendor);
  EXPECT_TRUE(p.vendor_uuids.empty());
  EXPECT_EQ(p.mdts, 0U);
}

TEST(SimParameters, ThereAreTwoFormatsWhereTheyAreToBeRenumbered) {
  const auto p = completed(with([](auto& each) { each.renumber_formats = true; }), "a");
  EXPECT_EQ(p.versions, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(p.vendor_uuids.size(), 2U);
}

TEST(SimParameters, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal(with([](auto& p) { p.controlling = 0; })), HasSubstr("controlling"));
  EXPECT_THAT(refusal(with([](auto& p) { p.controlling = 17; })), HasSubstr("controlling"));
  EXPECT_THAT(refusal(with([](auto& p) { p.vfs_total = 10001; })), HasSubstr("10000"));
  EXPECT_THAT(refusal(with([](auto& p) { p.controlling = 16, p.vfs_total = 9999; })),
              HasSubstr("in all"));
  EXPECT_THAT(refusal(with([](auto& p) { p.state_size = 106; })), HasSubstr("multiple of 4"));
  EXPECT_THAT(refusal(with([](auto& p) { p.state_size = 52; })), HasSubstr("at least 56"));
  EXPECT_THAT(refusal(with([](auto& p) { p.mdts = 5000; })), HasSubstr("power of 2"));
  EXPECT_THAT(refusal(with([](auto& p) { p.mdts = 4096; })), HasSubstr("power of 2"));
  EXPECT_THAT(refusal(with([](auto& p) { p.versions = {0, 0}; })), HasSubstr("only once"));
  EXPECT_THAT(refusal(with([](auto& p) { p.versions = {}; })), HasSubstr("versions"));
  EXPECT_THAT(refusal(with([](auto& p) {
                p.vendor_uuids = {Uuid{}, Uuid{}};
              })),
              HasSubstr("only once"));
  EXPECT_THAT(refusal(with([](auto& p) { p.model = std::string(41, 'x'); })), HasSubstr("model"));
  EXPECT_THAT(refusal(with([](auto& p) { p.firmware = "a\n"; })), HasSubstr("firmware"));
  EXPECT_THAT(refusal(with([](auto& p) { p.nqn = "none"; })), HasSubstr("nqn."));
  EXPECT_THAT(refusal(with([](auto& p) { p.variant_driver = "nvme"; })), HasSubstr("variant"));
  EXPECT_THAT(refusal(with([](auto& p) { p.grain = 0; })), HasSubstr("grain"));
  EXPECT_THAT(refusal(with([](auto& p) { p.secondaries = 2, p.vq = 3; })), HasSubstr("queues"));
  EXPECT_THAT(refusal(with([](auto& p) { p.secondaries = 2, p.vi = 1; })), HasSubstr("interrupts"));
}

TEST(Parameters, TheEmulatorKnowsOneVersionOnly) {
  const auto emulator = [](auto& each) { each.personality = Personality::emulator; };
  EXPECT_EQ(completed(with(emulator), "a").versions.size(), 1U);
  EXPECT_THROW(completed(with([&](auto& each) {
                           emulator(each);
                           each.renumber_formats = true;
                         }),
                         "a"),
               Error);
}

}  // namespace
}  // namespace nvmigrate::sim
