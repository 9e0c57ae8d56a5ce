// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;

/// Function 1 of `a`, whose memory can be tracked, has a guest.
class TrackContract : public Contract {
 protected:
  TrackContract() {
    prepare("a", 1, "--tracking all");
    must("bind sim:a 1");
    must("sim guest start sim:a 1");
  }
  std::string refusal(const std::string& line, ExitStatus status) {
    return error_of(line, status)["message"];
  }
};

TEST_F(TrackContract, ChangesAreReadUntilTheFunctionIsSuspended) {
  const auto begun = json_of(
      "track start sim:a 1 --range 0x100000:1M --range 4G:4G "
      "--granularity 64K");
  EXPECT_EQ(begun["granularity"], 65536);
  const Json ranges{{{"address", 0x100000}, {"bytes", 0x100000}},
                    {{"address", 0x100000000}, {"bytes", 0x100000000}}};
  EXPECT_EQ(begun["ranges"], ranges);
  const auto some = json_of("track read sim:a 1");
  EXPECT_FALSE(some["ranges"].empty());
  EXPECT_EQ(some["suspended"], false);
  must("suspend sim:a 1");
  const auto last = json_of("track read sim:a 1");
  EXPECT_EQ(last["suspended"], true);
  EXPECT_EQ(last["more"], false);
  EXPECT_EQ(json_of("track read sim:a 1")["ranges"], Json::array());
  must("resume sim:a 1");
  must("track stop sim:a 1");
  EXPECT_EQ(error_of("track read sim:a 1", ExitStatus::device)["nvme_status"]["sc"], 0x1F);
}

TEST_F(TrackContract, TheNextStepIsNamed) {
  const auto early = error_of("track read sim:a 1", ExitStatus::device);
  EXPECT_EQ(early["code"], "not_tracked");
  EXPECT_THAT(early["advice"].get<std::string>(), HasSubstr("'nvmigrate track start'"));
  must("track start sim:a 1 --range 0:1M");
  const auto twice = error_of("track start sim:a 1 --range 0:1M", ExitStatus::device);
  EXPECT_EQ(twice["commands"][0], (Words{"nvmigrate", "track", "stop", "sim:a", "1"}));
  must("suspend sim:a 1");
  const auto suspended = error_of("track stop sim:a 1", ExitStatus::device);
  EXPECT_THAT(suspended["advice"].get<std::string>(), HasSubstr("not suspended"));
  must("resume sim:a 1");
  must("track stop sim:a 1");
  must("track start sim:a 1 --range 0:1M");
}

TEST_F(TrackContract, RangesAloneAreOnStandardOutput) {
  must("track start sim:a 1 --range 0:4K");
  const auto read = tool.run("track read sim:a 1");
  EXPECT_EQ(read.output, "0x0:4096\n");
  EXPECT_THAT(read.error, HasSubstr("4 KiB changed"));
}

TEST_F(TrackContract, ADryRunSendsNothing) {
  must("track start sim:a 1 --range 0:1M --dry-run");
  error_of("track read sim:a 1", ExitStatus::device);
  must("track start sim:a 1 --range 0:1M");
  must("track stop sim:a 1 --dry-run");
  must("track read sim:a 1");
}

TEST_F(TrackContract, RangesThatTheDeviceCannotTrackAreRefusedBefore) {
  const auto wrong = [&](const std::string& more) {
    return refusal("track start sim:a 1 " + more, ExitStatus::usage);
  };
  EXPECT_THAT(wrong("--range 1K:4K"), HasSubstr("multiples of 4 KiB"));
  EXPECT_THAT(wrong("--range 0:1K"), HasSubstr("multiples of 4 KiB"));
  EXPECT_THAT(wrong("--range 4K:4K --granularity 8K"), HasSubstr("multiples of 8 KiB"));
  EXPECT_THAT(wrong("--range 0:0"), HasSubstr("empty"));
  EXPECT_THAT(wrong("--range 0xFFFFFFFFFFFFF000:8K"), HasSubstr("beyond the end"));
  EXPECT_THAT(wrong("--range 0:1G --granularity 3M"), HasSubstr("not a power of two"));
  EXPECT_THAT(wrong("--range 0:1G --granularity 4M"), HasSubstr("from 4 KiB to 2 MiB"));
  EXPECT_THAT(wrong("--range 0:32768G"), HasSubstr("coarser"));
  for (const std::string text : {"0", ":", "0:", ":4K", "0-4K", "-1:4K", "0:4K:4K"})
    EXPECT_THAT(wrong("--range=" + text), HasSubstr("not a start and a size")) << text;
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += " --range 0:4K";
  EXPECT_THAT(wrong(many), HasSubstr("at most 16 ranges"));
  EXPECT_THAT(wrong("--range 0:4K --user-data"), HasSubstr("exactly one"));
}

TEST_F(TrackContract, TooMuchForTheDeviceSaysWhatItCouldDo) {
  const auto error = error_of("track start sim:a 1 --range 0:64G", ExitStatus::device);
  EXPECT_THAT(error["advice"].get<std::string>(), HasSubstr("granularity of 16 KiB"));
}

TEST_F(TrackContract, TrackingIsForMarkedFunctionsThatAreControlled) {
  for (const std::string verb : {"start sim:a 0 --range 0:1M", "read sim:a 0", "stop sim:a 0"}) {
    EXPECT_EQ(error_of("track " + verb, ExitStatus::refused)["code"], "controlling_function");
  }
  must("track start sim:a 1 --range 0:1M");
  must("unmark sim:a 1");
  EXPECT_EQ(error_of("track read sim:a 1", ExitStatus::refused)["code"], "unmarked");
  must("track stop sim:a 1");
  EXPECT_EQ(error_of("track start sim:a 1 --range 0:1M", ExitStatus::refused)["code"], "unmarked");
  error_of("track stop sim:a 9", ExitStatus::not_found);
}

TEST_F(TrackContract, UserDataIsNeverLogged) {
  const auto refused = error_of("track start sim:a 1 --user-data", ExitStatus::unsupported);
  EXPECT_EQ(refused["code"], "no_user_data_log");
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("controller data queue"));
  prepare("b", 1);
  EXPECT_THAT(refusal("track start sim:b 1 --user-data", ExitStatus::unsupported),
              HasSubstr("TRATTR"));
  EXPECT_EQ(error_of("track start sim:b 1 --range 0:4K", ExitStatus::unsupported)["code"],
            "no_memory_tracking");
  EXPECT_EQ(error_of("track stop sim:b 1", ExitStatus::unsupported)["code"], "no_memory_tracking");
}

TEST_F(TrackContract, TheDoctorTellsOfUserData) {
  const auto told = [&](const std::string& device) {
    Words messages;
    const auto document = json_of("doctor " + device);
    for (const auto& found : document["findings"]) {
      if (found["code"] == "no_user_data_log") messages.push_back(found["message"]);
    }
    return messages;
  };
  EXPECT_EQ(told("sim:a").size(), 1U);
  prepare("b", 1);
  EXPECT_TRUE(told("sim:b").empty());
}

}  // namespace
}  // namespace nvmigrate::test
