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

constexpr std::size_t one_chunk = 4096;

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
    Point{"Suspend", [](NvmeBackend& backend) { backend.suspend(5); }, 0},
    Point{"Resume", [](NvmeBackend& backend) { backend.resume(5); }, 0},
    Point{"IsSuspended", [](NvmeBackend& backend) { backend.is_suspended(5, {}); }, 0},
    Point{"Header", save, 0},
    Point{"FirstRead", save, 1},
    Point{"LastRead", save, 3},
    Point{"Only", [](NvmeBackend& backend) { load(backend, 104); }, 0},
    Point{"First", [](NvmeBackend& backend) { load(backend, 3 * one_chunk); }, 0},
    Point{"Middle", [](NvmeBackend& backend) { load(backend, 3 * one_chunk); }, 1},
    Point{"Last", [](NvmeBackend& backend) { load(backend, 3 * one_chunk); }, 2},
};

constexpr std::array<std::uint16_t, 14> statuses{0x001, 0x002, 0x006, 0x00C, 0x013, 0x11F, 0x120,
                                                 0x121, 0x122, 0x137, 0x138, 0x139, 0x13A, 0x13B};

class NvmeStatusTest : public testing::TestWithParam<std::tuple<Point, std::uint16_t, bool>> {};

TEST_P(NvmeStatusTest, IsReportedWithItsControllerAndItsName) {
  const auto& [point, status, dnr] = GetParam();
  test::Target target;
  target.state = test::state_of(3 * one_chunk);
  const auto raw = static_cast<std::uint16_t>(status | (dnr ? 0x4000U : 0U));
  target.fault = [&, at = point.at](std::size_t number,
                                    const AdminCommand&) -> std::optional<AdminCompletion> {
    if (number != at) return std::nullopt;
    return AdminCompletion{{raw}, 0, 0};
  };
  NvmeBackend backend(target.port, target.identity(), BackendOptions{.chunk_limit = one_chunk});
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

using Action = Remedy::Action;

struct NextStep {
  bool advised = false;
  std::vector<Action> actions;
};

NextStep next_step(std::uint16_t status, const std::function<void(NvmeBackend&)>& act) {
  test::Target target;
  target.fault = [=](std::size_t, const AdminCommand&) {
    return AdminCompletion{{static_cast<std::uint16_t>(status | 0x4000U)}, 0, 0};
  };
  NvmeBackend backend(target.port, target.identity(), {});
  NextStep next;
  try {
    act(backend);
  } catch (const NvmeError& error) {
    next.advised = !error.advice().empty();
    for (const auto& remedy : error.remedies()) {
      const bool of_function = remedy.action == Action::suspend || remedy.action == Action::resume;
      EXPECT_EQ(remedy.function, of_function ? std::optional<std::uint16_t>{5} : std::nullopt);
      EXPECT_EQ(remedy.device, "") << "the session knows its name";
      next.actions.push_back(remedy.action);
    }
  }
  return next;
}

TEST(NvmeAdvice, NamesTheNextStep) {
  const auto suspend = [](NvmeBackend& backend) { backend.suspend(5); };
  const auto resume = [](NvmeBackend& backend) { backend.resume(5); };
  const auto import = [](NvmeBackend& backend) { load(backend, 104); };
  const struct {
    std::uint16_t status;
    std::function<void(NvmeBackend&)> act;
    std::vector<Action> actions;
  } expected[]{
      {sc::not_enough_resources, import, {Action::show}},
      {sc::not_enough_resources, suspend, {}},
      {sc::invalid_field, import, {Action::show}},
      {sc::invalid_field, save, {Action::show}},
      {sc::invalid_field, suspend, {Action::list}},
      {sc::invalid_controller_identifier, import, {Action::suspend, Action::list}},
      {sc::invalid_controller_identifier, suspend, {Action::list}},
      {sc::invalid_controller_data_queue, save, {Action::list}},
      {sc::invalid_opcode, suspend, {}},
      {sc::command_sequence_error, resume, {}},
      {sc::command_sequence_error, import, {}},
      {sc::controller_not_suspended, save, {Action::suspend}},
      {sc::controller_suspended, save, {Action::resume}},
      {sc::internal_error, suspend, {}},
  };
  for (const auto& each : expected) {
    const auto next = next_step(each.status, each.act);
    EXPECT_TRUE(next.advised) << each.status;
    EXPECT_EQ(next.actions, each.actions) << each.status;
  }
}

}  // namespace
}  // namespace nvmigrate::nvme
