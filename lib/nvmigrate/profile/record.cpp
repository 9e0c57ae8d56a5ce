// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/profile/declared.h"
#include "nvmigrate/profile/expanded.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {
namespace {

/// What was persisted of one subsystem.
class Persisted {
 public:
  explicit Persisted(Session& session)
      : session_(&session),
        document_(session.io(), persisted_folder(session.workspace().folders),
                  file_name_of(session.key().text()) + profile_ending) {
    if (const auto text = document_.read()) profile_ = read(*text);
    check_private_folder(session.io(), persisted_folder(session.workspace().folders));
  }

  /// The entry of the controlling function; a new one if it has no entry yet.
  SubsystemProfile take() {
    auto& all = profile_.subsystems;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& entry) { return names(entry, *session_); });
    if (found == all.end()) return named_as(*session_);
    auto entry = std::move(*found);
    all.erase(found);
    return entry;
  }

  void put(SubsystemProfile entry) {
    const bool says = entry.vfs || !entry.functions.empty();
    if (says) profile_.subsystems.push_back(std::move(entry));
    document_.replace(profile_.subsystems.empty() ? std::string{} : text_of(profile_));
  }

 private:
  Profile read(const std::string& text) {
    try {
      return parse_profile(text, document_.path());
    } catch (const Error& error) {
      throw Error(ExitStatus::io, error.what(),
                  "nothing was changed; mend that record, or remove it to begin a new one")
          .with_code(bad_profile);
    }
  }

  Session* session_;
  Document document_;
  Profile profile_;
};

bool is_vf(const std::string& key) { return key.starts_with("vf"); }

unsigned vfn_of(const std::string& key) {
  return static_cast<unsigned>(is_vf(key) ? parse_number(key.substr(2)).value_or(0) : 0);
}

void take_resources(SubsystemProfile& entry, const SubsystemProfile& now,
                    const PersistedPart& part) {
  const auto were = entry.vfs;
  entry.vfs = now.vfs;
  entry.release_primary = part.release_primary || (were && entry.release_primary);
  if (part.namespaces) entry.namespaces = part.namespaces;
  for (const auto& [key, function] : now.functions) {
    if (!is_vf(key)) continue;
    entry.functions[key].queues = function.queues;
    entry.functions[key].interrupts = function.interrupts;
  }
}

void drop_resources(SubsystemProfile& entry) {
  std::erase_if(entry.functions, [](const auto& one) { return is_vf(one.first); });
  entry.vfs.reset();
  entry.namespaces.reset();
  entry.release_primary = false;
}

std::string key_of(Session& session, std::uint16_t cntlid) {
  const auto* function = session.topology().find(cntlid);
  const bool vf = function != nullptr && function->vfn != 0;
  return vf ? vf_key(function->vfn) : std::to_string(cntlid);
}

void take_part(FunctionProfile& function, const FunctionProfile& now, PersistedPart::Kind kind) {
  if (kind == PersistedPart::Kind::mark) {
    function.marked = now.marked;
    function.backend = now.backend;
    return;
  }
  function.driver = now.driver;
  function.owner = now.owner;
}

}  // namespace

struct ProfileRecord::Parts {
  explicit Parts(Session& of) : session(&of), persisted(of) {}

  void change(const PersistedPart& part, Findings& findings) {
    auto entry = persisted.take();
    expand(entry);
    const auto now = expanded_present(*session);
    if (part.kind == PersistedPart::Kind::resources) change_resources(entry, now, part);
    for (const auto id : part.cntlids)
      change_function(entry, now, id, part);
    leave_out_others(entry, findings);
    compress(entry);
    persisted.put(std::move(entry));
  }

  static void change_resources(SubsystemProfile& entry, const SubsystemProfile& now,
                               const PersistedPart& part) {
    if (part.wanted) {
      take_resources(entry, now, part);
    } else {
      drop_resources(entry);
    }
  }

  void change_function(SubsystemProfile& entry, const SubsystemProfile& now, std::uint16_t id,
                       const PersistedPart& part) const {
    const auto key = key_of(*session, id);
    const auto found = now.functions.find(key);
    const bool known = part.wanted && found != now.functions.end();
    auto function = known ? found->second : FunctionProfile{};
    // A VF that is not enabled now can be marked, and is there again once it is provisioned.
    if (part.kind == PersistedPart::Kind::mark && part.wanted) {
      function.marked = true;
      if (const auto* listed = session->topology().find(id)) {
        function.backend = backend_to_name(*session, *listed);
      }
    }
    take_part(entry.functions[key], function, part.kind);
  }

  /// The form of a profile has no place for VFs beyond those that there are to be.
  void leave_out_others(SubsystemProfile& entry, Findings& findings) const {
    if (!entry.vfs) return;
    std::vector<std::uint32_t> lost;
    for (const auto& [key, function] : entry.functions) {
      const auto vfn = vfn_of(key);
      if (vfn > *entry.vfs && (function.marked == true || function.driver)) lost.push_back(vfn);
    }
    std::erase_if(entry.functions, [&](const auto& one) { return vfn_of(one.first) > *entry.vfs; });
    if (lost.empty()) return;
    std::sort(lost.begin(), lost.end());
    findings.push_back(
        told({.code = "beyond_record",
              .device = session->device(),
              .words = {{"functions", (lost.size() > 1 ? "VFs " : "VF ") + ranges_of(lost)},
                        {"count", std::to_string(*entry.vfs)}}}));
  }

  void tell_of_files(Findings& findings) const {
    const auto files = profiles_of_files(session->io(), session->workspace().folders);
    const auto own = entries_of(*session, files.entries);
    if (own.empty()) return;
    findings.push_back(told({.code = "record_unused",
                             .device = session->device(),
                             .words = {{"place", own.front()->place}}}));
  }

  Session* session;
  Persisted persisted;
};

ProfileRecord::ProfileRecord(Session& session) {
  session.claim();
  parts_ = std::make_unique<Parts>(session);
}

ProfileRecord::~ProfileRecord() = default;

Findings ProfileRecord::persist(const PersistedPart& part) {
  Findings findings;
  try {
    parts_->change(part, findings);
    parts_->tell_of_files(findings);
  } catch (const Error& error) {
    findings = {told({.code = "not_recorded",
                      .device = parts_->session->device(),
                      .words = {{"reason", error.what()}}})};
  }
  return findings;
}

}  // namespace nvmigrate
