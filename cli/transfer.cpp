// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "cli/json.h"
#include "cli/migration.h"
#include "cli/progress.h"
#include "cli/ssh.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/numbers.h"
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

/// What became of one of several functions.
struct Moved {
  Json document;
  std::string text;
  std::exception_ptr failure;
};

Json end_of(const std::string& device, std::uint16_t cntlid, bool suspended) {
  return {{"device", device}, {"controller_id", cntlid}, {"suspended", suspended}};
}

/// What both kinds of transfer tell.
template <typename Result>
Moved moved(const Transferring& given, const ControlledFunction& from, const std::string& to,
            const Json& destination, const Result& result) {
  Moved one;
  one.document = {{"source", end_of(given.source, from.cntlid, true)},
                  {"destination", destination},
                  {"formats", json_of(result.formats)},
                  {"resumed", result.resumed}};
  add(one.document, result.figures);
  one.document["findings"] = json_of(result.findings);
  one.text = "controlled function " + label_of(from) + " of " + given.source +
             (given.dry_run ? " would move to " : " moved to ") + to + " of " + given.destination;
  if (given.dry_run) {
    one.text += '\n';
  } else {
    one.text += (result.resumed ? ", and runs there; " : ", and stays suspended; ") +
                blackout_text(result.figures) + "\n  " + text_of(result.figures) + '\n';
  }
  one.text += text_of(result.findings);
  return one;
}

/// The next step for the sources of guests that moved.
std::string remains_text(const Transferring& given, const std::vector<Moved>& all) {
  std::vector<std::string> ids;
  for (const auto& one : all) {
    if (!one.failure) ids.push_back(one.document.at("source").at("controller_id").dump());
  }
  if (ids.empty() || given.dry_run) return {};
  const bool one = ids.size() == 1;
  return std::string{one ? "the source is away: unbind it once its VM has ended"
                         : "the sources are away: unbind each once its VM has ended"} +
         "\n  -> " + cli::line_of({"nvmigrate", "unbind", given.source, joined(ids, ",")}) + '\n';
}

/// The document of one transfer has its members at the top, too.
Outcome report(Context& context, const Transferring& given, const std::vector<Moved>& all) {
  Failures failures;
  for (const auto& one : all)
    failures.push_back(one.failure);
  Outcome outcome{.status = cli::status_of(failures)};
  const bool changed = std::find(failures.begin(), failures.end(), nullptr) != failures.end();
  outcome.document = {{"dry_run", given.dry_run}, {"changed", changed}};
  if (all.size() == 1) outcome.document.update(all.front().document);
  auto& list = outcome.document["transfers"] = Json::array();
  for (const auto& one : all) {
    auto document = one.document;
    document["error"] = failure_json(one.failure);
    list.push_back(std::move(document));
    outcome.text += one.text;
  }
  outcome.text += remains_text(given, all);
  tell(context, failures);
  return outcome;
}

/// One function after the other, so that each is suspended only for its own transfer. One that
/// fails does not stop the next, but a stop signal does.
std::vector<Moved> move_all(const Transferring& given, Session& source,
                            const std::vector<std::pair<std::uint16_t, std::string>>& pairs,
                            const std::function<Moved(std::uint16_t, const std::string&)>& move) {
  std::vector<Moved> all;
  for (const auto& [from, to] : pairs) {
    try {
      stop_if_interrupted("this function was not moved");
      all.push_back(move(from, to));
    } catch (...) {
      all.push_back({.document = {{"source", {{"device", given.source}, {"controller_id", from}}},
                                  {"destination",
                                   {{"device", given.destination},
                                    {"controller_id", or_null(parse_number(to))}}}},
                     .text = failure_text("controlled function " + label_of(source.function(from)) +
                                              " of " + given.source,
                                          std::current_exception()),
                     .failure = std::current_exception()});
    }
  }
  return all;
}

/// The functions that the words mean, in the order of the words.
std::vector<std::uint16_t> in_order(const Topology& topology, const std::string& words) {
  select(topology, words, "transfer");
  std::vector<std::uint16_t> ids;
  for (const auto& pick : resolve(topology, words)) {
    if (std::find(ids.begin(), ids.end(), *pick.cntlid) != ids.end()) {
      throw usage_error("'" + words + "' names " + describe(*pick.function) + " twice");
    }
    ids.push_back(*pick.cntlid);
  }
  return ids;
}

