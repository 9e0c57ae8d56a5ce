// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/job.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace nvmigrate::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::string small = " --vendor --mdts 8K --state-size 20000";

std::vector<std::string> source() {
  return {"sim create a --vfs-total 2" + small, "provision sim:a --vfs 2", "mark sim:a vf1",
          "bind sim:a vf1", "sim guest start sim:a vf1"};
}

std::vector<std::string> both() {
  auto lines = source();
  for (const auto* line : {"provision sim:b --vfs 2", "mark sim:b vf1", "bind sim:b vf1",
                           "sim guest start sim:b vf1 --empty"}) {
    lines.emplace_back(line);
  }
  lines.insert(lines.begin(), "sim create b --vfs-total 2 --renumber-formats" + small);
  return lines;
}

std::vector<std::string> with(std::vector<std::string> lines, const std::string& last) {
  lines.push_back(last);
  return lines;
}

bool has(World& world, const std::string& host) {
  return fs::exists(world.path("sim/" + host + ".json"));
}

json functions_of(World& world, const std::string& host) {
  return world.read("list sim:" + host)["devices"][0]["functions"];
}

json truth_of(World& world, const std::string& host) {
  return world.read("sim show " + host)["functions"];
}

json at(const json& functions, int id) {
  for (const auto& function : functions) {
    if (function["controller_id"] == id) return function;
  }
  return json::object();
}

bool continues(World& world) {
  const auto answer = world.run("sim guest status sim:b vf1 --continues-from sim:a vf1 -o json");
  return answer.json()["continues"] == true;
}

bool source_is_suspended(World& world) {
  for (const auto& function : truth_of(world, "a")) {
    if (function["virtual_function"] == 1) return function["suspended"];
  }
  return false;
}

bool names(const json& function, const std::vector<std::string>& kinds) {
  for (const auto& intent : function["intents"]) {
    if (std::find(kinds.begin(), kinds.end(), intent["kind"]) != kinds.end()) return true;
  }
  return false;
}

void expect_accounted(const json& truth, const json& listed, const json& whole) {
  if (truth["suspended"]) {
    EXPECT_TRUE(names(listed, {"suspended", "loading", "moved"}))
        << "suspended, and nothing says so: " << truth;
  }
  const bool driverless = truth["kind"] == "other" && truth["driver"].is_null();
  if (driverless) {
    EXPECT_TRUE(names(listed, {"unbound"}) || !listed["binding"].is_null())
        << "driverless, and nothing says so: " << truth << whole;
  }
}

void expect_files_whole(World& world) {
  for (const auto& entry : fs::directory_iterator(world.path(""))) {
    const auto name = entry.path().filename().string();
    if (entry.is_directory() || name.starts_with(".")) continue;
    EXPECT_EQ(world.run("verify $W/" + name).status, ExitStatus::ok) << name << " is half there";
  }
}

void finish_export(World& world, const Job& job) {
  world.must(job.line);
  world.must("verify $W/out.nvmstate");
  EXPECT_FALSE(source_is_suspended(world));
}

void finish_import(World& world, const Job& job) {
  world.run("resume sim:b vf1");
  if (continues(world)) return;
  world.must("sim guest stop sim:b vf1");
  world.must("sim guest start sim:b vf1 --empty");
  world.must(job.line);
  EXPECT_TRUE(continues(world));
}

void finish_transfer(World& world, const Job& job) {
  if (at(functions_of(world, "a"), 1)["status"] == "moved") {
    world.must("resume sim:b vf1");
  } else {
    world.must("sim guest stop sim:b vf1");
    world.must("sim guest start sim:b vf1 --empty");
    world.must(job.line);
  }
  EXPECT_TRUE(continues(world));
  EXPECT_TRUE(source_is_suspended(world));
}

void finish_provision(World& world, const Job& job) {
  world.must(job.line);
  int online = 0;
  for (const auto& function : functions_of(world, "a")) {
    if (function["online"] == true && function["queues"] == 3) ++online;
  }
  EXPECT_EQ(online, 2);
}

void expect_drivers(World& world, const std::string& vf, const std::string& other) {
  for (const auto& function : truth_of(world, "a")) {
    if (function["virtual_function"] == 1) {
      EXPECT_EQ(function["driver"], vf.empty() ? json() : json(vf));
    } else if (function["kind"] == "other") {
      EXPECT_EQ(function["driver"], other);
    }
  }
}

void finish_bind(World& world, const Job& job) {
  world.must(job.line);
  expect_drivers(world, "vfio-pci", "vfio-pci");
}

void finish_unbind(World& world, const Job& job) {
  world.must(job.line);
  expect_drivers(world, "", "nvme");
}

std::vector<std::string> bindable() {
  return {"sim create a --vfs-total 2 --others 1" + small, "provision sim:a --vfs 2"};
}

}  // namespace

void PrintTo(const Job& job, std::ostream* out) { *out << job.name; }

const std::vector<Job>& jobs() {
  static const std::string unbound = "sim:a vf1,0000:02:00.0";
  static const std::vector<Job> all{
      {"export", source(), "export sim:a vf1 -f $W/out.nvmstate --then resume", finish_export},
      {"import", with(both(), "export sim:a vf1 -f $W/in.nvmstate"),
       "import sim:b vf1 -f $W/in.nvmstate --resume", finish_import},
      {"transfer", both(), "transfer sim:a vf1 sim:b vf1", finish_transfer},
      {"provision",
       {"sim create a --vfs-total 2" + small},
       "provision sim:a --vfs 2 --vq 3 --vi 2",
       finish_provision},
      {"bind", bindable(), "bind " + unbound, finish_bind},
      {"unbind", with(bindable(), "bind " + unbound), "unbind " + unbound, finish_unbind},
  };
  return all;
}

void expect_nothing_lost(World& world) {
  expect_files_whole(world);
  for (const std::string host : {"a", "b"}) {
    if (!has(world, host)) continue;
    const auto listed = functions_of(world, host);
    for (const auto& truth : truth_of(world, host)) {
      if (truth["kind"] != "controlling") {
        expect_accounted(truth, at(listed, truth["controller_id"]), listed);
      }
    }
  }
  if (has(world, "b")) {
    EXPECT_FALSE(continues(world) && !source_is_suspended(world)) << "the guest runs twice";
  }
}

void expect_repaired(World& world, const Job& job) {
  for (const std::string host : {"a", "b"}) {
    if (has(world, host)) world.run("doctor sim:" + host + " --repair");
  }
  job.finish(world, job);
  for (const std::string host : {"a", "b"}) {
    if (!has(world, host)) continue;
    for (const auto& function : functions_of(world, host)) {
      EXPECT_FALSE(names(function, {"unbound", "loading"})) << "left: " << function;
    }
  }
}

int stride() {
  const char* value = std::getenv("NVMIGRATE_TEST_STRIDE");
  return value == nullptr ? 1 : std::atoi(value);
}

}  // namespace nvmigrate::test
