// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/custody_world.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "nvmigrate/account/account.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/stream.h"
#include "plugins/sim/sim.h"
#include "plugins/sim/store.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;
using Verb = Step::Verb;

constexpr std::uint16_t vf = 1;  ///< controller id of the only VF of every subsystem
constexpr std::size_t most_guests = 2;

std::string device_of(std::size_t subsystem) {
  return std::string{"sim:"} + subsystem_names.at(subsystem);
}
std::string file_of(std::size_t subsystem) {
  return std::string{"/files/"} + subsystem_names.at(subsystem) + ".state";
}
constexpr auto pipe_name = "/files/pipe.state";

std::size_t subsystem_of(const std::string& device) {
  const auto name = device.substr(device.rfind(':') + 1, 1);
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    if (name == subsystem_names.at(i)) return i;
  }
  throw std::logic_error("no subsystem " + device);
}

/// A process: its seams, and what happens to them.
class Process {
 public:
  Process(CustodyWorld& world, std::size_t host, const Disturbance& disturbance)
      : io_(world.files.at(host), world.shared, watcher_) {
    watcher_.set([this, disturbance](const SeamCall& call) { return decide(call, disturbance); });
  }

  [[nodiscard]] MemoryIo& io() noexcept { return io_; }
  [[nodiscard]] Watcher& watcher() noexcept { return watcher_; }
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }

 private:
  Verdict decide(const SeamCall& call, const Disturbance& disturbance) {
    // Reading a function changes nothing; it fails and dies like everything else.
    if (call.seam == SeamCall::Seam::pci && !call.name.starts_with("set")) return {};
    const auto number = ++calls_;
    const bool hit = disturbance.kind != Disturbance::Kind::none &&
                     (number == disturbance.call ||
                      (disturbance.kind == Disturbance::Kind::kill && number > disturbance.call));
    if (!hit) return {};
    if (call.seam == SeamCall::Seam::admin) return {.nvme_status = 0x6};  // internal error
    return {.error = EIO};
  }

  Watcher watcher_;
  MemoryIo io_;
  std::size_t calls_ = 0;
};

/// The hosts while a step is taken.
class Stage {
 public:
  explicit Stage(CustodyWorld& world) : world_(&world) {
    for (std::size_t i = 0; i < memories_.size(); ++i)
      memories_.at(i).now = world.subsystems.at(i);
    catalog_ = built_in();
    for (auto& provider : catalog_.providers)
      provider.all = [](Io&, const Folders&) { return std::vector<std::string>{}; };
    auto& sims = catalog_.providers.back();
    sims.open = [this](Io&, const Folders&, const std::string& device) {
      return sim::open_in_memory(memories_.at(subsystem_of(device)), device);
    };
    sims.all = [](Io&, const Folders& folders) {
      const bool first = folders.sim == "/sim0";
      return first ? std::vector<std::string>{"sim:a", "sim:b"} : std::vector<std::string>{"sim:c"};
    };
  }

  [[nodiscard]] Workspace workspace(Process& process, std::size_t host, std::string command) {
    return {.io = &process.io(),
            .folders = {.state = "/state", .run = "/run", .sim = "/sim" + std::to_string(host)},
            .catalog = &catalog_,
            .command = std::move(command),
            .wrap = [&process](std::unique_ptr<Device> device) {
              return watch(std::move(device), process.watcher());
            }};
  }

  [[nodiscard]] sim::Memory& memory(std::size_t subsystem) { return memories_.at(subsystem); }
  sim::Store store(std::size_t subsystem) = delete;

  template <typename Act>
  void change(std::size_t subsystem, Act act) {
    auto next = *memories_.at(subsystem).now;
    act(next, next.functions.at(vf));
    memories_.at(subsystem).now = std::make_shared<const sim::Subsystem>(std::move(next));
  }

  /// Every running guest does some I/O, and the world has what the stage has.
  void end() {
    for (std::size_t i = 0; i < memories_.size(); ++i) {
      change(i, [](sim::Subsystem& now, sim::Function&) {
        now.generation = 0;
        sim::advance_guests(now);
      });
      world_->subsystems.at(i) = memories_.at(i).now;
    }
  }

 private:
  CustodyWorld* world_;
  std::array<sim::Memory, 3> memories_;
  Catalog catalog_;
};

const sim::Function& function_of(const CustodyWorld& world, std::size_t subsystem) {
  return world.subsystems.at(subsystem)->functions.at(vf);
}

