// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fstream>
#include <sstream>

#include "nvmigrate/profile/declared.h"
#include "nvmigrate/profile/expanded.h"
#include "tests/support/error_of.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string golden() {
  std::ifstream file(std::string{NVMIGRATE_SOURCE_DIR} +
                     "/tests/lib/profile/golden/profile-1.json");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string with(const std::string& subsystem) {
  return R"({"schema": "nvmigrate.profile/1", "subsystems": [{"serial": "S")" + subsystem + "}]}";
}

TEST(ProfileJson, AGoldenFileIsReadAndWrittenAsItIs) {
  const auto profile = parse_profile(golden(), "golden");
  ASSERT_EQ(profile.subsystems.size(), 2U);
  const auto& first = profile.subsystems[0];
  EXPECT_EQ(first.defaults.driver, "auto");
  EXPECT_EQ(first.functions.at("vf3").marked, false);
  EXPECT_EQ(first.place, "golden: /subsystems/0");
  EXPECT_THAT(*profile.subsystems[1].namespaces, IsEmpty());
  EXPECT_EQ(text_of(profile), golden());
}

TEST(ProfileJson, TheLineOfAnEntryIsReadAgain) {
  const auto first = parse_profile(golden(), "golden").subsystems[0];
  const auto line = line_of(first);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line_of(parse_profile(line, "journal").subsystems.at(0)), line);
}

TEST(ProfileJson, FunctionsMayBeWrittenInHexadecimal) {
  const auto profile = parse_profile(with(R"(, "functions": {"0x1f": {"marked": true}})"), "x");
  EXPECT_THAT(profile.subsystems[0].functions, UnorderedElementsAre(Key("31")));
}

TEST(ProfileJson, ARefusalNamesFilePlaceAndWhatIsAllowed) {
  const std::map<std::string, std::string> refused{
      {"{", "is not JSON"},
      {"[]", "is not an object"},
      {R"({"subsystems": []})", "/schema: is not nvmigrate.profile/1"},
      {R"({"schema": "nvmigrate.profile/2", "subsystems": []})", "/schema"},
      {R"({"schema": "nvmigrate.profile/1"})", "subsystems is missing"},
      {R"({"schema": "nvmigrate.profile/1", "subsystems": {}})", "/subsystems: is not an array"},
      {R"({"schema": "nvmigrate.profile/1", "subsystems": [{"vfs": 1}]})",
       "neither nqn nor serial"},
      {with(R"(, "vsf": 3)"), "/subsystems/0/vsf: unknown member; allowed are nqn, serial,"},
      {with(R"(, "a/b~": 3)"), "/subsystems/0/a~1b~0: unknown member"},
      {with(R"(, "vfs": 70000)"), "/subsystems/0/vfs: is not a number from 0 to 65535"},
      {with(R"(, "vfs": -1)"), "/subsystems/0/vfs: is not a number"},
      {with(R"(, "vfs": 1.5)"), "/subsystems/0/vfs: is not a number"},
      {with(R"(, "vfs": "1")"), "/subsystems/0/vfs: is not a number"},
      {with(R"(, "vfs": 1, "vfs": 2)"), "'vfs' is there twice"},
      {with(R"(, "nqn": "")"), "/subsystems/0/nqn: is not a text"},
      {with(R"(, "vfs": 1, "release_primary": 1)"), "/release_primary: is not true or false"},
      {with(R"(, "release_primary": true)"), "/release_primary: needs the member vfs"},
      {with(R"(, "vfs": 0, "defaults": {})"), "/defaults: needs the member vfs, at least 1"},
      {with(R"(, "vfs": 1, "namespaces": [])"), "/namespaces: is empty"},
      {with(R"(, "vfs": 1, "namespaces": [0])"), "/namespaces/0: is not a number from 1"},
      {with(R"(, "vfs": 1, "namespaces": "some")"), "/namespaces: is not an array"},
      {with(R"(, "vfs": 1, "defaults": {"queues": 0})"),
       "/defaults/queues: is not a number from 1"},
      {with(R"(, "vfs": 1, "defaults": {"driver": "nvme"})"), "/driver: is not auto, host or"},
      {with(R"(, "vfs": 1, "functions": {"vf2": {}})"), "/functions/vf2: there are to be 1 VFs"},
      {with(R"(, "functions": {"vf1": {"queues": 2}})"), "need the member vfs"},
      {with(R"(, "functions": {"vf0": {}})"), "/functions/vf0: is not the name of a function"},
      {with(R"(, "functions": {"first": {}})"), "is not the name of a function"},
      {with(R"(, "functions": {"3": {}, "0x3": {}})"), "function 3 is there twice"}};
  for (const auto& [text, what] : refused) {
    EXPECT_THAT(
        error_of([&profile = text] { parse_profile(profile, "lab.json"); }, ExitStatus::usage),
        AllOf(HasSubstr("lab.json: "), HasSubstr(what)))
        << text;
  }
}

TEST(ProfileJson, WhatAllVfsHaveIsSaidOnce) {
  SubsystemProfile wanted{.serial = "S", .vfs = 2};
  wanted.functions["vf1"] = {.queues = 3, .marked = true};
  wanted.functions["vf2"] = {.queues = 3, .marked = false};
  wanted.functions["9"] = {.queues = 3};
  const auto expanded = wanted.functions;
  compress(wanted);
  EXPECT_EQ(wanted.defaults, (FunctionProfile{.queues = 3}));
  EXPECT_THAT(wanted.functions, UnorderedElementsAre(Pair("vf1", FunctionProfile{.marked = true}),
                                                     Pair("vf2", FunctionProfile{.marked = false}),
                                                     Pair("9", FunctionProfile{.queues = 3})));
  expand(wanted);
  EXPECT_EQ(wanted.functions, expanded);
}

}  // namespace
}  // namespace nvmigrate::test
