// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/judge.h"

#include <algorithm>
#include <array>
#include <map>

#include "nvmigrate/conditions/guest.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/session/sentences.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr std::uint32_t bridge_class = 0x06;
constexpr unsigned class_shift = 16;

/// A bridge stays with the host; what is on vfio already is as safe as what is to be bound.
bool is_harmless(PciBus& bus, const std::string& address) {
  const auto function = bus.find(address);
  if (!function || function->class_code >> class_shift == bridge_class) return true;
  const auto nodes = bus.vfio_nodes(address);
  return nodes.group || nodes.device;
}

/// `Migration Send and Migration Receive`: the commands for which the kernel stops queues.
/// \param of_migration without Virtualization Management
std::string stopping(const EffectsLog& effects, bool of_migration) {
  std::string names;
  for (const auto& one : effects.commands) {
    const bool counts = !of_migration || one.opcode != command::opcode::virtualization_management;
    if (one.restriction == 0 || !counts) continue;
    names += (names.empty() ? "" : ", ") + std::string{command::name_of(one.opcode)};
  }
  if (const auto last = names.rfind(", "); last != std::string::npos) {
    names.replace(last, 2, " and ");
  }
  return names;
}

}  // namespace

Judge::Judge(Verb verb, Session& session, std::vector<std::string> allowed)
    : verb_(verb), session_(&session), allowed_(std::move(allowed)) {
  session.pci().look_again();
  look_at_journal();
  if (cares("functions_hidden")) look_at_lists();
}

bool Judge::cares(std::string_view code) const {
  const auto& row = condition(code);
  return row.blocks.has(verb_) || row.warns.has(verb_);
}

void Judge::add(Finding found) {
  found = judged(std::move(found), verb_, allowed_);
  if (found.severity == Severity::ok) return;
  if (found.cntlid) name_backend(*session_, *found.cntlid, found.remedies);
  // Blockers come first, in the order in which they were found.
  const bool stops = found.severity == Severity::blocker;
  const auto place = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& one) {
    return stops && one.severity != Severity::blocker;
  });
  findings_.insert(place, std::move(found));
}

void Judge::add(const Fact& fact) { add(judged(fact, verb_, allowed_)); }

void Judge::add(std::string_view code, const ControlledFunction& function, Words words) {
  auto fact = fact_of(code, session_->device(), function, std::move(words));
  const auto count = session_->topology().vfs_for(function);
  const bool absent = code == "not_on_vfio" && !function.pci;
  if ((code == "offline" || code == "not_on_bus" || absent) && count != 0) {
    fact.remedies = ways_to_provision(session_->topology(), count);
  }
  auto found = judged(fact, verb_, allowed_);
  if (absent && count == 0) found.remedies.clear();
  add(std::move(found));
}

Fact Judge::about_device(std::string_view code, Words words) const {
  return {.code = code, .device = session_->device(), .words = std::move(words)};
}

void Judge::look_at(std::uint16_t cntlid) {
  const auto& function = session_->function(cntlid);
  if (look_at_control(function)) return;
  look_at_readiness(function);
  if (function.unread.empty()) {
    look_at_place(function);
    look_at_users(function);
  } else {
    add("unreadable", function, {{"reason", function.unread}});
  }
  look_at_guest(function);
}

void Judge::look_at_control(std::uint16_t cntlid) {
  static_cast<void>(look_at_control(session_->function(cntlid)));
}

void Judge::look_at_custody(std::uint16_t cntlid) { look_at_guest(session_->function(cntlid)); }

void Judge::look_at_controlling_function() {
  const auto uses = session_->pci().host_uses(session_->address());
  const auto unseen = session_->pci().unseen(session_->address());
  if (!uses.empty()) {
    add(about_device("controlling_function_used", {{"uses", describe(uses)}}));
  } else if (!unseen.empty()) {
    auto fact = about_device("uses_unknown", {{"reason", unseen}});
    fact.function = session_->device();
    add(fact);
  }
}

