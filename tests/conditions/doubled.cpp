// SPDX-License-Identifier: LGPL-2.1-or-later
// nvmigrate_doubled DOUBLE ARGUMENTS...: the tool on a simulated device of which a part behaves as
// no simulation does. `forge` instead writes a state file with another identity.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>

#include "cli/command.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/state_writer.h"
#include "tests/support/faulty_io.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::test {
namespace {

using Seam = SeamCall::Seam;
using Wrap = std::function<std::unique_ptr<Device>(std::unique_ptr<Device>)>;

/// Knows only the first function of the Secondary Controller List.
class ShortList final : public AdminPort {
 public:
  explicit ShortList(AdminPort& port) : port_(&port) {}

  AdminCompletion submit(const AdminCommand& command) override {
    const auto done = port_->submit(command);
    const bool asks = command.opcode == 0x06 && (command.cdw10 & 0xFFU) == 0x15;
    if (asks && command.from_device[0] > std::byte{1}) command.from_device[0] = std::byte{1};
    return done;
  }

 private:
  AdminPort* port_;
};

/// A simulated device that says of itself whether it is one.
class Altered final : public Device {
 public:
  Altered(std::unique_ptr<Device> device, bool simulated, bool short_list)
      : device_(std::move(device)),
        short_list_(device_->admin()),
        simulated_(simulated),
        is_short_(short_list) {}

  AdminPort& admin() override { return is_short_ ? short_list_ : device_->admin(); }
  PciBus& pci() override { return device_->pci(); }
  [[nodiscard]] const std::string& name() const override { return device_->name(); }
  [[nodiscard]] const std::string& address() const override { return device_->address(); }
  [[nodiscard]] bool simulated() const override { return simulated_; }

 private:
  std::unique_ptr<Device> device_;
  ShortList short_list_;
  bool simulated_, is_short_;
};

Wrap altered(bool simulated, bool short_list) {
  return [=](std::unique_ptr<Device> device) {
    return std::make_unique<Altered>(std::move(device), simulated, short_list);
  };
}

/// \param decide what becomes of a call; it may act on the device before
Wrap watched(std::function<Verdict(const SeamCall&, Device&)> decide) {
  return [decide = std::move(decide)](std::unique_ptr<Device> device) {
    static Watcher watcher;
    watcher.set(
        [decide, inner = device.get()](const SeamCall& call) { return decide(call, *inner); });
    return watch(std::move(device), watcher);
  };
}

bool is_owner_of_node(const SeamCall& call) {
  return call.seam == Seam::pci && call.name == "owner";
}

/// A udev rule gives every node to root.
Verdict give_to_root(const SeamCall& call, Device& device) {
  if (is_owner_of_node(call)) device.pci().set_owner(call.object, 0, 0);
  return {};
}

Verdict lose_node(const SeamCall& call, Device&) {
  if (is_owner_of_node(call)) throw OsError(ENOENT, "look at", call.object);
  return {};
}

Verdict share_no_node(const SeamCall& call, Device&) {
  return {.error = call.name == "vfio_nodes" ? ENXIO : 0};
}

/// The open files of a process cannot be read.
Verdict look_in_vain(const SeamCall& call, Device&) {
  return {.error = call.name == "unseen" ? EACCES : 0};
}

/// A container whose /sys is read-only.
Verdict be_read_only(const SeamCall& call, Device&) {
  return {.error = call.name == "change" ? EROFS : 0};
}

/// What sysfs shows of the first VF cannot be read.
Verdict hide_first(const SeamCall& call, Device& device) {
  const bool asks = call.seam == Seam::pci && call.name == "find";
  const auto first = asks ? device.pci().virtual_function(device.address(), 1) : std::nullopt;
  return {.error = first && call.object == *first ? EIO : 0};
}

/// As by vfio-pci ids=: it takes what is probed without driver_override.
Verdict claim_by_id(const SeamCall& call, Device& device) {
  auto& bus = device.pci();
  if (call.name == "probe" && !bus.find(call.object)->override_to) {
    bus.set_override(call.object, "vfio-pci");
    bus.probe(call.object);
    bus.set_override(call.object, std::nullopt);
  }
  return {};
}

/// The device has neither of the lists of secondary controllers.
Verdict have_no_list(const SeamCall& call, Device&) {
  const bool asks =
      call.seam == Seam::admin && call.name == "opcode 0x06" &&
      (call.object.starts_with("0x00000014") || call.object.starts_with("0x00000015"));
  return {.nvme_status = static_cast<std::uint16_t>(asks ? 0x0002 : 0)};
}

/// The device does not answer Migration Receive.
Verdict be_mute(const SeamCall& call, Device&) {
  const bool receives = call.seam == Seam::admin && call.name == "opcode 0x42";
  return {.nvme_status = static_cast<std::uint16_t>(receives ? 0x0006 : 0)};
}

/// As be_mute(), of controller 1 only.
Verdict be_mute_on_first(const SeamCall& call, Device& device) {
  return call.object.ends_with("0001") ? be_mute(call, device) : Verdict{};
}

/// The disk is full when what was persisted is to be written.
void keep_no_profile(std::size_t, const FaultyIo::Call& call) {
  if (call.kind == "link" && call.object.find("/profiles/") != std::string::npos) {
    throw OsError(ENOSPC, "write", call.object);
  }
}

/// Even as root, without CAP_SYS_ADMIN.
void drop_privilege() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) std::abort();
  sets[0].effective &= ~(1U << CAP_SYS_ADMIN);
  if (::syscall(SYS_capset, &header, sets.data()) != 0) std::abort();
}

