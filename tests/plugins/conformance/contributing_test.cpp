// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(std::string{NVMIGRATE_SOURCE_DIR "/"} + path).rdbuf();
  return text.str();
}

/// Every first group of a pattern in a text.
std::set<std::string> all_in(const std::string& text, const std::string& pattern) {
  const std::regex each(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator one(text.begin(), text.end(), each), end; one != end; ++one)
    found.insert(one->str(1));
  return found;
}

std::string section() {
  const auto text = text_of("CONTRIBUTING.md");
  const auto begin = text.find("## Add a backend");
  EXPECT_NE(begin, std::string::npos);
  return text.substr(begin, text.find("\n## ", begin) - begin);
}

/// "Add a backend" is followed literally by the toy backend, which the suite runs.
TEST(Contributing, SaysEveryMethodOfABackend) {
  const auto header = text_of("lib/nvmigrate/session/backend.h");
  const auto declared =
      all_in(header.substr(header.find("class MigrationBackend")), R"(virtual [^~(]*?(\w+)\()");
  EXPECT_THAT(declared, SizeIs(testing::Ge(8U)));
  EXPECT_EQ(all_in(section(), R"(`(\w+)\(\)`)"), declared);
}

TEST(Contributing, NamesFilesThatExist) {
  const auto paths = all_in(section(), R"(`((?:lib|plugins|tests)/[\w./]+)`)");
  EXPECT_THAT(paths, SizeIs(testing::Ge(5U)));
  for (const auto& path : paths) {
    if (path.find("NAME") != std::string::npos) continue;
    EXPECT_TRUE(std::filesystem::exists(std::string{NVMIGRATE_SOURCE_DIR "/"} + path)) << path;
  }
}

TEST(Contributing, TheToyIsShortAndImplementsWhatItSays) {
  const auto toy = text_of("tests/plugins/conformance/toy_backend.h");
  EXPECT_LT(std::count(toy.begin(), toy.end(), '\n'), 100);
  auto methods = all_in(section(), R"(`(\w+)\(\)`)");
  for (const auto* by_default : {"layout", "outlasts", "subsystem_state_carrier", "memory_tracker"})
    methods.erase(by_default);
  for (const auto& method : methods)
    EXPECT_THAT(toy, HasSubstr(" " + method + "("));
  EXPECT_THAT(text_of("tests/plugins/conformance/cases.cpp"), HasSubstr("ToyBackend"));
}

}  // namespace
}  // namespace nvmigrate::test
