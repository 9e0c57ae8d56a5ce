// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/account/account.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {

/// Two VFs, the first taken from its driver where a test says so.
class AccountTest : public FakeSessionTest {
 protected:
  AccountTest() { bring_up(2); }

  Findings account() {
    session().refresh();
    return account_of(session());
  }
  /// Of a command that ended before it was through with the function.
  void leave_suspended(std::uint16_t cntlid) { suspend(cntlid, {{unfinished_detail, "1"}}); }
  void leave_unbound(std::uint16_t cntlid, const std::string& original_driver = "nvme") {
    device.bus.functions.at(vf(cntlid)).driver.reset();
    record(IntentKind::unbound, cntlid,
           {{"address", vf(cntlid)}, {"original_driver", original_driver}});
  }
  void leave_provisioning(std::map<std::string, std::string> details) {
    record(IntentKind::provisioning, 0, std::move(details));
  }
  /// The end of an import or transfer of a VM that waits: only the resume is missing.
  void leave_loaded(std::uint16_t cntlid) {
    device.bus.holders[vf(cntlid)] = {{"pid 7 (qemu)", "holds it open"}};
    record(IntentKind::loaded, cntlid, {{unfinished_detail, "1"}});
  }
  /// The journal is damaged when the next session is opened.
  void damage_journal() {
    session();
    close();
    put(folder.folders().run + "/journal.json", "{");
  }
};

}  // namespace nvmigrate::test
