// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/peer_proxy.h"

#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <span>
#include <utility>

#include "nvmigrate/state/state_file.h"

namespace nvmigrate::test {
namespace {

using Kind = Disturbance::Kind;

constexpr std::size_t greeting_size = sizeof(state_file::Preamble);
constexpr auto greeting_begins = static_cast<char>(0x89);
/// After which both sides count as silent: nothing is asserted of it, and a side that was only slow
/// meets another disturbance than was meant.
constexpr int silence = 30;
/// After which they wait for each other.
constexpr int hang = 20'000;

/// \return 0: more must come first
std::size_t size_of_first(const std::string& bytes) {
  if (bytes.empty()) return 0;
  if (bytes.front() == greeting_begins) return bytes.size() < greeting_size ? 0 : greeting_size;
  state_file::RecordHeader header;
  if (bytes.size() < sizeof(header)) return 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const auto size = sizeof(header) + static_cast<std::size_t>(std::uint64_t{header.length});
  return bytes.size() < size ? 0 : size;
}

std::string name_of(const std::string& piece) {
  return piece.front() == greeting_begins ? piece.substr(1, 3) : piece.substr(0, 4);
}

/// With its number, so that only what it says is wrong.
std::string message_in_place_of(const std::string& piece, const std::string& tag,
                                const std::string& body) {
  state_file::RecordHeader old;
  std::memcpy(&old, piece.data(), sizeof(old));
  std::array<char, 4> letters{};
  tag.copy(letters.data(), letters.size());
  const auto header = make_record_header(letters, true, old.number, std::as_bytes(std::span{body}));
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes + body;
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "nothing";
    case Kind::lose_one:
      return "lose";
    case Kind::lose_rest:
      return "lose all from";
    case Kind::cut:
      return "cut";
    case Kind::twice:
      return "double";
    case Kind::delay:
      return "delay";
    case Kind::other:
      return "replace";
  }
  return {};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Disturbance& disturbance) {
  return out << word_of(disturbance.kind) << " piece " << disturbance.piece << " of the "
             << (disturbance.by_source ? "source" : "destination") << ", " << disturbance.percent
             << " percent arrive";
}

void PeerProxy::run(const std::function<void()>& at_piece) {
  at_piece_ = at_piece;
  while (directions_[0].open || directions_[1].open) {
    std::array<pollfd, 2> ends{};
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const auto& direction = directions_.at(i);
      ends.at(i) = {direction.open ? direction.from->reading() : -1, POLLIN, 0};
    }
    const int ready = ::poll(ends.data(), ends.size(), disturbed_ ? silence : hang);
    if (ready == 0) be_silent();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends.at(i).revents != 0 && directions_.at(i).open) take(directions_.at(i));
    }
  }
}

void PeerProxy::be_silent() {
  bool waited = false;
  for (auto& direction : directions_) {
    waited = waited || !direction.delayed.empty();
    write(direction, std::exchange(direction.delayed, {}));
  }
  if (waited) return;
  const bool lost = disturbance_.kind == Kind::lose_one || disturbance_.kind == Kind::lose_rest;
  if (disturbed_ && !lost && ++silences_ * silence < hang) return;
  hung_ = !disturbed_ || !lost;
  close_all();
}

void PeerProxy::take(Direction& direction) {
  std::string room(std::size_t{1} << 16U, '\0');
  const auto count = ::read(direction.from->reading(), room.data(), room.size());
  if (count <= 0) {
    write(direction, std::exchange(direction.delayed, {}));
    write(direction, direction.unread);
    return close(direction);
  }
  silences_ = 0;
  direction.unread.append(room, 0, static_cast<std::size_t>(count));
  pass_pieces(direction);
}

void PeerProxy::pass_pieces(Direction& direction) {
  while (direction.open) {
    const auto size = size_of_first(direction.unread);
    if (size == 0) return;
    auto piece = direction.unread.substr(0, size);
    direction.unread.erase(0, size);
    pass(direction, std::move(piece));
  }
}

void PeerProxy::pass(Direction& direction, std::string piece) {
  at_piece_();
  const auto number = direction.pieces.size();
  direction.pieces.push_back(name_of(piece));
  const bool by_source = &direction == directions_.data();
  if (disturbance_.kind != Kind::none && by_source == disturbance_.by_source &&
      number == disturbance_.piece) {
    disturbed_ = true;
    return disturb(direction, std::move(piece));
  }
  if (!direction.delayed.empty()) {
    direction.delayed += piece;
  } else if (!direction.lost) {
    write(direction, piece);
  }
}

void PeerProxy::disturb(Direction& direction, std::string piece) {
  switch (disturbance_.kind) {
    case Kind::none:
    case Kind::lose_one:
      return;
    case Kind::lose_rest:
      direction.lost = true;
      return;
    case Kind::cut:
      write(direction, piece.substr(0, piece.size() * disturbance_.percent / 100));
      return close_all();
    case Kind::twice:
      write(direction, piece);
      return write(direction, piece);
    case Kind::delay:
      direction.delayed = std::move(piece);
      return;
    case Kind::other:
      return write(direction, message_in_place_of(piece, disturbance_.tag, disturbance_.body));
  }
}

void PeerProxy::write(Direction& direction, const std::string& bytes) {
  std::size_t done = 0;
  while (direction.open && done < bytes.size()) {
    const auto count = ::write(direction.to->writing(), bytes.data() + done, bytes.size() - done);
    if (count < 0) return close(direction);
    done += static_cast<std::size_t>(count);
  }
}

void PeerProxy::close(Direction& direction) {
  direction.open = false;
  direction.from->close_reading();
  direction.to->close_writing();
}

void PeerProxy::close_all() {
  for (auto& direction : directions_)
    close(direction);
}

}  // namespace nvmigrate::test
