// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/fit.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/guest.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/session/sentences.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

/// Which states have a layout.
std::string states_of(StateLayout layout, bool one) {
  if (layout == StateLayout::opaque) return one ? "in a format of its backend" : "only its own";
  return one ? "a controller state of the specification"
             : "only controller states of the specification";
}

std::string kind_of(bool simulated) { return simulated ? "simulated" : "real"; }

std::uint32_t deepest_of(const auto& queues) {
  std::uint32_t deepest = 0;
  for (const auto& queue : queues)
    deepest = std::max(deepest, queue.entries);
  return deepest;
}

std::uint32_t highest_of(const auto& queues) {
  std::uint32_t highest = 0;
  for (const auto& queue : queues)
    highest = std::max<std::uint32_t>(highest, queue.id);
  return highest;
}

/// Whether a line of the ledger may be about the same guest: equal bytes of two functions, as of
/// idle ones, are not the same state.
bool may_be_of(const LedgerLine& line, const StateIdentity* identity) {
  if (identity == nullptr || !line.source) return true;
  if (line.source_cntlid != identity->controller) return false;
  if (identity->serial.empty()) return line.source->nqn == identity->subsystem_nqn;
  const SubsystemKey source{identity->subsystem_nqn, identity->serial};
  return line.source->is_recorded_as(source) || source.is_recorded_as(*line.source);
}

/// Whether a record may be about the state. Before the state was read, any record may be.
bool is_about(const Intent& intent, const StateEnd* end) {
  return end == nullptr || detail_of(intent, digest_detail) == to_string(end->sha256);
}

std::uint32_t vectors_of(const std::vector<CompletionQueue>& queues) {
  std::uint32_t vectors = 0;
  for (const auto& queue : queues) {
    if (queue.interrupts) vectors = std::max<std::uint32_t>(vectors, queue.vector + 1U);
  }
  return vectors;
}

}  // namespace

Fit::Fit(Judge& judge, Session& session, std::uint16_t cntlid)
    : judge_(&judge), session_(&session), function_(&session.function(cntlid)) {}

void Fit::add(std::string_view code, Words words) {
  judge_->add(fact_of(code, session_->device(), *function_, std::move(words)));
}

void Fit::look_at(const Candidate& candidate) {
  if (candidate.identity != nullptr) {
    look_at_source(*candidate.identity);
    if (candidate.origin != nullptr) look_at_origin(*candidate.origin, candidate.end);
  } else {
    add("raw");
  }
  if (candidate.end != nullptr) look_at_past(*candidate.end, candidate.identity);
  const bool other = candidate.identity != nullptr && !is_ours(candidate.identity->backend);
  if (!other) look_at_formats(candidate.formats);
  if (!other && candidate.layout) look_at_layout(*candidate.layout);
  if (!other && candidate.end != nullptr) {
    look_at_sizes(candidate.end->size, candidate.subsystem_bytes);
  }
  if (candidate.decoded != nullptr) look_at_state(*candidate.decoded);
  if (candidate.destination) look_at_destination(candidate);
}

void Fit::look_at_source(const StateIdentity& identity) {
  const auto& ours = session_->identity();
  look_at_backend(identity);
  if (identity.simulated != session_->simulated()) {
    add("simulated",
        {{"source", kind_of(identity.simulated)}, {"destination", kind_of(session_->simulated())}});
  }
  if (identity.model != ours.model || identity.vendor_id != ours.vendor) {
    const bool same = identity.model == ours.model;
    const auto vendor = [&](std::uint16_t id) {
      return same ? fmt::format(", PCI vendor {:04x}h", id) : std::string{};
    };
    add("model", {{"source", identity.model + vendor(identity.vendor_id)},
                  {"destination", ours.model + vendor(ours.vendor)}});
  }
  look_at_firmware(identity);
  look_at_namespaces(identity);
  if (identity.subsystem_state && !has_subsystem_state(*session_, function_->cntlid)) {
    add("subsystem_state");
  }
  if (is_of(identity, *session_) && identity.controller == function_->cntlid) add("same_function");
}

bool Fit::is_ours(const std::string& backend) const {
  return session_->backend(function_->cntlid).name() == backend;
}

