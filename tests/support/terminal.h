// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace nvmigrate::test {

/// A terminal that programs of a test read from and write to.
class Terminal {
 public:
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  /// For in_child: makes it the terminal of the program, at these descriptors.
  [[nodiscard]] std::function<void()> at(std::vector<int> descriptors) const;
  void type(const std::string& text) const;
  /// What was shown since it was asked last; for when no program has the terminal any more.
  [[nodiscard]] std::string shown() const;
  /// Waits until a text was shown. \return all that was since it was asked last; the test fails
  /// when it does not come
  std::string shown_up_to(const std::string& text) const;

 private:
  int master_ = -1;
};

}  // namespace nvmigrate::test
