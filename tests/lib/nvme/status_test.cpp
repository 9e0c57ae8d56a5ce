// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/status.h"

#include <gtest/gtest.h>

#include <array>

namespace nvmigrate {
namespace {

TEST(NvmeStatus, ComparesWithoutRetryBits) {
  static_assert(NvmeStatus{0x411F}.code() == sc::invalid_controller_identifier);
  static_assert(NvmeStatus{0x7939}.code() == sc::controller_suspended);
  static_assert(NvmeStatus{0x4000}.ok());
  static_assert(NvmeStatus{0x4002}.dnr() && !NvmeStatus{0x0002}.dnr());
  static_assert(NvmeStatus{0x413A}.sct() == 1 && NvmeStatus{0x413A}.sc() == 0x3A);
}

TEST(NvmeStatus, IsNamedInWordsAndHex) {
  EXPECT_EQ(to_string(NvmeStatus{0x4002}), "Invalid Field in Command (0x0.0x02, dnr)");
  EXPECT_EQ(to_string(NvmeStatus{0x013A}), "Controller Not Suspended (0x1.0x3a)");
}

TEST(NvmeStatus, ItsNameComesFromLibnvmeOrIsOneOfMigration) {
  EXPECT_EQ(name_of(NvmeStatus{0x011F}), "Invalid Controller Identifier");
  EXPECT_EQ(name_of(NvmeStatus{0x0371}), "Command Aborted By Host");
  EXPECT_EQ(name_of(NvmeStatus{sc::not_enough_resources}), "Not Enough Resources");
  for (const auto unknown : std::initializer_list<std::uint16_t>{0x07FF, 0x0455, 0x017F, 0x03FF}) {
    EXPECT_EQ(name_of(NvmeStatus{unknown}), "Unknown Status") << std::hex << unknown;
  }
}

TEST(NvmeStatus, EveryStatusOfMigrationHasAName) {
  constexpr std::array<std::uint16_t, 14> codes{0x001, 0x002, 0x006, 0x00C, 0x013, 0x11F, 0x120,
                                                0x121, 0x122, 0x137, 0x138, 0x139, 0x13A, 0x13B};
  for (const auto code : codes) {
    EXPECT_NE(name_of(NvmeStatus{code}), "Unknown Status") << std::hex << code;
  }
}

TEST(NvmeError, CarriesStatusAdviceAndRemedies) {
  const Remedy remedy{.action = Remedy::Action::provision};
  const NvmeError error({0x4138}, "load a state into controller 5", "give it more", {remedy});
  EXPECT_EQ(error.status(), ExitStatus::device);
  EXPECT_EQ(error.nvme_status().code(), sc::not_enough_resources);
  EXPECT_EQ(error.advice(), "give it more");
  EXPECT_EQ(error.remedies(), std::vector{remedy});
}

TEST(NvmeError, ExplainsAStatusOfTheKernelsOwn) {
  EXPECT_TRUE(NvmeError({0x0002}, "read the identity").advice().empty());
  EXPECT_FALSE(NvmeError({0x0370}, "read the identity").advice().empty());
}

}  // namespace
}  // namespace nvmigrate
