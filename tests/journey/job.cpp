// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/job.h"

#include <gtest/gtest.h>

#include <algorithm>
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

void prepare_taker(std::vector<std::string>& lines, const std::string& function) {
  for (const std::string verb : {"mark ", "bind ", "sim guest start "})
    lines.push_back(verb + function);
  lines.back() += " --empty";
}

// The second controlling function numbers the state formats in another way than the first host's.
std::vector<std::string> both() {
  auto lines = source();
  lines.push_back("sim create b --vfs-total 2 --controlling 2 --renumber-formats" + small);
  lines.emplace_back("provision sim:b/1 --vfs 2");
  prepare_taker(lines, "sim:b/1 vf1");
  return lines;
}

std::vector<std::string> within() {
  auto lines = source();
  prepare_taker(lines, "sim:a vf2");
  return lines;
}

std::vector<std::string> with(std::vector<std::string> lines, const std::string& last) {
  lines.push_back(last);
  return lines;
}

// The controlling functions there are.
std::vector<std::string> devices(const World& world) {
  std::vector<std::string> all{"sim:a"};
  if (fs::exists(world.path("sim/b.json"))) all.emplace_back("sim:b/1");
  return all;
}

json listed(World& world, const std::string& device) {
  return world.read("list " + device)["devices"][0];
}

json functions_of(World& world, const std::string& device) {
  return listed(world, device)["functions"];
}

json truth_of(World& world, const std::string& device) {
  return world.read("sim show " + device.substr(4, 1))["functions"];
}

json at(const json& functions, int id) {
  for (const auto& function : functions) {
    if (function["controller_id"] == id) return function;
  }
  return json::object();
}

json provisioned(World& world) {
  json all;
  for (const auto& device : devices(world)) {
    for (const auto& function : truth_of(world, device)) {
      for (const auto* member : {"address", "online", "queues", "interrupts"})
        all[device][function["controller_id"].dump()][member] = function[member];
    }
  }
  return all;
}

bool continues(World& world, const Job& job) {
  const auto answer =
      world.run("sim guest status " + job.to + " --continues-from sim:a vf1 -o json");
  return answer.json()["continues"] == true;
}

bool names(const json& intents, const std::vector<std::string>& kinds) {
  return std::any_of(intents.begin(), intents.end(), [&](const json& intent) {
    return std::find(kinds.begin(), kinds.end(), intent["kind"]) != kinds.end();
  });
}

void expect_accounted(const json& truth, const json& function, const json& whole) {
  if (truth["suspended"]) {
    EXPECT_TRUE(names(function["intents"],
                      {"suspended", "exporting", "exported", "away", "loading", "loaded"}))
        << "suspended, and nothing says so: " << truth;
  }
  const bool driverless = truth["kind"] == "other" && truth["driver"].is_null();
  if (driverless) {
    EXPECT_TRUE(names(function["intents"], {"unbound"}) || !function["binding"].is_null())
        << "driverless, and nothing says so: " << truth << whole;
  }
}

void expect_provisioned(World& world, const std::string& device, const json& now,
                        const Provisioned& known) {
  if (now == known.before[device] || now == known.wanted[device]) return;
  EXPECT_TRUE(names(listed(world, device)["intents"], {"provisioning"}))
      << "provisioned in part, and nothing says so: " << now;
}

void expect_files_whole(World& world) {
  for (const auto& entry : fs::directory_iterator(world.path(""))) {
    const auto name = entry.path().filename().string();
    if (entry.is_directory() || name.starts_with(".")) continue;
    EXPECT_EQ(world.run("verify $W/" + name).status, ExitStatus::ok) << name << " is half there";
  }
}

bool is_taken(const World& world) { return fs::exists(world.path("out.nvmstate")); }

// A journal that could not be written any more may say that a state has left that never got a name.
bool is_false_alarm(const World& world, const Job& job, const json& function) {
  return function.value("status", "") == "two_copies" &&
         job.leaves == std::vector<std::string>{"exported"} && !is_taken(world);
}

// Whoever has the file may run it: from when it has its name, the source is not to run by itself.
void expect_in_custody(World& world, const Job& job) {
  if (job.leaves != std::vector<std::string>{"exported"} || !is_taken(world)) return;
  EXPECT_TRUE(source_is_suspended(world)) << "runs, and its file is there";
  EXPECT_EQ(source_status(world), "exported");
}

void finish_export(World& world, const Job& job) {
  world.must(job.line + " --overwrite");
  world.must("verify $W/out.nvmstate");
  EXPECT_FALSE(source_is_suspended(world));
}

