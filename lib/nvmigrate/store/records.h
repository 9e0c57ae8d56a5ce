// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "nvmigrate/version.h"

namespace nvmigrate {

/// Where the library keeps what it must remember: absolute paths.
struct Folders {
  std::string state;  ///< marks and bindings; survives a reboot
  std::string run;    ///< journal and locks
  std::string sim;    ///< simulated subsystems
};

/// What tells an NVM subsystem from every other one on this host: its records and its lock are
/// found by it. The serial number keeps two drives apart that claim the same NQN.
struct SubsystemKey {
  std::string nqn;       ///< of the subsystem, as the kernel knows it
  std::string serial{};  ///< of the controlling function; empty in old records

  /// `NQN#SERIAL`, or the NQN alone.
  [[nodiscard]] std::string text() const { return serial.empty() ? nqn : nqn + "#" + serial; }
  auto operator<=>(const SubsystemKey&) const = default;
};

/// The record of a function that was taken from its driver and bound to vfio.
struct Binding {
  std::uint16_t cntlid = 0;                      ///< controller id
  std::string address;                           ///< PCI
  std::string driver;                            ///< what it was bound to, vfio-pci
  std::optional<std::string> original_driver;    ///< nothing: it had none
  std::optional<std::string> original_override;  ///< driver_override before
  std::string time;                              ///< RFC 3339, UTC
};

/// What was about to be done when an intent was recorded.
enum class IntentKind {
  suspended,     ///< the function is suspended by us, or about to be
  loading,       ///< a state is being loaded into it; do not resume before a whole load
  moved,         ///< its state runs elsewhere since a transfer's commit; never resume it
  unbound,       ///< taken from its driver, the new one not yet verified
  provisioning,  ///< numvfs and flexible resources of a controlling function are being changed
};
/// `suspended`, `loading`, …: the word in journal and JSON.
NVMIGRATE_API std::string_view to_string(IntentKind kind) noexcept;
/// \return nothing when no kind has this name
NVMIGRATE_API std::optional<IntentKind> intent_kind_of(std::string_view name) noexcept;

/// One line of the journal: an effect that is begun and not yet ended.
struct Intent {
  IntentKind kind{};
  std::uint16_t cntlid = 0;  ///< whose it is; of `provisioning` the controlling function's own
  std::string command{};     ///< `export`, …
  pid_t pid = 0;             ///< of the process that recorded it
  std::string time{};        ///< RFC 3339, UTC
  std::map<std::string, std::string> details;  ///< address, original_driver, was_vfs, destination …
  bool in_progress = false;  ///< its process still holds the subsystem's lock; set on reading
  /// `loading` of a transfer that has reached its point of no return: the state is whole. Found out
  /// from the journal of the source, as the next is from the device, when a session asks it.
  bool committed = false;
  bool stale = false;  ///< what it speaks of is over: the device says that the function runs
};

}  // namespace nvmigrate
