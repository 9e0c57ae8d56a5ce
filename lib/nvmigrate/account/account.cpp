// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/account/account.h"

#include <algorithm>
#include <map>

#include "nvmigrate/base/io.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/guest.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_steps.h"
#include "nvmigrate/host/shared_node.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/profile/declared.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

Finding fine(std::string code, std::string message, std::string device = {}) {
  Finding found{.code = std::move(code), .severity = Severity::ok, .message = std::move(message)};
  found.device = std::move(device);
  return found;
}

Finding with_severity(Finding found, Severity severity) {
  found.severity = severity;
  return found;
}

/// That the device does not answer matters only for a function that this tool has to do with.
bool is_news(const Fact& fact, const ControlledFunction& function) {
  return fact.code != "suspension_unknown" || function.marked || !function.intents.empty();
}

template <typename Has>
bool any_intent(const ControlledFunction& function, Has has) {
  return std::any_of(function.intents.begin(), function.intents.end(), has);
}

/// The loss of a loaded state is reported first, so that record stays.
bool guest_has_ended(const ControlledFunction& function) {
  return was_reset(function) && any_intent(function, [](const Intent& intent) {
           return intent.stale &&
                  (intent.kind == IntentKind::exported || intent.kind == IntentKind::away);
         });
}

bool is_undone(const Topology& topology) {
  const auto unfinished = unfinished_provisioning(topology);
  return unfinished && !unfinished->in_progress && is_undone(topology, *unfinished);
}

bool is_given_back(const ControlledFunction& function) {
  return any_intent(function, [](const Intent& intent) {
    return intent.stale && intent.kind == IntentKind::unbound;
  });
}

class Account {
 public:
  explicit Account(Session& session) : session_(&session) {}

  void add_journal() {
    const auto& journal = session_->journal();
    if (const auto& trouble = journal.trouble()) {
      add_host(trouble->code, {{"reason", trouble->message}});
    }
    if (journal.lost().empty()) return;
    const std::string reason =
        journal.is_gone() ? "the journal was removed: " : "a damaged journal was set aside as ";
    add_host("journal_lost", {{"reason", reason + journal.lost()}});
  }

  void add_oddities() {
    for (const auto& oddity : session_->topology().oddities) {
      findings_.push_back(told({.code = oddity.hides ? "functions_hidden" : "odd_answer",
                                .device = session_->device(),
                                .words = {{"what", oddity.what}}}));
    }
  }

  void add_controlling_function() {
    for (const auto& intent : session_->topology().intents) {
      if (is_of_controlling(intent.kind)) consider_own(intent);
    }
    for (const auto& intent : session_->topology().other_intents)
      consider_other(intent);
  }

  void add(const ControlledFunction& function) {
    // What others do with their functions is not looked at.
    if (function.elsewhere()) return;
    if (!function.unread.empty()) {
      findings_.push_back(
          told(fact_of("unreadable", session_->device(), function, {{"reason", function.unread}})));
    }
    for (const auto& fact : guest_facts(*session_, session_->ask(function.cntlid))) {
      if (!is_news(fact, function)) continue;
      findings_.push_back(told(fact));
      auto& remedies = findings_.back().remedies;
      // Without a journal they would be refused; it has a finding of its own.
      if (session_->journal().trouble()) remedies.clear();
      name_backend(*session_, function.cntlid, remedies);
    }
    if (!function.binding || function.on_vfio() || function.has(IntentKind::unbound)) return;
    // Through a device that is not on the bus it cannot be seen what functions are bound to.
    if (!function.unread.empty() || session_->address().empty()) return;
    auto fact = fact_of("binding_lost", session_->device(), function,
                        {{"driver", function.binding->driver}});
    auto finding = told(fact);
    finding.remedies = function.pci ? ways_back(function) : ways_onto_bus(function);
    findings_.push_back(std::move(finding));
  }

  /// A function that is not on the bus cannot be bound before it is provisioned.
  std::vector<Remedy> ways_onto_bus(const ControlledFunction& function) {
    const auto& topology = session_->topology();
    const auto vfs = topology.vfs_for(function);
    auto ways = vfs != 0 ? ways_to_provision(topology, vfs) : std::vector<Remedy>{};
    ways.push_back(of(Remedy::Action::unbind, function.cntlid));
    return ways;
  }

