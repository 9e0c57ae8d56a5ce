// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/child.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <stdexcept>

namespace nvmigrate::bench {
namespace {

struct Child {
  pid_t process = 0;
  int answer = -1;
};

[[noreturn]] void serve(const std::function<double()>& work, int answer) {
  int status = 1;
  try {
    const double value = work();
    status = ::write(answer, &value, sizeof value) == sizeof value ? 0 : 1;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << std::endl;
  }
  ::_exit(status);
}

Child start(const std::function<double()>& work) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t process = ::fork();
  if (process == 0) {
    ::close(ends[0]);
    serve(work, ends[1]);
  }
  ::close(ends[1]);
  return {process, ends[0]};
}

double value_of(const Child& child) {
  double value = 0;
  const bool whole = ::read(child.answer, &value, sizeof value) == sizeof value;
  ::close(child.answer);
  return whole ? value : 0;
}

}  // namespace

Measured measure(const std::vector<std::function<double()>>& work) {
  const auto begun = std::chrono::steady_clock::now();
  std::vector<Child> children;
  children.reserve(work.size());
  for (const auto& one : work)
    children.push_back(start(one));
  Measured measured;
  bool failed = false;
  for (const auto& child : children) {
    int status = 0;
    rusage usage{};
    ::wait4(child.process, &status, 0, &usage);
    failed = failed || status != 0;
    measured.peak_mebibytes =
        std::max(measured.peak_mebibytes, static_cast<double>(usage.ru_maxrss) / 1024);
  }
  measured.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  for (const auto& child : children) {
    const auto value = value_of(child);
    if (&child == &children.front()) measured.value = value;
  }
  if (failed) throw std::runtime_error("a measured process failed");
  return measured;
}

}  // namespace nvmigrate::bench
