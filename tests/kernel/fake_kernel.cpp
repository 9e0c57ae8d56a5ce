// SPDX-License-Identifier: LGPL-2.1-or-later
// A kernel for tests of the real binary, which preloads it. It answers for a made host in the
// folder $FAKE_KERNEL, whose one drive is the simulated subsystem `drive`:
//
//   drives/  the folder of the simulator; admin commands and PCI changes go to its drive
//   sys/     what /sys shows, made anew after every change
//   dev/     nodes that hide those of /dev; a file says `c 240:0` of its device
//   extra/   laid over it: further parts of /sys, /dev and /proc
//   faults   lines `CALL PATTERN ERRNO`: calls (open, open_to_write, write, ioctl, list,
//            readlink, lookup) that fail; the pattern of a lookup is the name of a user or group
//   listed   the folders that were listed, one a line
//   claims   the driver that takes a function without driver_override, as `vfio-pci ids=` has it
//   most     bytes of data that an admin command may have
//   states   the flags of VFIO_DEVICE_FEATURE_MIGRATION of the vfio drivers; without it they have
//            no migration states
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <fnmatch.h>
#include <grp.h>
#include <linux/loop.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/libnvme.h"
#include "plugins/sim/sim.h"
#include "tests/kernel/fake_vfio.h"

