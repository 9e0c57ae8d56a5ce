// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/mounts.h"

#include <algorithm>
#include <sstream>

namespace nvmigrate {
namespace {

constexpr std::size_t longest_table = std::size_t{16} << 20U;

struct Mount {
  std::string number, point, source;
};

/// `36 35 98:0 /root /point options [optional fields] - type source super-options`
Mount parsed(const std::string& line) {
  std::istringstream fields(line);
  Mount mount;
  std::string word;
  fields >> word >> word >> mount.number >> word >> mount.point;
  while (fields >> word && word != "-") {
  }
  fields >> word >> mount.source;
  return {mount.number, unescaped(mount.point), unescaped(mount.source)};
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::string unescaped(const std::string& field) {
  std::string plain;
  for (std::size_t at = 0; at < field.size(); ++at) {
    const bool escape = field[at] == '\\' && at + 3 < field.size() && is_octal(field[at + 1]) &&
                        is_octal(field[at + 2]) && is_octal(field[at + 3]);
    if (!escape) {
      plain += field[at];
      continue;
    }
    plain += static_cast<char>(std::stoi(field.substr(at + 1, 3), nullptr, 8));
    at += 3;
  }
  return plain;
}

std::vector<std::string> mount_points(const Sysfs& proc, const std::string& number,
                                      const std::string& node) {
  std::istringstream table(proc.text("/proc/self/mountinfo", longest_table).value_or(""));
  std::vector<std::string> points;
  for (std::string line; std::getline(table, line);) {
    const auto mount = parsed(line);
    const bool ours = (!number.empty() && mount.number == number) || mount.source == node;
    if (!ours || std::find(points.begin(), points.end(), mount.point) != points.end()) continue;
    points.push_back(mount.point);
  }
  return points;
}

bool is_swap(const Sysfs& proc, const std::string& node) {
  std::istringstream table(proc.text("/proc/swaps", longest_table).value_or(""));
  for (std::string line; std::getline(table, line);) {
    if (unescaped(line.substr(0, line.find_first_of(" \t"))) == node) return true;
  }
  return false;
}

}  // namespace nvmigrate
