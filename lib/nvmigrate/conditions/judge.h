// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// Answers "may this be done to these functions?": holds them against every rule that the verb
/// cares about and keeps all that is found. Looks only at what some rule needs, and asks the device
/// before a record is believed.
class Judge {
 public:
  /// \param allowed the codes of conditions that the caller allows
  Judge(Verb verb, Session& session, std::vector<std::string> allowed = {});

  /// The function stays suspended when all is done: `not_open` is only a warning after a load, and
  /// `reset_at_close` stands against an export.
  void keep_suspended() noexcept { keeps_suspended_ = true; }
  /// All rules of the table that are about a function. Of one that controls others, or
  /// is foreign, only that is found, since fixing the rest would not help.
  void look_at(std::uint16_t cntlid);
  /// Only whether the function controls others, for what is left as it is.
  void look_at_control(std::uint16_t cntlid);
  /// Only where its guest is, of what a reset of the controlling function may disturb.
  void look_at_custody(std::uint16_t cntlid);
  /// Who on this host uses the namespaces of the controlling function itself.
  void look_at_controlling_function();
  /// look_at() of every VF that is enabled; of one whose controller id is not known, who uses it.
  void look_at_vfs();
  /// The IOMMU and its groups. \param together what is bound at once, `functions` included
  void look_at_groups(const FunctionList& functions, const FunctionList& together);
  /// Whether the kernel lets this process change the controlling function, or another one.
  void try_writing();
  void try_writing(const ControlledFunction& function);
  /// Whether the device can migrate its controlled functions, and what that carries; with the
  /// backend for this function.
  void look_at_abilities(std::optional<std::uint16_t> cntlid = {});

  /// Something that the caller found; whether it can be allowed is judged here.
  void add(const Fact& fact);
  void add(Finding found);
  [[nodiscard]] Fact about_device(std::string_view code, Words words = {}) const;

  [[nodiscard]] const Findings& findings() const noexcept { return findings_; }
  [[nodiscard]] bool stops() const noexcept { return any_stands(findings_); }
  /// \param action see Refusal. \throws Refusal with everything that stands
  void refuse(const std::string& action) const { refuse_if_any_stands(action, findings_); }

 private:
  [[nodiscard]] bool cares(std::string_view code) const;
  void add(std::string_view code, const ControlledFunction& function, Words words = {});
  [[nodiscard]] bool look_at_control(const ControlledFunction& function);
  [[nodiscard]] bool look_at_belonging(const ControlledFunction& function);
  void look_at_readiness(const ControlledFunction& function);
  void look_at_lack_of_mark(const ControlledFunction& function);
  void look_at_opening(const ControlledFunction& function);
  void look_at_backend(const ControlledFunction& function);
  void look_at_place(const ControlledFunction& function);
  void look_at_effects(const ControlledFunction& function);
  void look_at_users(const ControlledFunction& function);
  void look_at_users(Fact who, const std::string& address);
  void look_at_holders(const ControlledFunction& function);
  void look_at_journal();
  void look_at_lists();
  void look_at_guest(const ControlledFunction& function);
  void try_writing(Fact who, const std::string& address);
  [[nodiscard]] std::string strangers_in(unsigned group, const std::set<std::string>& ours);

  Verb verb_;
  Session* session_;
  std::vector<std::string> allowed_;
  bool keeps_suspended_ = false;
  Findings findings_;
};

/// What the device cannot do, or can do only in part: `no_live_migration`, `queues_only`.
/// \throws NvmeError, OsError
std::vector<Fact> ability_facts(Session& session, std::optional<std::uint16_t> cntlid = {});

/// `backend_in_use`: a guest is held by the backend of the function's mark, and the function is to
/// have the one of this name next, empty for none. \throws NvmeError, OsError
std::optional<Fact> backend_in_use(Session& session, std::uint16_t cntlid, std::string_view next);
/// Another backend is named than the mark of the function records. \throws NvmeError, OsError
Fact backend_differs(Session& session, const ControlledFunction& function);

/// What commands do to the queues of this host: `effects_unread`, or `stops_queues`.
std::vector<Fact> effects_facts(Session& session);

/// `/dev/nvme1n1 mounted on /srv, pid 4711 (qemu) holds it open`.
std::string describe(const std::vector<Use>& uses);

}  // namespace nvmigrate
