// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace nvmigrate::test {
namespace {

constexpr int patience = 30'000;  ///< milliseconds

/// What is there now, or comes in time. \return empty at the end
std::string piece_of(int master, int milliseconds) {
  pollfd ready{.fd = master, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, milliseconds) != 1) return {};
  std::array<char, 4096> piece{};
  const auto count = ::read(master, piece.data(), piece.size());
  return count > 0 ? std::string(piece.data(), static_cast<std::size_t>(count)) : std::string{};
}

}  // namespace

Terminal::Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) std::abort();
}

Terminal::~Terminal() { ::close(master_); }

std::function<void()> Terminal::at(std::vector<int> descriptors) const {
  return [descriptors = std::move(descriptors), path = std::string{::ptsname(master_)}] {
    ::setsid();
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    for (const int descriptor : descriptors)
      ::dup2(fd, descriptor);
  };
}

void Terminal::type(const std::string& text) const {
  EXPECT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::string Terminal::shown() const {
  std::string text;
  for (auto piece = piece_of(master_, 0); !piece.empty(); piece = piece_of(master_, 0))
    text += piece;
  return text;
}

std::string Terminal::shown_up_to(const std::string& text) const {
  std::string all;
  while (all.find(text) == std::string::npos) {
    const auto piece = piece_of(master_, patience);
    if (piece.empty()) {
      ADD_FAILURE() << "'" << text << "' was not shown, but: " << all;
      return all;
    }
    all += piece;
  }
  return all;
}

}  // namespace nvmigrate::test
