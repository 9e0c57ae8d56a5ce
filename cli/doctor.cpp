// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/doctor.h"

#include <algorithm>

#include "cli/ability.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/preparing.h"
#include "cli/served.h"
#include "nvmigrate/ports/rights.h"
#include "nvmigrate/ports/sysfs_pci_bus.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

struct DoctorOptions {
  std::optional<std::string> device;
  bool repair = false;
};

/// All that was found, of the host and of every device looked at.
class Examination {
 public:
  Examination(Context& context, const DoctorOptions& options)
      : context_(&context), options_(&options) {}

  Outcome run() {
    const auto devices = options_->device ? std::vector{*options_->device} : all_devices();
    if (options_->repair) {
      for (const auto& device : devices)
        repair_device(device);
    }
    add({}, check_folders(context_->io(), context_->folders()));
    if (!options_->device) check_host();
    for (const auto& device : devices)
      examine(device);
    return outcome();
  }

 private:
  std::vector<std::string> all_devices() {
    std::vector<std::string> devices;
    for (const auto& provider : providers()) {
      for (auto& device : provider.all(context_->io(), context_->folders()))
        devices.push_back(std::move(device));
    }
    return devices;
  }

  void check_host() {
    SysfsPciBus bus(context_->io(), Sysroot{});
    const auto controllers = bus.controllers();
    const bool needed = std::any_of(controllers.begin(), controllers.end(),
                                    [](const auto& one) { return one.transport == "pcie"; });
    add({}, check_bus(bus, needed));
  }

  void examine(const std::string& device) {
    try {
      auto subject = context_->open(device);
      if (!subject.device->simulated()) check_rights();
      if (options_->device) add(device, check_bus(subject.device->pci(), true));
      const auto topology = whole_account(*context_, subject);
      add(device, check_abilities(topology, ability_of(subject.device->admin())));
      add(device, check_records(topology, subject.registry));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (options_->device && error.status() == ExitStatus::not_found) throw;
      add(device, {{"device", Grade::problem, error.what(), error.hint(), {}}});
    }
  }

  void check_rights() {
    if (may_administrate(Sysfs(context_->io(), Sysroot{}))) return;
    add({}, {{"root",
              Grade::warning,
              "only root may change a device",
              "run it with sudo; in a container root needs CAP_SYS_ADMIN",
              {}}});
  }

  [[nodiscard]] RepairTools tools_for(Subject& subject) const {
    return {.resume =
                [&subject](std::uint16_t cntlid) {
                  choose_backend(subject.device->admin(), BackendOptions{})->resume(cntlid);
                },
            .complete = [this, &subject](
                            Topology& topology) { topology = whole_account(*context_, subject); }};
  }

  void repair_device(const std::string& device) {
    try {
      auto subject = context_->open_to_change(device);
      for (const auto& one :
           repair(access_of(subject), tools_for(subject), limits_of(context_->globals()))) {
        add(device, one);
      }
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (options_->device && error.status() != ExitStatus::io) throw;
      add(device, {"device", std::nullopt, error.what(), false});
    }
  }

  void add(const std::string& device, const Checks& checks) {
    for (const auto& check : checks) {
      problems_ += check.grade == Grade::problem ? 1 : 0;
      warnings_ += check.grade == Grade::warning ? 1 : 0;
      checks_.push_back({{"name", check.name},
                         {"grade", to_string(check.grade)},
                         {"device", text_or_null(device)},
                         {"controller_id", or_null(check.cntlid)},
                         {"message", check.message},
                         {"fix", text_or_null(check.fix)}});
      text_ += line(check);
    }
  }

  void add(const std::string& device, const Repair& repair) {
    repairs_.push_back({{"name", repair.name},
                        {"device", device},
                        {"controller_id", or_null(repair.cntlid)},
                        {"done", repair.done},
                        {"message", repair.message}});
    text_ += (repair.done ? "repaired  " : "failed    ") + repair.message + '\n';
  }

  static std::string line(const Check& check) {
    constexpr std::size_t width = 10;
    std::string grade{to_string(check.grade)};
    grade.resize(width, ' ');
    auto text = grade + check.message + '\n';
    if (!check.fix.empty()) text += std::string(width, ' ') + check.fix + '\n';
    return text;
  }

  Outcome outcome() {
    const bool changed = std::any_of(repairs_.begin(), repairs_.end(),
                                     [](const Json& one) { return one.at("done").get<bool>(); });
    Outcome outcome{.document = {{"device", or_null(options_->device)},
                                 {"repair", options_->repair},
                                 {"changed", changed},
                                 {"problems", problems_},
                                 {"warnings", warnings_},
                                 {"checks", checks_},
                                 {"repairs", repairs_}}};
    outcome.text =
        text_ + plural(problems_, "problem") + ", " + plural(warnings_, "warning") + '\n';
    if (problems_ != 0) outcome.status = ExitStatus::partial;
    return outcome;
  }

  Context* context_;
  const DoctorOptions* options_;
  Json checks_ = Json::array(), repairs_ = Json::array();
  std::string text_;
  unsigned problems_ = 0, warnings_ = 0;
};

}  // namespace

Runner declare_doctor(Options& options) {
  const auto wish = std::make_shared<DoctorOptions>();
  options.optional_positional("DEVICE", wish->device,
                              "The controlling function; without it, all there are and the host",
                              Offer::device);
  options.flag("--repair", wish->repair,
               "Put right what commands that died have left, as far as that is without risk");
  return [wish](Context& context) { return Examination(context, *wish).run(); };
}

}  // namespace nvmigrate::cli
