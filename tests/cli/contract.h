// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tests/support/run_binary.h"

namespace nvmigrate::test {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

/// What every command of the real binary keeps to.
class Contract : public testing::Test {
 protected:
  Tool tool{NVMIGRATE_BINARY};

  /// It ends with this status and nothing on standard output; the first line on the other names
  /// `object`, and what follows is below it.
  void expect_refused(const Words& words, ExitStatus status, const std::string& object,
                      const std::function<void()>& in_child = {}) {
    const auto ran = tool.run(words, in_child);
    SCOPED_TRACE(testing::PrintToString(words) + ran.error);
    EXPECT_EQ(ran.status, static_cast<int>(status));
    EXPECT_THAT(ran.output, testing::IsEmpty());
    const auto lines = lines_of(ran.error);
    ASSERT_THAT(lines, testing::Not(testing::IsEmpty()));
    EXPECT_THAT(lines[0],
                testing::AllOf(testing::StartsWith("nvmigrate: "), testing::HasSubstr(object)));
    EXPECT_THAT(std::span{lines}.subspan(1), testing::Each(testing::StartsWith("  ")));
    EXPECT_THAT(ran.error, testing::Not(testing::HasSubstr("Usage")));
  }

  void must(const std::string& line) {
    const auto ran = tool.run(line);
    ASSERT_EQ(ran.status, 0) << line << '\n' << ran.error;
  }
  /// A simulated subsystem sim:NAME whose first functions are online and marked.
  void prepare(const std::string& name, unsigned functions, const std::string& how = {}) {
    must("sim create " + name + ' ' + how);
    must("provision sim:" + name + " --vfs " + std::to_string(functions));
    must("mark sim:" + name + " 1-" + std::to_string(functions));
  }
  Json json_of(const std::string& line, ExitStatus status = ExitStatus::ok) {
    const auto ran = tool.run(line + " -o json");
    EXPECT_EQ(ran.status, static_cast<int>(status)) << line << '\n' << ran.error;
    return Json::parse(ran.output, nullptr, false);
  }

  /// The error of a line that fails with this status.
  Json error_of(const std::string& line, ExitStatus status,
                const std::function<void()>& in_child = {}) {
    const auto ran = tool.run(line + " -o json", in_child);
    EXPECT_EQ(ran.status, static_cast<int>(status)) << line << '\n' << ran.error;
    EXPECT_THAT(ran.output, testing::IsEmpty());
    EXPECT_THAT(lines_of(ran.error), testing::SizeIs(1)) << ran.error;
    return Json::parse(ran.error).at("error");
  }
};

}  // namespace nvmigrate::test
