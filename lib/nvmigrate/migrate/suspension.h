// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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

/// The record of suspending one function, so that it is never left suspended in silence: the intent
/// `suspended`, for the time being `unfinished`, is in the journal before Suspend is sent, and is
/// struck after Resume succeeded.
/// By itself it undoes what it did: a function that it suspended is resumed, one that was suspended
/// before stays so. A Suspend that failed counts as perhaps sent; where none was sent, no Resume
/// is.
class Suspension {
 public:
  using Clock = std::chrono::steady_clock;

  /// \param was_suspended what the device says now
  Suspension(Session& session, std::uint16_t cntlid, bool was_suspended);
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;
  ~Suspension();  ///< undo()

  /// Writes the intent, unless the function is suspended already. \throws OsError
  void record(std::map<std::string, std::string> details = {});
  /// Sends Suspend, unless the function is suspended already. Needs record().
  void suspend();
  /// record() and suspend().
  void begin();

  /// It stays suspended on purpose, and the journal says so, whoever suspended it: `unfinished`
  /// goes. \throws OsError
  void settle();
  /// On the way out of a failure, has the journal call it suspended.
  /// \return empty, or why the journal does not
  std::string record_at_last() noexcept;
  /// It stays suspended, and the journal stays as it is.
  void keep() noexcept { recorded_ = false; }
  /// Sends Resume, even to a function that was suspended before; the intent remains until strike().
  void wake();
  /// Strikes the intent. \throws OsError
  void strike();
  /// wake() and strike().
  void resume();
  /// Takes back what this object did and has not ended yet. Harmless when there is nothing.
  /// \return empty when the function is as it was before
  Leftover undo() noexcept;

  /// `controlled function 3 (vf 3)`
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Remedy& remedy() const noexcept { return remedy_; }  ///< resumes it
  /// From the moment before Suspend was sent, by this tool at any time, to the end of Resume, or
  /// to now. Of a function that another tool suspended: since this one met it.
  [[nodiscard]] std::chrono::nanoseconds length() const;

 private:
  [[nodiscard]] std::optional<Clock::time_point> recorded_start() const;
  void write(std::map<std::string, std::string> details);
  [[nodiscard]] bool runs_again();
  [[nodiscard]] Leftover take_back();

  Session* session_;
  std::uint16_t cntlid_;
  std::string name_;
  Remedy remedy_;
  std::map<std::string, std::string> details_;
  bool was_suspended_;
  bool recorded_ = false, sent_ = false;
  std::optional<Clock::time_point> suspended_at_, resumed_at_;
};

}  // namespace nvmigrate
