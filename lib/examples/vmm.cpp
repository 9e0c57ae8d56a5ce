// SPDX-License-Identifier: LGPL-2.1-or-later
//
// vmm source DEVICE ID FOLDER [group|iommufd]
// vmm destination DEVICE ID FOLDER [group|iommufd]
//
// A stand-in for a virtual machine monitor: it owns a controlled function through vfio, its guest
// reads from that, and it follows nvmigrate-workflow(7) on the one side or on the other. FOLDER
// takes the state of the function and the memory of the guest. What a VMM has to do itself stands
// in vmm_function.h, and in Controller; what the library does for it, in Vmm. Where one side has to
// wait for the other, it waits for a line on standard input:
//
//   destination: opens the function, admin queue only  -> "go": the source's files are in FOLDER
//   source: pauses, suspends, copies memory, exports   -> "taken": the destination runs; or
//                                                         "not taken": nobody has loaded it
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"
#include "vmm_function.h"

namespace vmm {
namespace {

using nvmigrate::Access;
using nvmigrate::Session;
using nvmigrate::Workspace;

// --- NVMe ---------------------------------------------------------------------------------------

/// A submission queue entry.
struct Command {
  std::uint8_t opcode = 0, flags = 0;
  std::uint16_t id = 0;
  std::uint32_t nsid = 0;
  std::array<std::uint32_t, 4> reserved{};
  std::uint64_t prp1 = 0, prp2 = 0;
  std::uint32_t cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0;
};
static_assert(sizeof(Command) == 64);

/// A completion queue entry; bit 0 of the status is the phase.
struct Completion {
  std::uint32_t dw0 = 0, dw1 = 0;
  std::uint16_t head = 0, queue = 0, id = 0, status = 0;
};
static_assert(sizeof(Completion) == 16);

constexpr std::uint16_t entries = 16;  ///< of every queue here

/// How far a driver is in a pair of queues.
struct Positions {
  std::uint16_t tail = 0, head = 0, phase = 1, next_id = 0;
};

/// A submission queue and a completion queue of one number, one command at a time.
class QueuePair {
 public:
  QueuePair(Function& function, unsigned number, Command* commands, Completion* completions,
            Positions& at)
      : function_(&function),
        doorbell_(page + 2UL * number * (4UL << (function.read(4) & 0xFU))),
        completion_doorbell_(doorbell_ + (4UL << (function.read(4) & 0xFU))),
        commands_(commands),
        completions_(completions),
        at_(&at) {}

  /// Sends a command and waits for its completion. \throws Error(device) for an error status
  void run(Command command, const char* what) {
    command.id = at_->next_id++;
    commands_[at_->tail] = command;
    at_->tail = static_cast<std::uint16_t>((at_->tail + 1) % entries);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    function_->write(doorbell_, at_->tail);
    const auto status = wait_for_completion(what);
    if (status >> 1U != 0) {
      throw nvmigrate::Error(nvmigrate::ExitStatus::device,
                             std::string{what} + ": status " + std::to_string(status >> 1U));
    }
  }

 private:
  std::uint16_t wait_for_completion(const char* what) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const volatile auto& status = completions_[at_->head].status;
    while ((status & 1U) != at_->phase) {
      if (std::chrono::steady_clock::now() > end) throw OsError(ETIMEDOUT, "complete", what);
      function_->wait();
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint16_t answer = status;
    at_->head = static_cast<std::uint16_t>((at_->head + 1) % entries);
    if (at_->head == 0) at_->phase ^= 1U;
    function_->write(completion_doorbell_, at_->head);
    return answer;
  }

  Function* function_;
  std::size_t doorbell_, completion_doorbell_;
  Command* commands_;
  Completion* completions_;
  Positions* at_;
};

/// The controller behind the function: registers and admin queue. The admin queue is the VMM's own,
/// which passes on what its guest sends; version 0 of the controller state does not carry it.
class Controller {
 public:
  explicit Controller(Function& function)
      : function_(&function),
        memory_(3 * page, -1, 0),
        admin_(function, 0, memory_.at<Command>(0), memory_.at<Completion>(page), at_) {
    function.map(memory_, iova);
    enable();
  }