void Fit::look_at_backend(const StateIdentity& identity) {
  const std::string backend{session_->backend(function_->cntlid).name()};
  if (is_ours(identity.backend)) return;
  auto fact = fact_of("backend", session_->device(), *function_,
                      {{"source", identity.backend}, {"destination", backend}});
  const auto able = session_->able(function_->cntlid);
  const bool could = std::find(able.begin(), able.end(), identity.backend) != able.end();
  if (could) fact.remedies = {session_->to_mark(function_->cntlid, identity.backend)};
  judge_->add(fact);
}

void Fit::look_at_firmware(const StateIdentity& identity) {
  const auto& ours = session_->identity().firmware;
  if (identity.firmware == ours) return;
  const bool matters = identity.formats.vendor.has_value();
  const auto fact = fact_of("firmware", session_->device(), *function_,
                            {{"source", identity.firmware},
                             {"destination", ours},
                             {"and", matters ? ", and the state has a vendor part" : ""}});
  if (matters) {
    judge_->add(fact);
  } else {
    judge_->add(told(fact));
  }
}

void Fit::look_at_namespaces(const StateIdentity& identity) {
  if (!identity.namespaces) return;
  const auto ours = namespaces_of(*session_, function_->cntlid);
  // Of a device without Namespace Management they are not known.
  if (!ours && !session_->identity().namespace_management) return;
  if (ours == identity.namespaces) return;
  add("namespaces_differ", {{"source", to_string(*identity.namespaces)},
                            {"destination", ours ? to_string(*ours) : "not known"}});
}

void Fit::look_at_origin(const Origin& origin, const StateEnd* end) {
  const auto& source = origin.session->ask_again(origin.cntlid);
  const auto* guest = source.custody();
  if (!source.not_told.empty()) {
    add("source_unknown", {{"source", origin.name()}, {"reason", source.not_told}});
  } else if (source.suspended() == false && source.told->queues != 0U) {
    add("source_runs", {{"source", origin.name()}});
  } else if (source.untold() && guest == nullptr) {
    add("source_unknown", {{"source", origin.name()}, {"reason", sentences::cannot_tell}});
  } else if (guest != nullptr && guest->kind == IntentKind::away) {
    const bool is_here = detail_of(*guest, "destination") == place();
    if (is_here && (has_lost(end) || has_part_of(end))) return;
    add("source_away", {{"source", origin.name()}, {"to", destination_of(*guest)}});
  }
}

/// A reset removed this state from the function before the guest ran, so it may be loaded again.
bool Fit::has_lost(const StateEnd* end) const {
  const auto& function = session_->ask(function_->cntlid);
  return std::any_of(function.intents.begin(), function.intents.end(), [&](const Intent& intent) {
    return is_lost_load(function, intent) && is_about(intent, end);
  });
}

/// A load of this state was interrupted.
bool Fit::has_part_of(const StateEnd* end) const {
  const auto* guest = session_->ask(function_->cntlid).custody();
  return guest != nullptr && guest->kind == IntentKind::loading && is_about(*guest, end);
}

std::string Fit::place() const {
  return session_->device() + " " + std::to_string(function_->cntlid);
}

/// The ledger lines about this state, and the end record of the state file.
void Fit::look_at_past(const StateEnd& end, const StateIdentity* identity) {
  bool resumed = false;
  const auto digest = to_string(end.sha256);
  for (const auto& line : session_->journal().ledger()) {
    if (line.sha256 != digest || !may_be_of(line, identity)) continue;
    const auto by = " (" + line.command + ", " + line.time + ")";
    if (line.kind == LedgerLine::Kind::loaded) {
      const bool is_here =
          session_->key().is_recorded_as(line.place) && line.cntlid == function_->cntlid;
      if (is_here && has_lost(&end)) continue;
      add("loaded_before",
          {{"id", std::to_string(line.cntlid)}, {"place", line.device}, {"by", by}});
    } else if (!std::exchange(resumed, true)) {
      add("source_resumed", {{"by", by}});
    }
  }
  if (end.source_resumed == true && !resumed) add("source_resumed", {{"by", ""}});
}

