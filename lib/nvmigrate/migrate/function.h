// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/state/state_file.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {

// What all operations on a function begin with.

/// Whether the caller resumes the function once it is loaded.
enum class Then { runs, stays_suspended };
/// Holds a function against all conditions of a verb, as the device and the records are now. Asks
/// the device only when one of the conditions needs its word.
/// \throws not_found; unsupported when the device cannot migrate, unless the verb is release
Judge judge_function(Verb verb, Session& session, std::uint16_t cntlid,
                     const std::vector<std::string>& allowed, Then then = Then::runs);
/// Where no judge looks: refuses a backend that was named for a function and is not that of its
/// mark. \throws Refusal; unsupported when it does not serve the device
void check_named_backend(Session& session, std::uint16_t cntlid, const std::string& action);
/// The device's word on a function; nothing: there is nothing to ask.
/// \throws what the device answers when it does not tell
std::optional<FunctionState> word_on(Session& session, std::uint16_t cntlid);
/// Whether it is suspended in that word, or as is recorded where the device cannot tell.
/// \throws as word_on()
bool is_suspended(Session& session, std::uint16_t cntlid);
/// Strikes what the journal says of a function and the device contradicts: suspending the function
/// would make that seem true again. A state that was loaded and lost in a reset before it ran can
/// be loaded again. \throws OsError
void strike_stale(Session& session, std::uint16_t cntlid);

/// Notes in the ledger that a function runs again whose state was read: after an export, so that
/// the exported state is not loaded as the guest; after a transfer to another host that was not
/// committed, so that the destination can be told.
/// \param guest what the journal says of the function
void note_resumed(JournalChange& change, Session& session, const Intent& guest);

/// Whether a device lists a version or a vendor format.
bool lists(const auto& formats, const auto& wanted) {
  return std::find(formats.begin(), formats.end(), wanted) != formats.end();
}

/// The formats to read a state in: those chosen, or whole_state().
/// \throws unsupported with the code `version` or `vendor_format` when the device lacks one
FormatChoice formats_to_read(Session& session, std::uint16_t cntlid,
                             const std::optional<FormatChoice>& chosen);

// Where a state comes from.

/// What the first record of a state file says, size and blackout still open. Namespaces that the
/// device fails to tell are left out.
StateIdentity identity_of(Session& session, std::uint16_t cntlid, const FormatChoice& formats);
/// Whether a function has an exported NVM subsystem state that its backend carries.
/// \throws NvmeError, OsError
bool has_subsystem_state(Session& session, std::uint16_t cntlid);
/// The state of its exported NVM subsystem. \return empty if the identity says that it has no such
/// state
std::vector<std::byte> subsystem_state_of(Session& session, std::uint16_t cntlid,
                                          const StateIdentity& identity);
/// Loads what subsystem_state_of() gave, unless it is empty, or the device has none and the caller
/// allowed that. \param touched set before the device may have taken anything
void load_subsystem_state(Session& session, std::uint16_t cntlid, std::span<const std::byte> state,
                          bool& touched);
/// The namespaces that are attached to a function; nothing: the device does not tell them.
/// \throws NvmeError, OsError
std::optional<std::vector<NamespaceShape>> namespaces_of(Session& session, std::uint16_t cntlid);
/// Whether an identity names the subsystem of a session.
bool is_of(const StateIdentity& identity, const Session& session);
/// The function that a state was read from, where a controlling function of this host controls it.
struct Origin {
  std::unique_ptr<Session> own{};  ///< opened for it; empty: it is in the destination's subsystem
  Session* session = nullptr;
  std::uint16_t cntlid = 0;

  /// `controlled function 3 (vf 3) of subsystem nqn…`
  [[nodiscard]] std::string name() const;
};
/// \return nothing when no controlling function of this host controls it now, or when it is the
/// destination itself. Another device that cannot be opened is passed over.
/// \throws Interrupted
std::optional<Origin> find_origin(const StateIdentity& identity, Session& session,
                                  std::uint16_t destination);

}  // namespace nvmigrate
