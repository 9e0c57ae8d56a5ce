// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "nvmigrate/migrate/side.h"

namespace nvmigrate {

/// The account of freezing one function, so that it is never left suspended in silence: the intent
/// `suspended`, for the time being `unfinished`, is in the journal before Suspend is sent, and is
/// struck after Resume succeeded.
/// Left alone it undoes itself: a function that it suspended is resumed, one that was suspended
/// before stays so. A Suspend that failed counts as perhaps sent; where none was sent, no Resume
/// is.
class Suspension {
 public:
  using Clock = std::chrono::steady_clock;

  /// Asks the device whether the function is suspended already; changes nothing.
  Suspension(MigrationSide& side, std::uint16_t cntlid, const FormatChoice& formats);
  /// As above, when the device was asked already.
  Suspension(MigrationSide& side, std::uint16_t cntlid, const FormatChoice& formats,
             bool was_frozen);
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;
  ~Suspension();  ///< undo()

  /// Writes the intent, unless the function is suspended already. \throws OsError
  void record(std::map<std::string, std::string> details = {});
  /// Sends Suspend, unless the function is suspended already. Needs record().
  void freeze();
  /// record() and freeze().
  void begin();

  /// It stays suspended on purpose, and the journal says so, whoever suspended it: `unfinished`
  /// goes. \throws OsError
  void settle();
  /// Sees to it, on the way out of a failure, that the journal calls it suspended.
  /// \return empty, or why the journal does not
  std::string leave_named() noexcept;
  /// It stays suspended, and the journal stays as it is.
  void keep() noexcept { recorded_ = false; }
  /// Sends Resume, even to a function that was suspended before; the intent remains until strike().
  void wake();
  /// Strikes the intent. \throws OsError
  void strike();
  /// wake() and strike().
  void resume();
  /// Takes back what this object did and has not ended yet. Harmless when there is nothing.
  /// \return empty when the function is as it was before; else what is left, and what to run
  std::string undo() noexcept;

  [[nodiscard]] bool was_frozen() const noexcept { return was_frozen_; }
  /// From the moment before Suspend was sent, by this tool at any time, to the end of Resume, or
  /// to now. Of a function that another tool suspended: since this one met it.
  [[nodiscard]] std::chrono::nanoseconds length() const;

 private:
  [[nodiscard]] std::optional<Clock::time_point> recorded_start() const;
  void name(std::map<std::string, std::string> details);
  [[nodiscard]] bool runs_again();
  [[nodiscard]] std::string take_back();

  MigrationSide* side_;
  std::uint16_t cntlid_;
  FormatChoice formats_;
  std::map<std::string, std::string> details_;
  bool was_frozen_;
  bool recorded_ = false, sent_ = false;
  std::optional<Clock::time_point> frozen_at_, resumed_at_;
};

}  // namespace nvmigrate
