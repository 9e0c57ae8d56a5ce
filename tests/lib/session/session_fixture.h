// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/lab.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

/// A lab with the host `a`.
class SessionTest : public testing::Test {
 public:
  SessionTest() { set_interrupted(false); }
  ~SessionTest() override { set_interrupted(false); }
  SessionTest(const SessionTest&) = delete;
  SessionTest& operator=(const SessionTest&) = delete;

 protected:
  std::unique_ptr<Session> open(Access access = Access::read, const std::string& name = "a") {
    return lab.open(name, access);
  }
  /// Records an intent as another command would that has ended.
  void leave(IntentKind kind, std::uint16_t cntlid, std::map<std::string, std::string> details = {},
             const SubsystemKey& key = Lab::key_of("a")) {
    Journal(system, folder.folders(), key, "test").record(kind, cntlid, std::move(details));
  }

  TemporaryFolder folder;
  SystemIo system;
  FaultyIo io{system};
  Lab lab{io, folder.folders()};
  Lab::Host& a = lab.add("a");
};

}  // namespace nvmigrate::test
