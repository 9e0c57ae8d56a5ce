// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/custody_world.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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
#include "plugins/sim/sim.h"
#include "plugins/sim/store.h"

namespace nvmigrate::test {
namespace {

constexpr std::size_t most_guests = 2;

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
    // Calls that only read the bus are not counted.
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
    if (world_->guests.size() >= most_guests || function.guest) return;
    start_guest(now, function, 1);
    if (!function.guest) return;
    const auto seed = world_->guests.size() + 100;
    function.guest = sim::Guest(seed, 1, 1);
    world_->guests[seed] = {};
  }

  /// As another tool does it: through the admin queue, without a record.
  void raw_resume() {
    const auto device = sim::open_in_memory(stage_.memory(step_->at), device_of(step_->at));
    const bool rfc = stage_.memory(step_->at).now->parameters.personality == sim::Personality::rfc;
    device->admin().submit(rfc ? command::vf::control(command::opcode::vf_resume, 1)
                               : command::resume(vf));
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

}  // namespace

CustodyWorld first_world(sim::Personality personality) {
  CustodyWorld world;
  for (std::size_t i = 0; i < subsystem_names.size(); ++i) {
    sim::Parameters parameters;
    parameters.personality = personality;
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
    auto workspace = stage.workspace(process, host_of(i), "prepare");
    workspace.backend_name = personality == sim::Personality::rfc ? "intel" : "";
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
  check(world, step, outcome);
  return outcome;
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