bool has_guest(const sim::Function& function) {
  return function.guest && function.guest->has_queues();
}

bool is_cross(const Step& step) { return host_of(step.at) != host_of(step.other); }

std::vector<std::string> allowed_by(const Step& step) {
  return step.allow.empty() ? std::vector<std::string>{} : std::vector{step.allow};
}

/// Takes one step on a stage.
class Taker {
 public:
  Taker(CustodyWorld& world, const Step& step, const Disturbance& disturbance)
      : world_(&world),
        step_(&step),
        stage_(world),
        process_(world, host_of(step.at), disturbance.at_peer ? Disturbance{} : disturbance),
        peer_(world, host_of(step.other), disturbance.at_peer ? disturbance : Disturbance{}) {}

  void run(Outcome& outcome) {
    try {
      act();
    } catch (const Error& error) {
      outcome.error = std::string{error.code()} + ": " + error.what();
      outcome.remedies = error.remedies();
      if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) take(*refusal, outcome);
    }
    outcome.calls = process_.calls();
    outcome.peer_calls = peer_.calls();
    world_->shared.erase(pipe_name);
    stage_.end();
  }

 private:
  static void take(const Refusal& refusal, Outcome& outcome) {
    for (const auto& found : refusal.findings()) {
      if (!found.stands()) continue;
      outcome.remedies.insert(outcome.remedies.end(), found.remedies.begin(), found.remedies.end());
    }
  }

  [[nodiscard]] std::unique_ptr<Session> open(std::size_t subsystem, const char* command) {
    return Session::open(stage_.workspace(process_, host_of(subsystem), command),
                         device_of(subsystem), Access::read);
  }
  [[nodiscard]] std::unique_ptr<Session> open(const char* command) {
    return open(step_->at, command);
  }

  void act() {
    switch (step_->verb) {
      case Verb::suspend:
        suspend_function(*open("suspend"), vf, {.allowed = allowed_by(*step_)});
        return;
      case Verb::resume:
        resume_function(*open("resume"), vf, {.allowed = allowed_by(*step_)});
        return;
      case Verb::release:
        release_function(*open("release"), vf, {.allowed = allowed_by(*step_)});
        return;
      case Verb::export_file:
      case Verb::snapshot:
        export_to_file(*open("export"), vf, file_of(step_->at),
                       {.resume = step_->verb == Verb::snapshot,
                        .overwrite = true,
                        .allowed = allowed_by(*step_)});
        return;
      case Verb::export_pipe:
        return export_to_pipe();
      case Verb::import_file:
      case Verb::import_and_resume:
        return import(process_, file_of(step_->other), step_->at,
                      step_->verb == Verb::import_and_resume);
      case Verb::transfer:
        return is_cross(*step_) ? transfer_to_peer_host() : transfer();
      case Verb::settle:
        return with_peer(
            [this](const Peer& peer) { settle_with_peer(*open("transfer"), vf, peer); });
      case Verb::bind:
      case Verb::unbind:
        return change_driver();
      case Verb::deprovision:
        deprovision(*open("deprovision"));
        return;
      case Verb::recreate:
        return recreate();
      case Verb::repair:
        repair(*open("doctor"));
        return;
      default:
        return act_of_fate();
    }
  }

  /// With another number of queues, so that there is something to do.
  void recreate() {
    const auto queues = function_of(*world_, step_->at).vq == 3 ? 4 : 3;
    provision(*open("provision"), {.vfs = 1,
                                   .queues = static_cast<std::uint16_t>(queues),
                                   .interrupts = 3,
                                   .recreate = true});
  }

  void act_of_fate() {
    stage_.change(step_->at, [this](sim::Subsystem& now, sim::Function& function) {
      switch (step_->verb) {
        case Verb::start_guest:
          return start(now, function);
        case Verb::start_empty:
          return start_guest(now, function, 0);
        case Verb::stop_guest:
          if (function.guest) sim::reset(function);
          return;
        case Verb::reset:
          return sim::reset(function);
        case Verb::power_cycle:
          return sim::reset_controlling(now, 0, true);
        case Verb::raw_suspend:
          if (function.online) function.suspended_by = 0;
          return;
        case Verb::raw_resume:
          return raw_resume();
        default:
          return;
      }
    });
    if (step_->verb == Verb::raw_resume) raw_resume();
  }

  static void start_guest(sim::Subsystem& now, sim::Function& function, unsigned pairs) {
    if (!function.online || function.guest || function.suspended()) return;
    if (!function.driver.value_or("").starts_with("vfio")) return;
    sim::start_guest(now, function, pairs);
  }

  void start(sim::Subsystem& now, sim::Function& function) {
    if (world_->guests.size() >= most_guests) return;
    start_guest(now, function, 1);
    if (!function.guest) return;
    const auto seed = world_->guests.size() + 100;
    function.guest = sim::Guest(seed, 1, 1);
    world_->guests[seed] = {};
  }

  /// As another tool does it: through the admin queue, without a record.
  void raw_resume() {
    const auto device = sim::open_in_memory(stage_.memory(step_->at), device_of(step_->at));
    device->admin().submit(command::resume(vf));
  }

  void import(Process& process, const std::string& file, std::size_t to, bool resume) {
    const auto session = Session::open(stage_.workspace(process, host_of(to), "import"),
                                       device_of(to), Access::read);
    const auto state = StoredState::open(process.io(), file);
    import_state(state, *session, vf, {.resume = resume, .allowed = allowed_by(*step_)});
  }

  /// The importer reads what was written, also when the exporter failed.
  void export_to_pipe() {
    const int fd = process_.io().open_pipe(pipe_name);
    try {
      export_to_descriptor(*open("export"), vf, fd, "a pipe", {.allowed = allowed_by(*step_)});
    } catch (const Error&) {
      process_.io().forget_descriptors();
      try_import();
      throw;
    }
    import(peer_, pipe_name, step_->other, true);
  }

  void try_import() {
    try {
      import(peer_, pipe_name, step_->other, true);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the exporter's error is told
    }
  }

  void transfer() {
    auto pair = open_pair(stage_.workspace(process_, host_of(step_->at), "transfer"),
                          device_of(step_->at), device_of(step_->other), Access::read);
    transfer_state(*pair.source, vf, *pair.destination, vf, {.allowed = allowed_by(*step_)});
  }

  void transfer_to_peer_host() {
    with_peer([this](const Peer& peer) {
      transfer_to_peer(*open("transfer"), vf, peer, {.allowed = allowed_by(*step_)});
    });
  }

  template <typename What>
  void with_peer(const What& what) {
    std::array<int, 2> there{}, back{};
    if (::pipe2(there.data(), O_CLOEXEC) != 0 || ::pipe2(back.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipes");
    }
    std::thread destination([&] {
      try {
        serve_peer(stage_.workspace(peer_, host_of(step_->other), "transfer"), there[0], back[1]);
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): its process ends
      }
      ::close(there[0]);
      ::close(back[1]);
    });
    const auto end = [&] {
      ::close(there[1]);
      destination.join();
      ::close(back[0]);
    };
    try {
      what(Peer{.in = back[0],
                .out = there[1],
                .host = "host",
                .url = "ssh://host/",
                .device = device_of(step_->other),
                .function = "1"});
    } catch (...) {
      end();
      throw;
    }
    end();
  }

  void change_driver() {
    const auto session = open(step_->verb == Verb::bind ? "bind" : "unbind");
    const FunctionList functions{&session->function(vf)};
    const auto result = step_->verb == Verb::bind
                            ? bind(*session, functions, {})
                            : unbind(*session, functions, {.allowed = allowed_by(*step_)});
    if (result.functions.front().failure) throw Error(*result.functions.front().failure);
  }

  CustodyWorld* world_;
  const Step* step_;
  Stage stage_;
  Process process_, peer_;
};

