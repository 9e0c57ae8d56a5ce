// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <map>

#include "nvmigrate/state/digest.h"
#include "state_support.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

/// Files made once, by version 1 of the format. Every later version has to read them as this one
/// did; they are never made again.
class Golden : public testing::Test {
 protected:
  StoredState read(const std::string& name) {
    const bool raw = name.ends_with(".raw");
    return StoredState::open(io, folder + name, {.kind = raw ? StateKind::raw : StateKind::detect});
  }

  std::string folder = NVMIGRATE_SOURCE_DIR "/tests/lib/state/golden/";
  SystemIo io;
};

StateIdentity without_vendor_format(std::uint64_t size) {
  auto identity = sample_identity();
  identity.formats.vendor.reset();
  identity.size = size;
  return identity;
}

TEST_F(Golden, FilesAreUntouched) {
  const std::map<std::string, std::string> digests{
      {"bare.state", "f5cd2c6e400ef035a3c2d88ad6fa9c34e9a0bc20cf784fba28bf23ef9cb9006a"},
      {"later.state", "e8a48bc2fa08bb520f9e590a6b466596276ccbac8a8160dfa8a9cb0f738ded11"},
      {"one_dword_short.raw", "e6ac349637fd442beb76aef492d83874f01c8f60526afc67c95f0515335a901a"},
      {"opaque.state", "05af5731cb04368de72161a1d46831ab8fffabbcac700b7cd85916872dd64e75"},
      {"queues.raw", "44cfd3057690447e65e79ef9a7d4495d824373125250d83a35119180712a7f51"},
      {"queues.state", "1aefadadec47a11f7e8bb5d68f53ef7e144d583c0466bc74640aad9bb9b1355c"},
      {"subsystem.state", "a5dfa33e25e650034300c6e6d08d1140a1a6222c5711623a109c3a1dd33c3790"},
      {"vendor.state", "1dfb46aae852ae2015ad350cc22d4aedd70bc849668e507cd5e4a2fa0a6d1ae5"}};
  for (const auto& [name, expected] : digests) {
    const auto bytes = contents(folder + name);
    Sha256 digest;
    digest.update(std::as_bytes(std::span{bytes}));
    EXPECT_EQ(to_string(digest.finish()), expected) << name;
  }
}

// Of the first version that carries the state of an exported NVM subsystem.
TEST_F(Golden, Subsystem) {
  const auto stored = read("subsystem.state");
  EXPECT_TRUE(stored.identity()->subsystem_state);
  EXPECT_EQ(stored.skipped_records(), 0U);
  ASSERT_EQ(stored.subsystem_state().size(), 320U);
  EXPECT_EQ(std::to_integer<int>(stored.subsystem_state().at(64)), 1);
  EXPECT_EQ(stored.end().size, 152U);
  EXPECT_TRUE(read("queues.state").subsystem_state().empty());
}

TEST_F(Golden, Bare) {
  const auto stored = read("bare.state");
  auto identity = without_vendor_format(48);
  identity.queues.reset();
  identity.interrupts.reset();
  identity.vfn = 0;
  identity.address.clear();
  identity.formats.version.reset();
  identity.controller = 0xFFFE;
  EXPECT_EQ(*stored.identity(), identity);
  EXPECT_FALSE(stored.identity()->namespaces) << "which is not none";
  EXPECT_EQ(drain(*stored.source(), 4096), state_of_size(48));
}

TEST_F(Golden, Queues) {
  const auto stored = read("queues.state");
  EXPECT_EQ(*stored.identity(), without_vendor_format(104));
  EXPECT_EQ(stored.end().blackout_ns, 2500U);
  EXPECT_EQ(stored.end().chunks, 1U);
  ASSERT_EQ(stored.decoded()->submission_queues.size(), 1U);
  EXPECT_EQ(stored.decoded()->submission_queues[0].tail, 12U);
  ASSERT_EQ(stored.decoded()->completion_queues.size(), 1U);
  EXPECT_TRUE(stored.decoded()->completion_queues[0].phase);
  EXPECT_TRUE(stored.decoded()->findings.empty());
  EXPECT_EQ(drain(*stored.source(), 4096), sample_state());
}

TEST_F(Golden, Vendor) {
  const auto stored = read("vendor.state");
  EXPECT_EQ(stored.identity()->formats, sample_identity().formats);
  EXPECT_EQ(stored.decoded()->header.vendor_bytes, 100U);
  EXPECT_EQ(drain(*stored.source(), 4096), state_of_size(204));
}

TEST_F(Golden, Opaque) {
  const auto stored = read("opaque.state");
  EXPECT_EQ(stored.identity()->layout, StateLayout::opaque);
  EXPECT_EQ(stored.identity()->backend, "vfio");
  EXPECT_FALSE(stored.decoded());
  EXPECT_EQ(stored.end().size, 7U);
}

TEST_F(Golden, Later) {
  const auto stored = read("later.state");
  EXPECT_EQ(stored.skipped_records(), 2U);
  EXPECT_EQ(stored.end().chunks, 2U);
  EXPECT_EQ(drain(*stored.source(), 4096).size(), 6U);
}

TEST_F(Golden, Raw) {
  EXPECT_EQ(read("queues.raw").end().sha256, read("queues.state").end().sha256);
  const auto cut = read("one_dword_short.raw");
  EXPECT_EQ(cut.decoded()->findings.at(0).code, "one_dword_short");
  EXPECT_EQ(cut.end().sha256, read("queues.raw").end().sha256);
}

}  // namespace
}  // namespace nvmigrate::test
