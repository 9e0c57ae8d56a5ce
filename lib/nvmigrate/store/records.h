// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "nvmigrate/version.h"

namespace nvmigrate {

/// Where the library keeps what it must remember: absolute paths.
struct Folders {
  std::string state;     ///< marks and bindings; survives a reboot
  std::string run;       ///< journal and locks
  std::string sim;       ///< simulated subsystems
  std::string config{};  ///< profiles, which administrators write; may be empty
  /// Identifies this boot of the host, so that a missing journal can be told from one that was
  /// never begun. Empty if unknown.
  std::string boot{};
};

/// What tells an NVM subsystem from every other one on this host: its records and its lock are
/// found by it. The serial number keeps two drives apart that claim the same NQN.
struct SubsystemKey {
  std::string nqn;       ///< of the subsystem, as the kernel knows it
  std::string serial{};  ///< of the controlling function; empty in old records

  /// `NQN#SERIAL`, or the NQN alone.
  [[nodiscard]] std::string text() const { return serial.empty() ? nqn : nqn + "#" + serial; }
  /// As versions up to 0.1 wrote it: the serial number up to its first NUL, with '?' for every
  /// other byte that is not printable ASCII.
  [[nodiscard]] SubsystemKey former() const;
  /// Whether this, or an earlier version, writes the key so in its records.
  [[nodiscard]] bool is_recorded_as(const SubsystemKey& other) const {
    return other == *this || other == former();
  }
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

/// What a function was provisioned with. A reset of the controlling function takes the flexible
/// resources away; with this they can be given again.
struct WantedResources {
  std::uint16_t cntlid = 0;                                  ///< controller id
  std::uint16_t queues = 0, interrupts = 0;                  ///< asked for
  std::uint16_t granted_queues = 0, granted_interrupts = 0;  ///< by the device, which may round
  std::set<std::uint32_t> namespaces{};                      ///< that were attached for it
  bool operator==(const WantedResources&) const = default;
};

/// What was about to be done when an intent was recorded. A function has at most one of the first
/// six, which say where its guest is.
enum class IntentKind {
  suspended,     ///< suspended by us, or about to be; its state has not left
  exporting,     ///< its state is being read and is not handed over yet
  exported,      ///< its state was handed over: whoever has the bytes may run them
  away,          ///< its guest is known to run elsewhere; never resume it
  loading,       ///< a state is being loaded into it; do not resume before a complete load
  loaded,        ///< it holds a complete state and was not resumed yet
  unbound,       ///< taken from its driver, the new one not yet verified
  provisioning,  ///< numvfs and flexible resources of a controlling function are being changed
  applying,      ///< a controlling function and its functions are being made as a profile says
};
/// `suspended`, `exporting`, …: the word in journal and JSON.
NVMIGRATE_API std::string_view to_string(IntentKind kind) noexcept;
/// \return nothing when no kind has this name
NVMIGRATE_API std::optional<IntentKind> intent_kind_of(std::string_view name) noexcept;
/// Whether it says where the guest of a function is. The device overrules these.
constexpr bool is_custody(IntentKind kind) noexcept { return kind <= IntentKind::loaded; }
/// Whether the intent is about a controlling function itself, not about one that it controls.
constexpr bool is_of_controlling(IntentKind kind) noexcept {
  return kind == IntentKind::provisioning || kind == IntentKind::applying;
}

/// Further facts of an intent: address, original_driver, was_vfs, destination …
using IntentDetails = std::map<std::string, std::string>;

/// One line of the journal: an effect that is begun and not yet ended.
struct Intent {
  IntentKind kind{};
  std::uint16_t cntlid = 0;  ///< whose it is; see is_of_controlling()
  std::string command{};     ///< `export`, …
  pid_t pid = 0;             ///< of the process that recorded it
  std::string time{};        ///< RFC 3339, UTC
  IntentDetails details{};
  bool in_progress = false;  ///< its process still holds the subsystem's lock; set on reading
  bool stale = false;        ///< the device contradicts it; set on asking
};

/// One line of the ledger: what became of a state on this host. A state that was loaded once, or
/// whose source went on, must not be loaded as if it were the guest.
struct LedgerLine {
  /// What became of it.
  enum class Kind {
    loaded,   ///< it was loaded completely
    resumed,  ///< its source was resumed after it had been read
  };
  Kind kind{};
  std::string sha256{};    ///< of the state, 64 hexadecimal digits; empty: not known
  std::string transfer{};  ///< of `resumed`: to another host, which may hold the state; else empty
  std::optional<SubsystemKey> source{};  ///< of the function it was read from; nothing: not known
  std::optional<std::uint16_t> source_cntlid{};
  SubsystemKey place{};      ///< the subsystem where that happened
  std::uint16_t cntlid = 0;  ///< the function there
  std::string device{};      ///< as the user named it
  std::string command{}, time{};
};

}  // namespace nvmigrate