// --- what must hold

bool is_of_the_tool(Verb verb) { return verb < Verb::start_guest; }

/// What an operator does without the tool, and may end a guest by it.
bool may_end_guests(const Step& step) { return !is_of_the_tool(step.verb) && !step.advised; }

struct FileFacts {
  std::uint64_t seed = 0, progress = 0;
};

/// The guest in a state file that is complete. The seed and the progress are in its vendor part.
std::optional<FileFacts> guest_in(const std::string& content) {
  static std::map<std::string, std::optional<FileFacts>> known;
  const auto found = known.find(content);
  if (found != known.end()) return found->second;
  MemoryFiles own, shared{{"/files/x.state", content}};
  Watcher watcher;
  MemoryIo io(own, shared, watcher);
  std::optional<FileFacts> facts;
  try {
    const auto state = StoredState::open(io, "/files/x.state");
    const auto source = state.source();
    const auto bytes = source->view(source->size());
    const auto* vendor = bytes.data() + 48 + state.decoded()->header.nvme_bytes;
    FileFacts read;
    std::memcpy(&read.seed, vendor + 8, 8);
    std::memcpy(&read.progress, vendor + 16, 8);
    facts = read;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it has none
  }
  return known.emplace(content, facts).first->second;
}

class Check {
 public:
  Check(const CustodyWorld& before, const Step& step, Outcome& outcome)
      : before_(&before), step_(&step), outcome_(&outcome) {}

