// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/control.h"

namespace nvmigrate::cli {
namespace {

struct ResumeOptions {
  std::string device, ids;
  std::vector<std::string> allowed;
  bool dry_run = false;
};

}  // namespace

Runner declare_resume(Options& options) {
  const auto given = std::make_shared<ResumeOptions>();
  options.positional("DEVICE", given->device, "The controlling function", Offer::device);
  options.positional("IDS", given->ids, "The controlled functions", Offer::suspended_functions);
  declare_allow(options, given->allowed, "resume");
  declare_dry_run(options, given->dry_run);
  return [given](Context& context) {
    return control_each(context, given->device, given->ids, given->dry_run, "running",
                        [&](MigrationSide& side, std::uint16_t cntlid) {
                          return resume_function(context.io(), context.folders(), side, cntlid,
                                                 given->allowed, given->dry_run);
                        });
  };
}

}  // namespace nvmigrate::cli
