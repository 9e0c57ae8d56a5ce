// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/binding.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class BindingTest : public HostTest {
 protected:
  BindingTest() { bring_up(3); }

  BindingResult take(const std::string& words, BindWish wish = {}) {
    wish.timeout = std::chrono::milliseconds{10};
    const auto now = topology();
    return nvmigrate::bind(access, now, select(now, words), wish);
  }
  BindingResult give_back(const std::string& words, bool allow_moved = false) {
    const auto now = topology();
    return unbind(access, now, select(now, words), {allow_moved, std::chrono::milliseconds{10}});
  }
  Error refusal(const std::string& words, const BindWish& wish = {}) {
    device.bus.changes.clear();
    auto error = error_of([&] { take(words, wish); });
    EXPECT_THAT(device.bus.changes, IsEmpty()) << "refused before any effect";
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    return error;
  }
  [[nodiscard]] std::optional<std::string> driver(unsigned vfn) {
    return device.bus.functions.at(vf(vfn)).driver;
  }
  [[nodiscard]] std::optional<std::string> override_of(unsigned vfn) {
    return device.bus.functions.at(vf(vfn)).override_to;
  }
};

TEST_F(BindingTest, GivesFunctionsToVfioAndRemembersTheirDriver) {
  const auto result = take("1-2");
  ASSERT_THAT(result.functions, SizeIs(2));
  EXPECT_TRUE(result.changed());
  EXPECT_FALSE(result.failed());
  EXPECT_EQ(result.functions[0].from, "nvme");
  EXPECT_EQ(result.functions[0].to, "vfio-pci");
  EXPECT_EQ(result.functions[0].nodes.group, "/dev/vfio/11");
  EXPECT_EQ(driver(1), "vfio-pci");
  EXPECT_EQ(driver(2), "vfio-pci");
  EXPECT_EQ(driver(3), "nvme");
  const auto again = registry_again();
  ASSERT_NE(again.binding_of(2), nullptr);
  EXPECT_EQ(again.binding_of(2)->original_driver, "nvme");
  EXPECT_EQ(again.binding_of(2)->address, vf(2));
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, TheIntentIsWrittenBeforeTheFirstChange) {
  bool written = false;
  device.bus.before_change = [&](const std::string&) {
    if (written) return;
    const auto before = journal_again();
    const auto* intent = before.find(IntentKind::unbound, 1);
    ASSERT_NE(intent, nullptr);
    EXPECT_EQ(intent->details.at("original_driver"), "nvme");
    EXPECT_EQ(intent->details.at("address"), vf(1));
    written = true;
  };
  take("1");
  EXPECT_TRUE(written);
}

TEST_F(BindingTest, SecondTimeNothingChanges) {
  take("1");
  device.bus.changes.clear();
  const auto again = take("1");
  EXPECT_FALSE(again.changed());
  EXPECT_EQ(again.functions[0].nodes.group, "/dev/vfio/11");
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
}

TEST_F(BindingTest, PrefersAVariantDriverAndTakesTheOneAskedFor) {
  device.bus.drivers.insert({"fast-vfio", "other-vfio"});
  device.bus.variants[vf(1)] = "fast-vfio";
  EXPECT_EQ(take("1").functions[0].to, "fast-vfio");
  BindWish wish;
  wish.driver = "other-vfio";
  EXPECT_EQ(take("1", wish).functions[0].to, "other-vfio");
  EXPECT_EQ(driver(1), "other-vfio");
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme") << "not fast-vfio";
  EXPECT_FALSE(take("1").changed()) << "bound as it is, it stays";
}

TEST_F(BindingTest, APlanLoadsNoVariantDriver) {
  device.bus.variants[vf(1)] = "fast-vfio";
  const auto now = topology();
  const auto plan = plan_bind(now, device.bus, select(now, "1"), {});
  EXPECT_EQ(plan.functions[0].to, "fast-vfio");
  EXPECT_THAT(device.bus.loaded, IsEmpty());
}