  void all() {
    auto& world = outcome_->world;
    note_foreign();
    for (auto& [seed, fate] : world.guests) {
      look_at_runs(seed, fate);
      look_at_loss(seed, fate);
    }
    for (std::size_t i = 0; i < subsystem_names.size(); ++i)
      look_at_records(i);
  }

 private:
  void fault(const std::string& what) { outcome_->faults.push_back(what); }

  [[nodiscard]] bool overridden() const { return !step_->allow.empty(); }

  /// The explorer always exports with `overwrite`.
  [[nodiscard]] bool overwrites() const {
    const bool exports = step_->verb == Verb::export_file || step_->verb == Verb::snapshot;
    return exports && before_->shared.contains(file_of(step_->at));
  }

  void note_foreign() {
    auto& foreign = outcome_->world.foreign;
    if (step_->verb == Verb::raw_suspend) foreign.insert(step_->at);
    std::erase_if(foreign, [this](std::size_t subsystem) {
      return !function_of(outcome_->world, subsystem).suspended();
    });
  }

  [[nodiscard]] std::size_t running(std::uint64_t seed) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(outcome_->world, i);
      if (has_guest(function) && function.running() && function.guest->seed() == seed) ++count;
    }
    return count;
  }

  void look_at_runs(std::uint64_t seed, Fate& fate) {
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(outcome_->world, i);
      if (has_guest(function) && function.running() && function.guest->seed() == seed) {
        fate.latest = std::max(fate.latest, function.guest->progress());
      }
    }
    // An override that lets a guest run beside its exported state may double it at any later time.
    if ((overridden() || step_->verb == Verb::raw_resume) && is_at(seed)) fate.doubled = true;
    if (running(seed) < 2) return;
    if (!fate.doubled) fault("guest " + std::to_string(seed) + " runs twice");
  }

  [[nodiscard]] bool is_at(std::uint64_t seed) const {
    const auto& function = function_of(outcome_->world, step_->at);
    return has_guest(function) && function.guest->seed() == seed;
  }

  /// A copy that has gone as far as the guest had when it ran last.
  [[nodiscard]] bool exists(std::uint64_t seed, std::uint64_t latest) const {
    const auto& world = outcome_->world;
    for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
      const auto& function = function_of(world, i);
      if (has_guest(function) && function.guest->seed() == seed &&
          function.guest->progress() >= latest) {
        return true;
      }
    }
    return std::any_of(world.shared.begin(), world.shared.end(), [&](const auto& file) {
      const auto guest = guest_in(file.second);
      return guest && guest->seed == seed && guest->progress >= latest;
    });
  }

  void look_at_loss(std::uint64_t seed, Fate& fate) {
    if (fate.ended || fate.given_up || fate.doubled || exists(seed, fate.latest)) return;
    if (may_end_guests(*step_)) {
      fate.ended = true;
    } else if (overridden() || overwrites()) {
      fate.given_up = true;
    } else {
      fault("guest " + std::to_string(seed) + " is lost");
    }
  }

  /// What is suspended is on record, unless another tool did it.
  void look_at_records(std::size_t subsystem) {
    const auto& function = function_of(outcome_->world, subsystem);
    if (!function.suspended() || outcome_->world.foreign.contains(subsystem)) return;
    const auto& files = outcome_->world.files.at(host_of(subsystem));
    const auto journal = files.find("/run/journal.json");
    const bool recorded =
        journal != files.end() &&
        journal->second.find("\"SIM-" + std::string{subsystem_names.at(subsystem)} + "\"") !=
            std::string::npos;
    if (!recorded) fault(device_of(subsystem) + " is suspended, and nothing says so");
  }

  const CustodyWorld* before_;
  const Step* step_;
  Outcome* outcome_;
};

// --- equal worlds

/// Gives numbers, ids and digests labels in the order of their appearance.
class Labels {
 public:
  std::string of(const std::string& kind, const std::string& value) {
    const auto [found, fresh] = known_.try_emplace(kind + value, "");
    if (fresh) found->second = kind + std::to_string(++counts_[kind]);
    return found->second;
  }

 private:
  std::map<std::string, std::string> known_;
  std::map<std::string, unsigned> counts_;
};

