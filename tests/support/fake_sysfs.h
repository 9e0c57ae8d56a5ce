// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/ports/sysfs.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {

/// A folder that looks like the /sys, /dev, /proc and /lib/modules of a host. Paths are given as on
/// a host.
class FakeSysfs {
 public:
  [[nodiscard]] Sysroot root() const { return Sysroot(folder_.path()); }
  [[nodiscard]] std::string path(const std::string& absolute) const {
    return folder_.path() + absolute;
  }

  void file(const std::string& absolute, const std::string& text) { put(path(absolute), text); }
  void folder(const std::string& absolute) { std::filesystem::create_directories(path(absolute)); }
  void link(const std::string& absolute, const std::string& target) {
    remove(absolute);
    std::filesystem::create_directories(std::filesystem::path(path(absolute)).parent_path());
    std::filesystem::create_symlink(target, path(absolute));
  }
  void remove(const std::string& absolute) { std::filesystem::remove_all(path(absolute)); }

  static std::string of(const std::string& address) { return "/sys/bus/pci/devices/" + address; }

  /// An NVMe function without driver.
  void function(const std::string& address) {
    for (const auto& [name, text] : std::map<std::string, std::string>{
             {"vendor", "0x1b36\n"},
             {"device", "0x0010\n"},
             {"class", "0x010802\n"},
             {"modalias", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n"},
             {"driver_override", "(null)\n"},
             {"reset", ""}}) {
      file(of(address) + "/" + name, text);
    }
  }
  void bind(const std::string& address, const std::string& driver) {
    driver_known(driver);
    link(of(address) + "/driver", "../../../bus/pci/drivers/" + driver);
  }
  void driver_known(const std::string& driver) {
    file("/sys/bus/pci/drivers/" + driver + "/unbind", "");
    file("/sys/bus/pci/drivers_probe", "");
  }
  void group(unsigned number, const std::vector<std::string>& addresses) {
    const auto place = "/sys/kernel/iommu_groups/" + std::to_string(number);
    for (const auto& address : addresses) {
      link(place + "/devices/" + address, "../../../../bus/pci/devices/" + address);
      link(of(address) + "/iommu_group", "../../../kernel/iommu_groups/" + std::to_string(number));
    }
  }
  /// A physical function with room for some VFs.
  void physical(const std::string& address, unsigned total, unsigned enabled) {
    function(address);
    file(of(address) + "/sriov_totalvfs", std::to_string(total) + "\n");
    file(of(address) + "/sriov_numvfs", std::to_string(enabled) + "\n");
    file(of(address) + "/sriov_drivers_autoprobe", "1\n");
  }
  void virtual_function(const std::string& physical, unsigned vfn, const std::string& address) {
    function(address);
    link(of(address) + "/physfn", "../" + physical);
    link(of(physical) + "/virtfn" + std::to_string(vfn - 1), "../" + address);
  }
  /// A live PCIe controller of the nvme driver, with its character device's number 240:N.
  void controller(unsigned number, const std::string& address, unsigned cntlid) {
    const auto name = "nvme" + std::to_string(number);
    const auto place = "/sys/class/nvme/" + name;
    file(place + "/transport", "pcie\n");
    file(place + "/address", address + "\n");
    file(place + "/state", "live\n");
    file(place + "/subsysnqn", "nqn.2019-08.org.qemu:ss0\n");
    file(place + "/cntlid", std::to_string(cntlid) + "\n");
    link("/sys/dev/char/240:" + std::to_string(number), "../../class/nvme/" + name);
    file("/dev/" + name, "");
    bind(address, "nvme");
  }
  /// A block device of a namespace: 259:N.
  void block(const std::string& name, unsigned minor) {
    block_at("/sys/block/" + name, name, minor);
  }
  void partition(const std::string& disk, const std::string& name, unsigned minor) {
    const auto place = "/sys/block/" + disk + "/" + name;
    block_at(place, name, minor);
    file(place + "/partition", "1\n");
  }
  /// A process with one file open.
  void process(unsigned pid, const std::string& command, const std::string& open_file) {
    const auto place = "/proc/" + std::to_string(pid);
    file(place + "/comm", command + "\n");
    link(place + "/fd/0", "/dev/null");
    link(place + "/fd/7", path(open_file));
  }
  /// A further thread of a process, with descriptors of its own.
  void thread(unsigned pid, unsigned tid, const std::string& open_file) {
    link("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/fd/7",
         path(open_file));
  }

 private:
  void block_at(const std::string& place, const std::string& name, unsigned minor) {
    file(place + "/dev", "259:" + std::to_string(minor) + "\n");
    folder(place + "/holders");
    file("/dev/" + name, "b 259:" + std::to_string(minor) + "\n");
  }

  TemporaryFolder folder_;
};

/// The kernel behind a FakeSysfs: makes plain files into devices, notes what is written, answers
/// chosen calls on chosen paths (as on a host) with an errno, and reacts to writes.
class FakeKernelIo : public FaultyIo {
 public:
  FakeKernelIo(Io& real, const FakeSysfs& sysfs) : FaultyIo(real), prefix_(sysfs.path("")) {}