TEST_F(BindingTest, AVariantDriverThatDoesNotLoadIsNotWaitedFor) {
  device.bus.variants[vf(1)] = "broken-vfio";
  device.bus.loads = false;
  EXPECT_EQ(take("1").functions[0].to, "vfio-pci");
  EXPECT_THAT(device.bus.loaded, ElementsAre(vf(1)));
  EXPECT_EQ(registry_again().binding_of(1)->driver, "vfio-pci");
}

TEST_F(BindingTest, RefusesADriverThatIsNoneOfVfio) {
  device.bus.drivers.insert("pci-stub");
  for (const std::string name : {"nvme", "", "pci-stub"}) {
    BindWish wish;
    wish.driver = name;
    EXPECT_THAT(error_of([&] { take("1", wish); }),
                fails(ExitStatus::usage, "'" + name + "' is no driver of vfio"));
  }
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, GivesTheNodesToTheirOwner) {
  device.bus.cdevs = true;
  BindWish wish;
  wish.owner = Owner{107, 36};
  take("1", wish);
  EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{107, 36}));
  EXPECT_EQ(device.bus.owners["/dev/vfio/devices/vfio1"], (Owner{107, 36}));
  wish.owner = Owner{1, 2};
  EXPECT_FALSE(take("1", wish).changed());
  EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{1, 2}));
}

TEST_F(BindingTest, WarnsOfANodeThatGotAnotherOwner) {
  device.bus.rule = Owner{0, 36};
  BindWish wish;
  wish.owner = Owner{107, 36};
  const auto warnings = take("1", wish).functions[0].warnings;
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("/dev/vfio/11 belongs to 0:36 and not to 107:36")));
  EXPECT_THAT(take("1").functions[0].warnings, IsEmpty()) << "no owner asked for";
  device.bus.lost = "/dev/vfio/12";
  const auto other = take("2", wish).functions[0];
  EXPECT_TRUE(other.changed && !other.failure);
  EXPECT_THAT(other.warnings, ElementsAre(HasSubstr("/dev/vfio/12")));
}

TEST_F(BindingTest, WarnsOfAFunctionThatIsOffline) {
  device.at(1).online = false;
  EXPECT_THAT(take("1").functions[0].warnings, ElementsAre(HasSubstr("is offline")));
}

TEST_F(BindingTest, DryRunChangesNothing) {
  const auto now = topology();
  const auto plan = plan_bind(now, device.bus, select(now, "1-2"), {});
  EXPECT_TRUE(plan.changed());
  EXPECT_EQ(plan.functions[1].to, "vfio-pci");
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

// --- Refusals -----------------------------------------------------------------------------------

TEST_F(BindingTest, RefusesFunctionsThatThisHostUses) {
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "mounted on /srv"}, {"/dev/nvme2n2", "held by dm-0"}};
  EXPECT_THAT(refusal("1-2"), fails(ExitStatus::refused,
                                    "/dev/nvme2n1 mounted on /srv, "
                                    "/dev/nvme2n2 held by dm-0"));
}

TEST_F(BindingTest, RefusesFunctionsThatHaveVfs) {
  device.bus.sriov_of[vf(1)] = {.total = 4, .enabled = 2, .autoprobe = true};
  EXPECT_THAT(refusal("1"), fails(ExitStatus::refused, "it has 2 VFs"));
}

TEST_F(BindingTest, RefusesAnotherControllingFunctionEvenWithoutVfs) {
  device.others = {40};
  device.bus.functions["0000:02:00.0"] = FakePciBus::function_at("0000:02:00.0");
  device.bus.kernel.push_back({"nvme7", "0000:02:00.0", "pcie", "live", FakeSubsystem::nqn, 40});
  device.bus.sriov_of["0000:02:00.0"].total = 4;
  EXPECT_THAT(refusal("40"), fails(ExitStatus::refused,
                                   "cannot bind controlled function 40: it is a controlling "
                                   "function itself"));
}