  /// Only those that would not be refused; what stands in the way of both is told by itself.
  std::vector<Remedy> ways_back(const ControlledFunction& function) {
    Judge bind(Verb::bind, *session_), unbind(Verb::unbind, *session_);
    for (auto* judge : {&bind, &unbind})
      judge->look_at_custody(function.cntlid);
    bind.look_at_groups({&function}, {&function});
    const bool used = !session_->pci().host_uses(function.pci->address).empty();
    const bool back = function.pci->driver == original_driver_of(function).driver;
    std::vector<Remedy> ways;
    if (!bind.stops() && !used) ways.push_back(of(Remedy::Action::bind, function.cntlid));
    if (!unbind.stops() && (!used || back)) {
      ways.push_back(of(Remedy::Action::unbind, function.cntlid));
    }
    return ways;
  }

  /// One finding of all of them: one reset did it.
  void add_lost_resources(FunctionList lost) {
    std::erase_if(lost, [](const auto* function) { return !function->lost_resources(); });
    if (lost.empty() || unfinished_provisioning(session_->topology())) return;
    Fact fact{.code = "resources_lost",
              .device = session_->device(),
              .words = {{"functions", names_of(lost)}}};
    const auto& topology = session_->topology();
    auto vfs = vfs_of(lost);
    if (topology.sriov.enabled == 0 && vfs != 0) vfs = std::max(vfs, topology.recorded_vfs());
    auto finding = told(fact);
    finding.remedies = vfs == 0 ? std::vector<Remedy>{} : ways_to_provision(topology, vfs);
    findings_.push_back(std::move(finding));
  }

  /// Of a device that lists its functions only once there are VFs.
  void add_lost_unlisted() {
    const auto& topology = session_->topology();
    std::vector<std::uint32_t> ids;
    for (const auto& wanted : session_->registry().wanted()) {
      if (wanted.granted_queues != 0 && topology.find(wanted.cntlid) == nullptr) {
        ids.push_back(wanted.cntlid);
      }
    }
    if (ids.empty() || !may_be_listed_later(topology) || unfinished_provisioning(topology)) return;
    findings_.push_back(
        told({.code = "resources_lost",
              .device = session_->device(),
              .words = {{"functions", "controlled functions " + ranges_of(ids)}},
              .remedies = ways_to_provision(topology, static_cast<unsigned>(ids.size()))}));
  }

  /// Without an answer the rest of the account is still worth having.
  void ask_namespaces() {
    try {
      session_->ask_namespaces();
    } catch (const Error& error) {
      if (error.status() != ExitStatus::device) throw;
      findings_.push_back(with_severity(told({.code = "device",
                                              .device = session_->device(),
                                              .words = {{"reason", error.what()}}}),
                                        Severity::warning));
    }
  }

  /// One finding of all of them: they come up so.
  void add_without_namespace(FunctionList functions) {
    std::erase_if(functions, [](const auto* function) { return !function->lacks_namespace(); });
    if (functions.empty()) return;
    const auto& topology = session_->topology();
    Fact fact{.code = "no_namespace_attached",
              .device = session_->device(),
              .words = {{"functions", names_of(functions)}}};
    // Where others have some, which one is meant for whom is not known here.
    const bool any =
        std::any_of(topology.functions.begin(), topology.functions.end(),
                    [](const auto& one) { return one.secondary && !one.namespaces->empty(); });
    const auto vfs = vfs_of(functions);
    if (!any && vfs != 0 && !topology.namespaces->empty()) {
      fact.remedies = {{.action = Remedy::Action::provision,
                        .device = session_->device(),
                        .object = "all",
                        .count = vfs}};
    }
    findings_.push_back(told(fact));
  }

  /// A function that is not listed may be there all the same.
  void add_records_without_function() {
    const auto& oddities = session_->topology().oddities;
    if (std::any_of(oddities.begin(), oddities.end(), [](const auto& one) { return one.hides; })) {
      return;
    }
    if (may_be_listed_later(session_->topology())) return;
    for (const auto& mark : session_->registry().marks())
      consider_record("mark_without_function", mark.cntlid);
    for (const auto& binding : session_->registry().bindings())
      consider_record("binding_without_function", binding.cntlid);
  }

  [[nodiscard]] Findings take() { return std::move(findings_); }

 private:
  static std::string names_of(const FunctionList& functions) {
    if (functions.size() == 1) return describe(*functions.front());
    std::vector<std::uint32_t> ids;
    for (const auto* function : functions)
      ids.push_back(function->cntlid);
    return "controlled functions " + ranges_of(ids);
  }

  /// The number of VFs with which a provisioning has them again.
  [[nodiscard]] unsigned vfs_of(const FunctionList& functions) const {
    const auto enabled = session_->topology().sriov.enabled;
    if (enabled != 0) return enabled;
    unsigned most = 0;
    for (const auto* function : functions)
      most = std::max<unsigned>(most, function->vfn);
    return most;
  }

