// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <atomic>
#include <functional>
#include <system_error>
#include <thread>

#include "nvmigrate/migrate/export.h"

namespace nvmigrate {
namespace {

void export_one(Io& io, MigrationSide& side, const std::string& path, const ExportOptions& options,
                ExportOutcome& outcome) {
  try {
    outcome.result = export_to_file(io, side, outcome.cntlid, path, options);
  } catch (...) {
    outcome.failure = std::current_exception();
  }
}

/// Threads that are joined whatever happens.
class Crew {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    for (auto& member : members_)
      member.join();
  }
  /// \return false when the system has no thread left; then fewer do the work
  bool hire(const std::function<void()>& work) {
    try {
      members_.emplace_back(work);
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }

 private:
  std::vector<std::thread> members_;
};

}  // namespace

std::vector<ExportOutcome> export_many(
    Io& io, MigrationSide& side, const std::vector<std::pair<std::uint16_t, std::string>>& jobs,
    unsigned parallel, const ExportOptions& options) {
  std::vector<ExportOutcome> outcomes(jobs.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (auto job = next++; job < jobs.size(); job = next++) {
      outcomes[job].cntlid = jobs[job].first;
      export_one(io, side, jobs[job].second, options, outcomes[job]);
    }
  };
  const auto hands = std::min<std::size_t>(std::max(parallel, 1U), jobs.size());
  {
    Crew crew;
    while (crew.size() + 1 < hands && crew.hire(work)) {
    }
    work();
  }
  return outcomes;
}

}  // namespace nvmigrate
