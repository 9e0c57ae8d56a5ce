// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>
#include <set>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/profile/expanded.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {
namespace {

constexpr auto ending = ".json";

std::string persisted_folder(const Folders& folders) { return folders.state + "/profiles"; }

/// The names of the profiles in a folder; of one that is missing, none.
std::vector<std::string> profiles_in(Io& io, const std::string& folder) {
  std::vector<std::string> names;
  if (folder.empty()) return names;
  if (io.list(folder, names) != 0) {
    if (errno == ENOENT) return {};
    throw OsError(errno, "list", folder);
  }
  std::erase_if(names, [](const std::string& name) {
    return !name.ends_with(ending) || name.starts_with('.');
  });
  return names;
}

void add(std::vector<SubsystemProfile>& all, Profile profile, bool persisted) {
  for (auto& entry : profile.subsystems) {
    entry.persisted = persisted;
    all.push_back(std::move(entry));
  }
}

/// What was persisted of one subsystem.
class Persisted {
 public:
  explicit Persisted(Session& session)
      : session_(&session),
        document_(session.io(), persisted_folder(session.workspace().folders),
                  file_name_of(session.key().text()) + ending) {
    if (const auto text = document_.read()) profile_ = parse_profile(*text, document_.path());
  }

  /// The entry of the controlling function; begun when there is none.
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
  Session* session_;
  Document document_;
  Profile profile_;
};

bool is_vf(const std::string& key) { return key.starts_with("vf"); }

void take_resources(SubsystemProfile& entry, const SubsystemProfile& now,
                    const PersistedPart& part) {
  const auto were = entry.vfs;
  entry.vfs = now.vfs;
  entry.release_primary = part.release_primary || (were && entry.release_primary);
  if (part.namespaces) entry.namespaces = now.namespaces;
  for (const auto& [key, function] : now.functions) {
    if (!is_vf(key)) continue;
    entry.functions[key].queues = function.queues;
    entry.functions[key].interrupts = function.interrupts;
  }
  std::erase_if(entry.functions, [&](const auto& one) {
    return is_vf(one.first) && !now.functions.contains(one.first);
  });
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

Fact fact_of_entry(std::string_view code, const SubsystemProfile& wanted) {
  const auto name = wanted.nqn.empty() ? "serial number " + wanted.serial : wanted.nqn;
  return {.code = code, .device = {}, .words = {{"subsystem", name}, {"place", wanted.place}}};
}

/// The entries of one controlling function; those of files alone where there are any.
std::vector<const SubsystemProfile*> entries_of(const Session& session,
                                                const std::vector<SubsystemProfile>& entries) {
  std::vector<const SubsystemProfile*> found;
  for (const bool persisted : {false, true}) {
    if (!found.empty()) break;
    for (const auto& entry : entries) {
      if (entry.persisted == persisted && names(entry, session)) found.push_back(&entry);
    }
  }
  return found;
}

}  // namespace

bool names(const SubsystemProfile& wanted, const Session& session) {
  const auto fits = [](const std::string& asked, const std::string& is) {
    return asked.empty() || asked == is;
  };
  const auto& identity = session.identity();
  return fits(wanted.nqn, session.key().nqn) && fits(wanted.serial, identity.serial) &&
         fits(wanted.model, identity.model) &&
         wanted.controller_id.value_or(identity.cntlid) == identity.cntlid;
}

Finding absence_of(const SubsystemProfile& wanted, bool blocks) {
  const auto fact = fact_of_entry("subsystem_absent", wanted);
  return blocks ? judged(fact, Verb::apply) : told(fact);
}

ProfileMatch match(const std::vector<SubsystemProfile>& entries,
                   const std::vector<std::unique_ptr<Session>>& sessions) {
  ProfileMatch all;
  Findings wrong;
  std::map<const SubsystemProfile*, std::vector<Session*>> found;
  for (const auto& session : sessions) {
    const auto own = entries_of(*session, entries);
    if (own.empty()) continue;
    if (own.size() > 1) {
      auto fact = fact_of_entry("wanted_twice", *own[0]);
      fact.device = session->device();
      fact.words.emplace_back("other", own[1]->place);
      wrong.push_back(judged(fact, Verb::apply));
    }
    all.targets.push_back({session.get(), own.front()});
    found[own.front()].push_back(session.get());
  }
  for (const auto& [entry, of] : found) {
    if (of.size() < 2) continue;
    auto fact = fact_of_entry("subsystem_ambiguous", *entry);
    fact.words.emplace_back("devices", of[0]->device() + " and " + of[1]->device());
    wrong.push_back(judged(fact, Verb::apply));
  }
  refuse_if_any_stands("apply", wrong);
  for (const auto& entry : entries) {
    const bool here = std::any_of(sessions.begin(), sessions.end(),
                                  [&](const auto& session) { return names(entry, *session); });
    if (!here) all.absent.push_back(&entry);
  }
  // As open_pair(): two runs cannot wait for each other's locks.
  std::stable_sort(all.targets.begin(), all.targets.end(), [](const auto& one, const auto& other) {
    return one.session->key() < other.session->key();
  });
  return all;
}

void persist(Session& session, const PersistedPart& part) {
  using Kind = PersistedPart::Kind;
  session.claim();
  Persisted persisted(session);
  auto entry = persisted.take();
  expand(entry);
  const auto now = expanded_present(session);
  if (part.kind == Kind::resources && part.wanted) {
    take_resources(entry, now, part);
  } else if (part.kind == Kind::resources) {
    drop_resources(entry);
  }
  for (const auto id : part.cntlids) {
    const auto key = key_of(session, id);
    const auto found = now.functions.find(key);
    const bool known = part.wanted && found != now.functions.end();
    auto function = known ? found->second : FunctionProfile{};
    // A VF that is not enabled now can be marked, and is there again once it is provisioned.
    const auto* listed = session.topology().find(id);
    const bool to_be =
        listed != nullptr && listed->vfn != 0 && listed->vfn <= entry.vfs.value_or(0);
    if (part.kind == Kind::mark && part.wanted && to_be) {
      function.marked = true;
      function.backend = backend_to_name(session, *listed);
    }
    take_part(entry.functions[key], function, part.kind);
  }
  compress(entry);
  persisted.put(std::move(entry));
}

std::vector<SubsystemProfile> declared_profiles(Io& io, const Folders& folders) {
  std::vector<SubsystemProfile> all;
  for (const auto& name : profiles_in(io, folders.config)) {
    const auto path = folders.config + "/" + name;
    if (const auto text = read_trusted(io, path)) add(all, parse_profile(*text, path), false);
  }
  const auto folder = persisted_folder(folders);
  for (const auto& name : profiles_in(io, folder)) {
    Document document(io, folder, name);
    if (const auto text = document.read()) add(all, parse_profile(*text, document.path()), true);
  }
  return all;
}

}  // namespace nvmigrate