  /// A page of Identify data. \param cns which
  template <typename T>
  const T* identify(std::uint32_t cns, std::uint32_t nsid, std::size_t offset) {
    admin_.run({.opcode = 6, .nsid = nsid, .prp1 = iova + 2 * page, .cdw10 = cns}, "Identify");
    return memory_.at<T>(2 * page + offset);
  }
  /// Makes I/O queues 1 at these addresses. The destination of a migration gets them with the
  /// state.
  void create_queues(std::uint64_t commands, std::uint64_t completions) {
    constexpr std::uint32_t one = 1U | (entries - 1U) << 16U;
    constexpr std::uint32_t contiguous = 1, interrupts = 2, of_queue_one = 1U << 16U;
    admin_.run({.opcode = 9, .cdw10 = 7}, "Set Features, Number of Queues");
    admin_.run({.opcode = 5, .prp1 = completions, .cdw10 = one, .cdw11 = contiguous | interrupts},
               "Create I/O Completion Queue");
    admin_.run({.opcode = 1, .prp1 = commands, .cdw10 = one, .cdw11 = contiguous | of_queue_one},
               "Create I/O Submission Queue");
  }

 private:
  static constexpr std::uint64_t iova = 0x100000;
  static constexpr std::size_t cc = 0x14, csts = 0x1C, aqa = 0x24, asq = 0x28, acq = 0x30;

  void enable() {
    function_->write(cc, 0);
    wait_until_ready(0);
    function_->write(aqa, (entries - 1U) | (entries - 1U) << 16U);
    write_address(asq, iova);
    write_address(acq, iova + page);
    constexpr std::uint32_t enabled = 1, entry_sizes = 6U << 16U | 4U << 20U;
    function_->write(cc, enabled | entry_sizes);
    wait_until_ready(1);
  }
  void write_address(std::size_t at, std::uint64_t value) {
    function_->write(at, static_cast<std::uint32_t>(value));
    function_->write(at + 4, static_cast<std::uint32_t>(value >> 32U));
  }
  void wait_until_ready(std::uint32_t ready) {
    const auto most = std::chrono::milliseconds(500) * ((function_->read(0) >> 24U) + 1);  // CAP.TO
    const auto end = std::chrono::steady_clock::now() + most;
    while ((function_->read(csts) & 1U) != ready) {
      if (std::chrono::steady_clock::now() > end)
        throw OsError(ETIMEDOUT, "enable", "a controller");
      ::usleep(1000);
    }
  }

  Function* function_;
  Mapping memory_;
  Positions at_;
  QueuePair admin_;
};

/// The VM: its memory, and in that a driver with a pair of I/O queues that reads blocks. All that
/// it knows lies in its memory, so a copy of the memory continues where the original was.
class Guest {
 public:
  explicit Guest(Function& function)
      : memory_(4 * page, -1, 0),
        queues_(function, 1, memory_.at<Command>(page), memory_.at<Completion>(2 * page),
                driver().at) {
    function.map(memory_, iova);
  }

  /// What its driver does at boot.
  void boot(Controller& controller) {
    driver() = {.nsid = *controller.identify<std::uint32_t>(2, 0, 0)};
    controller.create_queues(iova + page, iova + 2 * page);
  }
  /// Reads the first block; says what is there.
  void work() {
    queues_.run({.opcode = 2, .nsid = driver().nsid, .prp1 = iova + 3 * page}, "Read");
    const auto* text = memory_.at<const char>(3 * page);
    std::cout << "guest: read " << ++driver().reads << " of namespace " << driver().nsid << ": "
              << std::string{text, ::strnlen(text, 40)} << std::endl;
  }
  void save(const std::string& file) const {
    std::ofstream out(file, std::ios::binary);
    if (!out.write(memory_.at<char>(0), static_cast<std::streamsize>(memory_.size())).flush()) {
      throw OsError(errno, "write", file);
    }
  }
  void load(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in.read(memory_.at<char>(0), static_cast<std::streamsize>(memory_.size()))) {
      throw OsError(errno, "read", file);
    }
  }

 private:
  static constexpr std::uint64_t iova = 0x200000;
  struct Driver {
    Positions at{};
    std::uint32_t nsid = 0, reads = 0;
  };
  [[nodiscard]] Driver& driver() const { return *memory_.at<Driver>(0); }

  Mapping memory_;
  QueuePair queues_;
};

// --- the two sides ------------------------------------------------------------------------------

/// The words of the command line.
struct Request {
  std::string device, function, folder;
  nvmigrate::IommuInterface interface = nvmigrate::IommuInterface::automatic;

  [[nodiscard]] std::string state() const { return folder + "/function.nvmstate"; }
  [[nodiscard]] std::string memory() const { return folder + "/memory"; }
};

/// A VMM with one guest and one function. It opens a session for each operation, and no longer.
class Vmm {
 public:
  Vmm(Workspace workspace, Request request)
      : workspace_(std::move(workspace)),
        request_(std::move(request)),
        handle_(look_up()),
        function_(handle_),
        controller_(function_),
        guest_(function_) {
    // Where the driver of the function migrates it, the library does that through this descriptor.
    workspace_.backend.held = [this](const std::string& address) {
      return address == handle_.address ? function_.descriptor() : -1;
    };
    const auto states = function_.migration_states();
    std::cout << "vmm: " << handle_.address << " is open through "
              << (handle_.by_iommufd ? "iommufd" : "its group") << "; " << handle_.driver
              << (states ? " has migration states" : " has no migration states") << std::endl;
  }

