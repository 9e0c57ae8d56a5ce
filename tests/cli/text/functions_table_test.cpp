// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/functions_table.h"

#include <gmock/gmock.h>

#include <functional>

#include "cli/text/visible.h"
#include "tests/support/run_binary.h"

namespace nvmigrate::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

constexpr std::uint64_t gib = std::uint64_t{1} << 30U;

/// A controlling function with so many VFs that are online, which nobody uses.
Topology drive(std::uint16_t vfs, const std::function<void(ControlledFunction&)>& also = {}) {
  Topology topology;
  topology.namespaces.emplace();
  for (std::uint16_t id = 1; id <= vfs; ++id) {
    ControlledFunction function;
    function.cntlid = function.vfn = id;
    function.secondary = true;
    function.online = true;
    function.queues = 16;
    function.interrupts = 8;
    function.pci.emplace();
    function.pci->address = "0000:01:00." + std::to_string(id);
    function.pci->iommu_group = 10U + id;
    function.namespaces = {1};
    if (also) also(function);
    topology.functions.push_back(std::move(function));
  }
  for (std::uint32_t id = 1; id <= 300; ++id) {
    topology.namespaces->push_back(id);
    topology.namespace_shapes.push_back(
        {.nsid = id, .blocks = (id == 2 ? 32 : 16) * gib / 512, .block_size = 512});
  }
  return topology;
}

Words lines(const Topology& topology, std::size_t width = 80, bool unicode = false) {
  return test::lines_of(functions_table(topology, {}, 2, {.width = width, .unicode = unicode}));
}

void bind(ControlledFunction& function) {
  function.pci->driver = "vfio-pci";
  function.vfio.device = "/dev/vfio/devices/vfio" + std::to_string(function.cntlid);
}

TEST(FunctionsTable, FoldsWhatIsOnlineAndNobodyUses) {
  EXPECT_THAT(lines(drive(1)),
              AllOf(testing::SizeIs(3), Contains(StartsWith("  `- 1  1   online"))));
  EXPECT_THAT(lines(drive(4)), testing::SizeIs(6)) << "few are shown with their addresses";
  for (const std::uint16_t count : std::initializer_list<std::uint16_t>{64, 256}) {
    const auto all = std::to_string(count);
    EXPECT_THAT(
        lines(drive(count)),
        ElementsAre(StartsWith("  ID"),
                    AllOf(StartsWith("  `- 1-" + all + "  1-" + all + "  " + all + " online"),
                          HasSubstr("0000:01:00.1..  "), HasSubstr(" 16   8"),
                          EndsWith("11-" + std::to_string(10 + count))),
                    "  every function has namespace 1, 16 GiB"));
  }
}

TEST(FunctionsTable, ShowsEveryFunctionThatSomebodyUses) {
  const std::vector<std::function<void(ControlledFunction&)>> uses{
      [](auto& one) { one.marked = true; },
      bind,
      [](auto& one) { one.binding.emplace(); },
      [](auto& one) { one.intents.emplace_back(); },
      [](auto& one) { one.told = FunctionState{.queues = 2}; },
      [](auto& one) { one.unread = "no permission"; },
      [](auto& one) { one.queues = 7; }};
  for (const auto& use : uses) {
    const auto shown = lines(drive(20, [&](auto& one) {
      if (one.cntlid == 7) use(one);
    }));
    EXPECT_THAT(shown, Contains(HasSubstr("|- 1-6 "))) << testing::PrintToString(shown);
    EXPECT_THAT(shown, Contains(HasSubstr("|- 7 ")));
    EXPECT_THAT(shown, Contains(HasSubstr("`- 8-20 ")));
  }
}

TEST(FunctionsTable, NamespacesOfFewStandBelowTheirFunctions) {
  const auto shown = lines(drive(3, [](auto& one) {
    if (one.cntlid == 2) one.namespaces = {2, 3, 4};
    if (one.cntlid == 3) one.namespaces->clear();
  }));
  EXPECT_THAT(shown,
              ElementsAre(StartsWith("  ID"), StartsWith("  |- 1"), "  |  `- namespace 1, 16 GiB",
                          StartsWith("  |- 2"), "  |  `- namespaces 2, 32 GiB; 3-4, 16 GiB each",
                          StartsWith("  `- 3"), "     `- no namespace"));
}

TEST(FunctionsTable, FunctionsThatShareNamespacesAreNamedTogether) {
  const auto shown = lines(drive(6, [](auto& one) {
    bind(one);
    if (one.cntlid > 4) one.namespaces = {3};
  }));
  EXPECT_THAT(shown, AllOf(testing::SizeIs(9), Contains("  functions 1-4 have namespace 1, 16 GiB"),
                           Contains("  functions 5-6 have namespace 3, 16 GiB")));
}

/// A namespace for each must not double the lines.
TEST(FunctionsTable, NamespacesOfManyAreAColumn) {
  const auto own = [](auto& one) { one.namespaces = {one.cntlid}; };
  EXPECT_THAT(lines(drive(64, own)),
              ElementsAre(StartsWith("  ID"), StartsWith("  `- 1-64"),
                          "     `- namespaces 1, 16 GiB; 2, 32 GiB; 3-64, 16 GiB each; one for "
                          "each"));
  const auto shown = lines(drive(64, [&](auto& one) {
    own(one);
    bind(one);
  }));
  EXPECT_THAT(shown,
              AllOf(testing::SizeIs(65), Contains(AllOf(StartsWith("  ID"), HasSubstr("NS"))),
                    Not(Contains(HasSubstr("namespace")))));
}

TEST(FunctionsTable, FitsTheScreen) {
  for (const std::uint16_t count : std::initializer_list<std::uint16_t>{1, 4, 64, 256}) {
    for (const std::size_t width : {40U, 60U, 80U, 200U}) {
      for (const bool used : {true, false}) {
        const auto topology = drive(count, [&](auto& one) {
          one.namespaces = {one.cntlid, 280, 290, 300};
          if (used) bind(one);
        });
        const auto shown = lines(topology, width, true);
        EXPECT_THAT(shown, Not(testing::IsEmpty()));
        for (const auto& line : shown)
          EXPECT_LE(width_of(line), width) << line;
      }
    }
  }
}

TEST(FunctionsTable, HasTheFieldsThatAreAskedForAndNothingElse) {
  const auto text = functions_table(drive(2), {"controller_id", "namespaces"}, 0, {});
  EXPECT_EQ(text, "ID    NS\n|- 1  1\n`- 2  1\n");
}

}  // namespace
}  // namespace nvmigrate::cli
