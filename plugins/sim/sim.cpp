// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/sim.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/store/journal.h"
#include "plugins/sim/admin.h"
#include "plugins/sim/pci.h"
#include "plugins/sim/store.h"

namespace nvmigrate {
namespace sim {
namespace {

constexpr std::string_view scheme = "sim:";
constexpr std::size_t longest_name = 48;

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

const Function& controlling_function(const Subsystem& subsystem, const Place& place) {
  const auto* const function = subsystem.find(place.controlling);
  if (function == nullptr || function->kind != Kind::controlling) {
    throw not_found(
        fmt::format("sim:{} has no controlling function {}", place.name, place.controlling),
        "see which functions it has",
        {{.action = Remedy::Action::show_simulation, .object = place.name}});
  }
  if (!subsystem.here(*function)) {
    throw not_found(fmt::format("controlling function {} of sim:{} is on another host",
                                place.controlling, place.name));
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
    find_address();
  }
  SimDevice(Memory& memory, std::string device)
      : device_(std::move(device)),
        place_(place_of(device_)),
        store_(memory),
        admin_(store_, place_.controlling),
        pci_(store_) {
    find_address();
  }

  AdminPort& admin() override { return admin_; }
  PciBus& pci() override { return pci_; }
  [[nodiscard]] const std::string& name() const override { return device_; }
  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] bool simulated() const override { return true; }

 private:
  void find_address() {
    const auto subsystem = store_.read();
    address_ = subsystem->address_of(controlling_function(*subsystem, place_));
  }

  std::string device_;
  Place place_;
  Store store_;
  SimAdminPort admin_;
  SimPciBus pci_;
  std::string address_;
};

// Removes registry and journal, also those of versions that named them by the NQN alone and had a
// journal for each subsystem.
void forget(const Folders& folders, const SubsystemKey& key) {
  SystemIo io;
  for (const auto& name : {key.text(), key.nqn}) {
    const auto file = file_name_of(name);
    for (const auto& path :
         {folders.state + "/" + file + ".json", folders.run + "/" + file + ".journal.json"}) {
      if (io.unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR) {
        throw OsError(errno, "remove", path);
      }
    }
  }
  forget_subsystem(io, folders, key);
}

std::vector<std::string> devices_of(const Folders& folders, const std::string& name) {
  try {
    const auto subsystem = Store(folders.sim, name).read();
    const auto& p = subsystem->parameters;
    std::vector<std::string> devices;
    for (unsigned id = 0; id < p.controlling - p.elsewhere; ++id) {
      devices.push_back(subsystem->device_name(static_cast<std::uint16_t>(id)));
    }
    return devices;
  } catch (const Error&) {
    // Whoever opens it learns what is wrong.
    return {"sim:" + name};
  }
}

}  // namespace

std::unique_ptr<Device> open_in_memory(Memory& memory, const std::string& device) {
  return std::make_unique<SimDevice>(memory, device);
}

void check_name(std::string_view name) {
  if (!name.empty() && name.size() <= longest_name && name.front() != '-' &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return;
  }
  throw usage_error(fmt::format("'{}' is not a name for a simulated subsystem", name),
                    "use at most 48 letters, digits, '-' and '_', and do not begin with '-'");
}

Place place_of(std::string_view device) {
  if (!device.starts_with(scheme)) {
    throw usage_error(fmt::format("'{}' is not a simulated device", device), "give sim:NAME");
  }
  const auto rest = device.substr(scheme.size());
  const auto slash = rest.find('/');
  Place place{.name = std::string(rest.substr(0, slash))};
  check_name(place.name);
  if (slash == std::string_view::npos) return place;
  const auto id = parse_number(rest.substr(slash + 1));
  if (!id || *id > 0xFFFF) {
    throw usage_error(fmt::format("'{}' does not end with a controller id", device),
                      "give sim:NAME or sim:NAME/ID");
  }
  place.controlling = static_cast<std::uint16_t>(*id);
  return place;
}

void create(const Folders& folders, const std::string& name, const Parameters& parameters) {
  check_name(name);
  Store(folders.sim, name).create(parameters);
}

void destroy(const Folders& folders, const std::string& name) {
  check_name(name);
  Store store(folders.sim, name);
  const auto key = key_of(folders, name);
  store.destroy();
  forget(folders, key);
}

SubsystemKey key_of(const Folders& folders, const std::string& name) {
  Store store(folders.sim, name);
  Subsystem damaged;
  damaged.name = name;
  damaged.parameters.nqn = store.nqn().value_or(completed({}, name).nqn);
  try {
    return key_of(*store.read());
  } catch (const Error&) {
    return key_of(damaged);
  }
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