  /// A finding about the journal of the host, the same for every device.
  void add_host(std::string_view code, Words words) {
    findings_.push_back(told({.code = code, .device = {}, .words = std::move(words)}));
  }

  [[nodiscard]] Remedy of(Remedy::Action action, std::uint16_t cntlid) const {
    return {.action = action, .device = session_->device(), .function = cntlid};
  }

  void consider_own(const Intent& intent) {
    const bool applies = intent.kind == IntentKind::applying;
    auto finding = told({.code = intent.in_progress ? "in_progress" : to_string(intent.kind),
                         .device = session_->device(),
                         .words = {{"by", recorded_by(intent)},
                                   {"subject", session_->device()},
                                   {"work", applies ? "configured" : "provisioned"}}});
    if (applies && !intent.in_progress) consider_repair(intent, finding);
    findings_.push_back(std::move(finding));
  }

  /// Where the repair would be refused, what helps is what mends the refusal, or to provision anew,
  /// which ends the record.
  void consider_repair(const Intent& intent, Finding& finding) {
    // A provisioning that is finished first changes what there is to do.
    if (unfinished_provisioning(session_->topology())) return;
    try {
      if (const auto plan = plan_finish(*session_)) refuse_if_any_stands("apply", plan->findings);
    } catch (const Refusal& refusal) {
      finding.advice = "a repair would be refused: " + reasons_of(refusal);
      finding.remedies = refusal.remedies();
      const bool by_file = intent.details.contains(file_detail);
      if (!by_file || finding.remedies.empty()) finding.remedies = {provision_anew()};
    } catch (const Error& error) {
      if (error.code() != bad_profile) throw;
      finding.advice = std::string{"a repair would fail: "} + error.what();
      finding.remedies = {provision_anew()};
    }
  }

  static std::string reasons_of(const Refusal& refusal) {
    std::string reasons;
    for (const auto& found : refusal.findings()) {
      if (found.stands()) reasons += (reasons.empty() ? "" : "; ") + found.message;
    }
    return reasons;
  }

  [[nodiscard]] Remedy provision_anew() const {
    const auto vfs = session_->topology().sriov.enabled;
    return {.action = vfs == 0 ? Remedy::Action::deprovision : Remedy::Action::provision,
            .device = session_->device(),
            .count = vfs};
  }

  /// What another controlling function of the subsystem began is repaired only through that one.
  void consider_other(const Intent& intent) {
    if (intent.in_progress) return;
    const auto other = detail_of(intent, device_detail);
    Fact fact{.code = "other_provisioning",
              .device = session_->device(),
              .words = {{"by", recorded_by(intent)},
                        {"other", other.empty() ? "of this subsystem" : other},
                        {"id", std::to_string(intent.cntlid)}}};
    if (!other.empty()) {
      fact.remedies = {{.action = Remedy::Action::repair, .device = other}};
    }
    auto finding = told(fact);
    if (other.empty()) finding.remedies.clear();
    findings_.push_back(std::move(finding));
  }

  void consider_record(std::string_view code, std::uint16_t cntlid) {
    if (session_->topology().find(cntlid) != nullptr) return;
    findings_.push_back(told({.code = code,
                              .device = session_->device(),
                              .cntlid = cntlid,
                              .words = {{"id", std::to_string(cntlid)}}}));
  }

  Session* session_;
  Findings findings_;
};

FunctionList all_of(const Topology& topology) {
  FunctionList all;
  for (const auto& function : topology.functions)
    all.push_back(&function);
  return all;
}

Finding folder(Io& io, const std::string& path) {
  try {
    const bool made = check_private_folder(io, path);
    return fine("folder", path + (made ? " is private" : " has not been made yet"));
  } catch (const Error& error) {
    auto found =
        told({.code = "folder", .device = {}, .words = {{"path", path}, {"reason", error.what()}}});
    found.remedies = error.remedies();
    if (!error.advice().empty()) found.advice = error.advice();
    return found;
  }
}

}  // namespace

Findings account_of(Session& session) {
  Account account(session);
  account.ask_namespaces();
  account.add_journal();
  account.add_oddities();
  account.add_controlling_function();
  for (const auto& function : session.topology().functions)
    account.add(function);
  account.add_lost_resources(all_of(session.topology()));
  account.add_lost_unlisted();
  account.add_without_namespace(all_of(session.topology()));
  account.add_records_without_function();
  return account.take();
}

