// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/error.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <csignal>
#include <set>

#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

using testing::HasSubstr;

TEST(OsError, NamesOperationObjectAndCause) {
  const OsError error(ENOSPC, "write", "/srv/x.state", "free some space");
  EXPECT_STREQ(error.what(), "cannot write /srv/x.state: No space left on device");
  EXPECT_EQ(error.advice(), "free some space");
  EXPECT_EQ(error.error_number(), ENOSPC);
}

TEST(OsError, EndsWithTheStatusOfItsCause) {
  EXPECT_EQ(OsError(EACCES, "open", "x").status(), ExitStatus::permission);
  EXPECT_EQ(OsError(EPERM, "open", "x").status(), ExitStatus::permission);
  EXPECT_EQ(OsError(ENOENT, "open", "x").status(), ExitStatus::not_found);
  EXPECT_EQ(OsError(ETIMEDOUT, "submit to", "x").status(), ExitStatus::timed_out);
  EXPECT_EQ(OsError(EIO, "read", "x").status(), ExitStatus::io);
}

TEST(Error, FactoriesGiveTheirStatus) {
  EXPECT_EQ(usage_error("x").status(), ExitStatus::usage);
  EXPECT_EQ(not_found("x").status(), ExitStatus::not_found);
  EXPECT_EQ(refused("x", "do y").status(), ExitStatus::refused);
  EXPECT_EQ(refused("x", "do y").advice(), "do y");
  EXPECT_EQ(unsupported("x").status(), ExitStatus::unsupported);
  EXPECT_EQ(bad_state("x").status(), ExitStatus::bad_state);
}

TEST(Error, CarriesTheDeviceConcerned) {
  auto error = refused("x");
  EXPECT_EQ(error.device(), "");
  error.set_device("/dev/nvme0");
  EXPECT_EQ(error.device(), "/dev/nvme0");
}

TEST(ExitStatus, TableHasEachValueAndNameOnce) {
  std::set<int> values;
  std::set<std::string_view> names;
  for (const auto& row : exit_status_table) {
    EXPECT_TRUE(values.insert(static_cast<int>(row.status)).second) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row_of(row.status).name, row.name);
  }
  EXPECT_EQ(row_of(ExitStatus{99}).status, ExitStatus::internal);
}

TEST(Interrupt, IsNotedInsteadOfDiedOf) {
  const InterruptGuard guard;
  EXPECT_NO_THROW(stop_if_interrupted("nothing was changed"));
  std::raise(SIGTERM);
  EXPECT_TRUE(interrupted());
  try {
    stop_if_interrupted("nothing was changed");
    FAIL();
  } catch (const Interrupted& error) {
    EXPECT_EQ(error.status(), ExitStatus::interrupted);
    EXPECT_THAT(error.what(), HasSubstr("nothing was changed"));
  }
}

TEST(Interrupt, WhatACallReportsAsAnErrorIsIgnored) {
  const InterruptGuard guard;
  std::raise(SIGPIPE);
  std::raise(SIGXFSZ);
  EXPECT_FALSE(interrupted());
}

TEST(Interrupt, IsForgottenByTheNextGuard) {
  set_interrupted(true);
  const InterruptGuard guard;
  EXPECT_FALSE(interrupted());
}

}  // namespace
}  // namespace nvmigrate