void canonical(json& value, Labels& labels) {
  static const std::set<std::string> dropped{"time", "pid", "since_ns", "schema"};
  if (value.is_array()) {
    for (auto& each : value)
      canonical(each, labels);
  }
  if (!value.is_object()) return;
  for (const auto& name : dropped)
    value.erase(name);
  for (auto& [name, each] : value.items()) {
    if (name == "sha256") each = labels.of("d", each.get<std::string>());
    if (name == "transfer") each = labels.of("t", each.get<std::string>());
    canonical(each, labels);
  }
}

std::string text_of(const sim::Function& function, Labels& labels) {
  std::string text = function.online ? "on" : "off";
  if (function.suspended()) text += " suspended";
  if (function.loaded) text += " loaded";
  if (function.sequence) text += " open";
  text += " " + function.driver.value_or("-") + " " + std::to_string(function.vq);
  if (!function.guest) return text;
  if (!function.guest->has_queues()) return text + " empty";
  const auto seed = std::to_string(function.guest->seed());
  return text + " guest" + seed +
         labels.of("p" + seed + "-", std::to_string(function.guest->progress()));
}

}  // namespace

std::string signature_of(const CustodyWorld& world) {
  Labels labels;
  std::string text;
  for (const auto& [name, content] : world.shared) {
    const auto guest = guest_in(content);
    if (!guest) continue;
    const auto seed = std::to_string(guest->seed);
    text += name + " " + seed + labels.of("p" + seed + "-", std::to_string(guest->progress)) +
            (content.find("\"source_resumed\":true") != std::string::npos ? " snapshot" : "") +
            "\n";
  }
  for (const auto& subsystem : world.subsystems) {
    text += text_of(subsystem->functions.at(vf), labels) + " " +
            std::to_string(subsystem->primaries.front().enabled_vfs) + "\n";
  }
  for (const auto& files : world.files) {
    for (const auto& [name, content] : files) {
      if (!name.ends_with(".json")) continue;
      auto document = json::parse(content, nullptr, false);
      canonical(document, labels);
      text += name + document.dump() + "\n";
    }
  }
  for (const auto& [seed, fate] : world.guests) {
    text += std::to_string(seed) +
            labels.of("p" + std::to_string(seed) + "-", std::to_string(fate.latest)) +
            (fate.ended ? " ended" : "") + (fate.doubled ? " doubled" : "") +
            (fate.given_up ? " given up" : "") + "\n";
  }
  for (const auto subsystem : world.foreign)
    text += "foreign " + std::to_string(subsystem) + "\n";
  return text;
}

CustodyWorld first_world() {
  CustodyWorld world;
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    sim::Parameters parameters;
    parameters.vfs_total = 1;
    parameters.state_size = 512;
    parameters.vq = 8;
    parameters.vi = 8;
    world.subsystems.at(i) = std::make_shared<const sim::Subsystem>(
        sim::made(subsystem_names.at(i), sim::completed(parameters, subsystem_names.at(i))));
  }
  Stage stage(world);
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    Process process(world, host_of(i), {});
    const auto workspace = stage.workspace(process, host_of(i), "prepare");
    const auto session = Session::open(workspace, device_of(i), Access::change);
    provision(*session, {.vfs = 1, .queues = 3, .interrupts = 3});
    mark(*session, "1");
    bind(*session, {&session->function(vf)}, {});
    stage.change(i, [&](sim::Subsystem& now, sim::Function& function) {
      sim::start_guest(now, function, i == 0 ? 1 : 0);
      if (i == 0) function.guest = sim::Guest(100, 1, 1);
    });
  }
  stage.end();
  world.guests[100] = {.latest = function_of(world, 0).guest->progress()};
  return world;
}

Outcome take(const CustodyWorld& world, const Step& step, const Disturbance& disturbance) {
  Outcome outcome{.world = world};
  try {
    Taker(outcome.world, step, disturbance).run(outcome);
  } catch (const std::exception& error) {
    outcome.faults.push_back(std::string{"an error of no kind: "} + error.what());
  }
  Check(world, step, outcome).all();
  return outcome;
}