TEST_F(BindingTest, RefusesTheControllingFunction) {
  EXPECT_THAT(refusal("0"), fails(ExitStatus::refused, "controlling function"));
  auto now = topology();
  now.functions.front().pci->address = FakePciBus::physical;  // a device that says so of itself
  EXPECT_THAT(error_of([&] { nvmigrate::bind(access, now, {&now.functions.front()}, {}); }),
              fails(ExitStatus::refused, "controlling function itself"));
}

TEST_F(BindingTest, RefusesASharedGroupUnlessAllowed) {
  device.bus.functions.at(vf(2)).iommu_group = 11;
  const auto error = refusal("1");
  EXPECT_THAT(error, fails(ExitStatus::refused, "shares IOMMU group 11 with " + vf(2)));
  EXPECT_THAT(error, hints("--allow shared_group"));
  BindWish wish;
  wish.allow_shared_group = true;
  EXPECT_TRUE(take("1", wish).changed());
  EXPECT_TRUE(take("2").changed()) << "the other one is on vfio already";
}

TEST_F(BindingTest, BindsASharedGroupAtOnceAndLeavesBridges) {
  device.bus.functions.at(vf(2)).iommu_group = 11;
  auto& bridge = device.bus.functions["0000:00:01.0"] = FakePciBus::function_at("0000:00:01.0");
  bridge.class_code = 0x060400;
  bridge.iommu_group = 11;
  EXPECT_FALSE(take("1-2").failed());
}

TEST_F(BindingTest, RefusesWithoutAnIommu) {
  device.bus.iommu = false;
  EXPECT_THAT(refusal("1"), fails(ExitStatus::refused, "no IOMMU"));
  device.bus.iommu = true;
  device.bus.functions.at(vf(1)).iommu_group.reset();
  EXPECT_THAT(refusal("1"), fails(ExitStatus::refused, "no IOMMU"));
}

TEST_F(BindingTest, RefusesWhatIsNotThere) {
  EXPECT_THAT(refusal("4"), fails(ExitStatus::refused, "not on the PCI bus"));
  device.bus.drivers.erase("vfio-pci");
  EXPECT_THAT(refusal("1"), fails(ExitStatus::unsupported, "no driver vfio-pci"));
}

TEST_F(BindingTest, RefusesAnotherDriverWhileTheNodeIsOpen) {
  take("1");
  device.bus.drivers.insert("other-vfio");
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "has it open"}};
  BindWish wish;
  wish.driver = "other-vfio";
  EXPECT_THAT(refusal("1", wish), fails(ExitStatus::refused, "pid 7 (qemu)"));
}

TEST_F(BindingTest, RefusesASuspendedFunction) {
  journal.record(IntentKind::suspended, 1);
  EXPECT_THAT(error_of([&] { take("1"); }), hints("nvmigrate resume sim:fake 1"));
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

// --- Failures -----------------------------------------------------------------------------------

TEST_F(BindingTest, WhateverChangeFailsTheOriginalDriverIsBack) {
  device.bus.functions.at(vf(1)).override_to = "nvme";
  BindWish wish;
  wish.owner = Owner{1, 2};
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth) {
    unsigned count = 0;
    device.bus.before_change = [&](const std::string& change) {
      if (++count == nth) throw OsError(EIO, "write", change);
    };
    const auto result = take("1", wish);
    if (!result.failed()) break;
    ++tried;
    EXPECT_THAT(*result.functions[0].failure, fails(ExitStatus::io, "it is back at nvme"));
    EXPECT_FALSE(result.changed());
    EXPECT_EQ(driver(1), "nvme") << "change " << nth;
    EXPECT_EQ(override_of(1), "nvme");
    EXPECT_THAT(registry_again().bindings(), IsEmpty());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 4U) << "override, unbind, probe, owner";
}

