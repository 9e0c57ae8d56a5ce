// SPDX-License-Identifier: LGPL-2.1-or-later
//
// export_and_import SOURCE ID FILE DESTINATION ID [resume]
//
// Moves a guest through a file: exports the state of one controlled function, says what is in the
// file, judges whether another function can take it, and imports it there. With `resume` the source
// runs again after its export; then the import is refused, because the guest would run twice.
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/finding.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"

namespace {

using nvmigrate::Access;
using nvmigrate::Session;
using nvmigrate::Workspace;

void export_function(const Workspace& workspace, const std::string& device, const std::string& word,
                     const std::string& file, bool resume) {
  const auto session = Session::open(workspace, device, Access::change);
  const auto cntlid = select_one(session->topology(), word, "export").cntlid;
  const auto result = export_to_file(*session, cntlid, file, {.resume = resume});
  const auto blackout =
      std::chrono::duration_cast<std::chrono::milliseconds>(result.figures.blackout);
  std::cout << "exported " << result.figures.bytes << " bytes of controller " << cntlid << "; it "
            << (result.suspended ? "is suspended" : "was suspended for ");
  if (!result.suspended) std::cout << blackout.count() << " ms";
  std::cout << '\n';
}

void print(const nvmigrate::StoredState& state) {
  if (const auto& identity = state.identity()) {
    std::cout << state.object() << ": controller " << identity->controller << " of "
              << identity->subsystem_nqn << ", " << identity->time << '\n';
  }
  std::cout << "  SHA-256 " << nvmigrate::to_string(state.end().sha256) << '\n';
  if (const auto& decoded = state.decoded()) {
    for (const auto& queue : decoded->submission_queues)
      std::cout << "  submission queue " << queue.id << ", " << queue.entries << " entries\n";
  }
}

void print(const nvmigrate::Findings& findings) {
  for (const auto& finding : findings) {
    std::cout << "  " << (finding.stands() ? "stands against it" : to_string(finding.severity))
              << ": " << finding.message << " [" << finding.code << "]\n";
  }
}

/// \return whether the function took the state and runs
bool import_function(const Workspace& workspace, const nvmigrate::StoredState& state,
                     const std::string& device, const std::string& word) {
  const auto session = Session::open(workspace, device, Access::change);
  const auto cntlid = select_one(session->topology(), word, "import").cntlid;
  // A refusal is a value before it is an error: import_state() would throw these findings.
  const auto check = check_import(state, *session, cntlid);
  print(check.findings);
  if (!check.acceptable()) return false;
  const auto result = import_state(state, *session, cntlid, {.resume = true});
  std::cout << "imported " << result.figures.bytes << " bytes into controller " << cntlid << '\n';
  return result.resumed;
}

}  // namespace

int main(int count, char** words) try {
  const std::vector<std::string> given(words + 1, words + count);
  if (given.size() != 5 && given.size() != 6) {
    throw nvmigrate::usage_error("give SOURCE ID FILE DESTINATION ID [resume]");
  }
  const nvmigrate::InterruptGuard guard;
  const auto workspace = nvmigrate::default_workspace("export_and_import");
  export_function(workspace, given[0], given[1], given[2], given.size() == 6);
  // Every checksum, length and digest is verified before anything of it is believed.
  const auto state = nvmigrate::StoredState::open(*workspace.io, given[2]);
  print(state);
  if (import_function(workspace, state, given[3], given[4])) return 0;
  std::cout << "refused; what an import may allow:";
  for (const auto& code : nvmigrate::overrides_of(nvmigrate::Verb::import_state))
    std::cout << ' ' << code;
  std::cout << '\n';
  return static_cast<int>(nvmigrate::ExitStatus::refused);
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
