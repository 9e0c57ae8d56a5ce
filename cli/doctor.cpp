// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <set>

#include "cli/commands_table.h"
#include "cli/findings.h"
#include "cli/json.h"
#include "cli/table.h"
#include "nvmigrate/account/account.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/ports/processes.h"
#include "nvmigrate/ports/sysfs_pci_bus.h"

namespace nvmigrate::cli {
namespace {

struct DoctorOptions {
  std::optional<std::string> device;
  bool repair = false;
};

/// All that was found, about the host and every device looked at.
class Examination {
 public:
  Examination(Context& context, const DoctorOptions& options)
      : context_(&context), options_(&options) {}

  Outcome run() {
    std::vector<Error> failures;
    const auto devices = options_->device ? std::vector{*options_->device}
                                          : context_->workspace().all_devices(&failures);
    for (const auto& error : failures)
      add_failure(error.device(), error);
    if (options_->repair) {
      for (const auto& device : devices)
        repair_device(device);
    }
    add(check_folders(context_->io(), context_->folders()));
    const bool any_real = std::any_of(devices.begin(), devices.end(), [](const auto& device) {
      return !device.starts_with("sim:");
    });
    if (!options_->device) check_host(any_real);
    for (const auto& device : devices)
      examine(device);
    return outcome();
  }

 private:
  void check_host(bool needed) {
    try {
      SysfsPciBus bus(context_->io(), Sysroot{});
      add(check_bus(bus, needed));
    } catch (const OsError& error) {
      add_failure("linux", error);
    }
  }

  void examine(const std::string& device) {
    try {
      const auto session = context_->look(device);
      session->tolerate_unreadable_lists();
      if (!session->simulated()) check_rights();
      if (options_->device) add(check_bus(session->pci(), true));
      add(check_abilities(*session));
      add(check_shared_nodes(*session));
      drop_ended_records(*session);
      add(account_of(*session));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (options_->device && error.status() == ExitStatus::not_found) throw;
      add_failure(device, error);
    }
  }

  void check_rights() {
    if (!may_administrate(Sysfs(context_->io(), Sysroot{}))) {
      add({told({.code = "root", .device = {}})});
    }
  }

  void add_failure(const std::string& device, const Error& error) {
    auto found = told({.code = "device", .device = device, .words = {{"reason", error.what()}}});
    found.advice = error.advice();
    found.remedies = error.remedies();
    add({std::move(found)});
  }

  void repair_device(const std::string& device) {
    try {
      ProvisionLimits limits;
      limits.appear = context_->globals().timeout.value_or(limits.appear);
      for (const auto& step : repair(*context_->open(device), limits))
        add(device, step);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (options_->device && error.status() != ExitStatus::io) throw;
      add_failure(device, error);
    }
  }

  void add(const Findings& findings) {
    for (const auto& found : findings) {
      // Findings about the host come up again with every device.
      if (found.device.empty() && !of_host_.insert(found.message).second) continue;
      problems_ += found.severity == Severity::problem ? 1 : 0;
      warnings_ += found.severity == Severity::warning ? 1 : 0;
      findings_.push_back(json_of(found));
      text_ += line(to_string(found.severity), found.message);
      if (found.severity == Severity::ok) continue;
      text_ += next_steps(found.advice, found.remedies, width);
    }
  }

  void add(const std::string& device, const RepairStep& step) {
    repairs_.push_back({{"action", to_string(step.action)},
                        {"device", device},
                        {"controller_id", or_null(step.cntlid)},
                        {"repairs", step.finding.code},
                        {"message", step.finding.message},
                        {"done", step.done},
                        {"failure", text_or_null(step.failure)}});
    text_ += line(step.done ? "repaired" : "failed", step.finding.message);
    if (!step.done) text_ += std::string(width, ' ') + step.failure + '\n';
  }

  static std::string line(std::string_view grade, const std::string& message) {
    std::string text{grade};
    text.resize(width, ' ');
    return text + message + '\n';
  }

  Outcome outcome() {
    const bool changed = std::any_of(repairs_.begin(), repairs_.end(),
                                     [](const Json& one) { return one.at("done").get<bool>(); });
    Outcome outcome{.document = {{"device", or_null(options_->device)},
                                 {"repair", options_->repair},
                                 {"changed", changed},
                                 {"problems", problems_},
                                 {"warnings", warnings_},
                                 {"findings", findings_},
                                 {"repairs", repairs_}}};
    outcome.text =
        text_ + plural(problems_, "problem") + ", " + plural(warnings_, "warning") + '\n';
    if (problems_ != 0) outcome.status = ExitStatus::partial;
    return outcome;
  }

  static constexpr std::size_t width = 10;

  std::set<std::string> of_host_;
  Context* context_;
  const DoctorOptions* options_;
  Json findings_ = Json::array(), repairs_ = Json::array();
  std::string text_;
  unsigned problems_ = 0, warnings_ = 0;
};

}  // namespace

Runner declare_doctor(Options& options) {
  const auto given = std::make_shared<DoctorOptions>();
  options.optional_positional("DEVICE", given->device,
                              "The controlling function; without it, the host and all of them",
                              Completes::device);
  options.flag("--repair", given->repair,
               "Repair what interrupted commands left behind, where that is safe");
  options.changes_when(given->repair);
  return [given](Context& context) { return Examination(context, *given).run(); };
}

}  // namespace nvmigrate::cli
