// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <array>
#include <tuple>

#include "nvmigrate/base/numbers.h"
#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/memory_streams.h"

namespace nvmigrate::nvme {
namespace {

using testing::HasSubstr;

constexpr std::size_t chunk = 4096;

/// A command of the backend: what is done, and at which command from there the device refuses.
struct Point {
  const char* name;
  void (*act)(NvmeBackend&);
  std::size_t at;
};

void save(NvmeBackend& backend) {
  test::MemorySink sink;
  backend.save(5, {}, sink);
}

void load(NvmeBackend& backend, std::size_t size) {
  test::MemorySource source(test::state_of(size), false);
  backend.load(5, {}, source);
}

constexpr std::array points{
    Point{"Quiesce", [](NvmeBackend& backend) { backend.quiesce(5); }, 0},
    Point{"Freeze", [](NvmeBackend& backend) { backend.freeze(5); }, 0},
    Point{"Resume", [](NvmeBackend& backend) { backend.resume(5); }, 0},
    Point{"IsFrozen", [](NvmeBackend& backend) { backend.is_frozen(5, {}); }, 0},
    Point{"Header", save, 0},
    Point{"FirstRead", save, 1},
    Point{"LastRead", save, 3},
    Point{"Only", [](NvmeBackend& backend) { load(backend, 104); }, 0},
    Point{"First", [](NvmeBackend& backend) { load(backend, 3 * chunk); }, 0},
    Point{"Middle", [](NvmeBackend& backend) { load(backend, 3 * chunk); }, 1},
    Point{"Last", [](NvmeBackend& backend) { load(backend, 3 * chunk); }, 2},
};

constexpr std::array<std::uint16_t, 14> statuses{0x001, 0x002, 0x006, 0x00C, 0x013, 0x11F, 0x120,
                                                 0x121, 0x122, 0x137, 0x138, 0x139, 0x13A, 0x13B};

class NvmeStatusTest : public testing::TestWithParam<std::tuple<Point, std::uint16_t, bool>> {};

TEST_P(NvmeStatusTest, IsReportedWithItsControllerAndItsName) {
  const auto& [point, status, dnr] = GetParam();
  test::Target target;
  target.state = test::state_of(3 * chunk);
  const auto raw = static_cast<std::uint16_t>(status | (dnr ? 0x4000U : 0U));
  target.fault = [&, at = point.at](std::size_t number,
                                    const AdminCommand&) -> std::optional<AdminCompletion> {
    if (number != at) return std::nullopt;
    return AdminCompletion{{raw}, 0, 0};
  };
  NvmeBackend backend(target.port, BackendOptions{.chunk_limit = chunk});
  if (status == sc::controller_not_suspended && std::string_view{point.name} == "Resume") {
    EXPECT_THROW(backend.resume(5), NvmeError) << "the header says that it is suspended";
    return;
  }
  try {
    point.act(backend);
    FAIL() << "nothing was thrown";
  } catch (const NvmeError& error) {
    EXPECT_EQ(error.nvme_status().raw, raw);
    EXPECT_EQ(error.status(), ExitStatus::device);
    EXPECT_THAT(error.what(), HasSubstr("controller 5: " + to_string(NvmeStatus{raw})));
  }
  EXPECT_EQ(target.sent().size(), point.at + 1) << "nothing is sent after the error";
}

std::string name_of_case(const testing::TestParamInfo<NvmeStatusTest::ParamType>& about) {
  const auto& [point, status, dnr] = about.param;
  return std::string{point.name} + to_hex(status, 3).substr(2) + (dnr ? "Dnr" : "");
}

INSTANTIATE_TEST_SUITE_P(EveryCommand, NvmeStatusTest,
                         testing::Combine(testing::ValuesIn(points), testing::ValuesIn(statuses),
                                          testing::Bool()),
                         name_of_case);

std::string hint_of(std::uint16_t status, const std::function<void(NvmeBackend&)>& act) {
  test::Target target;
  target.fault = [=](std::size_t, const AdminCommand&) {
    return AdminCompletion{{static_cast<std::uint16_t>(status | 0x4000U)}, 0, 0};
  };
  NvmeBackend backend(target.port, {});
  try {
    act(backend);
  } catch (const NvmeError& error) {
    return error.hint();
  }
  return {};
}

TEST(NvmeHint, NamesTheNextStep) {
  const auto freeze = [](NvmeBackend& backend) { backend.freeze(5); };
  const auto resume = [](NvmeBackend& backend) { backend.resume(5); };
  const auto import = [](NvmeBackend& backend) { load(backend, 104); };
  EXPECT_THAT(hint_of(sc::not_enough_resources, import), HasSubstr("provision --vq and --vi"));
  EXPECT_THAT(hint_of(sc::not_enough_resources, freeze), HasSubstr("free resources"));
  EXPECT_THAT(hint_of(sc::invalid_field, import), HasSubstr("has I/O queues already"));
  EXPECT_THAT(hint_of(sc::invalid_field, save), HasSubstr("state format"));
  EXPECT_THAT(hint_of(sc::invalid_controller_identifier, import), HasSubstr("must be suspended"));
  EXPECT_THAT(hint_of(sc::invalid_controller_identifier, freeze), HasSubstr("nvmigrate list"));
  EXPECT_THAT(hint_of(sc::invalid_opcode, freeze), HasSubstr("firmware"));
  EXPECT_THAT(hint_of(sc::command_sequence_error, resume), HasSubstr("import it again"));
  EXPECT_THAT(hint_of(sc::command_sequence_error, import), HasSubstr("import the state again"));
  EXPECT_THAT(hint_of(sc::controller_not_suspended, save), HasSubstr("suspend it first"));
  EXPECT_THAT(hint_of(sc::controller_suspended, save), HasSubstr("resume it first"));
  EXPECT_THAT(hint_of(sc::internal_error, freeze), HasSubstr("error log"));
}

}  // namespace
}  // namespace nvmigrate::nvme
