// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "cli/json.h"
#include "cli/migration.h"
#include "cli/progress.h"
#include "cli/ssh.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/remote/peer.h"

namespace nvmigrate::cli {
namespace {

struct Transferring {
  std::string source, from, destination, to, progress = "auto";
  FormatOptions formats;
  ChunkOption chunk;
  std::vector<std::string> allowed;
  SshOptions ssh;
  bool keep_suspended = false, notice = false, settle = false, dry_run = false;
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

std::string moved_text(const Transferring& given, std::uint16_t from,
                       const MigrationFigures& figures, bool resumed) {
  return "  " + text_of(figures) + "\n  the destination " + (resumed ? "runs" : "stays suspended") +
         "; the source is away: unbind it once its VM has ended\n" +
         next_steps(
             {}, {{.action = Remedy::Action::unbind, .device = given.source, .function = from}}, 4);
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
  if (!given.dry_run) outcome.text += moved_text(given, from, result.figures, result.resumed);
  outcome.text += text_of(result.findings);
  return outcome;
}

/// Passes --wait and --timeout on to the other host.
SshOptions ssh_of(const Context& context, const Transferring& given) {
  const auto seconds = [](const char* option, std::chrono::milliseconds time) {
    return option + std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  auto ssh = given.ssh;
  const auto& globals = context.globals();
  if (globals.wait > std::chrono::milliseconds{0}) ssh.options += seconds(" --wait ", globals.wait);
  if (globals.timeout) ssh.options += seconds(" --timeout ", *globals.timeout);
  return ssh;
}

/// Runs `what` with a connection to the other host. If the connection ends early, the error has the
/// exit status of ssh.
template <typename What>
auto connected(const Context& context, const Transferring& given, const What& what) {
  const auto target = parse_ssh(given.destination);
  if (target.device.empty()) {
    throw usage_error("'" + given.destination + "' names no device",
                      "name it as ssh://[USER@]HOST[:PORT]/DEVICE");
  }
  SshConnection ssh(target, ssh_of(context, given));
  const Peer peer{.in = ssh.in(),
                  .out = ssh.out(),
                  .host = target.host,
                  .url = target.url(),
                  .device = target.device,
                  .function = given.to};
  try {
    return what(peer);
  } catch (Error& error) {
    if (error.code() == "connection_lost" || error.code() == "connection") {
      const int status = ssh.end();
      if (status != 0) error.add_advice("ssh ended with status " + std::to_string(status));
    }
    throw;
  }
}

Json end_of_peer(const Transferring& given, const std::string& host, std::uint16_t cntlid,
                 bool suspended) {
  auto end = end_of(given.destination, cntlid, suspended);
  end["host"] = host;
  return end;
}

Outcome report(const Transferring& given, Session& source, std::uint16_t from,
               const PeerTransferResult& result) {
  Outcome outcome;
  auto& document = outcome.document;
  document = {{"dry_run", given.dry_run},
              {"changed", true},
              {"source", end_of(given.source, from, true)},
              {"destination", end_of_peer(given, result.host, result.cntlid, !result.resumed)},
              {"formats", json_of(result.formats)},
              {"resumed", result.resumed}};
  add(document, result.figures);
  document["destination_blackout_us"] =
      std::chrono::duration_cast<std::chrono::microseconds>(result.destination_blackout).count();
  document["findings"] = json_of(result.findings);
  outcome.text = "controlled function " + label_of(source.function(from)) + " of " + given.source +
                 (given.dry_run ? " would move to " : " moved to ") +
                 label_of(result.cntlid, result.vfn) + " of " + given.destination + '\n';
  if (!given.dry_run) outcome.text += moved_text(given, from, result.figures, result.resumed);
  outcome.text += text_of(result.findings);
  return outcome;
}

Outcome run_to_peer(Context& context, const Transferring& given) {
  const auto session = context.open(given.source);
  given.chunk.check(*session);
  const auto from = select_one(session->topology(), given.from, "transfer").cntlid;
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, session->query().formats, display);
  return connected(context, given, [&](const Peer& peer) {
    return report(given, *session, from, transfer_to_peer(*session, from, peer, options));
  });
}

std::string_view sentence_of(Settlement settlement) {
  switch (settlement) {
    case Settlement::nothing:
      return "the destination is not in doubt about a transfer";
    case Settlement::committed:
      return "the transfer was committed: the guest is the destination's";
    case Settlement::aborted:
      return "the transfer was not committed: the guest is the source's";
  }
  return {};
}

Outcome settle(Context& context, const Transferring& given) {
  const auto session = context.open(given.source);
  const auto from = select_one(session->topology(), given.from, "transfer").cntlid;
  return connected(context, given, [&](const Peer& peer) {
    const bool suspended = session->ask(from).suspended().value_or(true);
    const auto result = settle_with_peer(*session, from, peer, given.dry_run);
    const bool doubted = result.settlement != Settlement::nothing;
    Outcome outcome;
    outcome.document = {
        {"dry_run", given.dry_run},
        {"changed", doubted},
        {"source", end_of(given.source, from, suspended)},
        {"destination", end_of_peer(given, result.host, result.cntlid, result.status != "running")},
        {"settlement", to_string(result.settlement)},
        {"status", result.status}};
    outcome.text = std::string{sentence_of(result.settlement)} + "\n  status of " +
                   given.destination + " " + given.to + ": " + result.status + '\n';
    return outcome;
  });
}

Outcome run(Context& context, const Transferring& given) {
  if (given.settle && !is_ssh(given.destination)) {
    throw usage_error("--settle is for a destination on another host",
                      "a transfer on this host is one write of the journal, and never in doubt");
  }
  if (given.settle) return settle(context, given);
  given.chunk.apply(context);
  if (is_ssh(given.destination)) return run_to_peer(context, given);
  auto pair = context.open_pair(given.source, given.destination);
  given.chunk.check(*pair.source);
  given.chunk.check(*pair.destination);
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
  options.device("DST", given->destination,
                 "The controlling function of the destination; of another host "
                 "ssh://[USER@]HOST[:PORT]/DEVICE");
  options.positional("DST-ID", given->to, "The controlled function that it is moved to",
                     Completes::marked_functions);
  options.flag("--keep-suspended", given->keep_suspended,
               "Keep the destination suspended, too; 'nvmigrate resume' lets it run");
  given->formats.declare(options);
  given->chunk.declare(options);
  options.flag("--notice", given->notice,
               "Announce the suspend of the source to the device first (a notification, STYPE 0)");
  options.choices("--allow", given->allowed, overrides_of("transfer"),
                  "Allow the one condition of this name; may be repeated", "NAME");
  options.text("--ssh-command", given->ssh.command,
               "The ssh to connect with, and its options [ssh]", "COMMAND");
  options.setting();
  options.text("--remote-program", given->ssh.program,
               "The nvmigrate of the other host [nvmigrate]", "PATH");
  options.setting();
  options.flag(
      "--settle", given->settle,
      "Move nothing; tell the destination of a transfer that was cut off who has the guest");
  declare_progress(options, given->progress);
  options.dry_run(given->dry_run);
  return [given](Context& context) { return run(context, *given); };
}

Runner declare_receive(Options& /*options*/) {
  return [](Context& context) {
    const auto& environment = context.environment();
    const auto served = serve_peer(context.workspace(), environment.input, environment.output);
    Outcome outcome{.raw_text = true};
    outcome.document = {{"changed", served.changed}, {"controller_id", or_null(served.cntlid)}};
    if (served.failure) outcome.document["error"] = json_of(*served.failure);
    return outcome;
  };
}

}  // namespace nvmigrate::cli
