// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/sim.h"

#include <array>
#include <cerrno>

#include "nvmigrate/base/error.h"
#include "plugins/sim/admin.h"
#include "plugins/sim/pci.h"
#include "plugins/sim/place.h"
#include "plugins/sim/store.h"

namespace nvmigrate {
namespace sim {
namespace {

const Function& controlling_function(const Subsystem& subsystem, const Place& place) {
  const auto* const function = subsystem.find(place.controlling);
  if (function == nullptr || function->kind != Kind::controlling) {
    throw not_found(
        "sim:" + place.name + " has no controlling function " + std::to_string(place.controlling),
        "see: nvmigrate sim show " + place.name);
  }
  return *function;
}

class SimDevice final : public Device {
 public:
  SimDevice(const Folders& folders, std::string device)
      : device_(std::move(device)),
        place_(place_of(device_)),
        store_(folders.sim, place_.name),
        admin_(store_, place_.controlling),
        pci_(store_) {
    if (place_.name.starts_with("demo")) store_.create_if_missing({});
    const auto subsystem = store_.read();
    address_ = subsystem->address_of(controlling_function(*subsystem, place_));
  }

  AdminPort& admin() override { return admin_; }
  PciBus& pci() override { return pci_; }
  [[nodiscard]] const std::string& name() const override { return device_; }
  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] bool simulated() const override { return true; }

 private:
  std::string device_;
  Place place_;
  Store store_;
  SimAdminPort admin_;
  SimPciBus pci_;
  std::string address_;
};

// Both stores name their files so; what is not there is no matter.
void forget(const Folders& folders, const std::string& nqn) {
  SystemIo io;
  const std::string file = file_name_of(nqn);
  const std::array paths{folders.state + "/" + file + ".json",
                         folders.run + "/" + file + ".journal.json"};
  for (const auto& path : paths) {
    if (io.unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR) {
      throw OsError(errno, "remove", path);
    }
  }
}

std::vector<std::string> devices_of(const Folders& folders, const std::string& name) {
  try {
    const auto subsystem = Store(folders.sim, name).read();
    const unsigned count = subsystem->parameters.controlling;
    if (count == 1) return {"sim:" + name};
    std::vector<std::string> devices;
    for (unsigned id = 0; id < count; ++id) {
      devices.push_back("sim:" + name + "/" + std::to_string(id));
    }
    return devices;
  } catch (const Error&) {
    // Opening it will say what is wrong.
    return {"sim:" + name};
  }
}

}  // namespace

void create(const Folders& folders, const std::string& name, const Parameters& parameters) {
  check_name(name);
  Store(folders.sim, name).create(parameters);
}

void destroy(const Folders& folders, const std::string& name) {
  check_name(name);
  Store store(folders.sim, name);
  const auto nqn = nqn_of(folders, name);
  store.destroy();
  forget(folders, nqn);
}

std::string nqn_of(const Folders& folders, const std::string& name) {
  return Store(folders.sim, name).nqn().value_or(completed({}, name).nqn);
}

std::vector<std::string> names(const Folders& folders) { return Store::names(folders.sim); }

}  // namespace sim

bool owns_sim(std::string_view device) { return device.starts_with("sim:"); }

std::unique_ptr<Device> open_sim(Io& /*io*/, const Folders& folders, const std::string& device) {
  return std::make_unique<sim::SimDevice>(folders, device);
}

std::vector<std::string> all_sims(Io& /*io*/, const Folders& folders) {
  std::vector<std::string> devices;
  for (const auto& name : sim::names(folders)) {
    for (auto& device : sim::devices_of(folders, name))
      devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace nvmigrate
