// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "cli/migration.h"
#include "cli/progress.h"
#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::cli {
namespace {

struct Transferring {
  std::string source, from, destination, to, progress = "auto";
  FormatOptions formats;
  std::vector<std::string> allowed;
  bool keep_suspended = false, notice = false, dry_run = false;
};

TransferOptions options_of(const Transferring& given, const StateFormats& formats,
                           ProgressDisplay& display) {
  TransferOptions options;
  options.formats = given.formats.choice(formats);
  options.resume = !given.keep_suspended;
  options.notice = given.notice;
  options.allowed = given.allowed;
  options.dry_run = given.dry_run;
  options.progress = display.callback();
  return options;
}

Json end_of(const std::string& device, std::uint16_t cntlid, bool suspended) {
  return {{"device", device}, {"controller_id", cntlid}, {"suspended", suspended}};
}

Outcome report(const Transferring& given, SessionPair& pair, std::uint16_t from, std::uint16_t to,
               const TransferResult& result) {
  Outcome outcome;
  auto& document = outcome.document;
  document = {{"dry_run", given.dry_run},
              {"changed", true},
              {"source", end_of(given.source, from, true)},
              {"destination", end_of(given.destination, to, !result.resumed)},
              {"formats", json_of(result.formats)},
              {"resumed", result.resumed}};
  add(document, result.figures);
  document["findings"] = json_of(result.findings);
  outcome.text = "controlled function " + label_of(pair.source->function(from)) + " of " +
                 given.source + (given.dry_run ? " would move to " : " moved to ") +
                 label_of(pair.destination->function(to)) + " of " + given.destination + '\n';
  if (!given.dry_run) {
    outcome.text += "  " + text_of(result.figures) + "\n  the destination " +
                    (result.resumed ? "runs" : "stays suspended") +
                    "; the source is away: unbind it once its VM has ended\n" +
                    next_steps({},
                               {{.action = Remedy::Action::unbind,
                                 .device = given.source,
                                 .function = from}},
                               4);
  }
  outcome.text += text_of(result.findings);
  return outcome;
}

Outcome run(Context& context, const Transferring& given) {
  auto pair = context.open_pair(given.source, given.destination);
  const auto from = select_one(pair.source->topology(), given.from, "transfer").cntlid;
  const auto to = select_one(pair.destination->topology(), given.to, "transfer").cntlid;
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, pair.source->query().formats, display);
  const auto result = transfer_state(*pair.source, from, *pair.destination, to, options);
  return report(given, pair, from, to, result);
}

}  // namespace

Runner declare_transfer(Options& options) {
  const auto given = std::make_shared<Transferring>();
  options.device("SRC", given->source, "The controlling function of the source");
  options.positional("SRC-ID", given->from, "The controlled function that is moved",
                     Completes::marked_functions);
  options.device("DST", given->destination, "The controlling function of the destination");
  options.positional("DST-ID", given->to, "The controlled function that it is moved to",
                     Completes::marked_functions);
  options.flag("--keep-suspended", given->keep_suspended,
               "Keep the destination suspended, too; 'nvmigrate resume' lets it run");
  given->formats.declare(options);
  options.flag("--notice", given->notice,
               "Announce the suspend of the source to the device first (a notification, STYPE 0)");
  options.choices("--allow", given->allowed, overrides_of("transfer"),
                  "Allow the one condition of this name; may be repeated", "NAME");
  declare_progress(options, given->progress);
  options.dry_run(given->dry_run);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