void Judge::look_at_vfs() {
  const auto& topology = session_->topology();
  std::set<std::string> known;
  for (const auto& function : topology.functions) {
    if (!topology.is_enabled_vf(function)) continue;
    look_at(function.cntlid);
    const auto at = session_->pci().virtual_function(topology.address, function.vfn);
    if (function.pci || at) known.insert(function.pci ? function.pci->address : *at);
  }
  for (unsigned vfn = 1; vfn <= topology.sriov.enabled; ++vfn) {
    const auto address = session_->pci().virtual_function(topology.address, vfn);
    if (!address || known.contains(*address)) continue;
    auto who = about_device({});
    who.function = "VF " + std::to_string(vfn) + " (" + *address + ")";
    look_at_users(std::move(who), *address);
  }
}

bool Judge::look_at_control(const ControlledFunction& function) {
  if (!cares("controlling_function")) return false;
  session_->ask_whether_controls(function.cntlid);
  const auto vfs = function.pci ? session_->pci().sriov(function.pci->address).enabled : 0;
  if (vfs != 0 && cares("has_virtual_functions")) {
    add("has_virtual_functions", function, {{"count", std::to_string(vfs)}});
    return true;
  }
  const bool own = function.pci && function.pci->address == session_->address();
  if (function.controls || own) add("controlling_function", function);
  return function.controls || own || look_at_belonging(function);
}

/// Nothing is sent about a function that may be of another host, unless it is allowed.
bool Judge::look_at_belonging(const ControlledFunction& function) {
  if (!cares("foreign") || !function.foreign()) return false;
  const auto found = judged(fact_of("foreign", session_->device(), function), verb_, allowed_);
  add(found);
  return found.stands();
}

void Judge::look_at_readiness(const ControlledFunction& function) {
  if (!function.marked) look_at_lack_of_mark(function);
  if (!function.may_be_online()) add("offline", function);
  if (cares("backend_cannot") || cares("backend_differs")) look_at_backend(function);
}

void Judge::look_at_lack_of_mark(const ControlledFunction& function) {
  auto fact = fact_of("unmarked", session_->device(), function);
  const auto& named = session_->workspace().backend_name;
  if (!named.empty()) fact.remedies = {session_->to_mark(function.cntlid, named)};
  add(fact);
}

/// The function as its backend sees it, and what its mark says of that.
void Judge::look_at_backend(const ControlledFunction& function) {
  const auto choice = session_->chosen(function.cntlid);
  if (const auto reason = session_->unable(function.cntlid); !reason.empty()) {
    const std::string name{choice.serving->row->name};
    add("backend_cannot", function, {{"backend", name}, {"reason", reason}});
  } else if (cares("open_elsewhere")) {
    look_at_opening(function);
  }
  if (choice.differs && cares("backend_differs")) add(backend_differs(*session_, function));
  if (!cares("backend_in_use")) return;
  const auto* serving = choice.serving;
  const auto next = serving != nullptr ? serving->row->name : std::string_view{choice.name};
  if (const auto fact = backend_in_use(*session_, function.cntlid, next)) add(*fact);
}

/// Of a backend that has to open the function itself. What is read within one open, and resumed in
/// it, loses nothing when that ends.
void Judge::look_at_opening(const ControlledFunction& function) {
  const auto* serving = session_->serving(function.cntlid);
  if (serving == nullptr || !function.pci ||
      session_->backend(function.cntlid).outlasts(function.cntlid))
    return;
  const std::string backend{serving->row->name};
  const auto holders = session_->pci().vfio_holders(function.pci->address);
  if (!holders.empty()) {
    add("open_elsewhere", function, {{"backend", backend}, {"holders", describe(holders)}});
    return;
  }
  const auto unseen = session_->pci().unseen(function.pci->address);
  if (!unseen.empty()) {
    add("open_unknown", function, {{"backend", backend}, {"reason", unseen}});
  }
  if (verb_ != Verb::export_state || keeps_suspended_) {
    add("reset_at_close", function, {{"backend", backend}});
  }
}

void Judge::look_at_place(const ControlledFunction& function) {
  if (!function.pci) add("not_on_bus", function);
  if (!function.on_vfio() && (function.pci || !cares("not_on_bus"))) add("not_on_vfio", function);
  if (!function.kernel_name || !cares("host_driver")) return;
  // Reading a function that is suspended already does not disturb its driver any further.
  const bool only_reads = verb_ == Verb::suspend || verb_ == Verb::export_state;
  if (only_reads && session_->ask(function.cntlid).suspended() == true) return;
  add("host_driver", function, {{"name", *function.kernel_name}});
  look_at_effects(function);
}

