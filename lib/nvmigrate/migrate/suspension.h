// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {

/// What a failure leaves behind: a sentence, and how to fix it. Empty when all is as before.
struct Leftover {
  std::string advice{};
  std::vector<Remedy> remedies{};

  Leftover& operator+=(const std::string& sentence);
  Leftover& operator+=(Remedy remedy);
  Leftover& operator+=(Leftover other);
  [[nodiscard]] bool empty() const noexcept { return advice.empty() && remedies.empty(); }
  /// Has the error say it.
  void add_to(Error& error) const;
};

/// The suspension of one function by one operation, so that it is never left suspended in silence:
/// the journal says what happens to its guest before Suspend is sent, and is struck after Resume
/// succeeded.
/// By itself it undoes what it did: a function that it suspended is resumed, one that was suspended
/// before stays so, and the journal says again what it said before. A Suspend that failed counts as
/// perhaps sent; where none was sent, no Resume is.
class Suspension {
 public:
  using Clock = std::chrono::steady_clock;

  /// \param was_suspended what the device says now, or the journal where that cannot tell
  Suspension(Session& session, std::uint16_t cntlid, bool was_suspended);
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;
  ~Suspension();  ///< undo()

  /// Adds the record of what happens to the guest to a change of the journal.
  void add_record(JournalChange& change, IntentKind kind, IntentDetails details = {});
  /// The same, in a write of its own. \throws OsError
  void record(IntentKind kind, IntentDetails details = {});
  /// Sends Suspend, unless the device says that the function is suspended already: a record alone
  /// may be out of date. Needs a record.
  void suspend();
  /// Sends Resume, even to a function that was suspended before; the record remains until strike().
  void wake();
  /// Strikes the record. \throws OsError
  void strike();
  /// wake() and strike().
  void resume();
  /// Function and journal stay as they are.
  void keep() noexcept { recorded_ = false; }
  /// Takes back what this object did and has not ended yet. Harmless when there is nothing.
  /// \return what the function does then, or why it could not be taken back; empty: nothing was
  /// done
  Leftover undo() noexcept;

  /// What was recorded of the guest before, or supposed because the records were lost.
  [[nodiscard]] const std::optional<Intent>& before() const noexcept { return before_; }
  /// `controlled function 3 (vf 3)`
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Remedy& remedy() const noexcept { return remedy_; }  ///< resumes it
  /// From the moment before Suspend was sent, by this tool at any time, to the end of Resume, or
  /// to now. Of a function that another tool suspended: since this one met it.
  [[nodiscard]] std::chrono::nanoseconds length() const;

 private:
  [[nodiscard]] std::optional<Clock::time_point> recorded_start() const;
  [[nodiscard]] bool runs_again();
  [[nodiscard]] Leftover take_back();
  void restore_record();

  Session* session_;
  std::uint16_t cntlid_;
  std::string name_;
  Remedy remedy_;
  bool was_suspended_, untold_;
  std::optional<Intent> before_;
  bool recorded_ = false, sent_ = false, was_sent_ = false;
  std::optional<Clock::time_point> suspended_at_, resumed_at_;
};

/// The device may hold a part of a state: the function stays suspended, and the journal says
/// `loading`. \return that, and what ends it
Leftover leave_half_loaded(Suspension& suspension, Session& session, std::uint16_t cntlid);

}  // namespace nvmigrate
