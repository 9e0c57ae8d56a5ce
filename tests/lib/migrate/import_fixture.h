// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/state/state.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate::test {

/// Function 1 of `a` was exported into a file; function 2 of `b` is to take it.
class ImportTest : public MigrateTest {
 protected:
  ImportTest() {
    a->backend[1].state = make_state(20'000);
    export_again({});
  }
  /// As a command that has ended since.
  void export_again(const ExportOptions& options) {
    a->open();
    digest = to_string(*export_to_file(*a->session, 1, file, options).sha256);
    a->session.reset();
  }

  ImportResult run(const ImportOptions& options = {}) {
    return import_state(StoredState::open(io, file), *b->session, 2, options);
  }
  ExitStatus status_of_run(const ImportOptions& options = {}) {
    return status_of([&] { run(options); });
  }
  [[nodiscard]] std::optional<IntentKind> now() { return custody("b", 2); }
  [[nodiscard]] std::optional<IntentKind> of_source() { return custody("a", 1); }
  Codes codes_of_check(const ImportOptions& options = {}) {
    return codes_of(check_import(StoredState::open(io, file), *b->session, 2, options).findings);
  }
  /// The state was exported, and never loaded.
  void begin_anew() {
    b->backend[2].state = make_state(0);
    b->backend[2].suspended = b->backend[2].half_loaded = b->backend[2].loaded = false;
    a->backend[1].suspended = true;
    auto source = journal_of("a");
    JournalChange change;
    change.record(source, IntentKind::exported, 1, {{digest_detail, digest}}).write();
    JournalChange clean;
    clean.strike_custody(b->journal(), 2).drop_loads(b->journal(), 2).write();
  }
  void expect_truth(bool failed, bool resume) {
    const auto& function = b->backend[2];
    EXPECT_TRUE(of_source() == IntentKind::exported || of_source() == IntentKind::away);
    EXPECT_TRUE(a->backend[1].suspended);
    if (function.suspended) {
      EXPECT_TRUE(now() == IntentKind::loading || now() == IntentKind::loaded);
    }
    if (function.half_loaded) {
      EXPECT_TRUE(function.suspended);
      EXPECT_EQ(now(), IntentKind::loading);
    }
    if (of_source() == IntentKind::away) {
      EXPECT_TRUE(function.loaded);
      EXPECT_NE(now(), IntentKind::loading);
    }
    if (!failed) {
      EXPECT_EQ(function.suspended, !resume);
      EXPECT_EQ(now(), resume ? std::nullopt : std::optional(IntentKind::loaded));
    }
  }
  /// Ends an import that failed, as its error says.
  void go_on() {
    if (now() == IntentKind::loaded) {
      resume_function(*b->session, 2);
    } else {
      run({.resume = true});
    }
    EXPECT_EQ(b->backend[2].state, a->backend[1].state);
    EXPECT_FALSE(b->backend[2].suspended);
    EXPECT_FALSE(now());
    EXPECT_EQ(of_source(), IntentKind::away);
  }

  std::unique_ptr<Host> a = host("a"), b = host("b");
  std::string file = folder / "guest", digest;
};

}  // namespace nvmigrate::test
