// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/watched_seams.h"

#include <fcntl.h>

#include <cerrno>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::test {

Verdict Watcher::on(const SeamCall& call) {
  const std::lock_guard only(one_at_a_time_);
  return hook_ ? hook_(call) : Verdict{};
}

bool Watcher::fails(const char* name, const std::string& object) {
  const auto verdict = on({SeamCall::Seam::file, name, object});
  if (verdict.error == 0) return false;
  errno = verdict.error;
  return true;
}

int WatchedIo::open(const std::string& path, int flags, mode_t mode) {
  return fails((flags & O_TMPFILE) == O_TMPFILE ? "open unnamed" : "open", path)
             ? -1
             : system_.open(path, flags, mode);
}
int WatchedIo::close(int fd) { return system_.close(fd); }
ssize_t WatchedIo::read(int fd, std::span<std::byte> into) {
  return fails("read", std::to_string(fd)) ? -1 : system_.read(fd, into);
}
ssize_t WatchedIo::pread(int fd, std::span<std::byte> into, off_t offset) {
  return fails("pread", std::to_string(fd)) ? -1 : system_.pread(fd, into, offset);
}
ssize_t WatchedIo::write(int fd, std::span<const std::byte> from) {
  const auto verdict = watcher_->on({SeamCall::Seam::file, "write", std::to_string(fd)});
  if (verdict.error != 0) {
    errno = verdict.error;
    return -1;
  }
  return system_.write(fd, verdict.short_transfer && from.size() > 1 ? from.first(1) : from);
}
int WatchedIo::fsync(int fd) { return fails("fsync", std::to_string(fd)) ? -1 : system_.fsync(fd); }
int WatchedIo::ftruncate(int fd, off_t size) {
  return fails("ftruncate", std::to_string(fd)) ? -1 : system_.ftruncate(fd, size);
}
int WatchedIo::fstat(int fd, struct stat& about) {
  return fails("fstat", std::to_string(fd)) ? -1 : system_.fstat(fd, about);
}
int WatchedIo::lstat(const std::string& path, struct stat& about) {
  return fails("lstat", path) ? -1 : system_.lstat(path, about);
}
int WatchedIo::stat(const std::string& path, struct stat& about) {
  return fails("stat", path) ? -1 : system_.stat(path, about);
}
int WatchedIo::link(int fd, const std::string& path) {
  return fails("link", path) ? -1 : system_.link(fd, path);
}
int WatchedIo::rename(const std::string& from, const std::string& to) {
  return fails("rename", to) ? -1 : system_.rename(from, to);
}
int WatchedIo::unlink(const std::string& path) {
  return fails("unlink", path) ? -1 : system_.unlink(path);
}
int WatchedIo::mkdir(const std::string& path, mode_t mode) {
  return fails("mkdir", path) ? -1 : system_.mkdir(path, mode);
}
int WatchedIo::rmdir(const std::string& path) {
  return fails("rmdir", path) ? -1 : system_.rmdir(path);
}
int WatchedIo::chown(const std::string& path, uid_t owner, gid_t group) {
  return fails("chown", path) ? -1 : system_.chown(path, owner, group);
}
int WatchedIo::flock(int fd, int operation) {
  return fails("flock", std::to_string(fd)) ? -1 : system_.flock(fd, operation);
}
int WatchedIo::loop_backing(int fd, dev_t& device) {
  return fails("loop_backing", {}) ? -1 : system_.loop_backing(fd, device);
}

int WatchedIo::unread(int fd, int& count) {
  return fails("unread", "") ? -1 : system_.unread(fd, count);
}
int WatchedIo::readlink(const std::string& path, std::string& target) {
  return fails("readlink", path) ? -1 : system_.readlink(path, target);
}
int WatchedIo::list(const std::string& path, std::vector<std::string>& names) {
  return fails("list", path) ? -1 : system_.list(path, names);
}

namespace {

class WatchedPort final : public AdminPort {
 public:
  WatchedPort(AdminPort& port, Watcher& watcher) : port_(&port), watcher_(&watcher) {}

  AdminCompletion submit(const AdminCommand& command) override {
    const auto name = "opcode " + to_hex(command.opcode, 2);
    const auto object = to_hex(command.cdw10, 8) + " " + to_hex(command.cdw11, 8);
    const auto verdict = watcher_->on({SeamCall::Seam::admin, name, object});
    if (verdict.error != 0) throw OsError(verdict.error, "submit", name);
    if (verdict.nvme_status != 0) return {.status = {verdict.nvme_status}};
    return port_->submit(command);
  }

 private:
  AdminPort* port_;
  Watcher* watcher_;
};

class WatchedPci final : public PciBus {
 public:
  WatchedPci(PciBus& bus, Watcher& watcher) : bus_(&bus), watcher_(&watcher) {}

