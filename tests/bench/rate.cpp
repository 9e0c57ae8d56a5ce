// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/rate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <string>

#include "tests/bench/child.h"
#include "tests/bench/copy.h"

namespace nvmigrate::bench {
namespace {

/// The best time and the worst memory of several rounds.
struct Best {
  double seconds = 1e9, peak = 0;
  void take(const Measured& measured) {
    seconds = std::min(seconds, measured.seconds);
    peak = std::max(peak, measured.peak_mebibytes);
  }
};

/// The source is a snapshot, so that it can be read again and again.
const std::string import_line =
    "import sim:b vf1 --allow source_runs --allow source_resumed --allow loaded_before -f ";

class Rates {
 public:
  Rates(BenchWorld& world, std::uint64_t size) : world_(&world), size_(size) {
    world.make_hosts(size);
    export_file();
  }

  void round() {
    std::cerr << "." << std::flush;
    copied_.take(measure({[this] {
      copy_with_digests(file(), world_->path("copy"), false);
      return 0.0;
    }}));
    synced_.take(measure({[this] {
      copy_with_digests(file(), world_->path("copy"), true);
      return 0.0;
    }}));
    piped_copy_.take(through_a_pipe(
        [this](const std::string& pipe) { copy_with_digests(file(), pipe, false); },
        [this](const std::string& pipe) { copy_with_digests(pipe, world_->path("copy"), false); }));
    ::unlink(world_->path("copy").c_str());
    exported_.take(export_file());
    prepare_destination();
    imported_.take(measure({[this] {
      world_->run(import_line + file());
      return 0.0;
    }}));
    prepare_destination();
    piped_.take(pipe());
  }

  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> rows{row("export to a file", exported_, synced_),
                          row("import from a file", imported_, copied_),
                          row("export | import", piped_, piped_copy_)};
    const double peak = std::max({exported_.peak, imported_.peak, piped_.peak});
    rows.push_back({.what = "peak memory of a process",
                    .ours = number(peak, "MiB"),
                    .reference = number(copied_.peak, "MiB"),
                    .goal = "under 32 MiB",
                    .met = peak < 32});
    return rows;
  }

 private:
  [[nodiscard]] std::string file() const { return world_->path("guest.nvmstate"); }

  Measured export_file() {
    ::unlink(file().c_str());
    return measure({[this] {
      world_->run("export sim:a vf1 -f " + file() + " --then resume");
      return 0.0;
    }});
  }

  void prepare_destination() {
    world_->run("sim guest stop sim:b vf1");
    world_->run("sim guest start sim:b vf1 --empty");
  }

  using AtPipe = std::function<void(const std::string& pipe)>;

  /// Two processes, one at each end of a pipe.
  Measured through_a_pipe(const AtPipe& give, const AtPipe& take) {
    const auto path = world_->path("pipe");
    ::mkfifo(path.c_str(), 0600);
    const auto end = [&path](const AtPipe& work) {
      return [&path, &work] {
        work(path);
        return 0.0;
      };
    };
    const auto measured = measure({end(give), end(take)});
    ::unlink(path.c_str());
    return measured;
  }

  Measured pipe() {
    return through_a_pipe(
        [this](const std::string& pipe) {
          const int end = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
          world_->run("export sim:a vf1 -f - --then resume", -1, end);
        },
        [this](const std::string& pipe) {
          const int end = ::open(pipe.c_str(), O_RDONLY | O_CLOEXEC);
          world_->run(import_line + "-", end);
        });
  }

  [[nodiscard]] Row row(const std::string& what, const Best& ours, const Best& reference) const {
    const double mebibytes = static_cast<double>(size_) / (1U << 20U);
    const double ratio = reference.seconds / ours.seconds;
    return {.what = what,
            .ours = number(mebibytes / ours.seconds, "MiB/s"),
            .reference = number(mebibytes / reference.seconds, "MiB/s"),
            .ratio = ratio,
            .goal = "at least 0.80",
            .met = ratio >= 0.80};
  }

  BenchWorld* world_;
  std::uint64_t size_;
  Best copied_, synced_, piped_copy_, exported_, imported_, piped_;
};

}  // namespace

std::vector<Row> measure_rates(BenchWorld& world, std::uint64_t size, unsigned rounds) {
  Rates rates(world, size);
  for (unsigned round = 0; round < rounds; ++round)
    rates.round();
  std::cerr << "\n";
  return rates.rows();
}

}  // namespace nvmigrate::bench