/// What waits in the kernel for a suspended function may hold a lock that such a command takes.
void Judge::look_at_effects(const ControlledFunction& function) {
  const auto& effects = session_->effects();
  if (!effects.unread.empty()) add(about_device("effects_unread", {{"reason", effects.unread}}));
  const auto commands = stopping(effects, true);
  if (commands.empty()) return;
  add("resume_hangs", function, {{"commands", commands}, {"name", *function.kernel_name}});
}

void Judge::look_at_users(const ControlledFunction& function) {
  if (!function.pci) return;
  const auto& address = function.pci->address;
  look_at_users(fact_of({}, session_->device(), function), address);
  if (cares("not_open")) look_at_holders(function);
}

/// A process must hold the function open before a state is loaded. A resume is checked only if the
/// function holds a loaded state.
void Judge::look_at_holders(const ControlledFunction& function) {
  if (function.kernel_name) return;
  if (verb_ == Verb::resume) {
    const auto* guest = session_->ask(function.cntlid).custody();
    if (guest == nullptr || guest->kind != IntentKind::loaded) return;
  }
  const auto& address = function.pci->address;
  if (!session_->pci().vfio_holders(address).empty()) return;
  const auto unseen = session_->pci().unseen(address);
  // Who allows that no VM has it open need not know whether one has.
  const bool known =
      unseen.empty() || std::find(allowed_.begin(), allowed_.end(), "not_open") != allowed_.end();
  auto found = judged(fact_of(known ? "not_open" : "uses_unknown", session_->device(), function,
                              {{"address", address}, {"reason", unseen}}),
                      verb_, allowed_);
  if (keeps_suspended_) {
    found.severity = Severity::warning;
    found.overridable = found.allowed = false;
  }
  add(std::move(found));
}

void Judge::look_at_journal() {
  const auto& trouble = session_->journal().trouble();
  if (trouble && cares(trouble->code)) {
    add(about_device(trouble->code, {{"reason", trouble->message}}));
  }
}

void Judge::look_at_lists() {
  for (const auto& oddity : session_->topology().oddities) {
    if (oddity.hides) add(about_device("functions_hidden", {{"what", oddity.what}}));
  }
}

void Judge::look_at_users(Fact who, const std::string& address) {
  bool found = false;
  const auto add_users = [&](std::string_view code, const char* word, const auto& users) {
    if (users.empty()) return;
    found = true;
    who.code = code;
    who.words = {{word, describe(users)}};
    add(who);
  };
  auto& bus = session_->pci();
  if (cares("used_by_host")) add_users("used_by_host", "uses", bus.host_uses(address));
  if (cares("open_in_vm")) add_users("open_in_vm", "holders", bus.vfio_holders(address));
  if (found || !cares("open_in_vm") || !cares("uses_unknown")) return;
  const auto unseen = bus.unseen(address);
  if (unseen.empty()) return;
  who.code = "uses_unknown";
  who.words = {{"reason", unseen}};
  add(who);
}

void Judge::try_writing() {
  auto who = about_device("not_writable");
  who.function = session_->device();
  try_writing(std::move(who), session_->address());
}

void Judge::try_writing(const ControlledFunction& function) {
  if (!function.pci) return;
  try_writing(fact_of("not_writable", session_->device(), function), function.pci->address);
}

void Judge::try_writing(Fact who, const std::string& address) {
  try {
    session_->pci().try_writing(address);
  } catch (const Error& error) {
    who.words = {{"reason", error.what()}};
    add(who);
  }
}

void Judge::look_at_guest(const ControlledFunction& function) {
  constexpr std::array of_guests{"suspended", "loading", "exported", "two_copies"};
  if (std::none_of(of_guests.begin(), of_guests.end(), [&](auto* code) { return cares(code); })) {
    return;
  }
  // Without a journal every suspended function counts as exported; the missing journal is the
  // cause.
  const auto& trouble = session_->journal().trouble();
  if (trouble && cares(trouble->code)) return;
  for (const auto& fact : guest_facts(*session_, session_->ask(function.cntlid)))
    add(fact);
}

