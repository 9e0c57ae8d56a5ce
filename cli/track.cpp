// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/migrate/migrate.h"

namespace nvmigrate::cli {
namespace {

struct Tracking : Changing {
  std::vector<std::string> ranges;
  std::optional<std::uint64_t> granule;
  bool user_data = false;
};

/// `0x100000000:4G`
MemoryRange range_of(const std::string& text) {
  const auto colon = text.find(':');
  const auto address = parse_size(std::string_view{text}.substr(0, colon));
  const auto bytes = colon == std::string::npos
                         ? std::nullopt
                         : parse_size(std::string_view{text}.substr(colon + 1));
  if (!address || !bytes) {
    throw usage_error("--range: '" + text + "' is not a start and a size",
                      "for example --range 0x100000000:4G");
  }
  return {*address, *bytes};
}

TrackOptions options_of(const Tracking& given) {
  TrackOptions options{.granule = given.granule,
                       .user_data = given.user_data,
                       .dry_run = given.dry_run,
                       .allowed = given.allowed};
  for (const auto& text : given.ranges)
    options.ranges.push_back(range_of(text));
  return options;
}

Json objects_of(const std::vector<MemoryRange>& ranges) {
  Json list = Json::array();
  for (const auto& range : ranges)
    list.push_back({{"address", range.address}, {"bytes", range.bytes}});
  return list;
}

/// `controlled function 1 (vf 1): `, and the beginning of the document.
Outcome outcome_of(Json document, Session& session, std::uint16_t cntlid) {
  const auto& function = session.function(cntlid);
  document["controller_id"] = cntlid;
  document["virtual_function"] = vfn_or_null(function.vfn);
  return {.document = std::move(document), .text = describe(function) + ": "};
}

Outcome start(Context& context, const Tracking& given) {
  const auto options = options_of(given);
  const auto session = context.open(given.device);
  const auto cntlid = select_one(session->topology(), given.functions, "track").cntlid;
  const auto granule = start_tracking(*session, cntlid, options);
  auto outcome = outcome_of(given.document(true), *session, cntlid);
  outcome.document["granularity"] = granule;
  outcome.document["ranges"] = objects_of(options.ranges);
  outcome.text += std::string(given.dry_run ? "would be " : "") + "tracked with a granularity of " +
                  format_size(granule) + '\n';
  return outcome;
}

Outcome read(Context& context, const Tracking& given) {
  const auto session = context.open(given.device);
  const auto cntlid = select_one(session->topology(), given.functions, "track").cntlid;
  const auto memory = read_tracked(*session, cntlid, given.allowed);
  auto outcome = outcome_of({{"device", given.device}}, *session, cntlid);
  outcome.document["granularity"] = memory.granule;
  outcome.document["more"] = memory.more;
  outcome.document["suspended"] = memory.suspended;
  outcome.document["ranges"] = objects_of(memory.ranges);
  std::uint64_t bytes = 0;
  std::string lines;
  for (const auto& range : memory.ranges) {
    bytes += range.bytes;
    lines += to_hex(range.address) + ":" + std::to_string(range.bytes) + '\n';
  }
  context.note(outcome.text + format_size(bytes) + " changed" +
               (memory.more ? "; there is more to read" : "") +
               (memory.suspended ? "; it is suspended" : ""));
  outcome.text = lines;
  return outcome;
}

Outcome stop(Context& context, const Tracking& given) {
  const auto session = context.open(given.device);
  const auto cntlid = select_one(session->topology(), given.functions, "track").cntlid;
  stop_tracking(*session, cntlid, {.dry_run = given.dry_run, .allowed = given.allowed});
  auto outcome = outcome_of(given.document(true), *session, cntlid);
  outcome.text += std::string(given.dry_run ? "would no longer be" : "no longer") + " tracked\n";
  return outcome;
}

std::shared_ptr<Tracking> declared(Options& options) {
  auto given = std::make_shared<Tracking>();
  options.device("DEVICE", given->device, "The controlling function");
  options.positional("ID", given->functions, "One controlled function: 3, 0x3, vf2, 0000:01:00.1",
                     Completes::marked_functions);
  return given;
}

}  // namespace

Runner declare_track_start(Options& options) {
  const auto given = declared(options);
  options.texts("--range", given->ranges,
                "Host memory to track, as the function addresses it; may be repeated",
                "START:SIZE");
  options.alternative();
  options.flag("--user-data", given->user_data,
               "Log changes of user data: always refused, with the reason");
  options.alternative();
  options.size("--granularity", given->granule, "Unit in which changes are told [the finest]");
  options.dry_run(given->dry_run);
  given->declare_allow(options, "track");
  return [given](Context& context) { return start(context, *given); };
}

Runner declare_track_read(Options& options) {
  const auto given = declared(options);
  given->declare_allow(options, "track");
  return [given](Context& context) { return read(context, *given); };
}

Runner declare_track_stop(Options& options) {
  const auto given = declared(options);
  options.dry_run(given->dry_run);
  given->declare_allow(options, "track");
  return [given](Context& context) { return stop(context, *given); };
}

}  // namespace nvmigrate::cli