  /// stat and fstat of this path show a device: mode S_IFCHR or S_IFBLK. So they do of a file with
  /// the text `c 240:0` or `b 259:4`, also by a link to it.
  void device(const std::string& path, mode_t kind, unsigned major, unsigned minor) {
    devices_[path] = {kind, makedev(major, minor)};
  }
  void refuse(const std::string& call, const std::string& path, int code) {
    refused_[{call, path}] = code;
  }
  /// Called after a write to the path, also when the write was refused.
  void react(const std::string& path, std::function<void(const std::string&)> reaction) {
    reactions_[path] = std::move(reaction);
  }
  /// The device behind a loop device, by the path of that.
  void loop(const std::string& path, dev_t backing) { loops_[path] = backing; }
  /// `path=text` of all writes that were not refused.
  [[nodiscard]] const std::vector<std::string>& written() const noexcept { return written_; }
  [[nodiscard]] const std::vector<std::string>& opened() const noexcept { return opened_; }

  int open(const std::string& path, int flags, mode_t mode) override {
    opened_.push_back(shown(path));
    if (fails("open", path)) return -1;
    const int fd = FaultyIo::open(path, flags, mode);
    if (fd >= 0) open_[fd] = shown(path);
    return fd;
  }
  ssize_t read(int fd, std::span<std::byte> into) override {
    return fails("read", open_[fd]) ? -1 : FaultyIo::read(fd, into);
  }
  ssize_t write(int fd, std::span<const std::byte> from) override {
    const auto& path = open_[fd];
    const std::string text(reinterpret_cast<const char*>(from.data()), from.size());
    const bool failed = fails("write", path);
    const int code = errno;
    if (!failed) written_.push_back(path + "=" + text);
    if (const auto found = reactions_.find(path); found != reactions_.end()) found->second(text);
    errno = code;
    return failed ? -1 : static_cast<ssize_t>(from.size());
  }
  int stat(const std::string& path, struct stat& about) override {
    if (fails("stat", path)) return -1;
    const int result = FaultyIo::stat(path, about);
    const int code = errno;
    const auto target = std::filesystem::weakly_canonical(path).string();
    if (result == 0 && shown(target).starts_with("/dev/")) as_node(target, about);
    errno = code;
    return as_device(shown(path), result, about);
  }
  int fstat(int fd, struct stat& about) override {
    return as_device(open_[fd], FaultyIo::fstat(fd, about), about);
  }
  int loop_backing(int fd, dev_t& device) override {
    const auto found = loops_.find(open_[fd]);
    if (found == loops_.end()) {
      errno = ENXIO;
      return -1;
    }
    device = found->second;
    return 0;
  }
  int chown(const std::string& path, uid_t owner, gid_t group) override {
    if (fails("chown", path)) return -1;
    written_.push_back(shown(path) + "=" + std::to_string(owner) + ":" + std::to_string(group));
    return 0;
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    return fails("list", path) ? -1 : FaultyIo::list(path, names);
  }
  int readlink(const std::string& path, std::string& target) override {
    return fails("readlink", path) ? -1 : FaultyIo::readlink(path, target);
  }

 private:
  [[nodiscard]] std::string shown(const std::string& path) const {
    return path.rfind(prefix_, 0) == 0 ? path.substr(prefix_.size()) : path;
  }
  bool fails(const std::string& call, const std::string& path) {
    const auto found = refused_.find({call, shown(path)});
    if (found == refused_.end()) return false;
    errno = found->second;
    return true;
  }
  static void as_node(const std::string& path, struct stat& about) {
    std::ifstream text(path);
    char kind = 0;
    char colon = 0;
    unsigned first = 0;
    unsigned second = 0;
    if (!(text >> kind >> first >> colon >> second)) return;
    about.st_mode = (about.st_mode & 07777U) | (kind == 'b' ? S_IFBLK : S_IFCHR);
    about.st_rdev = makedev(first, second);
  }
  int as_device(const std::string& path, int result, struct stat& about) {
    const auto found = devices_.find(path);
    if (result != 0 || found == devices_.end()) return result;
    about.st_mode = (about.st_mode & 07777U) | found->second.first;
    about.st_rdev = found->second.second;
    return 0;
  }

  std::string prefix_;
  std::map<std::string, std::pair<mode_t, dev_t>> devices_;
  std::map<std::pair<std::string, std::string>, int> refused_;
  std::map<std::string, std::function<void(const std::string&)>> reactions_;
  std::map<int, std::string> open_;
  std::map<std::string, dev_t> loops_;
  std::vector<std::string> written_, opened_;
};

}  // namespace nvmigrate::test
