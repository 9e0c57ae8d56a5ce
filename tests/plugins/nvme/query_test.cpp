// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "nvmigrate/plugins.h"
#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/error_of.h"
#include "tests/support/memory_streams.h"

namespace nvmigrate::nvme {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class NvmeQueryTest : public testing::Test {
 protected:
  BackendQuery query(BackendOptions options = {}) {
    return NvmeBackend(target.port, target.identity(), options).query();
  }

  test::Target target;
};

TEST_F(NvmeQueryTest, FindsFormatsByValue) {
  target.formats.assign(4096, std::byte{});
  target.formats[0] = std::byte{2};
  target.formats[1] = std::byte{1};
  target.formats[2] = std::byte{9};
  target.formats[6] = std::byte{0xAB};
  const auto found = query();
  EXPECT_THAT(found.formats.versions, ElementsAre(9, 0));
  ASSERT_THAT(found.formats.vendors, SizeIs(1));
  EXPECT_EQ(found.formats.vendors[0].bytes.front(), 0xAB);
}

TEST_F(NvmeQueryTest, AsksOnceAndChangesNothing) {
  NvmeBackend backend(target.port, target.identity(), {});
  backend.query();
  backend.query();
  EXPECT_THAT(target.port.sent(), SizeIs(1));
  EXPECT_THAT(target.sent(), IsEmpty());
}

TEST_F(NvmeQueryTest, AChunkIsWhatDeviceAndUserAllowInWholePages) {
  EXPECT_EQ(query().chunk, 256U << 10U);
  target.mdts = 5;
  EXPECT_EQ(query().chunk, 128U << 10U);
  target.mdts = 9;
  EXPECT_EQ(query().chunk, 256U << 10U);
  BackendOptions options;
  options.chunk_limit = 10'000;
  EXPECT_EQ(query(options).chunk, 8192U);
  options.chunk_limit = 1;
  EXPECT_EQ(query(options).chunk, 4096U);
}

TEST_F(NvmeQueryTest, AChunkIsNoMoreThanTheKernelTakes) {
  EXPECT_EQ(query({.most = 128U << 10U}).chunk, 128U << 10U);
  EXPECT_EQ(query({.most = 126 * 4096}).chunk, 256U << 10U);
  EXPECT_EQ(query({.most = 33 * 4096 + 512}).chunk, 33U * 4096);
}

TEST_F(NvmeQueryTest, AChosenChunkNeedNotBeInWholePages) {
  EXPECT_EQ(query({.chunk = 5000}).chunk, 5000U);
  EXPECT_EQ(query({.chunk = 512U << 10U}).chunk, 512U << 10U);
  EXPECT_EQ(query({.chunk = 512U << 10U, .most = 128U << 10U}).chunk, 128U << 10U);
}

TEST_F(NvmeQueryTest, WithoutLiveMigrationSendsNothing) {
  target.oacs = 0xF7FF;
  EXPECT_THAT(error_of([&] { query(); }, ExitStatus::unsupported), HasSubstr("OACS bit 11"));
  EXPECT_THAT(target.port.sent(), IsEmpty());
}

TEST_F(NvmeQueryTest, WithoutFormatsNamesTheListLookedAt) {
  target.formats = test::Bytes(4);
  EXPECT_THAT(error_of([&] { query(); }, ExitStatus::unsupported), HasSubstr("CNS 20h"));
  for (const auto status : {sc::invalid_field, sc::invalid_opcode}) {
    test::ScriptedPort port;
    port.then(status);
    EXPECT_THAT(error_of([&] { NvmeBackend(port, target.identity(), {}).query(); },
                         ExitStatus::unsupported),
                HasSubstr("CNS 20h"));
  }
}

TEST_F(NvmeQueryTest, IsAskedAgainAfterAFailure) {
  test::ScriptedPort port;
  port.then(sc::internal_error).otherwise([&](const AdminCommand& command) {
    return target.port.submit(command);
  });
  NvmeBackend backend(port, target.identity(), {});
  error_of([&] { backend.query(); }, ExitStatus::device);
  EXPECT_THAT(backend.query().formats.versions, ElementsAre(0));
}

TEST_F(NvmeQueryTest, FormatsThatTheDeviceDoesNotKnowAreRefusedBeforeAnyCommand) {
  NvmeBackend backend(target.port, target.identity(), {});
  test::MemorySink sink;
  test::MemorySource source(target.state);
  const FormatChoice version{.version = 7, .vendor = {}};
  const FormatChoice vendor{.version = 0, .vendor = Uuid{}};
  for (const auto& act : std::initializer_list<std::function<void(const FormatChoice&)>>{
           [&](const FormatChoice& choice) { backend.is_suspended(5, choice); },
           [&](const FormatChoice& choice) { backend.save(5, choice, sink); },
           [&](const FormatChoice& choice) { backend.load(5, choice, source); }}) {
    EXPECT_THAT(error_of([&] { act(version); }, ExitStatus::unsupported), HasSubstr("version 7"));
    EXPECT_THAT(error_of([&] { act(vendor); }, ExitStatus::unsupported),
                HasSubstr(to_string(Uuid{})));
    error_of([&] { act({.version = {}, .vendor = {}}); }, ExitStatus::internal);
  }
  EXPECT_THAT(target.sent(), IsEmpty());
}

TEST_F(NvmeQueryTest, IndexesAreThoseOfTheAddressedFunction) {
  target.formats.assign(4096, std::byte{});
  target.formats[0] = std::byte{2};
  target.formats[1] = std::byte{2};
  target.formats[2] = std::byte{9};
  target.formats[6 + 16] = std::byte{0xAB};
  Uuid vendor;
  vendor.bytes.front() = 0xAB;
  NvmeBackend backend(target.port, target.identity(), {});
  test::MemorySource source(target.state);
  backend.is_suspended(5, {.version = 0, .vendor = vendor});
  backend.load(5, {.version = 0, .vendor = vendor}, source);
  backend.is_suspended(5, {.version = {}, .vendor = vendor});
  const auto sent = target.sent();
  EXPECT_EQ(sent[0].command.cdw10, 0x00020000U);
  EXPECT_EQ(sent[0].command.cdw11, 0x00020005U);
  EXPECT_EQ(sent[1].command.cdw11, 0x02020005U);
  EXPECT_EQ(sent[2].command.cdw10, 0U);
}

TEST(BuiltIn, TheStandardBackendIsAskedFirst) {
  test::Target target;
  const auto& row = built_in().backends.at(0);
  EXPECT_EQ(row.name, "nvme");
  test::PortDevice device(target.port);
  const auto identity = target.identity();
  const auto backend = row.make({.device = device, .identity = identity});
  EXPECT_THAT(target.port.sent(), IsEmpty());
  EXPECT_EQ(backend->name(), "nvme");
  EXPECT_THAT(backend->query().formats.versions, ElementsAre(0));
}

TEST(BuiltIn, EveryDeviceStringHasOneProvider) {
  const auto& providers = built_in().providers;
  const auto owners = [&](std::string_view device) {
    return std::count_if(providers.begin(), providers.end(),
                         [&](const ProviderRow& row) { return row.owns(device); });
  };
  for (const auto* device : {"/dev/nvme0", "nvme0", "0000:01:00.0", "sim:demo", "sim:x/1"}) {
    EXPECT_EQ(owners(device), 1) << device;
  }
  EXPECT_EQ(owners("tape:x"), 0);
}

}  // namespace
}  // namespace nvmigrate::nvme
