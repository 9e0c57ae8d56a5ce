// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/profile/declared.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {
namespace {

constexpr std::size_t longest_text = std::size_t{16} << 20U;

/// Reads the profiles of one folder after the other.
class Reading {
 public:
  explicit Reading(Io& io) : io_(&io) {}

  /// Those of administrators.
  void add_files(const Folders& folders) {
    add(folders.config, false,
        [&](const std::string& name) { return read_trusted(*io_, folders.config + "/" + name); });
  }
  /// Those that were persisted.
  void add_records(const Folders& folders) {
    const auto folder = persisted_folder(folders);
    add(folder, true, [&](const std::string& name) { return Document(*io_, folder, name).read(); });
  }

  DeclaredProfiles take() && { return std::move(all_); }

 private:
  /// \param read gives the text of a file, by the name that list() gave
  template <typename Read>
  void add(const std::string& folder, bool persisted, Read read) {
    for (const auto& name : list(folder)) {
      const auto path = fmt::format("{}/{}", folder, name);
      try {
        if (const auto text = read(name)) add(*text, path, persisted);
      } catch (const Interrupted&) {
        throw;
      } catch (const Error& error) {
        all_.bad.push_back({error, text_of_file(path)});
      }
    }
  }

  /// Of a folder that is missing, none.
  std::vector<std::string> list(const std::string& folder) {
    std::vector<std::string> names;
    if (!folder.empty() && io_->list(folder, names) != 0 && errno != ENOENT) {
      const OsError error(errno, "list", folder);
      all_.bad.push_back({Error(error.status(), error.what(), error.advice()), std::nullopt});
    }
    std::erase_if(names, [](const std::string& name) {
      return !name.ends_with(profile_ending) || name.starts_with('.');
    });
    return names;
  }

  void add(const std::string& text, const std::string& path, bool persisted) {
    for (auto& entry : parse_profile(text, path).subsystems) {
      entry.persisted = persisted;
      all_.entries.push_back(std::move(entry));
    }
  }