namespace nvmigrate::test {
namespace {

namespace fs = std::filesystem;

constexpr auto functions = "/sys/bus/pci/devices/";
constexpr auto drivers = "/sys/bus/pci/drivers/";

template <typename Call>
Call* real(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

class FakeKernel {
 public:
  FakeKernel() : root_(std::getenv("FAKE_KERNEL")), vfio_(root_ + "/states") {
    drive_ = open_sim(io_, {.state = {}, .run = {}, .sim = root_ + "/drives"}, "sim:drive");
    show();
  }

  /// Where a path of the made host is; others stay as they are.
  [[nodiscard]] std::string place_of(const std::string& path) const {
    if (path.starts_with(root_)) return path;
    const bool made = path.starts_with("/sys/") || fs::exists(fs::symlink_status(root_ + path));
    return made ? root_ + path : path;
  }

  /// The errno of a call that is to fail; 0: it succeeds.
  [[nodiscard]] int fault(const std::string& call, const std::string& path) const {
    std::ifstream faults(root_ + "/faults");
    int code = 0;
    for (std::string name, pattern; faults >> name >> pattern >> code;) {
      if (name == call && ::fnmatch(pattern.c_str(), path.c_str(), 0) == 0) return code;
    }
    return 0;
  }

  void listed(const std::string& path) const {
    std::ofstream(root_ + "/listed", std::ios::app) << path << '\n';
  }
  void opened(int fd, const std::string& path) { open_[fd] = path; }
  void closed(int fd) { open_.erase(fd); }
  [[nodiscard]] std::string path_of(int fd) const {
    const auto found = open_.find(fd);
    return found == open_.end() ? std::string{} : found->second;
  }

  /// What stat(2) shows of a node of the made /dev.
  void as_device(const std::string& path, struct stat& about) const {
    if (!S_ISREG(about.st_mode) || !place_of(path).starts_with(root_ + "/dev/")) return;
    std::ifstream text(place_of(path));
    char kind = 0;
    char colon = 0;
    unsigned first = 0;
    unsigned second = 0;
    if (!(text >> kind >> first >> colon >> second)) return;
    about.st_mode = (about.st_mode & 07777U) | (kind == 'b' ? S_IFBLK : S_IFCHR);
    about.st_rdev = ::makedev(first, second);
  }

  /// The device behind the loop device /dev/loop3: that of the file /dev/loop3.backs, or none.
  [[nodiscard]] int backing(const std::string& path, __u64& device) const {
    struct stat about {};
    about.st_mode = S_IFREG;
    as_device(path + ".backs", about);
    device = about.st_rdev;
    return 0;
  }

  /// What the kernel does when an attribute is written. \throws OsError
  void write(const std::string& path, const std::string& text) {
    const auto word = text.substr(0, text.find('\n'));
    const fs::path at(path);
    const auto address = at.parent_path().filename().string();
    const auto name = at.filename().string();
    if (name == "sriov_numvfs") {
      bus().set_enabled_vfs(address, static_cast<unsigned>(std::stoul(word)));
    }
    if (name == "sriov_drivers_autoprobe") bus().set_autoprobe(address, word == "1");
    if (name == "driver_override") {
      bus().set_override(address, word.empty() ? std::nullopt : std::optional(word));
    }
    if (name == "reset") bus().reset(address);
    if (name == "unbind") bus().unbind(word);
    if (name == "drivers_probe") probe(word);
    show();
  }

  FakeVfio& vfio() { return vfio_; }

  AdminCompletion submit(const nvme_passthru_cmd64& raw) {
    std::uint32_t most = 0;
    if (std::ifstream(root_ + "/most") >> most && raw.data_len > most) {
      throw OsError(EINVAL, "map", std::to_string(raw.data_len) + " bytes");
    }
    const auto data = std::span(reinterpret_cast<std::byte*>(raw.addr), raw.data_len);
    AdminCommand command{.opcode = raw.opcode,
                         .nsid = raw.nsid,
                         .cdw10 = raw.cdw10,
                         .cdw11 = raw.cdw11,
                         .cdw12 = raw.cdw12,
                         .cdw13 = raw.cdw13,
                         .cdw14 = raw.cdw14,
                         .cdw15 = raw.cdw15};
    if ((raw.opcode & 3U) == 1) command.to_device = data;
    if ((raw.opcode & 3U) == 2) command.from_device = data;
    return drive_->admin().submit(command);
  }

 private:
  PciBus& bus() { return drive_->pci(); }

  void probe(const std::string& address) {
    const auto function = bus().find(address);
    std::string claims;
    std::ifstream(root_ + "/claims") >> claims;
    const bool claimed = function && !function->override_to && !claims.empty();
    if (claimed) bus().set_override(address, claims);
    bus().probe(address);
    if (claimed) bus().set_override(address, std::nullopt);
  }

  void file(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << '\n';
  }
  void link(const std::string& path, const std::string& target) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    fs::create_symlink(root_ + target, root_ + path);
  }

  std::optional<std::string> vf(unsigned vfn) {
    return bus().virtual_function(drive_->address(), vfn);
  }

  std::set<std::string> addresses() {
    std::set<std::string> found{drive_->address()};
    for (const auto& controller : bus().controllers())
      found.insert(controller.address);
    for (unsigned vfn = 1; vf(vfn); ++vfn)
      found.insert(*vf(vfn));
    return found;
  }

  void show() {
    fs::remove_all(root_ + "/sys");
    fs::remove_all(root_ + "/dev");
    for (const auto* driver : {"nvme", "vfio-pci"})
      file(drivers + std::string{driver} + "/unbind", "");
    file("/sys/bus/pci/drivers_probe", "");
    if (bus().has_iommu()) file("/sys/class/iommu/fake/name", "");
    for (const auto& address : addresses())
      show(*bus().find(address));
    show_vfs();
    for (const auto& controller : bus().controllers())
      show(controller);
    if (fs::exists(root_ + "/extra")) overlay();
  }

  void overlay() const {
    for (const auto& each : fs::recursive_directory_iterator(root_ + "/extra")) {
      const auto to = root_ / each.path().lexically_relative(root_ + "/extra");
      if (each.is_symlink() || each.is_regular_file()) {
        fs::remove(to);
        fs::create_directories(to.parent_path());
        fs::copy(each.path(), to, fs::copy_options::copy_symlinks);
      }
    }
  }

  void show(const PciFunction& function) {
    const auto folder = functions + function.address;
    file(folder + "/vendor", fmt::format("0x{:04x}", function.vendor));
    file(folder + "/device", fmt::format("0x{:04x}", function.device));
    file(folder + "/class", fmt::format("0x{:06x}", function.class_code));
    file(folder + "/driver_override", function.override_to.value_or("(null)"));
    file(folder + "/reset", "");
    if (function.driver) link(folder + "/driver", drivers + *function.driver);
    if (function.physical) link(folder + "/physfn", functions + *function.physical);
    if (const auto group = function.iommu_group) {
      const auto place = fmt::format("/sys/kernel/iommu_groups/{}", *group);
      link(place + "/devices/" + function.address, folder);
      link(folder + "/iommu_group", place);
    }
    const auto nodes = bus().vfio_nodes(function.address);
    if (nodes.group) file(*nodes.group, fmt::format("c 241:{}", *function.iommu_group));
    if (nodes.device) {
      const auto name = fs::path(*nodes.device).filename().string();
      file(*nodes.device, "c 242:" + name.substr(std::string("vfio").size()));
      fs::create_directories(root_ + folder + "/vfio-dev/" + name);
    }
  }

  void show_vfs() {
    const auto folder = functions + drive_->address();
    const auto sriov = bus().sriov(drive_->address());
    file(folder + "/sriov_totalvfs", std::to_string(sriov.total));
    file(folder + "/sriov_numvfs", std::to_string(sriov.enabled));
    file(folder + "/sriov_drivers_autoprobe", sriov.autoprobe ? "1" : "0");
    for (unsigned vfn = 1; vf(vfn); ++vfn)
      link(fmt::format("{}/virtfn{}", folder, vfn - 1), functions + *vf(vfn));
  }

  void show(const KernelController& controller) const {
    const auto folder = "/sys/class/nvme/" + controller.name;
    const auto number = controller.name.substr(std::string("nvme").size());
    file(folder + "/transport", controller.transport);
    file(folder + "/address", controller.address);
    file(folder + "/state", controller.state);
    file(folder + "/subsysnqn", controller.subsystem_nqn);
    file(folder + "/serial", controller.serial);
    file(folder + "/cntlid", std::to_string(*controller.cntlid));
    link("/sys/dev/char/240:" + number, folder);
    file("/dev/" + controller.name, "c 240:" + number);
  }

  std::string root_;
  SystemIo io_;
  std::unique_ptr<Device> drive_;
  std::map<int, std::string> open_;
  FakeVfio vfio_;
};

FakeKernel& the_kernel() {
  static FakeKernel kernel;
  return kernel;
}

std::recursive_mutex only;
thread_local bool inside = false;  ///< the fake kernel's own calls go to the real one

/// Runs `answer` with the fake kernel, or `pass` for what is not its concern.
template <typename Answer, typename Pass>
auto ask(const Answer& answer, const Pass& pass) -> decltype(pass()) {
  if (inside || std::getenv("FAKE_KERNEL") == nullptr) return pass();
  const std::lock_guard one(only);
  inside = true;
  int code = 0;
  auto result = decltype(pass()){};
  try {
    result = answer(the_kernel());
    code = errno;
  } catch (const OsError& error) {
    code = error.error_number();
    result = decltype(pass())(-1);
  } catch (const std::exception& error) {
    fmt::print(stderr, "fake kernel: {}\n", error.what());
    std::abort();
  }
  inside = false;
  errno = code;
  return result;
}

void fail(int code, const std::string& path) {
  if (code != 0) throw OsError(code, "use", path);
}

}  // namespace
}  // namespace nvmigrate::test