void Judge::look_at_groups(const FunctionList& functions, const FunctionList& together) {
  std::set<std::string> ours;
  for (const auto* function : together) {
    if (function->pci) ours.insert(function->pci->address);
  }
  std::map<unsigned, std::string> strangers;
  for (const auto* function : functions) {
    if (!function->pci) continue;
    const auto group = function->pci->iommu_group;
    if (!group || !session_->pci().has_iommu()) {
      add("no_iommu", *function);
      continue;
    }
    if (!strangers.contains(*group)) strangers.emplace(*group, strangers_in(*group, ours));
    if (const auto& others = strangers.at(*group); !others.empty()) {
      add("shared_group", *function, {{"group", std::to_string(*group)}, {"others", others}});
    }
  }
}

std::string Judge::strangers_in(unsigned group, const std::set<std::string>& ours) {
  std::string others;
  for (const auto& address : session_->pci().group_members(group)) {
    if (ours.contains(address) || is_harmless(session_->pci(), address)) continue;
    others += (others.empty() ? "" : ", ") + address;
  }
  return others;
}

void Judge::look_at_abilities(std::optional<std::uint16_t> cntlid) {
  for (const auto& fact : ability_facts(*session_, cntlid)) {
    const auto found = judged(fact, verb_, allowed_);
    const auto known = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& one) {
      return one.code == found.code && one.message == found.message;
    });
    if (known == findings_.end()) {
      add(found);
    } else {
      known->remedies.insert(known->remedies.end(), found.remedies.begin(), found.remedies.end());
    }
  }
}

std::vector<Fact> ability_facts(Session& session, std::optional<std::uint16_t> cntlid) {
  const auto* serving = session.serving(cntlid);
  if (serving == nullptr) {
    auto why = unserved(session, cntlid);
    return {{.code = "no_live_migration",
             .device = session.device(),
             .words = {{"by", why.by}, {"reason", why.reason}, {"advice", why.advice}},
             .remedies = std::move(why.remedies)}};
  }
  if (serving->layout != StateLayout::nvme || !serving->query->formats.vendors.empty()) return {};
  return {{.code = "queues_only", .device = session.device()}};
}

std::optional<Fact> backend_in_use(Session& session, std::uint16_t cntlid, std::string_view next) {
  const auto recorded = session.recorded_backend(cntlid);
  if (recorded.empty() || recorded == next) return std::nullopt;
  const auto& function = session.ask(cntlid);
  const auto* guest = function.custody();
  if (!function.held() || (guest != nullptr && guest->kind == IntentKind::away)) {
    return std::nullopt;
  }
  auto end = end_of_guest(session, function);
  auto fact = fact_of("backend_in_use", session.device(), function,
                      {{"status", std::string{to_string(custody_of(function))}},
                       {"recorded", recorded},
                       {"end", end.advice.empty() ? "resume it first" : end.advice}});
  fact.remedies = std::move(end.remedies);
  return fact;
}

Fact backend_differs(Session& session, const ControlledFunction& function) {
  const auto named = session.chosen(function.cntlid).name;
  const auto able = session.able(function.cntlid);
  const bool can = std::find(able.begin(), able.end(), named) != able.end() &&
                   !backend_in_use(session, function.cntlid, named);
  auto fact = fact_of("backend_differs", session.device(), function,
                      {{"backend", named},
                       {"recorded", session.recorded_backend(function.cntlid)},
                       {"or_mark", can ? ", or mark the function for that one" : ""}});
  if (can) fact.remedies = {session.to_mark(function.cntlid, named)};
  return fact;
}

std::vector<Fact> effects_facts(Session& session) {
  const auto& effects = session.effects();
  if (!effects.unread.empty()) {
    return {{.code = "effects_unread",
             .device = session.device(),
             .words = {{"reason", effects.unread}}}};
  }
  const auto commands = stopping(effects, false);
  if (commands.empty()) return {};
  return {{.code = "stops_queues", .device = session.device(), .words = {{"commands", commands}}}};
}

std::string describe(const std::vector<Use>& uses) {
  std::string text;
  for (const auto& use : uses)
    text += (text.empty() ? "" : ", ") + use.object + " " + use.how;
  return text;
}

}  // namespace nvmigrate
