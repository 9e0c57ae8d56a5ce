// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gmock/gmock.h>

#include "cli/marking_outcome.h"
#include "cli/preparing.h"
#include "tests/support/run_binary.h"

namespace nvmigrate::cli {
namespace {

using test::lines_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// What the commands that prepare functions say of what was done.
class Outcomes : public testing::Test {
 protected:
  std::string told() { return test::contents(folder / "error"); }
  std::vector<std::string> steps(std::vector<ProvisionStep> taken) {
    options.dry_run = true;
    ProvisionResult result;
    result.steps = std::move(taken);
    auto lines = lines_of(outcome_of(options, result).text);
    lines.erase(lines.begin());
    return lines;
  }

  test::TemporaryFolder folder;
  SystemIo io;
  OpenFile error = OpenFile::open(io, folder / "error", O_WRONLY | O_CREAT);
  Environment environment{.io = io, .folders = folder.folders(), .error = error.fd()};
  Context context{environment, Globals{}, "bind"};
  ChangeOptions options;
};

TEST_F(Outcomes, NameTheFunctionsThatCouldNotBeBound) {
  BindingResult result;
  result.functions.resize(3);
  result.functions[1].failure = Error(ExitStatus::io, "bind controlled function 2: broken");
  const auto outcome = outcome_of(context, options, result);
  EXPECT_EQ(outcome.status, ExitStatus::partial);
  EXPECT_THAT(lines_of(told()),
              ElementsAre(HasSubstr("function 2: broken"), HasSubstr("1 of 3 functions failed")));
  EXPECT_EQ(outcome.document["functions"][1]["result"], "failed");
}

TEST_F(Outcomes, OfBindingShowNoDriverAsListDoes) {
  BindingResult result;
  result.functions.resize(2);
  result.functions[0].to = result.functions[1].to = "vfio-pci";
  result.functions[1].from = "nvme";
  const auto text = outcome_of(context, options, result).text;
  EXPECT_THAT(text, Not(HasSubstr("none")));
  EXPECT_THAT(lines_of(text)[1], HasSubstr("-"));
}

TEST_F(Outcomes, OfMarkingSayWhatWasAndWhatIs) {
  const MarkResult result{.functions = {{.cntlid = 1, .vfn = 1, .marked = true, .changed = true},
                                        {.cntlid = 2, .vfn = 2, .marked = true},
                                        {.cntlid = 9, .marked = false, .changed = true},
                                        {.cntlid = 10, .marked = false}},
                          .findings = {}};
  const auto lines = [&] { return lines_of(outcome_of(context, options, result).text); };
  EXPECT_THAT(lines(), ElementsAre("controlled function 1 (vf 1): marked",
                                   "controlled function 2 (vf 2): was marked",
                                   "controlled function 9: unmarked",
                                   "controlled function 10: was not marked"));
  options.dry_run = true;
  EXPECT_EQ(lines()[0], "controlled function 1 (vf 1): would be marked");
  EXPECT_EQ(lines()[2], "controlled function 9: would be unmarked");
}

TEST_F(Outcomes, OfProvisioningArePlannedInWords) {
  using enum ProvisionAction;
  EXPECT_THAT(
      steps({{set_autoprobe, {}, 0, 0},
             {forget, 1, 1},
             {forget, 2, 2},
             {forget, 4, 4},
             {set_vfs, {}, 0, 4},
             {unbind, {}, 1},
             {unbind, {}, 2},
             {offline, 3, 3},
             {assign_queues, 1, 1, 2},
             {assign_queues, 2, 2, 2},
             {assign_interrupts, 7, 7, 1},
             {reset, 7, 7},
             {online, 7, 7},
             {set_autoprobe, {}, 0, 1},
             {set_vfs, {}, 0, 0}}),
      ElementsAre("  keep host drivers off new VFs",
                  "  forget marks and bindings of controlled functions 1-2, 4", "  enable 4 VFs",
                  "  take VFs 1-2 from the driver", "  take controlled function 3 (vf 3) offline",
                  "  give controlled functions 1-2 2 queues each",
                  "  give controlled function 7 (vf 7) 1 interrupt",
                  "  reset controlled function 7 (vf 7)",
                  "  bring controlled function 7 (vf 7) online", "  let host drivers have new VFs",
                  "  disable all VFs"));
}

}  // namespace
}  // namespace nvmigrate::cli