void Fit::look_at_formats(const FormatChoice& wanted) {
  const auto& known = session_->query(function_->cntlid).formats;
  const bool has_any = !known.versions.empty() || !known.vendors.empty();
  if (has_any && !wanted.version && !wanted.vendor) add("no_formats");
  if (wanted.version && !lists(known.versions, *wanted.version)) {
    add("version", {{"version", std::to_string(*wanted.version)}});
  }
  if (wanted.vendor && !lists(known.vendors, *wanted.vendor)) {
    add("vendor_format", {{"format", to_string(*wanted.vendor)}});
  }
}

void Fit::look_at_layout(StateLayout layout) {
  const auto& backend = session_->backend(function_->cntlid);
  if (layout == backend.layout()) return;
  add("state_layout", {{"format", states_of(layout, true)},
                       {"backend", std::string{backend.name()}},
                       {"formats", states_of(backend.layout(), false)}});
}

void Fit::look_at_sizes(std::uint64_t state, std::uint64_t subsystem_state) {
  auto& backend = session_->backend(function_->cntlid);
  const auto compare = [&](const char* what, std::uint64_t bytes, std::uint64_t most) {
    if (bytes <= most) return;
    add("state_too_large", {{"what", what},
                            {"bytes", std::to_string(bytes)},
                            {"backend", std::string{backend.name()}},
                            {"most", std::to_string(most)}});
  };
  const auto most = session_->query(function_->cntlid).largest;
  if (most != 0) compare("the state", state, most);
  if (const auto* carrier = backend.subsystem_state_carrier()) {
    compare("the state of its exported NVM subsystem", subsystem_state, carrier->largest());
  }
}

void Fit::look_at_destination(const Candidate& candidate) {
  const auto& there = *candidate.destination;
  if (candidate.formats.version && there.queues.value_or(0) > 0) {
    add("queues_exist", {{"count", std::to_string(*there.queues)}});
  }
  if (candidate.decoded == nullptr || there.bytes == 0) return;
  const auto vendor = candidate.decoded->header.vendor_bytes;
  if (vendor > there.bytes) {
    add("state_size", {{"part", format_size(vendor)}, {"whole", format_size(there.bytes)}});
  }
}

void Fit::look_at_state(const DecodedState& decoded) {
  for (const auto& found : decoded.findings)
    judge_->add(of_function(found, *session_, function_->cntlid));
  look_at_depth(decoded);
  if (function_->secondary && session_->topology().resources) look_at_resources(decoded);
}

void Fit::look_at_depth(const DecodedState& decoded) {
  const auto deepest =
      std::max(deepest_of(decoded.submission_queues), deepest_of(decoded.completion_queues));
  const auto most = session_->topology().max_queue_entries;
  if (most && deepest > *most) {
    add("queue_depth", {{"count", std::to_string(deepest)}, {"most", std::to_string(*most)}});
  }
}

void Fit::look_at_resources(const DecodedState& decoded) {
  const auto& resources = *session_->topology().resources;
  const auto highest =
      std::max(highest_of(decoded.submission_queues), highest_of(decoded.completion_queues));
  if (resources.queues.supported && highest > 0 && highest >= function_->queues) {
    add("queues",
        {{"highest", std::to_string(highest)}, {"count", std::to_string(function_->queues)}});
  }
  const auto vectors = vectors_of(decoded.completion_queues);
  if (resources.interrupts.supported && vectors > function_->interrupts) {
    add("interrupts",
        {{"used", std::to_string(vectors)}, {"count", std::to_string(function_->interrupts)}});
  }
}

Judge judge_arrival(const StateIdentity& identity, Session& session, std::uint16_t cntlid,
                    const std::vector<std::string>& allowed, Then then, const Origin* origin) {
  auto judge = judge_function(Verb::import_state, session, cntlid, allowed, then);
  Fit(judge, session, cntlid)
      .look_at({.identity = &identity,
                .formats = identity.formats,
                .origin = origin,
                .destination = word_on(session, cntlid)});
  return judge;
}

Finding of_function(Finding found, const Session& session, std::uint16_t cntlid,
                    ExitStatus status) {
  found.status = status;
  found.device = session.device();
  found.cntlid = cntlid;
  return found;
}

}  // namespace nvmigrate
