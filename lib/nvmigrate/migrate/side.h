// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/host/topology.h"
#include "nvmigrate/migrate/backend.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {

/// The journal of a subsystem, for several threads at once.
class SharedJournal {
 public:
  explicit SharedJournal(Journal& journal) : journal_(&journal) {}

  [[nodiscard]] std::optional<Intent> find(IntentKind kind, std::uint16_t cntlid) const;
  void record(IntentKind kind, std::uint16_t cntlid,
              std::map<std::string, std::string> details = {});
  void strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid);
  /// As strike, on the way out of a failure. \return empty, or why the journal still has them
  std::string try_to_strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid) noexcept;
  /// After a commit that failed, and may have been seen: makes the file what this journal holds.
  /// \return false when that failed too
  bool try_to_rewrite() noexcept;
  /// For one thread, while no other uses it.
  [[nodiscard]] Journal& alone() noexcept { return *journal_; }

 private:
  Journal* journal_;
  mutable std::mutex mutex_;
};

/// One side of a migration: a controlling function with all that is needed to drive it. Made by the
/// caller, who holds the subsystem's lock.
struct MigrationSide {
  std::string device;  ///< as the user names it; stands in messages
  MigrationBackend& backend;
  BackendQuery query;
  const Topology& topology;
  SharedJournal& journal;
  /// Commands sent so far by this thread, and by all; may be empty.
  std::function<std::uint64_t()> commands{}, all_commands{};
  PciBus* pci = nullptr;  ///< to look for who holds a function open; may be missing

  [[nodiscard]] const ControlledFunction& function(std::uint16_t cntlid) const;
  /// `controlled function 3 of sim:demo`
  [[nodiscard]] std::string name_of(std::uint16_t cntlid) const;
  /// `nvmigrate VERB sim:demo 3`, for hints.
  [[nodiscard]] std::string command_line(const std::string& verb, std::uint16_t cntlid) const;
};

/// A sentence for the hint of another failure; empty when there is no memory for it.
std::string not_up_to_date(const std::exception& failure) noexcept;
/// Both sentences, with a semicolon between them when there are two.
std::string joined(std::string first, const std::string& second);

/// All that the device can give: the NVMe state, version 0 where there are several, and the first
/// vendor format. \throws unsupported when it has neither
FormatChoice whole_state(const StateFormats& formats);
/// \throws unsupported naming what of the choice the device does not have, and what it has
void require_formats(const StateFormats& formats, const FormatChoice& choice,
                     const std::string& device);

/// Refusals (exit 4) before anything is sent. `allowed` are the names given to --allow.
void require_marked(const MigrationSide& side, std::uint16_t cntlid);
/// \throws refused when a load of its state is not ended (`loading`), or its state runs elsewhere
/// (`moved`), unless that name is allowed
void require_unambiguous(const MigrationSide& side, std::uint16_t cntlid,
                         const std::vector<std::string>& allowed);
/// \throws refused (never overridable) when it is another controlling function, which cannot be
/// migrated (Base 2.1 §8.1.12)
void require_controlled(const MigrationSide& side, std::uint16_t cntlid);
/// \throws refused when the host's own nvme driver runs it (`host_driver`), unless that name is
/// allowed: the driver would find its commands too slow and reset the function, which ends the
/// suspension (Base 2.1 §8.1.12)
void require_released(const MigrationSide& side, std::uint16_t cntlid,
                      const std::vector<std::string>& allowed);
/// \throws refused when it is an Offline secondary controller
void require_online(const MigrationSide& side, std::uint16_t cntlid);

}  // namespace nvmigrate