/// The words of a list for another host, which knows what they mean; ranges of numbers are spelt
/// out.
std::vector<std::string> words_for_peer(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t from = 0, to = 0; to < list.size(); from = to + 1) {
    to = std::min(list.find(',', from), list.size());
    const auto word = list.substr(from, to - from);
    const auto dash = word.find('-');
    const auto first = parse_number(word.substr(0, dash));
    const auto last =
        dash == std::string::npos ? std::nullopt : parse_number(word.substr(dash + 1));
    if (!first || !last || *last < *first || *last > 0xFFFF) {
      words.push_back(word);
      continue;
    }
    for (auto id = *first; id <= *last; ++id)
      words.push_back(std::to_string(id));
  }
  return words;
}

/// The first source with the first destination, and so on.
std::vector<std::pair<std::uint16_t, std::string>> pairs_of(const std::vector<std::uint16_t>& from,
                                                            const std::vector<std::string>& to) {
  if (from.size() != to.size()) {
    throw usage_error(
        plural(from.size(), "source") + " cannot move to " + plural(to.size(), "destination"),
        "name as many destinations as sources, in the same order");
  }
  std::vector<std::pair<std::uint16_t, std::string>> pairs;
  for (std::size_t i = 0; i < from.size(); ++i)
    pairs.emplace_back(from[i], to[i]);
  return pairs;
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
auto connected(const Context& context, const Transferring& given, const std::string& to,
               const What& what) {
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
                  .function = to};
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

Moved move_to_peer(const Transferring& given, Session& source, std::uint16_t from, const Peer& peer,
                   const TransferOptions& options) {
  const auto result = transfer_to_peer(source, from, peer, options);
  auto one = moved(given, source.function(from), label_of(result.cntlid, result.vfn),
                   end_of_peer(given, result.host, result.cntlid, !result.resumed), result);
  one.document["destination_blackout_us"] =
      std::chrono::duration_cast<std::chrono::microseconds>(result.destination_blackout).count();
  return one;
}

Outcome run_to_peer(Context& context, const Transferring& given) {
  const auto session = context.open(given.source);
  given.chunk.check(*session);
  const auto pairs = pairs_of(in_order(session->topology(), given.from), words_for_peer(given.to));
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, session->query(pairs.front().first).formats, display);
  const auto all = move_all(given, *session, pairs, [&](std::uint16_t from, const std::string& to) {
    return connected(context, given, to, [&](const Peer& peer) {
      return move_to_peer(given, *session, from, peer, options);
    });
  });
  return report(context, given, all);
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
  return connected(context, given, given.to, [&](const Peer& peer) {
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
  std::vector<std::string> destinations;
  for (const auto id : in_order(pair.destination->topology(), given.to))
    destinations.push_back(std::to_string(id));
  const auto pairs = pairs_of(in_order(pair.source->topology(), given.from), destinations);
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, pair.source->query(pairs.front().first).formats, display);
  const auto all =
      move_all(given, *pair.source, pairs, [&](std::uint16_t from, const std::string& word) {
        const auto& to = select_one(pair.destination->topology(), word, "transfer");
        const auto result =
            transfer_state(*pair.source, from, *pair.destination, to.cntlid, options);
        return moved(given, pair.source->function(from),
                     label_of(pair.destination->function(to.cntlid)),
                     end_of(given.destination, to.cntlid, !result.resumed), result);
      });
  return report(context, given, all);
}

}  // namespace

Runner declare_transfer(Options& options) {
  const auto given = std::make_shared<Transferring>();
  options.device("SRC", given->source, "The controlling function of the source");
  options.functions(given->from, Completes::marked_functions, "SRC-IDS");
  options.device("DST", given->destination,
                 "The controlling function of the destination; of another host "
                 "ssh://[USER@]HOST[:PORT]/DEVICE");
  options.positional("DST-IDS", given->to,
                     "The controlled functions that they are moved to, in the same order",
                     Completes::marked_functions);
  options.flag("--keep-suspended", given->keep_suspended,
               "Keep the destination suspended, too; 'nvmigrate resume' lets it run");
  given->formats.declare(options);
  given->chunk.declare(options);
  options.backend();
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