// Only the operator knows that nobody took what was handed over.
void finish_kept_export(World& world, const Job& job) {
  if (source_status(world) == "exported") world.must("resume sim:a vf1 --allow exported");
  if (source_status(world) == "two_copies") world.must("resume sim:a vf1 --allow two_copies");
  world.must(job.line + " --overwrite");
  world.must("verify $W/out.nvmstate");
  EXPECT_TRUE(source_is_suspended(world));
  EXPECT_EQ(source_status(world), "exported");
}

void finish_suspend(World& world, const Job& job) {
  world.must(job.line);
  EXPECT_TRUE(source_is_suspended(world));
}

void finish_resume(World& world, const Job& job) {
  world.must(job.line);
  EXPECT_FALSE(source_is_suspended(world));
}

// As a VMM leaves the function for the next try.
void empty_taker(World& world, const Job& job) {
  world.must("sim guest stop " + job.to);
  world.must("sim guest start " + job.to + " --empty");
}

void finish_import(World& world, const Job& job) {
  world.run("resume " + job.to);
  if (continues(world, job)) return;
  empty_taker(world, job);
  world.must(job.line);
  EXPECT_TRUE(continues(world, job));
}

void finish_transfer(World& world, const Job& job) {
  if (source_status(world) == "away") {
    world.must("resume " + job.to);
  } else {
    empty_taker(world, job);
    world.must(job.line);
  }
  EXPECT_TRUE(continues(world, job));
  EXPECT_TRUE(source_is_suspended(world));
}

void finish_provision(World& world, const Job& job) {
  world.must(job.line);
  int online = 0;
  for (const auto& function : functions_of(world, "sim:a")) {
    if (function["online"] == true && function["queues"] == 3) ++online;
  }
  EXPECT_EQ(online, 2);
}

void finish_deprovision(World& world, const Job& job) {
  world.must(job.line);
  const auto device = listed(world, "sim:a");
  EXPECT_EQ(device["vfs"]["enabled"], 0);
  for (const auto& function : device["functions"])
    EXPECT_EQ(function["online"], false) << function;
}

