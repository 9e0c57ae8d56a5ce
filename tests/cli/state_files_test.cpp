// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// inspect, verify and compare over the golden files.
class StateFiles : public Contract {
 protected:
  std::string golden = NVMIGRATE_SOURCE_DIR "/tests/lib/state/golden/";

  static int status(ExitStatus value) { return static_cast<int>(value); }
  Json json_of(std::vector<std::string> words, ExitStatus expected = ExitStatus::ok) {
    words.insert(words.end(), {"-o", "json"});
    const auto ran = tool.run(words);
    EXPECT_EQ(ran.status, status(expected)) << ran.error;
    return Json::parse(ran.output);
  }
  /// A golden file with one byte changed.
  std::string damaged(const std::string& name, std::size_t at) {
    auto bytes = contents(golden + name);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    put(tool.folder() / "damaged", bytes);
    return tool.folder() / "damaged";
  }
  std::function<void()> from(const std::string& path) {
    return [path] {
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      ::dup2(fd, STDIN_FILENO);
    };
  }
};

TEST_F(StateFiles, InspectShowsAll) {
  const auto ran = tool.run({"inspect", golden + "queues.state"});
  EXPECT_EQ(ran.status, 0) << ran.error;
  EXPECT_THAT(ran.error, IsEmpty());
  for (const auto* part : {"nqn.2024-08.example:alpha", "SN0001", "(simulated)", "0000:01:00.1",
                           "0.002 ms", "0x123450000", "medium"})
    EXPECT_THAT(ran.output, HasSubstr(part));
}

TEST_F(StateFiles, InspectAsJson) {
  const auto json = json_of({"inspect", golden + "vendor.state"});
  EXPECT_EQ(json.at("schema"), "nvmigrate.inspect/1");
  EXPECT_EQ(json.at("kind"), "state_file");
  EXPECT_EQ(json.at("identity").at("formats").at("version"), 0);
  EXPECT_EQ(json.at("end").at("blackout_ns"), 2500);
  const auto& queue = json.at("state").at("submission_queues").at(0);
  EXPECT_EQ(queue.at("head"), 10);
  EXPECT_EQ(queue.at("tail"), 12);
  EXPECT_EQ(json.at("state").at("completion_queues").at(0).at("phase"), 1);
  EXPECT_EQ(json.at("state").at("vendor").at("bytes"), 100);
  EXPECT_EQ(json.at("state").at("vendor").at("sha256").get<std::string>().size(), 64U);
  EXPECT_TRUE(json.at("findings").empty());
}

TEST_F(StateFiles, InspectReadsStandardInput) {
  const auto ran = tool.run({"inspect", "-"}, from(golden + "queues.state"));
  EXPECT_EQ(ran.status, 0) << ran.error;
  EXPECT_THAT(ran.output, HasSubstr("standard input"));
}

TEST_F(StateFiles, InspectShowsAnOpaqueState) {
  const auto json = json_of({"inspect", golden + "opaque.state"});
  EXPECT_TRUE(json.at("state").is_null());
  EXPECT_EQ(json.at("bytes"), 7);
}

TEST_F(StateFiles, InspectNamesADumpThatIsShort) {
  const auto json = json_of({"inspect", "--raw", golden + "one_dword_short.raw"});
  EXPECT_EQ(json.at("kind"), "raw");
  EXPECT_TRUE(json.at("identity").is_null());
  EXPECT_EQ(json.at("findings").at(0).at("code"), "one_dword_short");
  EXPECT_EQ(json.at("findings").at(0).at("severity"), "warning");
}

TEST_F(StateFiles, InspectRefusesDamage) {
  const auto ran = tool.run({"inspect", damaged("queues.state", 700)});
  EXPECT_EQ(ran.status, status(ExitStatus::bad_state));
  EXPECT_THAT(ran.output, IsEmpty());
  EXPECT_THAT(ran.error, HasSubstr(tool.folder() / "damaged"));
}

TEST_F(StateFiles, InspectShowsABlockerAndFails) {
  auto bytes = contents(golden + "queues.raw");
  bytes[72] = 64;
  put(tool.folder() / "bad.raw", bytes);
  const auto json = json_of({"inspect", "--raw", tool.folder() / "bad.raw"}, ExitStatus::bad_state);
  EXPECT_EQ(json.at("findings").at(0).at("code"), "queue_pointer");
}

TEST_F(StateFiles, VerifyTakesEveryGoldenFile) {
  for (const auto* name : {"bare", "queues", "vendor", "opaque", "later"}) {
    const auto ran = tool.run({"verify", golden + name + ".state"});
    EXPECT_EQ(ran.status, 0) << ran.error;
  }
}

TEST_F(StateFiles, VerifyNamesTheFirstFault) {
  const auto json = json_of({"verify", damaged("queues.state", 20)}, ExitStatus::bad_state);
  EXPECT_EQ(json.at("valid"), false);
  EXPECT_EQ(json.at("offset"), 16);
  const auto ran = tool.run({"verify", tool.folder() / "damaged"});
  EXPECT_EQ(ran.status, status(ExitStatus::bad_state));
  EXPECT_THAT(ran.output, HasSubstr("16 (0x10)"));
}

TEST_F(StateFiles, CompareFindsTheSame) {
  const auto json = json_of({"compare", golden + "queues.state", golden + "queues.state"});
  EXPECT_EQ(json.at("same"), true);
  EXPECT_TRUE(json.at("differences").empty());
  const auto ran = tool.run({"compare", golden + "queues.state", golden + "queues.raw", "--raw-b"});
  EXPECT_EQ(ran.status, 0) << ran.output << ran.error;
}

TEST_F(StateFiles, CompareNamesTheDifferences) {
  const auto json =
      json_of({"compare", golden + "queues.state", golden + "vendor.state"}, ExitStatus::partial);
  EXPECT_EQ(json.at("same"), false);
  EXPECT_EQ(json.at("differences").at(0).at("field"), "identity.formats.vendor");
  EXPECT_TRUE(json.at("differences").at(0).at("a").is_null());
}

TEST_F(StateFiles, CompareShortensDigestsForAReader) {
  const std::vector<std::string> words{"compare", golden + "queues.state", golden + "vendor.state"};
  const auto differences = json_of(words, ExitStatus::partial).at("differences");
  const auto digest = std::find_if(differences.begin(), differences.end(), [](const Json& one) {
    return one.at("a").is_string() && one.at("a").get<std::string>().size() == 64;
  });
  ASSERT_NE(digest, differences.end());
  const auto whole = digest->at("a").get<std::string>();
  const auto text = tool.run(words).output;
  EXPECT_THAT(text, HasSubstr(whole.substr(0, 16) + "…"));
  EXPECT_THAT(text, testing::Not(HasSubstr(whole)));
}

TEST_F(StateFiles, CompareCannotReadDamage) {
  const auto ran = tool.run({"compare", golden + "queues.state", damaged("queues.state", 100)});
  EXPECT_EQ(ran.status, status(ExitStatus::bad_state));
  EXPECT_THAT(ran.output, IsEmpty());
}

TEST_F(StateFiles, CompareCannotReadWhatIsNotThere) {
  const auto ran = tool.run({"compare", golden + "queues.state", golden + "missing"});
  EXPECT_EQ(ran.status, status(ExitStatus::not_found));
  EXPECT_THAT(ran.error, HasSubstr(golden + "missing"));
}

TEST_F(StateFiles, CompareTakesOneStandardInputOnly) {
  EXPECT_EQ(tool.run({"compare", "-", "-"}).status, status(ExitStatus::usage));
}

}  // namespace
}  // namespace nvmigrate::test
