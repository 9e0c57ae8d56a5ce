// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "nvmigrate/nvme/identify.h"
#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/sim/lab.h"
#include "tests/support/memory_streams.h"

namespace nvmigrate {
namespace {

using testing::IsEmpty;
using testing::Values;

constexpr std::size_t sim_chunk = std::size_t{16} << 10U;

struct Journey {
  sim::Personality personality;
  bool vendor;
  std::uint64_t size;
};

/// The backend on two simulated subsystems, from a running guest to one that goes on elsewhere.
class NvmeSimulatedTest : public testing::TestWithParam<Journey> {
 protected:
  NvmeSimulatedTest() {
    make("a", "sim:a");
    make("b", "sim:b/1");
    sim::start_guest(lab.folders(), "sim:a", "vf1", 2);
    sim::start_guest(lab.folders(), "sim:b/1", "vf1", 0);
  }

  /// Of the specification, the second controlling function numbers the formats the other way round.
  void make(const std::string& name, const std::string& device) {
    sim::Parameters parameters;
    parameters.personality = GetParam().personality;
    parameters.vendor = GetParam().vendor;
    parameters.state_size = GetParam().size;
    parameters.controlling = 2;
    parameters.renumber_formats = GetParam().personality == sim::Personality::spec;
    if (GetParam().vendor) parameters.vendor_uuids = {vendor, Uuid{{1}}};
    lab.create(name, parameters);
    test::Bench bench(lab, device);
    bench.pci().set_autoprobe(bench.device().address(), false);
    bench.pci().set_enabled_vfs(bench.device().address(), 1);
    const auto id = target(bench.device());
    EXPECT_EQ(bench.assign(id, command::Resource::queues, 4), 0);
    EXPECT_EQ(bench.assign(id, command::Resource::interrupts, 2), 0);
    EXPECT_EQ(bench.online(id), 0);
  }
  static std::uint16_t target(Device& device) {
    return read_secondaries(device.admin()).front().cntlid;
  }

  Uuid vendor{{0xAA}};
  test::Lab lab;
};

TEST_P(NvmeSimulatedTest, AGuestGoesOnWhereItStopped) {
  const auto from = lab.open("sim:a");
  const auto to = lab.open("sim:b/1");
  const BackendOptions options{.chunk_limit = sim_chunk};
  nvme::NvmeBackend source(from->admin(), read_identity(from->admin()), options);
  nvme::NvmeBackend destination(to->admin(), read_identity(to->admin()), options);
  FormatChoice formats;
  if (GetParam().vendor) formats.vendor = vendor;

  const auto departing = target(*from);
  const auto arriving = target(*to);
  EXPECT_FALSE(source.is_suspended(departing, formats));
  source.quiesce(departing);
  source.suspend(departing);
  source.suspend(departing);
  EXPECT_TRUE(source.is_suspended(departing, formats));
  test::MemorySink sink;
  source.save(departing, formats, sink);
  EXPECT_EQ(sink.announced, GetParam().size);
  EXPECT_EQ(sink.bytes.size(), GetParam().size);

  destination.suspend(arriving);
  test::MemorySource state(sink.bytes);
  destination.load(arriving, formats, state);
  EXPECT_TRUE(destination.resume(arriving));
  EXPECT_FALSE(destination.resume(arriving));
  EXPECT_THAT(sim::discontinuities(sim::guest_report(lab.folders(), "sim:a", "vf1"),
                                   sim::guest_report(lab.folders(), "sim:b/1", "vf1")),
              IsEmpty());
}

constexpr auto spec = sim::Personality::spec;
constexpr auto emulator = sim::Personality::emulator;

std::string name_of_case(const testing::TestParamInfo<Journey>& about) {
  return std::string{sim::to_string(about.param.personality)} +
         (about.param.vendor ? "Vendor" : "") + std::to_string(about.param.size);
}

INSTANTIATE_TEST_SUITE_P(Journeys, NvmeSimulatedTest,
                         Values(Journey{spec, false, 160}, Journey{spec, false, sim_chunk},
                                Journey{spec, false, sim_chunk + 4},
                                Journey{spec, true, sim_chunk - 4},
                                Journey{spec, true, 10 * sim_chunk + 20},
                                Journey{emulator, false, 160}, Journey{emulator, false, sim_chunk},
                                Journey{emulator, false, sim_chunk + 4},
                                Journey{emulator, false, 20 * sim_chunk}),
                         name_of_case);

}  // namespace
}  // namespace nvmigrate