void expect_drivers(World& world, const std::string& vf, const std::string& other) {
  for (const auto& function : truth_of(world, "sim:a")) {
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

// Everything that is listed, but when it was.
json everything(World& world) {
  auto all = world.read("list");
  for (auto& device : all["devices"]) {
    for (auto& function : device["functions"]) {
      if (function["binding"].is_object()) function["binding"].erase("time");
    }
  }
  return all;
}

// As it was before the last line, which took the power away.
const json& before_power_cycle(const Job& job) {
  static const json before = [&] {
    World world;
    for (std::size_t i = 0; i + 1 < job.before.size(); ++i)
      world.must(job.before[i]);
    return everything(world);
  }();
  return before;
}

void finish_apply(World& world, const Job& job) {
  world.must(job.line);
  EXPECT_EQ(everything(world), before_power_cycle(job));
  EXPECT_EQ(world.read(job.line)["changed"], false);
}

// No repair makes up the rest of a state: who holds half of one is named, with the way out.
void repair(World& world, const Job& job, const std::string& device) {
  const auto answer = world.run("doctor " + device + " --repair -o json");
  if (answer.status == ExitStatus::ok) return;
  EXPECT_EQ(answer.status, ExitStatus::partial) << answer.err;
  const auto functions = functions_of(world, device);
  const auto document = answer.json();
  for (const auto& found : document["findings"]) {
    if (found["severity"] != "problem") continue;
    EXPECT_TRUE(found["controller_id"].is_number() && !found["commands"].empty()) << found;
    const auto function = at(functions, found["controller_id"]);
    EXPECT_TRUE(names(function["intents"], {"loading"}) || is_false_alarm(world, job, function))
        << found << function;
  }
}

std::vector<std::string> without_power() {
  return {"sim create a --vfs-total 2 --others 1 --namespaces 2 --detached" + small,
          "provision sim:a --vfs 2 --vq 3 --vi 2 --attach 1 --persist",
          "bind sim:a vf1,vf2,0000:02:00.0 --owner 4711:4712 --persist", "mark sim:a vf1 --persist",
          "sim power-cycle a"};
}

std::vector<std::string> bindable() {
  return {"sim create a --vfs-total 2 --others 1" + small, "provision sim:a --vfs 2"};
}

}  // namespace

void PrintTo(const Job& job, std::ostream* out) { *out << job.name; }

const std::vector<Job>& jobs() {
  static const std::string unbound = "sim:a vf1,0000:02:00.0";
  static const std::string exporting = "export sim:a vf1 -f $W/out.nvmstate --then ";
  static const std::vector<Job> all{
      {"export", source(), exporting + "resume", finish_export},
      {"exportAndKeep", source(), exporting + "keep", finish_kept_export, {"exported"}},
      {"suspend", source(), "suspend sim:a vf1", finish_suspend, {"suspended"}},
      {"resume", with(source(), "suspend sim:a vf1"), "resume sim:a vf1", finish_resume},
      {"import",
       with(both(), "export sim:a vf1 -f $W/in.nvmstate"),
       "import sim:b/1 vf1 -f $W/in.nvmstate --resume",
       finish_import,
       {"away", "exported"},  // exported where its device did not answer
       "sim:b/1 vf1"},
      {"transfer",
       both(),
       "transfer sim:a vf1 sim:b/1 vf1",
       finish_transfer,
       {"away"},
       "sim:b/1 vf1"},
      {"transferWithin",
       within(),
       "transfer sim:a vf1 sim:a vf2",
       finish_transfer,
       {"away"},
       "sim:a vf2"},
      {"provision",
       {"sim create a --vfs-total 2" + small},
       "provision sim:a --vfs 2 --vq 3 --vi 2",
       finish_provision},
      {"provisionListedLater",
       {"sim create a --vfs-total 2 --odd-list empty" + small},
       "provision sim:a --vfs 2 --vq 3 --vi 2",
       finish_provision},
      {"releasePrimary",
       {"sim create a --vfs-total 2 --primary-holds" + small},
       "provision sim:a --vfs 2 --vq 3 --vi 2 --release-primary",
       finish_provision},
      {"attach",
       {"sim create a --vfs-total 2 --namespaces 2 --detached" + small},
       "provision sim:a --vfs 2 --vq 3 --vi 2 --attach all",
       finish_provision},
      {"detach",
       {"sim create a --vfs-total 2 --namespaces 2 --detached" + small,
        "provision sim:a --vfs 2 --attach 2"},
       "deprovision sim:a",
       finish_deprovision},
      {"deprovision",
       {"sim create a --vfs-total 2" + small, "provision sim:a --vfs 2", "mark sim:a vf1"},
       "deprovision sim:a",
       finish_deprovision},
      {"apply", without_power(), "apply", finish_apply},
      {"bind", bindable(), "bind " + unbound, finish_bind},
      {"unbind", with(bindable(), "bind " + unbound), "unbind " + unbound, finish_unbind},
  };
  return all;
}

Provisioned provisioned_by(World& world, const Job& job) {
  Provisioned known{.before = provisioned(world), .wanted = {}};
  world.must(job.line);
  known.wanted = provisioned(world);
  world.restore();
  return known;
}

bool source_is_suspended(World& world) {
  for (const auto& function : truth_of(world, "sim:a")) {
    if (function["virtual_function"] == 1) return function["suspended"];
  }
  return false;
}

std::string source_status(World& world) { return at(functions_of(world, "sim:a"), 1)["status"]; }

void expect_nothing_lost(World& world, const Job& job, const Provisioned& known) {
  expect_files_whole(world);
  const auto now = provisioned(world);
  for (const auto& device : devices(world)) {
    const auto functions = functions_of(world, device);
    for (const auto& truth : truth_of(world, device)) {
      if (truth["kind"] == "controlling") continue;
      const auto function = at(functions, truth["controller_id"]);
      expect_accounted(truth, function, functions);
      EXPECT_TRUE(function.value("status", "") != "two_copies" ||
                  is_false_alarm(world, job, function))
          << "runs, and its state has left: " << function;
    }
    expect_provisioned(world, device, now[device], known);
  }
  expect_in_custody(world, job);
  if (!job.to.empty()) {
    EXPECT_FALSE(continues(world, job) && !source_is_suspended(world)) << "the guest runs twice";
  }
}

void expect_repaired(World& world, const Job& job) {
  for (const auto& device : devices(world))
    repair(world, job, device);
  expect_in_custody(world, job);
  job.finish(world, job);
  for (const auto& device : devices(world)) {
    const auto now = listed(world, device);
    EXPECT_TRUE(now["intents"].empty()) << "left: " << now["intents"];
    for (const auto& function : now["functions"]) {
      for (const auto& intent : function["intents"])
        EXPECT_TRUE(names(json::array({intent}), job.leaves)) << "left: " << function;
    }
  }
}

}  // namespace nvmigrate::test