Findings account_of(Session& session, std::uint16_t cntlid) {
  Account account(session);
  account.ask_namespaces();
  account.add(session.function(cntlid));
  account.add_lost_resources({&session.function(cntlid)});
  account.add_without_namespace({&session.function(cntlid)});
  return account.take();
}

void drop_ended_records(Session& session) {
  const auto has_ended = [](const ControlledFunction& function) {
    return guest_has_ended(function) || is_given_back(function);
  };
  bool any = is_undone(session.topology());
  for (const auto& function : session.topology().functions)
    any = any || (!function.intents.empty() && has_ended(session.ask(function.cntlid)));
  if (!any) return;
  try {
    session.claim();
    session.ask_all();
    if (is_undone(session.topology())) {
      session.journal().strike({IntentKind::provisioning}, session.identity().cntlid);
    }
    for (const auto& function : session.topology().functions) {
      if (is_given_back(function)) session.journal().strike({IntentKind::unbound}, function.cntlid);
      if (guest_has_ended(function)) strike_stale(session, function.cntlid);
    }
    session.refresh();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): another command will do it
  }
}

Findings check_effects(Session& session) {
  Findings findings;
  for (const auto& fact : effects_facts(session))
    findings.push_back(told(fact));
  return findings;
}

namespace {

/// With the backends that the marks record, each once; without marks, with the one to be used.
Findings check_backends(Session& session) {
  std::map<std::string, std::optional<std::uint16_t>> whom;
  for (const auto& function : session.topology().functions) {
    if (function.marked) whom.emplace(function.backend, function.cntlid);
  }
  if (whom.empty()) whom.emplace("", std::nullopt);
  const auto& device = session.device();
  Findings findings;
  for (const auto& [name, cntlid] : whom) {
    const auto text = device + " can migrate its controlled functions";
    const bool serves = session.serving(cntlid) != nullptr;
    if (serves && findings.empty()) findings.push_back(fine("live_migration", text, device));
    for (const auto& fact : ability_facts(session, cntlid)) {
      auto found = told(fact);
      const bool known = std::any_of(findings.begin(), findings.end(), [&](const Finding& one) {
        return one.message == found.message;
      });
      if (!known) findings.push_back(std::move(found));
    }
  }
  return findings;
}

}  // namespace

Findings check_abilities(Session& session) {
  const auto& device = session.device();
  auto findings = check_backends(session);
  for (auto& found : check_effects(session))
    findings.push_back(std::move(found));
  const auto& topology = session.topology();
  if (topology.sriov.total != 0) {
    findings.push_back(fine("sriov",
                            device + " has " + std::to_string(topology.sriov.enabled) +
                                " of at most " + std::to_string(topology.sriov.total) + " VFs",
                            device));
  } else {
    findings.push_back(
        with_severity(told({.code = "no_sriov", .device = device}),
                      topology.functions.empty() ? Severity::warning : Severity::ok));
  }
  return findings;
}

Findings check_shared_nodes(Session& session) {
  std::map<std::string, Finding> findings;
  for (const auto& function : session.topology().functions) {
    const auto& node = function.vfio.by_iommufd() || !function.vfio.group ? function.vfio.device
                                                                          : function.vfio.group;
    if (!node) continue;
    const auto fact =
        fact_of_shared_node(session.device(), function.vfio, session.pci().owner(*node));
    if (!fact) continue;
    auto found = told(*fact);
    findings.emplace(found.message, std::move(found));
  }
  Findings all;
  for (auto& [message, found] : findings)
    all.push_back(std::move(found));
  return all;
}

Findings check_bus(PciBus& bus, bool needed) {
  const auto missing = needed ? Severity::problem : Severity::warning;
  Findings findings;
  if (bus.has_iommu()) {
    findings.push_back(fine("iommu", "an IOMMU is active"));
  } else {
    findings.push_back(with_severity(
        told({.code = "no_iommu", .device = {}, .function = "the functions of this host"}),
        missing));
  }
  if (bus.has_driver(stock_driver)) {
    findings.push_back(fine("vfio_driver", std::string{stock_driver} + " is available"));
  } else {
    Fact fact{.code = "no_driver", .device = {}, .words = {{"driver", stock_driver}}};
    fact.remedies = {{.action = Remedy::Action::load_module, .object = stock_driver}};
    findings.push_back(with_severity(told(fact), missing));
  }
  return findings;
}

Findings check_folders(Io& io, const Folders& folders) {
  return {folder(io, folders.state), folder(io, folders.run), folder(io, folders.sim)};
}

}  // namespace nvmigrate
