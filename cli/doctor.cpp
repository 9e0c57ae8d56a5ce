// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <set>

#include "cli/commands_table.h"
#include "cli/text/findings.h"
#include "cli/text/json.h"
#include "cli/text/table.h"
#include "nvmigrate/account/account.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/ports/kernel_modules.h"
#include "nvmigrate/ports/processes.h"
#include "nvmigrate/ports/sysfs_pci_bus.h"
#include "nvmigrate/profile/declared.h"

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
      : context_(&context), options_(&options), screen_(context.screen()) {}

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
    examine_profiles(devices);
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
      add(check_user_data_log(*session, data_queues_for(*session)));
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

  /// Skips devices that cannot be opened: examine() has reported them.
  void examine_profiles(const std::vector<std::string>& devices) {
    std::vector<std::unique_ptr<Session>> sessions;
    for (const auto& device : devices) {
      try {
        sessions.push_back(context_->look(device));
      } catch (const Interrupted&) {
        throw;
      } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
      }
    }
    add(check_profiles(declared_profiles(context_->io(), context_->folders()), sessions));
  }

  /// Of the kernel; only where the device has a use for it.
  std::string data_queues_for(const Session& session) {
    if (session.simulated() || !session.identity().tracking.user_data) return {};
    return data_queue_function(Sysfs(context_->io(), Sysroot{}));
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
      of_subject(found.device).push_back(found);
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
    repaired_ += marked(step.done ? "repaired: " : "not repaired: ",
                        step.done ? Tone::strong : Tone::problem, step.finding.message);
    if (!step.done) repaired_ += marked("", Tone::plain, "  " + step.failure);
  }

  /// What was found about one device, or about the host, in the order in which they come up.
  Findings& of_subject(const std::string& device) {
    const auto found = std::find_if(subjects_.begin(), subjects_.end(),
                                    [&](const auto& one) { return one.first == device; });
    return found != subjects_.end() ? found->second
                                    : subjects_.emplace_back(device, Findings{}).second;
  }

  [[nodiscard]] std::string marked(const std::string& mark, Tone tone,
                                   const std::string& message) const {
    return "  " + painted(screen_, mark, tone) +
           wrapped(one_line(message), 2 + mark.size(), screen_.width) + '\n';
  }

  /// `sim:a: 1 problem, 2 checks passed`, and the problems below it; with --verbose all checks.
  [[nodiscard]] std::string subject_text(const std::string& device, const Findings& found) const {
    const auto passed =
        static_cast<std::size_t>(std::count_if(found.begin(), found.end(), [](const Finding& one) {
          return one.severity == Severity::ok;
        }));
    std::string text = painted(screen_, device.empty() ? "host" : one_line(device), Tone::strong) +
                       ": " + plural(passed, "check") + " passed\n";
    for (const auto& one : found) {
      const std::string word{to_string(one.severity)};
      if (one.severity != Severity::ok) text += text_of(one, word + ": ", 2, screen_);
      if (one.severity == Severity::ok && context_->globals().verbosity > 0) {
        text += marked(word + ": ", Tone::faint, one.message);
      }
    }
    return text;
  }

  [[nodiscard]] std::string text() const {
    auto text =
        repaired_.empty() ? "" : painted(screen_, "repair", Tone::strong) + ":\n" + repaired_;
    for (const auto& [device, found] : subjects_)
      text += subject_text(device, found);
    return text + plural(problems_, "problem") + ", " + plural(warnings_, "warning") + '\n';
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
    outcome.text = text();
    outcome.coloured = true;
    if (problems_ != 0) outcome.status = ExitStatus::partial;
    return outcome;
  }

  std::set<std::string> of_host_;
  Context* context_;
  const DoctorOptions* options_;
  Json findings_ = Json::array(), repairs_ = Json::array();
  std::vector<std::pair<std::string, Findings>> subjects_;
  std::string repaired_;
  Screen screen_;
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
  options.backend();
  return [given](Context& context) { return Examination(context, *given).run(); };
}

}  // namespace nvmigrate::cli