std::vector<Step> all_steps() {
  std::vector<Step> steps;
  const auto of_each = [&](Verb verb, const std::string& allow = {}) {
    for (std::size_t at = 0; at < subsystem_names.size(); ++at)
      steps.push_back({.verb = verb, .at = at, .other = at, .allow = allow});
  };
  const auto of_pairs = [&](Verb verb, bool with_itself) {
    for (std::size_t at = 0; at < subsystem_names.size(); ++at) {
      for (std::size_t other = 0; other < subsystem_names.size(); ++other) {
        if (at != other || with_itself) steps.push_back({.verb = verb, .at = at, .other = other});
      }
    }
  };
  for (const auto verb :
       {Verb::suspend, Verb::resume, Verb::release, Verb::export_file, Verb::snapshot, Verb::bind,
        Verb::unbind, Verb::deprovision, Verb::recreate, Verb::repair, Verb::start_guest,
        Verb::start_empty, Verb::stop_guest, Verb::reset, Verb::power_cycle, Verb::raw_suspend,
        Verb::raw_resume}) {
    of_each(verb);
  }
  of_each(Verb::resume, "exported");
  of_each(Verb::release, "not_exported");
  of_pairs(Verb::export_pipe, false);
  of_pairs(Verb::import_file, true);
  of_pairs(Verb::import_and_resume, true);
  of_pairs(Verb::transfer, false);
  for (const std::size_t at : {0U, 1U})
    steps.push_back({.verb = Verb::settle, .at = at, .other = 2});
  for (const std::size_t other : {0U, 1U})
    steps.push_back({.verb = Verb::settle, .at = 2, .other = other});
  return steps;
}

std::string to_string(const Step& step) {
  static constexpr std::array names{"suspend",     "resume",      "release", "export",
                                    "snapshot",    "export_pipe", "import",  "import_and_resume",
                                    "transfer",    "settle",      "bind",    "unbind",
                                    "deprovision", "recreate",    "repair",  "start_guest",
                                    "start_empty", "stop_guest",  "reset",   "power_cycle",
                                    "raw_suspend", "raw_resume"};
  std::string text = std::string{names.at(static_cast<std::size_t>(step.verb))} + " " +
                     subsystem_names.at(step.at);
  if (step.other != step.at) text += std::string{" "} + subsystem_names.at(step.other);
  if (!step.allow.empty()) text += " --allow " + step.allow;
  return text + (step.advised ? " (advised)" : "");
}

std::optional<Step> step_of(const Remedy& remedy) {
  using Action = Remedy::Action;
  if (remedy.device.empty() || remedy.device.starts_with("ssh:")) return std::nullopt;
  Step step{.allow = remedy.allow, .advised = true};
  step.at = step.other = subsystem_of(remedy.device);
  switch (remedy.action) {
    case Action::resume:
      step.verb = Verb::resume;
      return step;
    case Action::suspend:
      step.verb = Verb::suspend;
      return step;
    case Action::release:
      step.verb = Verb::release;
      return step;
    case Action::bind:
      step.verb = Verb::bind;
      return step;
    case Action::unbind:
      step.verb = Verb::unbind;
      return step;
    case Action::deprovision:
      step.verb = Verb::deprovision;
      return step;
    case Action::recreate:
      step.verb = Verb::recreate;
      return step;
    case Action::repair:
      step.verb = Verb::repair;
      return step;
    case Action::reset:
      step.verb = Verb::reset;
      return step;
    case Action::import_state:
      if (remedy.object == pipe_name) return std::nullopt;
      step.verb = Verb::import_file;
      step.other = subsystem_of(":" + remedy.object.substr(7, 1));
      return step;
    case Action::settle:
      step.verb = Verb::settle;
      step.other = subsystem_of(remedy.object.substr(0, remedy.object.rfind(' ')));
      return step;
    default:
      return std::nullopt;
  }
}

namespace {

Findings account_in(const CustodyWorld& world, std::size_t subsystem) {
  auto copy = world;
  Stage stage(copy);
  Process process(copy, host_of(subsystem), {});
  const auto session = Session::open(stage.workspace(process, host_of(subsystem), "list"),
                                     device_of(subsystem), Access::read);
  return account_of(*session);
}

}  // namespace

std::vector<Step> advice_of(const CustodyWorld& world) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    for (const auto& found : account_in(world, i)) {
      for (const auto& remedy : found.remedies) {
        if (const auto step = step_of(remedy)) steps.push_back(*step);
      }
    }
  }
  return steps;
}

std::set<std::string> problems_of(const CustodyWorld& world, std::size_t subsystem) {
  std::set<std::string> codes;
  for (const auto& found : account_in(world, subsystem)) {
    if (found.severity == Severity::problem) codes.insert(found.code);
  }
  return codes;
}

}  // namespace nvmigrate::test
