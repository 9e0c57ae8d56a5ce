// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "nvmigrate/base/numbers.h"
#include "tests/bench/blackout.h"
#include "tests/bench/rate.h"

namespace {

using namespace nvmigrate::bench;

struct Given {
  std::uint64_t size = std::uint64_t{4} << 30U;
  unsigned rounds = 3;
  unsigned repeat = 50;
  std::string folder = ".";
};

constexpr const char* usage =
    "nvmigrate_bench [--size BYTES] [--rounds N] [--repeat N] [--folder FOLDER]\n"
    "  --size    of the state that rates are measured with, 4G\n"
    "  --rounds  of the rates, of which the best counts, 3; 0 leaves them out\n"
    "  --repeat  of the blackouts, of which the best counts, 50; 0 leaves them out\n"
    "  --folder  where the files go, the current one\n";

void take(Given& given, const std::string& name, const std::string& value) {
  if (name == "--folder") {
    given.folder = value;
    return;
  }
  const auto number = nvmigrate::parse_size(value);
  if (!number) throw std::runtime_error(usage);
  if (name == "--size") {
    given.size = *number;
  } else if (name == "--rounds") {
    given.rounds = static_cast<unsigned>(*number);
  } else if (name == "--repeat") {
    given.repeat = static_cast<unsigned>(*number);
  } else {
    throw std::runtime_error(usage);
  }
}

Given parse(const std::vector<std::string>& words) {
  Given given;
  if (words.size() % 2 != 0) throw std::runtime_error(usage);
  for (std::size_t i = 0; i < words.size(); i += 2)
    take(given, words[i], words[i + 1]);
  return given;
}

std::vector<Row> measure_all(const Given& given) {
  BenchWorld world(given.folder);
  std::vector<Row> rows;
  const auto append = [&rows](const std::vector<Row>& more) {
    rows.insert(rows.end(), more.begin(), more.end());
  };
  if (given.rounds > 0) append(measure_rates(world, given.size, given.rounds));
  if (given.repeat > 0) {
    append(measure_blackouts(world, 104, given.repeat, 1.25));
    append(measure_blackouts(world, std::uint64_t{64} << 20U, std::max(5U, given.repeat / 5), 0.6));
  }
  return rows;
}

}  // namespace

int main(int count, char** words) {
  try {
    const auto given = parse({words + 1, words + count});
    const auto rows = measure_all(given);
    if (given.rounds > 0) {
      std::cout << "states of " << nvmigrate::format_size(given.size) << ", "
                << "the reference copies the same bytes with the same digests at each end\n";
    }
    std::cout << table_of(rows);
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
