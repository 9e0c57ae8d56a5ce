// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

/// Whatever changes something claims its session, whether or not the caller did.
class ClaimTest : public FakeSessionTest {
 protected:
  ClaimTest() { bring_up(2); }
  void expect_claim(const std::function<void(Session&)>& change) {
    const auto reader = open();
    const auto functions = reader->topology().functions.size();
    ASSERT_EQ(functions, 8U);
    change(*reader);
    EXPECT_TRUE(reader->claimed());
  }
};

TEST_F(ClaimTest, Marking) {
  expect_claim([](Session& reader) { mark(reader, "1"); });
  expect_claim([](Session& reader) { unmark(reader, "1"); });
}

TEST_F(ClaimTest, Binding) {
  expect_claim([](Session& reader) {
    EXPECT_TRUE(nvmigrate::bind(reader, {&reader.function(1)}, {}).changed());
  });
  expect_claim(
      [](Session& reader) { EXPECT_TRUE(unbind(reader, {&reader.function(1)}, {}).changed()); });
}

TEST_F(ClaimTest, Provisioning) {
  expect_claim([](Session& reader) { deprovision(reader); });
  expect_claim([](Session& reader) { provision(reader, {.vfs = 2}); });
  expect_claim([](Session& reader) { finish_provisioning(reader); });
}

TEST_F(ClaimTest, IsRefusedWhileAnotherHoldsTheLock) {
  session();
  const auto reader = open();
  EXPECT_EQ(thrown_by([&] { mark(*reader, "1"); }).status(), ExitStatus::busy);
}

}  // namespace
}  // namespace nvmigrate::test
