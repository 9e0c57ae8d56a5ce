// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/function.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "nvmigrate/base/time.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/version.h"

namespace nvmigrate {
namespace {

constexpr std::size_t most_recorded_namespaces = 512;  ///< they fit into the first record

std::string listed(const StateFormats& formats) {
  std::string text;
  for (const auto version : formats.versions)
    text += (text.empty() ? "version " : ", version ") + std::to_string(version);
  for (const auto& vendor : formats.vendors)
    text += (text.empty() ? "vendor format " : ", vendor format ") + to_string(vendor);
  return text;
}

[[noreturn]] void lacks(const Session& session, const StateFormats& formats, const char* code,
                        const std::string& what) {
  throw unsupported(session.device() + " has no " + what,
                    session.device() + " has " + listed(formats))
      .with_code(code);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::unique_ptr<Session> open_origin(const StateIdentity& identity, const Workspace& workspace,
                                     const std::string& device) {
  try {
    auto session = Session::open(workspace, device, Access::read);
    const bool controls =
        is_of(identity, *session) && session->topology().find(identity.controller) != nullptr;
    return controls ? std::move(session) : nullptr;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {
    return nullptr;
  }
}

std::unique_ptr<Session> search_origin(const StateIdentity& identity, const Session& session) {
  const auto& workspace = session.workspace();
  for (const auto& provider : workspace.catalog->providers) {
    if (provider.simulated != identity.simulated) continue;
    for (const auto& device : provider.all(*workspace.io, workspace.folders)) {
      if (device == session.device()) continue;
      if (auto found = open_origin(identity, workspace, device)) return found;
    }
  }
  return nullptr;
}

}  // namespace

Judge judge_function(Verb verb, Session& session, std::uint16_t cntlid,
                     const std::vector<std::string>& allowed, Then then) {
  // A release sends no command, and the device may have lost the ability to migrate since the
  // export.
  // Which backend is meant is to be settled first.
  const bool unclear = session.chosen(cntlid).differs;
  if (verb != Verb::release && !unclear) static_cast<void>(session.query(cntlid));
  session.renew(cntlid);
  Judge judge(verb, session, allowed);
  if (then == Then::stays_suspended) judge.keep_suspended();
  judge.look_at(cntlid);
  return judge;
}

void check_named_backend(Session& session, std::uint16_t cntlid, const std::string& action) {
  if (session.workspace().backend_name.empty()) return;
  if (session.chosen(cntlid).differs) {
    const auto fact = backend_differs(session, session.function(cntlid));
    throw Refusal(action, {judged(fact, Verb::transfer)});
  }
  static_cast<void>(session.query(cntlid));
}

std::optional<FunctionState> word_on(Session& session, std::uint16_t cntlid) {
  const auto& function = session.ask(cntlid);
  if (function.failure) std::rethrow_exception(function.failure);
  return function.told;
}

bool is_suspended(Session& session, std::uint16_t cntlid) {
  static_cast<void>(word_on(session, cntlid));
  return session.ask(cntlid).held();
}

void strike_stale(Session& session, std::uint16_t cntlid) {
  const auto& function = session.ask(cntlid);
  const auto& intents = function.intents;
  const auto stale = std::find_if(intents.begin(), intents.end(),
                                  [](const Intent& intent) { return intent.stale; });
  if (stale == intents.end()) return;
  JournalChange change;
  if (is_lost_load(function, *stale)) change.drop_loads(session.journal(), cntlid);
  if (stale->kind == IntentKind::suspended && !was_reset(function)) {
    note_resumed(change, session, *stale);
  }
  change.strike_custody(session.journal(), cntlid).write();
}

void note_resumed(JournalChange& change, Session& session, const Intent& guest) {
  LedgerLine line{.kind = LedgerLine::Kind::resumed,
                  .source = session.key(),
                  .source_cntlid = guest.cntlid,
                  .cntlid = guest.cntlid,
                  .device = session.device()};
  if (guest.kind == IntentKind::exported) line.sha256 = detail_of(guest, digest_detail);
  if (guest.kind == IntentKind::suspended) line.transfer = detail_of(guest, transfer_detail);
  if (!line.sha256.empty() || !line.transfer.empty()) {
    change.note(session.journal(), std::move(line));
  }
}

FormatChoice formats_to_read(Session& session, std::uint16_t cntlid,
                             const std::optional<FormatChoice>& chosen) {
  const auto& formats = session.query(cntlid).formats;
  const auto choice = chosen ? *chosen : whole_state(formats);
  if (chosen && formats.versions.empty() && formats.vendors.empty()) {
    throw usage_error("the states of backend " + std::string{session.backend(cntlid).name()} +
                      " have no formats to choose from");
  }
  if (chosen && !choice.version && !choice.vendor) {
    throw usage_error("neither a version of the NVMe state nor a vendor format is chosen");
  }
  if (choice.version && !lists(formats.versions, *choice.version)) {
    lacks(session, formats, "version",
          "version " + std::to_string(*choice.version) + " of the NVMe controller state");
  }
  if (choice.vendor && !lists(formats.vendors, *choice.vendor)) {
    lacks(session, formats, "vendor_format", "vendor format " + to_string(*choice.vendor));
  }
  return choice;
}

StateIdentity identity_of(Session& session, std::uint16_t cntlid, const FormatChoice& formats) {
  const auto& function = session.function(cntlid);
  const auto& controlling = session.identity();
  const auto& resources = session.topology().resources;
  StateIdentity identity;
  identity.tool = "nvmigrate " + std::string(library_version);
  identity.host = host_name();
  identity.time = utc_now();
  identity.backend = session.backend(cntlid).name();
  identity.layout = session.backend(cntlid).layout();
  identity.formats = formats;
  identity.simulated = session.simulated();
  identity.subsystem_nqn = session.key().nqn;
  identity.serial = controlling.serial;
  identity.model = controlling.model;
  identity.firmware = controlling.firmware;
  identity.vendor_id = controlling.vendor;
  identity.controlling_function = controlling.cntlid;
  identity.controller = cntlid;
  identity.vfn = function.vfn;
  if (function.pci) identity.address = function.pci->address;
  identity.subsystem_state = has_subsystem_state(session, cntlid);
  if (function.secondary && resources) {
    if (resources->queues.supported) identity.queues = function.queues;
    if (resources->interrupts.supported) identity.interrupts = function.interrupts;
  }
  try {
    identity.namespaces = namespaces_of(session, cntlid);
  } catch (const NvmeError&) {
    identity.namespaces.reset();
  }
  return identity;
}

bool has_subsystem_state(Session& session, std::uint16_t cntlid) {
  auto* const carrier = session.backend(cntlid).subsystem_state_carrier();
  return carrier != nullptr && carrier->has(cntlid);
}

std::vector<std::byte> subsystem_state_of(Session& session, std::uint16_t cntlid,
                                          const StateIdentity& identity) {
  if (!identity.subsystem_state) return {};
  return session.backend(cntlid).subsystem_state_carrier()->save(cntlid);
}

void load_subsystem_state(Session& session, std::uint16_t cntlid, std::span<const std::byte> state,
                          bool& touched) {
  if (state.empty() || !has_subsystem_state(session, cntlid)) return;
  touched = true;
  session.backend(cntlid).subsystem_state_carrier()->load(cntlid, state);
}

std::optional<std::vector<NamespaceShape>> namespaces_of(Session& session, std::uint16_t cntlid) {
  session.ask_namespaces();
  const auto& ids = session.function(cntlid).namespaces;
  if (!ids || ids->size() > most_recorded_namespaces) return std::nullopt;
  std::vector<NamespaceShape> shapes;
  for (const auto nsid : *ids)
    shapes.push_back(read_namespace(session.admin(), nsid).shape);
  return shapes;
}

bool is_of(const StateIdentity& identity, const Session& session) {
  if (identity.serial.empty()) return identity.subsystem_nqn == session.key().nqn;
  return session.key().is_recorded_as({identity.subsystem_nqn, identity.serial});
}

std::string Origin::name() const {
  return describe(session->function(cntlid)) + " of subsystem " + session->key().nqn;
}

std::optional<Origin> find_origin(const StateIdentity& identity, Session& session,
                                  std::uint16_t destination) {
  const auto cntlid = identity.controller;
  if (is_of(identity, session)) {
    if (cntlid == destination) return std::nullopt;
    if (session.topology().find(cntlid) != nullptr) return Origin{{}, &session, cntlid};
  }
  if (auto own = search_origin(identity, session)) {
    auto* const found = own.get();
    return Origin{std::move(own), found, cntlid};
  }
  return std::nullopt;
}

}  // namespace nvmigrate