  /// Only to see whom it may be about.
  std::optional<std::string> text_of_file(const std::string& path) {
    try {
      return read_text(*io_, path, longest_text, O_NONBLOCK);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  Io* io_;
  DeclaredProfiles all_;
};

Fact fact_of_entry(std::string_view code, const SubsystemProfile& wanted) {
  const auto name = wanted.nqn.empty() ? "serial number " + wanted.serial : wanted.nqn;
  return {.code = code, .device = {}, .words = {{"subsystem", name}, {"place", wanted.place}}};
}

Refusal named_twice(const Session& session, const std::vector<const SubsystemProfile*>& own) {
  auto fact = fact_of_entry("wanted_twice", *own[0]);
  fact.device = session.device();
  fact.words.emplace_back("other", own[1]->place);
  return {"apply", {judged(fact, Verb::apply)}};
}

Refusal ambiguous(const SubsystemProfile& entry, const std::vector<Session*>& of) {
  auto fact = fact_of_entry("subsystem_ambiguous", entry);
  fact.words.emplace_back("devices", of[0]->device() + " and " + of[1]->device());
  return {"apply", {judged(fact, Verb::apply)}};
}

void check_owners(const SubsystemProfile& wanted) {
  const auto check = [&](const FunctionProfile& function) {
    if (function.owner) parse_owner(*function.owner);
  };
  try {
    check(wanted.defaults);
    for (const auto& [key, function] : wanted.functions)
      check(function);
  } catch (const Error& error) {
    throw usage_error(wanted.place + ": " + error.what());
  }
}

/// What was persisted of a controlling function may not be what is wanted where a bad profile is
/// about it. \return nullptr if it says nothing
const BadProfile* hiding(const DeclaredProfiles& declared, const Session& session) {
  const auto found =
      std::find_if(declared.bad.begin(), declared.bad.end(),
                   [&](const BadProfile& bad) { return may_be_about(bad, session); });
  return found == declared.bad.end() ? nullptr : &*found;
}

}  // namespace

std::string persisted_folder(const Folders& folders) { return folders.state + "/profiles"; }

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

bool names(const SubsystemProfile& wanted, const Session& session) {
  const auto fits = [](const std::string& asked, const std::string& is) {
    return asked.empty() || asked == is;
  };
  const auto& identity = session.identity();
  return fits(wanted.nqn, session.key().nqn) && fits(wanted.serial, identity.serial) &&
         fits(wanted.model, identity.model) &&
         wanted.controller_id.value_or(identity.cntlid) == identity.cntlid;
}

bool may_be_about(const BadProfile& bad, const Session& session) {
  const auto has = [&](const std::string& name) {
    return !bad.text || (!name.empty() && bad.text->find(name) != std::string::npos);
  };
  return has(session.key().nqn) || has(session.key().serial) || has(session.identity().serial);
}

Finding absence_of(const SubsystemProfile& wanted, bool blocks) {
  const auto fact = fact_of_entry("subsystem_absent", wanted);
  return blocks ? judged(fact, Verb::apply) : told(fact);
}

ProfileMatch match(const DeclaredProfiles& declared,
                   const std::vector<std::unique_ptr<Session>>& sessions) {
  const auto& entries = declared.entries;
  ProfileMatch all;
  std::map<const SubsystemProfile*, std::vector<Session*>> found;
  for (const auto& session : sessions) {
    const auto own = entries_of(*session, entries);
    if (own.empty()) continue;
    ProfileTarget target{session.get(), own.front()};
    if (own.size() > 1) {
      target.failure = std::make_exception_ptr(named_twice(*session, own));
    } else if (const auto* bad = hiding(declared, *session); own[0]->persisted && bad != nullptr) {
      target.failure = std::make_exception_ptr(Error(bad->error));
    } else {
      found[own.front()].push_back(session.get());
    }
    all.targets.push_back(target);
  }
  for (const auto& [entry, of] : found) {
    if (of.size() < 2) continue;
    all.unclear.push_back(ambiguous(*entry, of));
    std::erase_if(all.targets,
                  [&, wanted = entry](const auto& one) { return one.wanted == wanted; });
  }
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

DeclaredProfiles profiles_of_files(Io& io, const Folders& folders) {
  Reading reading(io);
  reading.add_files(folders);
  return std::move(reading).take();
}

DeclaredProfiles declared_profiles(Io& io, const Folders& folders) {
  Reading reading(io);
  reading.add_files(folders);
  reading.add_records(folders);
  return std::move(reading).take();
}

unsigned declared_vfs(const Session& session) {
  const auto declared = declared_profiles(session.io(), session.workspace().folders);
  const auto own = entries_of(session, declared.entries);
  const bool hidden = own.size() == 1 && own[0]->persisted && hiding(declared, session) != nullptr;
  return own.size() == 1 && !hidden ? own[0]->vfs.value_or(0) : 0;
}

Findings check_profiles(const DeclaredProfiles& declared,
                        const std::vector<std::unique_ptr<Session>>& sessions) {
  Findings findings;
  const auto add_bad = [&](const std::string& device, const Error& error) {
    findings.push_back(
        told({.code = bad_profile, .device = device, .words = {{"reason", error.what()}}}));
  };
  for (const auto& bad : declared.bad)
    add_bad({}, bad.error);
  const auto matched = match(declared, sessions);
  std::vector<Refusal> refusals = matched.unclear;
  for (const auto& target : matched.targets) {
    try {
      if (target.failure) std::rethrow_exception(target.failure);
      check_owners(*target.wanted);
    } catch (const Refusal& refusal) {
      refusals.push_back(refusal);
    } catch (const Error& error) {
      add_bad(target.session->device(), error);
    }
  }
  for (const auto& refusal : refusals) {
    for (auto found : refusal.findings()) {
      found.severity = Severity::problem;
      findings.push_back(std::move(found));
    }
  }
  return findings;
}

}  // namespace nvmigrate
