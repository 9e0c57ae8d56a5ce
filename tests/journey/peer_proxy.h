// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/journey/peer_hosts.h"

namespace nvmigrate::test {

/// What becomes of one piece of a connection. Pieces are the greeting, each message, and of the
/// state file its preamble and each record.
struct Disturbance {
  enum class Kind { none, lose_one, lose_rest, cut, twice, delay, other };
  Kind kind{};
  bool by_source = false;  ///< of those that the source sends
  std::size_t piece = 0;   ///< counted by each side
  /// cut: the part of it that still arrives, in percent; both directions are closed then.
  unsigned percent = 0;
  std::string tag{}, body{};  ///< other: the message that comes in its place
};

std::ostream& operator<<(std::ostream& out, const Disturbance& disturbance);

/// Between the two sides of a transfer: passes what each sends, piece by piece, except one.
class PeerProxy {
 public:
  explicit PeerProxy(const Disturbance& disturbance) : disturbance_(disturbance) {}

  Pipe from_source, to_source, from_destination, to_destination;

  /// Until both directions are closed.
  /// \param at_piece called before each piece is passed
  void run(const std::function<void()>& at_piece);
  /// The tags of the pieces, of the source and of the destination.
  [[nodiscard]] const std::vector<std::string>& pieces(bool by_source) const {
    return directions_.at(by_source ? 0 : 1).pieces;
  }
  /// Whether the piece came that was to be disturbed.
  [[nodiscard]] bool disturbed() const noexcept { return disturbed_; }
  /// Whether both sides waited for each other though nothing had been lost.
  [[nodiscard]] bool hung() const noexcept { return hung_; }

 private:
  struct Direction {
    Pipe *from = nullptr, *to = nullptr;
    std::string unread{}, delayed{};
    std::vector<std::string> pieces{};
    bool lost = false, open = true;
  };

  void take(Direction& direction);
  void pass_pieces(Direction& direction);
  void pass(Direction& direction, std::string piece);
  void disturb(Direction& direction, std::string piece);
  void write(Direction& direction, const std::string& bytes);
  void close(Direction& direction);
  void close_all();
  void be_silent();

  Disturbance disturbance_;
  std::function<void()> at_piece_;
  std::array<Direction, 2> directions_{Direction{&from_source, &to_destination},
                                       Direction{&from_destination, &to_source}};
  bool disturbed_ = false, hung_ = false;
  int silences_ = 0;  ///< one after the other
};

}  // namespace nvmigrate::test
