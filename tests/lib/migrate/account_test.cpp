// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/account.h"

#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

class AccountTest : public test::MigrateTest {
 protected:
  /// An intent of a process that is no more.
  void leave(IntentKind kind, std::uint16_t cntlid,
             std::map<std::string, std::string> details = {}) {
    a->topology.functions.at(cntlid - 1U)
        .intents.push_back({.kind = kind, .cntlid = cntlid, .details = std::move(details)});
  }
  const ControlledFunction& complete(std::uint16_t cntlid) {
    complete_account(io, folder.folders(), a->topology, &a->backend);
    return a->topology.functions.at(cntlid - 1U);
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
};

TEST_F(AccountTest, TheDeviceIsAskedWhereItMatters) {
  a->topology.functions[1].marked = false;
  a->topology.functions[2].online = false;
  a->backend[1].frozen = a->backend[2].frozen = true;
  EXPECT_EQ(complete(1).frozen, true);
  EXPECT_TRUE(complete(1).suspended_by_others());
  EXPECT_EQ(complete(2).frozen, std::nullopt) << "not marked, nothing remembered";
  EXPECT_EQ(complete(3).frozen, std::nullopt) << "offline";
  leave(IntentKind::suspended, 2);
  EXPECT_EQ(complete(2).frozen, true);
  EXPECT_FALSE(complete(2).suspended_by_others());
}

TEST_F(AccountTest, WhatTheDeviceContradictsIsStale) {
  for (const auto kind :
       {IntentKind::suspended, IntentKind::loading, IntentKind::moved, IntentKind::unbound}) {
    leave(kind, 1);
  }
  for (const auto& intent : complete(1).intents) {
    EXPECT_EQ(intent.stale, intent.kind != IntentKind::unbound) << to_string(intent.kind);
  }
  a->backend[1].frozen = true;
  for (const auto& intent : complete(1).intents)
    EXPECT_FALSE(intent.stale);
}

TEST_F(AccountTest, WhatIsAtWorkIsNotStale) {
  leave(IntentKind::suspended, 1);
  a->topology.functions[0].intents[0].at_work = true;
  EXPECT_FALSE(complete(1).intents[0].stale);
}

TEST_F(AccountTest, ADeviceThatDoesNotSayChangesNothing) {
  leave(IntentKind::suspended, 1);
  a->backend.hook(
      [](const std::string&, std::uint16_t) { throw NvmeError({sc::invalid_field}, "read"); });
  EXPECT_EQ(complete(1).frozen, std::nullopt);
  EXPECT_FALSE(complete(1).intents[0].stale);
  complete_account(io, folder.folders(), a->topology, nullptr);
  EXPECT_FALSE(complete(1).intents[0].stale);
}

TEST_F(AccountTest, TheEndOfATransferIsToldFromThatOfAnother) {
  const std::map<std::string, std::string> details{{"transfer", "7"}, {"source_nqn", "nqn.test:b"}};
  leave(IntentKind::loading, 1, details);
  EXPECT_FALSE(complete(1).intents[0].committed);
  b->journal.record(IntentKind::moved, 3, {{"transfer", "8"}});
  EXPECT_FALSE(complete(1).intents[0].committed);
  b->journal.record(IntentKind::moved, 3, {{"transfer", "7"}});
  EXPECT_TRUE(complete(1).intents[0].committed);
}

}  // namespace
}  // namespace nvmigrate