  void source() {
    guest_.boot(controller_);
    guest_.work();
    // The vCPUs are paused: nothing calls work() any more. The function stays open.
    try {
      const auto session = open();
      suspend_function(*session, handle_.cntlid);
      guest_.save(request_.memory());  // the device wrote to it until now
      export_to_file(*session, handle_.cntlid, request_.state());
    } catch (...) {
      go_on();
      throw;
    }
    const auto word = ask("exported; has the destination taken it?");
    if (word == "taken") {
      release_function(*open(), handle_.cntlid);
    } else if (word == "not taken") {
      const nvmigrate::InterruptsDeferred until_it_runs;
      resume_function(*open(), handle_.cntlid, {.allowed = {"exported"}});
      guest_.work();
    } else {  // The guest may run there. It is not lost here: its state is in the file.
      throw std::runtime_error("not told whether the destination runs: the guest stays exported");
    }
  }

  void destination() {
    check_destination(*open(Access::read), handle_.cntlid);
    if (ask("ready, with the admin queue and no I/O queues") != "go") return;
    const auto state = nvmigrate::StoredState::open(*workspace_.io, request_.state());
    guest_.load(request_.memory());
    const auto session = open();
    import_state(state, *session, handle_.cntlid);
    // The I/O queues came with the state, but not what leads to them: the interrupt here; the
    // doorbells too, where a VMM does not keep them mapped.
    function_.arm_interrupt();
    resume_function(*session, handle_.cntlid);
    guest_.work();
    ask("the guest runs here");
  }

 private:
  [[nodiscard]] std::unique_ptr<Session> open(Access access = Access::change) const {
    return Session::open(workspace_, request_.device, access);
  }
  [[nodiscard]] Handle look_up() const {
    const auto session = open(Access::read);
    if (session->simulated()) {
      throw nvmigrate::unsupported("a simulated function cannot be opened through vfio");
    }
    const auto cntlid = select_one(session->topology(), request_.function, "own").cntlid;
    return make_handle(*session, cntlid, request_.interface);
  }
  static bool may_have_left(nvmigrate::IntentKind kind) {
    return kind == nvmigrate::IntentKind::exported || kind == nvmigrate::IntentKind::away;
  }
  /// After a failure the guest runs here again, unless its state may have left: then the error says
  /// what to do.
  void go_on() {
    const nvmigrate::InterruptsDeferred until_it_runs;  // it may be a stop signal that failed it
    const auto session = open();
    const auto* record = session->ask(handle_.cntlid).custody();
    if (record != nullptr && may_have_left(record->kind)) return;
    if (record != nullptr) resume_function(*session, handle_.cntlid);
    std::cout.clear();  // a signal may have interrupted a write
    std::cout << "vmm: the guest goes on here" << std::endl;
    guest_.work();
  }
  static std::string ask(const std::string& what) {
    std::cout << "vmm: " << what << std::endl;
    std::string answer;
    std::getline(std::cin, answer);
    return answer;
  }

  Workspace workspace_;
  Request request_;
  Handle handle_;
  Function function_;
  Controller controller_;
  Guest guest_;
};

/// \throws usage_error
Request request_of(const std::vector<std::string>& words) {
  const bool has_side = words.size() >= 4 && (words[0] == "source" || words[0] == "destination");
  const bool is_known =
      words.size() == 4 || (words.size() == 5 && (words[4] == "group" || words[4] == "iommufd"));
  if (!has_side || !is_known) {
    throw nvmigrate::usage_error(
        "give source or destination, DEVICE, ID and FOLDER; and perhaps group or iommufd");
  }
  Request request{.device = words[1], .function = words[2], .folder = words[3]};
  if (words.size() == 5) {
    request.interface =
        words[4] == "group" ? nvmigrate::IommuInterface::group : nvmigrate::IommuInterface::iommufd;
  }
  return request;
}

void run(const std::vector<std::string>& words) {
  const nvmigrate::InterruptGuard guard;
  Vmm vmm(nvmigrate::default_workspace("vmm"), request_of(words));
  if (words[0] == "source") return vmm.source();
  vmm.destination();
}

}  // namespace
}  // namespace vmm

int main(int count, char** words) try {
  vmm::run({words + 1, words + count});
  return 0;
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