  std::optional<PciFunction> find(const std::string& address) override {
    see("find", address);
    return bus_->find(address);
  }
  std::vector<std::string> group_members(unsigned group) override {
    see("group_members", std::to_string(group));
    return bus_->group_members(group);
  }
  bool has_iommu() override {
    see("has_iommu", "");
    return bus_->has_iommu();
  }
  std::vector<KernelController> controllers() override {
    see("controllers", "");
    return bus_->controllers();
  }
  SriovState sriov(const std::string& physical) override {
    see("sriov", physical);
    return bus_->sriov(physical);
  }
  std::optional<std::string> virtual_function(const std::string& physical, unsigned vfn) override {
    see("virtual_function", physical);
    return bus_->virtual_function(physical, vfn);
  }
  void set_autoprobe(const std::string& physical, bool probe) override {
    see("set_autoprobe", physical);
    bus_->set_autoprobe(physical, probe);
  }
  void set_enabled_vfs(const std::string& physical, unsigned count) override {
    see("set_enabled_vfs", physical);
    bus_->set_enabled_vfs(physical, count);
  }
  void try_writing(const std::string& address) override {
    see("change", address);
    bus_->try_writing(address);
  }
  void set_override(const std::string& address, std::optional<std::string> driver) override {
    see("set_override", address);
    bus_->set_override(address, std::move(driver));
  }
  void unbind(const std::string& address) override {
    see("unbind", address);
    bus_->unbind(address);
  }
  void probe(const std::string& address) override {
    see("probe", address);
    bus_->probe(address);
  }
  void reset(const std::string& address) override {
    see("reset", address);
    bus_->reset(address);
  }
  std::string reset_methods(const std::string& address) override {
    see("reset_methods", address);
    return bus_->reset_methods(address);
  }
  std::optional<QueueLimits> queue_limits(const std::string& address) override {
    see("queue_limits", address);
    return bus_->queue_limits(address);
  }
  void reset_controller(const std::string& address) override {
    see("reset_controller", address);
    bus_->reset_controller(address);
  }
  bool has_driver(const std::string& driver) override {
    see("has_driver", driver);
    return bus_->has_driver(driver);
  }
  std::optional<std::string> load_variant_driver(const std::string& address) override {
    see("load_variant_driver", address);
    return bus_->load_variant_driver(address);
  }
  std::optional<std::string> variant_driver(const std::string& address) override {
    see("variant_driver", address);
    return bus_->variant_driver(address);
  }
  /// ENXIO: the host lacks the nodes that all VMs share.
  VfioNodes vfio_nodes(const std::string& address) override {
    const auto verdict = watcher_->on({SeamCall::Seam::pci, "vfio_nodes", address});
    if (verdict.error != 0 && verdict.error != ENXIO) {
      throw OsError(verdict.error, "vfio_nodes", address);
    }
    auto nodes = bus_->vfio_nodes(address);
    if (verdict.error == ENXIO) nodes.container = nodes.iommufd = std::nullopt;
    return nodes;
  }
  Owner owner(const std::string& node) override {
    see("owner", node);
    return bus_->owner(node);
  }
  void set_owner(const std::string& node, uid_t owner, gid_t group) override {
    see("set_owner", node);
    bus_->set_owner(node, owner, group);
  }
  std::vector<Use> host_uses(const std::string& address) override {
    see("host_uses", address);
    return bus_->host_uses(address);
  }
  std::vector<Use> vfio_holders(const std::string& address) override {
    see("vfio_holders", address);
    return bus_->vfio_holders(address);
  }
  /// Fails by not having seen everything.
  std::string unseen(const std::string& address) override {
    const auto verdict = watcher_->on({SeamCall::Seam::pci, "unseen", address});
    return verdict.error != 0 ? "the open files of pid 4711 (qemu) cannot be read"
                              : bus_->unseen(address);
  }
  void look_again() override { bus_->look_again(); }

 private:
  void see(const char* name, const std::string& object) {
    const auto verdict = watcher_->on({SeamCall::Seam::pci, name, object});
    if (verdict.error != 0) throw OsError(verdict.error, name, object);
  }

  PciBus* bus_;
  Watcher* watcher_;
};

class WatchedDevice final : public Device {
 public:
  WatchedDevice(std::unique_ptr<Device> device, Watcher& watcher)
      : device_(std::move(device)),
        admin_(device_->admin(), watcher),
        pci_(device_->pci(), watcher) {}

  AdminPort& admin() override { return admin_; }
  PciBus& pci() override { return pci_; }
  [[nodiscard]] const std::string& name() const override { return device_->name(); }
  [[nodiscard]] const std::string& address() const override { return device_->address(); }
  [[nodiscard]] bool simulated() const override { return device_->simulated(); }

 private:
  std::unique_ptr<Device> device_;
  WatchedPort admin_;
  WatchedPci pci_;
};

}  // namespace

std::unique_ptr<Device> watch(std::unique_ptr<Device> device, Watcher& watcher) {
  return std::make_unique<WatchedDevice>(std::move(device), watcher);
}

}  // namespace nvmigrate::test
