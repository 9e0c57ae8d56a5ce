// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/run_tool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>

namespace nvmigrate::test {
namespace {

/// A file in memory that takes what is printed.
class Captured {
 public:
  Captured() : fd_(::memfd_create("captured", MFD_CLOEXEC)) {}
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() { ::close(fd_); }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] std::string text() const {
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t count = 0;
         (count = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(all.size()))) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int fd_;
};

}  // namespace

Answer run_here(const std::vector<std::string>& words, cli::Environment environment) {
  const Captured out, err;
  if (environment.output < 0) environment.output = out.fd();
  environment.error = err.fd();
  Answer answer;
  answer.status = cli::run(words, environment);
  answer.out = out.text();
  answer.err = err.text();
  return answer;
}

}  // namespace nvmigrate::test
