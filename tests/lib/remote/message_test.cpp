// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/remote/message.h"

#include <gtest/gtest.h>

namespace nvmigrate::remote {
namespace {

Findings one_finding() {
  Finding found;
  found.code = "exported";
  found.severity = Severity::blocker;
  found.status = ExitStatus::refused;
  found.message = "the state was exported";
  found.device = "nvme0";
  found.cntlid = 3;
  found.remedies = {{.action = Remedy::Action::resume,
                     .device = "nvme0",
                     .function = 3,
                     .object = "x",
                     .allow = "exported",
                     .backend = "intel",
                     .count = 2,
                     .queues = 4,
                     .interrupts = 5,
                     .release_primary = true}};
  return {found};
}

TEST(PeerMessage, FindingsArriveWhole) {
  const auto arrived = findings_of(to_json(one_finding()));
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_EQ(to_json(arrived), to_json(one_finding()));
  ASSERT_EQ(arrived[0].remedies.size(), 1U);
  EXPECT_EQ(arrived[0].remedies[0], one_finding()[0].remedies[0]);
}

TEST(PeerMessage, AnOlderHostNamesNoBackend) {
  auto json = to_json(one_finding());
  json[0]["remedies"][0].erase("backend");
  EXPECT_EQ(findings_of(json)[0].remedies[0].backend, "");
}

TEST(PeerMessage, AnUnknownRemedyIsLeftOut) {
  auto json = to_json(one_finding());
  json[0]["remedies"][0]["action"] = "of a later version";
  EXPECT_TRUE(findings_of(json)[0].remedies.empty());
}

}  // namespace
}  // namespace nvmigrate::remote