namespace nvmigrate::test {
namespace {

/// An entry of the user or group database is large.
template <typename Key, typename Entry>
int look_up(const char* call, const std::string& name, Key key, Entry* into, char* room,
            size_t size, Entry** found) {
  constexpr std::size_t large = std::size_t{1} << 20U;
  *found = nullptr;
  int code = size < large ? ERANGE : 0;
  code = ask([&](FakeKernel& kernel) { return std::max(kernel.fault("lookup", name), code); },
             [] { return 0; });
  if (code != 0) return code;
  return real<int(Key, Entry*, char*, size_t, Entry**)>(call)(key, into, room, size, found);
}

}  // namespace
}  // namespace nvmigrate::test

using nvmigrate::test::ask;
using nvmigrate::test::fail;
using nvmigrate::test::FakeKernel;
using nvmigrate::test::FakeVfio;
using nvmigrate::test::real;

#define FAKED extern "C" [[gnu::visibility("default")]]

FAKED int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, unsigned));
  va_end(rest);
  auto* const next = real<int(const char*, int, ...)>("open");
  return ask(
      [&](FakeKernel& kernel) {
        const bool writes = (flags & O_ACCMODE) != O_RDONLY;
        fail(kernel.fault(writes ? "open_to_write" : "open", path), path);
        const int fd = next(kernel.place_of(path).c_str(), flags, mode);
        if (fd >= 0) kernel.opened(fd, path);
        return fd;
      },
      [&] { return next(path, flags, mode); });
}

FAKED int close(int fd) {
  auto* const next = real<int(int)>("close");
  return ask(
      [&](FakeKernel& kernel) {
        if (auto* driver = kernel.vfio().driver_of(fd)) {
          driver->close_data(fd);
          return 0;
        }
        kernel.closed(fd);
        return next(fd);
      },
      [&] { return next(fd); });
}

