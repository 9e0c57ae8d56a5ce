// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/blackout.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>

#include "nvmigrate/base/numbers.h"
#include "tests/bench/floor.h"

namespace nvmigrate::bench {
namespace {

/// Other work on the machine only ever adds to a time.
double best(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

/// One kind of migration: ours and the floor, by turns.
struct Kind {
  std::string name;
  std::function<double()> ours, floor;
  double goal = 0;  ///< 0: none is set
};

class Blackouts {
 public:
  Blackouts(BenchWorld& world, std::uint64_t size)
      : world_(&world), size_(size), floor_{.vendor = size > 4096} {}

  [[nodiscard]] std::vector<Kind> kinds(double goal) {
    return {{"transfer", [this] { return transfer(); }, [this] { return transfer_floor(); }, goal},
            {"export", [this] { return exported(); }, [this] { return export_floor(); }, 0},
            {"import", [this] { return imported(); }, [this] { return import_floor(); }, 0}};
  }

 private:
  double transfer() {
    world_->make_hosts(size_);
    return world_->run("transfer sim:a vf1 sim:b vf1")["blackout_us"];
  }
  double transfer_floor() {
    world_->make_hosts(size_);
    const auto from = world_->open("sim:a");
    const auto to = world_->open("sim:b");
    return floor_.of_transfer(from->admin(), to->admin());
  }
  double exported() {
    world_->make_hosts(size_);
    return take("--then resume");
  }
  double export_floor() {
    world_->make_hosts(size_);
    return floor_.of_export(world_->open("sim:a")->admin());
  }
  double imported() {
    world_->make_hosts(size_);
    take("--then keep");
    return world_->run("import sim:b vf1 --resume -f " +
                       world_->path("guest.nvmstate"))["blackout_us"];
  }
  double import_floor() {
    world_->make_hosts(size_);
    const auto from = world_->open("sim:a");
    const auto to = world_->open("sim:b");
    return floor_.of_import(from->admin(), to->admin());
  }
  double take(const std::string& then) {
    const auto file = world_->path("guest.nvmstate");
    const auto result = world_->run("export sim:a vf1 --overwrite -f " + file + " " + then);
    return result["functions"][0]["blackout_us"];
  }

  BenchWorld* world_;
  std::uint64_t size_;
  Floor floor_;
};

Row row_of(const Kind& kind, std::uint64_t size, unsigned repeat) {
  std::vector<double> ours;
  std::vector<double> floor;
  for (unsigned i = 0; i < repeat; ++i) {
    ours.push_back(kind.ours());
    floor.push_back(kind.floor());
  }
  std::cerr << "." << std::flush;
  const double ratio = best(ours) / best(floor);
  return {.what = "blackout of " + kind.name + ", " + format_size(size),
          .ours = number(best(ours), "us"),
          .reference = number(best(floor), "us"),
          .ratio = ratio,
          .goal = kind.goal > 0 ? "at most " + number(kind.goal, "") : "",
          .met = kind.goal <= 0 || ratio <= kind.goal};
}

}  // namespace

std::vector<Row> measure_blackouts(BenchWorld& world, std::uint64_t size, unsigned repeat,
                                   double goal) {
  Blackouts blackouts(world, size);
  std::vector<Row> rows;
  for (const auto& kind : blackouts.kinds(goal))
    rows.push_back(row_of(kind, size, repeat));
  std::cerr << "\n";
  return rows;
}

}  // namespace nvmigrate::bench