TEST_F(BindingTest, ADriverThatDoesNotTakeItIsAFailure) {
  device.bus.stubborn.insert("vfio-pci");
  const auto result = take("1");
  ASSERT_TRUE(result.failed());
  EXPECT_THAT(*result.functions[0].failure,
              fails(ExitStatus::timed_out, "vfio-pci did not take " + vf(1)));
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_FALSE(override_of(1).has_value());
}

TEST_F(BindingTest, ANodeThatDoesNotAppearIsAFailure) {
  device.bus.nodes = false;
  const auto result = take("1");
  ASSERT_TRUE(result.failed());
  EXPECT_THAT(*result.functions[0].failure, fails(ExitStatus::timed_out, "no vfio node"));
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(BindingTest, OneThatFailsDoesNotKeepTheOthers) {
  device.bus.before_change = [&](const std::string& change) {
    if (change == "probe " + vf(2) && driver(1) == "vfio-pci") throw OsError(EIO, "write", change);
  };
  const auto result = take("1-3");
  EXPECT_TRUE(result.failed());
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_TRUE(result.functions[1].failure.has_value());
  EXPECT_TRUE(result.functions[2].changed);
}

TEST_F(BindingTest, AFunctionThatCannotBePutBackStaysInTheJournalAndUnbindRepairsIt) {
  device.bus.before_change = [](const std::string& change) {
    if (change.starts_with("probe")) throw OsError(EIO, "write", change);
  };
  const auto result = take("1");
  ASSERT_TRUE(result.failed());
  EXPECT_THAT(*result.functions[0].failure, hints("nvmigrate unbind sim:fake 1"));
  EXPECT_FALSE(driver(1).has_value());
  EXPECT_NE(journal_again().find(IntentKind::unbound, 1), nullptr);
  device.bus.before_change = nullptr;
  EXPECT_FALSE(give_back("1").failed());
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_FALSE(override_of(1).has_value());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, ARegistryThatCannotBeWrittenIsAFailure) {
  put(folder.folders().state, "a file where a folder should be");
  const auto result = take("1");
  EXPECT_TRUE(result.failed());
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, BindFinishesWhatABindThatDiedBegan) {
  journal.record(IntentKind::unbound, 1, {{"address", vf(1)}, {"original_driver", "nvme"}});
  device.bus.functions.at(vf(1)).driver.reset();
  EXPECT_TRUE(take("1").changed());
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, ABindThatDiedBeforeItsRecordIsRememberedAfterAll) {
  journal.record(IntentKind::unbound, 1, {{"address", vf(1)}, {"original_driver", "nvme"}});
  device.bus.give(vf(1), "vfio-pci");
  EXPECT_FALSE(take("1").changed());
  ASSERT_NE(registry_again().binding_of(1), nullptr);
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, AStopSignalEndsItBetweenTwoFunctions) {
  device.bus.before_change = [](const std::string&) { set_interrupted(true); };
  const auto result = take("1-2");
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_TRUE(result.functions[1].skipped);
  EXPECT_TRUE(result.skipped());
  EXPECT_EQ(driver(1), "vfio-pci");
  EXPECT_EQ(driver(2), "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

// --- Unbind -------------------------------------------------------------------------------------

TEST_F(BindingTest, UnbindRestoresDriverAndOverride) {
  device.bus.functions.at(vf(1)).override_to = "nvme";
  take("1-2");
  const auto result = give_back("1-3");
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_EQ(result.functions[0].to, "nvme");
  EXPECT_FALSE(result.functions[2].changed) << "it was never bound";
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_EQ(override_of(1), "nvme");
  EXPECT_EQ(driver(2), "nvme");
  EXPECT_FALSE(override_of(2).has_value());
  EXPECT_THAT(registry_again().bindings(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
  EXPECT_FALSE(give_back("all").changed());
}

TEST_F(BindingTest, UnbindWorksWhileVfsAreNotProbed) {
  take("1");
  device.bus.sriov_of[FakePciBus::physical].autoprobe = false;
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(BindingTest, UnbindLetsAnyDriverHaveWhatNobodyRemembers) {
  device.bus.give(vf(1), "vfio-pci");
  device.bus.functions.at(vf(1)).override_to = "vfio-pci";
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
  EXPECT_FALSE(override_of(1).has_value());
}

TEST_F(BindingTest, UnbindRefusesWhileTheNodeIsOpenOrTheFunctionSuspended) {
  take("1");
  device.bus.changes.clear();
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "has it open"}};
  EXPECT_THAT(error_of([&] { give_back("1"); }), fails(ExitStatus::refused, "pid 7 (qemu)"));
  device.bus.holders.clear();
  journal.record(IntentKind::suspended, 1);
  EXPECT_THAT(error_of([&] { give_back("1"); }), hints("nvmigrate resume"));
  journal.record(IntentKind::moved, 1);
  EXPECT_THAT(error_of([&] { give_back("1"); }), hints("--allow moved"));
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_TRUE(give_back("1", true).changed());
  EXPECT_EQ(journal_again().find(IntentKind::moved, 1), nullptr);
}

TEST_F(BindingTest, WhateverChangeOfUnbindFailsTheNextRunFinishes) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth) {
    take("1");
    unsigned count = 0;
    device.bus.before_change = [&](const std::string& change) {
      if (++count == nth) throw OsError(EIO, "write", change);
    };
    const auto result = give_back("1");
    device.bus.before_change = nullptr;
    if (!result.failed()) break;
    ++tried;
    EXPECT_NE(journal_again().find(IntentKind::unbound, 1), nullptr) << "change " << nth;
    EXPECT_FALSE(give_back("1").failed());
    EXPECT_EQ(driver(1), "nvme");
    EXPECT_FALSE(override_of(1).has_value());
    EXPECT_THAT(registry_again().bindings(), IsEmpty());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 4U) << "override, unbind, probe, override";
}

TEST_F(BindingTest, UnbindForgetsAFunctionThatIsGone) {
  take("1");
  device.bus.enable(0);
  EXPECT_TRUE(give_back("1").changed());
  EXPECT_THAT(registry_again().bindings(), IsEmpty());
}

TEST_F(BindingTest, AFunctionThatGoesAwayInTheMiddleIsTold) {
  device.bus.before_change = [&](const std::string& change) {
    if (change == "probe " + vf(1)) device.bus.enable(0);
  };
  const auto result = take("1");
  ASSERT_TRUE(result.failed());
  EXPECT_EQ(result.functions[0].failure->status(), ExitStatus::not_found);
  EXPECT_NE(journal_again().find(IntentKind::unbound, 1), nullptr);
}

// --- Owner --------------------------------------------------------------------------------------

TEST(Owner, IsNamesOrNumbers) {
  EXPECT_EQ(parse_owner("root:root").user, 0U);
  EXPECT_EQ(parse_owner("root").group, 0U);
  EXPECT_EQ(parse_owner("0:12").group, 12U);
  EXPECT_EQ(parse_owner("3999999999:7").user, 3999999999U) << "no such user, still a number";
}

TEST(Owner, UnknownNamesAreUsageErrors) {
  EXPECT_THAT(error_of([] { parse_owner("no-such-user:root"); }),
              fails(ExitStatus::usage, "no user 'no-such-user'"));
  EXPECT_THAT(error_of([] { parse_owner("root:no-such-group"); }),
              fails(ExitStatus::usage, "no group 'no-such-group'"));
  EXPECT_THAT(error_of([] { parse_owner(""); }), fails(ExitStatus::usage, "no user"));
  EXPECT_THAT(error_of([] { parse_owner("root:4294967295"); }), fails(ExitStatus::usage, ""));
}

}  // namespace
}  // namespace nvmigrate::test
