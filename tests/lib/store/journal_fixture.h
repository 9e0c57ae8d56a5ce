// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/journal.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

/// The journal of a host with two subsystems.
class JournalTest : public testing::Test {
 protected:
  const std::string nqn = "nqn.2019-08.org.x:a";
  const SubsystemKey key{nqn, "S1"}, other{"nqn.2019-08.org.x:b", "S2"};

  Journal open() { return {io, folders, key, "export"}; }
  Journal open_other() { return {io, folders, other, "import"}; }
  [[nodiscard]] std::string path() const { return folders.run + "/journal.json"; }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    system.list(folders.run, all);
    return all;
  }
  void write(const std::string& text) {
    make_private_folder(system, folders.run);
    put(path(), text);
  }

  TemporaryFolder folder;
  Folders folders = folder.folders();
  SystemIo system;
  FaultyIo io{system};
};

}  // namespace nvmigrate::test
