// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include "nvmigrate/conditions/fact.h"

namespace nvmigrate {
namespace {

using enum Verb;

constexpr Verbs loading = import_state | transfer;
constexpr Verbs reading_or_loading = Verbs(export_state) | loading;

constexpr auto state = "the state";

/// What the decoder of states finds and describes itself.
constexpr Condition of_decoder(std::string_view code, Verbs overrides) {
  return {.code = code,
          .looks_at = state,
          .sentence = "",
          .status = ExitStatus::bad_state,
          .blocks = reading_or_loading,
          .overrides = overrides};
}

/// The state does not fit the destination.
constexpr Condition misfit(Condition row, Verbs overrides = {}) {
  if (row.looks_at.empty()) row.looks_at = state;
  row.status = ExitStatus::bad_state;
  row.blocks = loading;
  row.overrides = overrides;
  return row;
}

/// The guest of the state may run already.
constexpr Condition second_copy(Condition row) {
  if (row.advice.empty()) row.advice = "two copies of one guest must never run";
  row.blocks = row.overrides = import_state;
  return row;
}

constexpr Condition oddity_of_decoder(std::string_view code) {
  return {.code = code, .looks_at = state, .sentence = "", .warns = reading_or_loading};
}

constexpr std::array state_rows{
    misfit({.code = "simulated",
            .sentence =
                "the state comes from a {source} function, but the destination is {destination}"},
           loading),
    misfit({.code = "model",
            .sentence = "the model of the source was '{source}', that of the destination is "
                        "'{destination}'"},
           loading),
    misfit({.code = "firmware",
            .sentence = "the firmware of the source was '{source}', that of the destination is "
                        "'{destination}'{and}"},
           loading),
    misfit({.code = "backend",
            .sentence = "the state was read by the backend '{source}', and the destination has "
                        "'{destination}'",
            .advice = "load it into a function that is marked for that backend"}),
    misfit(
        {.code = "namespaces_differ",
         .looks_at = "the state, and the namespaces attached to the destination (Identify CNS 10h "
                     "to 12h)",
         .sentence = "the namespaces of the source were {source}, those of {function} are "
                     "{destination}",
         .advice = "attach namespaces with the same ids, sizes and formats"},
        loading),
    misfit({.code = "subsystem_state",
            .looks_at = "the state, and whether the device answers Migration Receive with SEL 1h",
            .sentence = "the state contains that of an exported NVM subsystem, which {device} does "
                        "not support",
            .advice = "name a destination that has one; without it, the guest may find features "
                      "changed"},
           loading),
    Condition{.code = "subsystem_state_left_out",
              .looks_at = "whether the device answers Migration Receive with SEL 1h",
              .sentence = "a raw state cannot contain the state of the exported NVM subsystem that "
                          "{function} belongs to",
              .advice = "export a state file, which contains both; without it, the guest may find "
                        "features changed",
              .blocks = Verb::export_state,
              .overrides = Verb::export_state},
    misfit(
        {.code = "no_formats", .sentence = "the state names no format that it could be loaded in"}),
    misfit({.code = "version",
            .sentence = "{device} does not know version {version} of the NVMe controller state"}),
    misfit(
        {.code = "vendor_format", .sentence = "{device} does not know the vendor format {format}"}),
    misfit({.code = "state_layout",
            .sentence = "the state is {format}, and the backend {backend} loads {formats}",
            .advice = "load it through the backend that read it"},
           loading),
    misfit({.code = "state_too_large",
            .looks_at = "the state, and what the backend can load at once",
            .sentence = "{what} has {bytes} bytes, and the backend {backend} can load at most "
                        "{most} into {function}",
            .advice = "name a destination that takes more"}),
    Condition{.code = "same_function",
              .looks_at = state,
              .sentence = "the state was read from the same function",
              .warns = loading},
    Condition{.code = "raw",
              .looks_at = state,
              .sentence = "a raw state does not say where it comes from",
              .warns = loading},
    second_copy({.code = "source_runs",
                 .looks_at = "the devices of this host",
                 .sentence =
                     "the source, {source}, is not suspended; two copies of one guest must never "
                     "run",
                 .advice = "suspend the source and export it again"}),
    second_copy({.code = "source_unknown",
                 .looks_at = "the devices of this host",
                 .sentence = "the device does not say whether the source, {source}, is suspended: "
                             "{reason}"}),
    second_copy({.code = "source_away",
                 .looks_at = "the journal",
                 .sentence = "the guest of the source, {source}, was already moved{to}"}),
    second_copy({.code = "loaded_before",
                 .looks_at = "the ledger of loading in the journal",
                 .sentence = "this state was loaded before, into controller {id} of {place}{by}"}),
    second_copy({.code = "source_resumed",
                 .looks_at = "the end of the state file, and the ledger in the journal",
                 .sentence = "the source was resumed after this state was read{by}",
                 .advice = "its guest went on without it, so it is out of date"}),
    Condition{.code = "queues_exist",
              .looks_at = "the device",
              .sentence = "{function} has {count} I/O queues already: a guest, or a state that was "
                          "loaded before",
              .advice = "name a function without a guest; to reset this one ends its guest",
              .blocks = loading,
              .overrides = loading},
    misfit({.code = "queues",
            .looks_at = looked_at::secondary_list,
            .sentence = "the state has I/O queues up to id {highest}, and {function} has {count} "
                        "queues, the admin queue included",
            .advice = "provision it with more queues"},
           loading),
    misfit({.code = "interrupts",
            .looks_at = looked_at::secondary_list,
            .sentence = "the state uses {used} interrupt vectors, and {function} has {count}",
            .advice = "provision it with more interrupts"},
           loading),
    misfit({.code = "queue_depth",
            .looks_at = "CAP.MQES as far as the kernel tells it",
            .sentence = "the state has a queue of {count} entries, and {device} takes at most "
                        "{most}"},
           loading),
    Condition{.code = "state_size",
              .looks_at = "the device",
              .sentence = "the vendor part has {part}, and the whole state of the destination has "
                          "{whole} now",
              .warns = loading},
    of_decoder("queue_id", reading_or_loading),
    of_decoder("queue_order", reading_or_loading),
    of_decoder("queue_size", reading_or_loading),
    of_decoder("queue_pointer", reading_or_loading),
    of_decoder("completion_queue", reading_or_loading),
    of_decoder("queue_count", reading_or_loading),
    of_decoder("header_version", reading_or_loading),
    of_decoder("nvme_size", reading_or_loading),
    of_decoder("too_short", export_state),
    of_decoder("too_long", export_state),
    of_decoder("one_dword_short", export_state),
    oddity_of_decoder("not_suspended"),
    oddity_of_decoder("empty"),
    oddity_of_decoder("nvme_version"),
    oddity_of_decoder("slack"),
    oddity_of_decoder("reserved"),
};

}  // namespace

std::span<const Condition> conditions_of_states() noexcept { return state_rows; }

}  // namespace nvmigrate
