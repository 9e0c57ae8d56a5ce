// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <fstream>

#include "tests/cli/contract.h"

namespace nvmigrate::test {

namespace fs = std::filesystem;

/// What profiles make of simulated subsystems.
class Profiles : public Contract {
 protected:
  static std::string entry(const std::string& name, const std::string& more) {
    return R"({"serial": "SIM-)" + name + "\"" + more + "}";
  }
  /// Writes a profile and returns its path.
  std::string write(const std::string& name, const std::vector<std::string>& entries) {
    const auto path = fs::path(tool.folder().path()) / name;
    fs::create_directories(path.parent_path());
    std::ofstream file(path);
    file << R"({"schema": "nvmigrate.profile/1", "subsystems": [)";
    for (std::size_t i = 0; i < entries.size(); ++i)
      file << (i == 0 ? "" : ", ") << entries[i];
    file << "]}";
    file.close();
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path;
  }
  Json functions_of(const std::string& device) {
    return json_of("list " + device)["devices"][0]["functions"];
  }
  std::vector<std::string> steps_of(const Json& result) {
    std::vector<std::string> steps;
    for (const auto& step : result["steps"])
      steps.push_back(step["step"]);
    return steps;
  }
  /// The entry of the only subsystem with a persisted record, or null.
  Json persisted() {
    std::vector<fs::path> files;
    const auto folder = fs::path(tool.folder().path()) / "state/profiles";
    for (const auto& entry : fs::directory_iterator(folder))
      files.push_back(entry.path());
    if (files.empty()) return Json();
    std::ifstream file(files.front());
    return Json::parse(file)["subsystems"][0];
  }
};

}  // namespace nvmigrate::test
