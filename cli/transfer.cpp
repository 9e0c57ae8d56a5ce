// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/transfer.h"

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/migration.h"
#include "cli/progress.h"

namespace nvmigrate::cli {
namespace {

struct Given {
  std::string source, from, destination, to, progress = "auto";
  FormatOptions formats;
  std::vector<std::string> allowed;
  bool keep_suspended = false, notice = false, dry_run = false;
};

/// Both controlling functions, each with its lock; or one lock and one journal for both when they
/// are of one subsystem.
class Pair {
 public:
  Pair(Context& context, const Given& given) {
    const auto nqn_of = [&](const std::string& device) {
      return context.open(device).subsystem_nqn;
    };
    const auto open = [&](const std::string& device) {
      return given.dry_run ? context.open(device) : context.open_to_change(device);
    };
    const auto source = nqn_of(given.source);
    const auto destination = nqn_of(given.destination);
    // Always in the same order, so that two transfers cannot wait for each other.
    if (source == destination) {
      source_.emplace(context, open(given.source));
      destination_.emplace(context, context.open(given.destination), &source_->journal());
    } else if (source < destination) {
      source_.emplace(context, open(given.source));
      destination_.emplace(context, open(given.destination));
    } else {
      destination_.emplace(context, open(given.destination));
      source_.emplace(context, open(given.source));
    }
  }

  [[nodiscard]] MigrationAccess& source() { return *source_; }
  [[nodiscard]] MigrationAccess& destination() { return *destination_; }

 private:
  std::optional<MigrationAccess> source_, destination_;
};

TransferOptions options_of(const Given& given, const StateFormats& formats,
                           ProgressDisplay& display) {
  TransferOptions options;
  options.formats = given.formats.choice(formats);
  options.resume = !given.keep_suspended;
  options.notice = given.notice;
  options.allowed = given.allowed;
  options.progress = display.callback();
  return options;
}

Json end_of(const std::string& device, const ControlledFunction& function, bool suspended) {
  return {{"device", device}, {"controller_id", function.cntlid}, {"suspended", suspended}};
}

Outcome report(const Given& given, const ControlledFunction& from, const ControlledFunction& to,
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
  const auto ends = "controlled function " + label_of(from) + " of " + given.source +
                    (given.dry_run ? " would move to " : " moved to ") + label_of(to) + " of " +
                    given.destination;
  outcome.text = ends + '\n';
  if (!given.dry_run) {
    outcome.text += "  " + text_of(result.figures) + "\n  the destination " +
                    (result.resumed ? "runs" : "stays suspended") +
                    ", the source stays suspended and must not be resumed\n";
  }
  outcome.text += text_of(result.findings);
  return outcome;
}

TransferResult plan(MigrationSide& source, std::uint16_t from, MigrationSide& destination,
                    std::uint16_t to, const TransferOptions& options) {
  auto check = check_transfer(source, from, destination, to, options);
  refuse_if_any_stands(check.findings, "move the state of " + source.name_of(from) + " to " +
                                           destination.name_of(to));
  return {.formats = check.formats,
          .resumed = options.resume,
          .figures = {},
          .findings = std::move(check.findings)};
}

Outcome run(Context& context, const Given& given) {
  Pair pair(context, given);
  const auto& from = select_one(pair.source().topology(), given.from);
  const auto& to = select_one(pair.destination().topology(), given.to);
  auto& source = pair.source().side();
  auto& destination = pair.destination().side();
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, source.query.formats, display);
  const auto work = given.dry_run ? plan : transfer_state;
  return report(given, from, to, work(source, from.cntlid, destination, to.cntlid, options));
}

}  // namespace

Runner declare_transfer(Options& options) {
  const auto given = std::make_shared<Given>();
  options.positional("SRC", given->source, "The controlling function of the source", Offer::device);
  options.positional("SRC-ID", given->from, "The controlled function that is moved",
                     Offer::marked_functions);
  options.positional("DST", given->destination, "The controlling function of the destination",
                     Offer::device);
  options.positional("DST-ID", given->to, "The controlled function it is moved to",
                     Offer::marked_functions);
  options.flag("--keep-suspended", given->keep_suspended,
               "Leave the destination suspended, too; nvmigrate resume lets it run");
  given->formats.declare(options);
  options.flag("--notice", given->notice,
               "Announce the Suspend of the source to the device first (a notification, STYPE 0)");
  declare_allow(options, given->allowed, "transfer");
  declare_progress(options, given->progress);
  declare_dry_run(options, given->dry_run);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