FAKED int stat(const char* path, struct stat* about) noexcept {
  auto* const next = real<int(const char*, struct stat*)>("stat");
  return ask(
      [&](FakeKernel& kernel) {
        const int result = next(kernel.place_of(path).c_str(), about);
        if (result == 0) kernel.as_device(path, *about);
        return result;
      },
      [&] { return next(path, about); });
}

FAKED int fstat(int fd, struct stat* about) noexcept {
  auto* const next = real<int(int, struct stat*)>("fstat");
  return ask(
      [&](FakeKernel& kernel) {
        const int result = next(fd, about);
        if (result == 0) kernel.as_device(kernel.path_of(fd), *about);
        return result;
      },
      [&] { return next(fd, about); });
}

FAKED ssize_t readlink(const char* path, char* text, size_t size) noexcept {
  auto* const next = real<ssize_t(const char*, char*, size_t)>("readlink");
  return ask(
      [&](FakeKernel& kernel) {
        fail(kernel.fault("readlink", path), path);
        return next(kernel.place_of(path).c_str(), text, size);
      },
      [&] { return next(path, text, size); });
}

FAKED DIR* opendir(const char* path) {
  auto* const next = real<DIR*(const char*)>("opendir");
  std::string place = path;
  const int found = ask(
      [&](FakeKernel& kernel) {
        kernel.listed(path);
        fail(kernel.fault("list", path), path);
        // The processes are those of the real host.
        if (std::string{path} != "/proc") place = kernel.place_of(path);
        return 0;
      },
      [] { return 0; });
  return found == 0 ? next(place.c_str()) : nullptr;
}

FAKED int chown(const char* path, uid_t owner, gid_t group) noexcept {
  auto* const next = real<int(const char*, uid_t, gid_t)>("chown");
  return ask([&](FakeKernel& kernel) { return next(kernel.place_of(path).c_str(), owner, group); },
             [&] { return next(path, owner, group); });
}

FAKED ssize_t read(int fd, void* data, size_t size) {
  auto* const next = real<ssize_t(int, void*, size_t)>("read");
  return ask(
      [&](FakeKernel& kernel) {
        auto* driver = kernel.vfio().driver_of(fd);
        if (driver == nullptr) return next(fd, data, size);
        return driver->read(fd, {static_cast<std::byte*>(data), size});
      },
      [&] { return next(fd, data, size); });
}

FAKED ssize_t write(int fd, const void* data, size_t size) {
  auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  return ask(
      [&](FakeKernel& kernel) {
        const auto path = kernel.path_of(fd);
        if (!path.starts_with("/sys/")) return next(fd, data, size);
        fail(kernel.fault("write", path), path);
        kernel.write(path, {static_cast<const char*>(data), size});
        return static_cast<ssize_t>(size);
      },
      [&] { return next(fd, data, size); });
}

FAKED int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  auto* const argument = va_arg(rest, void*);
  va_end(rest);
  auto* const next = real<int(int, unsigned long, ...)>("ioctl");
  return ask(
      [&](FakeKernel& kernel) {
        if (request == LOOP_GET_STATUS64) {
          auto& about = *static_cast<loop_info64*>(argument);
          return kernel.backing(kernel.path_of(fd), about.lo_rdevice);
        }
        if (FakeVfio::knows(request)) {
          return kernel.vfio().ioctl(request, argument, [] { return ::open("/dev/null", O_RDWR); });
        }
        if (request != NVME_IOCTL_ADMIN64_CMD) return next(fd, request, argument);
        fail(kernel.fault("ioctl", kernel.path_of(fd)), kernel.path_of(fd));
        auto& raw = *static_cast<nvme_passthru_cmd64*>(argument);
        const auto done = kernel.submit(raw);
        raw.result = done.dw0 | std::uint64_t{done.dw1} << 32U;
        return int{done.status.raw};
      },
      [&] { return next(fd, request, argument); });
}

FAKED int getpwnam_r(const char* name, struct passwd* into, char* room, size_t size,
                     struct passwd** found) {
  return nvmigrate::test::look_up("getpwnam_r", name, name, into, room, size, found);
}

FAKED int getpwuid_r(uid_t id, struct passwd* into, char* room, size_t size,
                     struct passwd** found) {
  return nvmigrate::test::look_up("getpwuid_r", std::to_string(id), id, into, room, size, found);
}

FAKED int getgrnam_r(const char* name, struct group* into, char* room, size_t size,
                     struct group** found) {
  return nvmigrate::test::look_up("getgrnam_r", name, name, into, room, size, found);
}