/// No simulation, and as look_in_vain().
std::unique_ptr<Device> real_and_blind(std::unique_ptr<Device> device) {
  return watched(look_in_vain)(altered(false, false)(std::move(device)));
}

Wrap double_of(const std::string& name) {
  if (name == "unprivileged") drop_privilege();
  const std::map<std::string, Wrap> doubles{
      {"real", altered(false, false)},    {"unprivileged", altered(false, false)},
      {"full", altered(true, false)},     {"short_list", altered(true, true)},
      {"udev", watched(give_to_root)},    {"lost_node", watched(lose_node)},
      {"blind", watched(look_in_vain)},   {"read_only", watched(be_read_only)},
      {"hidden", watched(hide_first)},    {"claiming", watched(claim_by_id)},
      {"no_list", watched(have_no_list)}, {"no_shared_node", watched(share_no_node)},
      {"mute", watched(be_mute)},         {"mute_on_first", watched(be_mute_on_first)},
      {"real_and_blind", real_and_blind}};
  return doubles.at(name);
}

void copy(StateSource& from, StateWriter& to) {
  to.begin(from.size());
  for (auto left = from.size(); left > 0;) {
    const auto room = to.room(left);
    const auto view = from.view(std::min<std::uint64_t>(room.size(), left));
    std::memcpy(room.data(), view.data(), view.size());
    to.commit(view.size());
    from.take(view.size());
    left -= view.size();
  }
  to.finish(std::chrono::nanoseconds{0});
}

int forge(const std::string& what, const std::string& from, const std::string& to) {
  SystemIo io;
  const auto state = StoredState::open(io, from);
  auto identity = *state.identity();
  if (what == "backend") identity.backend = "other";
  if (what == "no_formats") identity.formats = {.version = std::nullopt, .vendor = std::nullopt};
  const int fd = io.open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  copy(*state.source(), *make_state_file_writer(io, fd, to, identity));
  return io.close(fd);
}

int run_with(const std::string& name, const std::vector<std::string>& arguments) {
  const std::function<const char*(const char*)> variable = [](const char* asked) {
    return std::getenv(asked);
  };
  SystemIo system;
  FaultyIo io(system);
  if (name == "full") io.hook(keep_no_profile);
  cli::Environment environment{.io = io,
                               .find_folders =
                                   [&] {
                                     auto folders = default_folders(variable, false);
                                     folders.boot = boot_of(io);
                                     return folders;
                                   },
                               .variable = variable,
                               .wrap = double_of(name)};
  return static_cast<int>(cli::run(arguments, environment));
}

}  // namespace
}  // namespace nvmigrate::test

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments.size() == 4 && arguments[0] == "forge") {
    return nvmigrate::test::forge(arguments[1], arguments[2], arguments[3]);
  }
  return nvmigrate::test::run_with(arguments.at(0), {arguments.begin() + 1, arguments.end()});
}
