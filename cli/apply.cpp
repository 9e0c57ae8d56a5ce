// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <span>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/profile/declared.h"

namespace nvmigrate::cli {
namespace {

constexpr std::size_t longest_profile = std::size_t{16} << 20U;

struct ProfileOptions {
  std::vector<std::string> files, allowed;
  std::optional<std::string> device;
  bool recreate = false, dry_run = false;
};

using ProfileSteps = std::span<const ProfileStep>;

Json object_of(const ProfileStep& step) {
  return {{"step", to_string(step.action)},
          {"controller_id", or_null(step.cntlid)},
          {"virtual_function", vfn_or_null(step.vfn)},
          {"driver", text_or_null(step.driver)},
          {"owner", text_or_null(step.owner)},
          {"backend", text_or_null(step.backend)}};
}

bool is_alike(const ProfileStep& one, const ProfileStep& other) {
  return one.action == other.action && one.driver == other.driver && one.owner == other.owner &&
         one.backend == other.backend && one.cntlid.has_value() == other.cntlid.has_value();
}

std::string who(ProfileSteps steps) {
  std::vector<std::uint32_t> numbers;
  for (const auto& step : steps)
    numbers.push_back(step.cntlid.value_or(step.vfn));
  const auto& first = steps.front();
  if (!first.cntlid) return "VFs " + ranges_of(numbers);
  if (steps.size() > 1) return "controlled functions " + ranges_of(numbers);
  return "controlled function " + label_of(*first.cntlid, first.vfn);
}

std::string words_of(ProfileSteps steps) {
  using enum ProfileStep::Action;
  const auto& [action, cntlid, vfn, driver, owner, backend] = steps.front();
  switch (action) {
    case unmark:
      return "unmark " + who(steps);
    case unbind:
      return "give " + who(steps) + " back to the driver that it had";
    case bind:
      return "bind " + who(steps) + " to " +
             (driver == auto_driver ? "vfio-pci, or a vfio driver of their own" : driver) +
             (owner.empty() ? "" : ", for " + owner);
    case own:
      return "give the vfio nodes of " + who(steps) + " to " + owner;
    case mark:
      return "mark " + who(steps) + (backend.empty() ? "" : " for backend " + backend);
  }
  return {};
}

/// \param before those that come before the functions are provisioned, or the others
std::string lines_of(ProfileSteps steps, bool before) {
  std::string text;
  while (!steps.empty()) {
    const auto other = std::find_if(steps.begin(), steps.end(), [&](const ProfileStep& step) {
      return !is_alike(step, steps.front());
    });
    const auto alike = static_cast<std::size_t>(other - steps.begin());
    if ((steps.front().action <= ProfileStep::Action::unbind) == before) {
      text += "  " + words_of(steps.first(alike)) + '\n';
    }
    steps = steps.subspan(alike);
  }
  return text;
}

std::string lines_of(const ApplyResult& result) {
  return lines_of(result.steps, true) + steps_text(result.provisioning.steps) +
         lines_of(result.steps, false);
}

Json steps_json(const ApplyResult& result) {
  Json steps = Json::array();
  const auto add = [&](bool before) {
    for (const auto& step : result.steps) {
      if ((step.action <= ProfileStep::Action::unbind) == before) steps.push_back(object_of(step));
    }
  };
  add(true);
  for (const auto& step : result.provisioning.steps)
    steps.push_back(json_of(step));
  add(false);
  return steps;
}

/// `the record of 'apply' (pid 4711), which ended early`.
std::string record_of(const Intent& intent) {
  return "the record of '" + intent.command + "' (pid " + std::to_string(intent.pid) +
         "), which ended early";
}

/// What an earlier run left. \return nullptr: nothing
const Intent* unfinished_in(const ApplyResult& result) {
  if (result.unfinished) return &*result.unfinished;
  return result.provisioning.unfinished ? &*result.provisioning.unfinished : nullptr;
}

/// That of the weightiest failure; without any, whether something is to be done.
ExitStatus status_of_plan(const Failures& failures, bool changes) {
  std::vector<ExitStatus> statuses;
  for (const auto& failure : failures) {
    if (failure) statuses.push_back(status_of(failure));
  }
  if (statuses.empty()) return changes ? ExitStatus::partial : ExitStatus::ok;
  for (const auto status : {ExitStatus::unsupported, ExitStatus::refused, ExitStatus::not_found}) {
    if (std::find(statuses.begin(), statuses.end(), status) != statuses.end()) return status;
  }
  return statuses.front();
}

/// One run of plan or apply.
class ProfileRun {
 public:
  ProfileRun(Context& context, const ProfileOptions& given, bool only_plan)
      : context_(&context), given_(&given), only_plan_(only_plan || given.dry_run) {}

  Outcome run() {
    const auto declared = read_profiles();
    open_devices();
    const auto found = match(declared, sessions_);
    for (const auto& bad : declared.bad)
      add(bad);
    for (const auto& unclear : found.unclear)
      add_error(unclear);
    if (!given_->device) look_at_absent(found.absent);
    const auto done =
        only_plan_ ? plan_all(found.targets, request()) : apply_all(found.targets, request());
    for (std::size_t i = 0; i < done.size(); ++i)
      add(found.targets[i], done[i]);
    return outcome(declared.entries.empty() && declared.bad.empty());
  }

 private:
  [[nodiscard]] ApplyRequest request() const {
    return {.recreate = given_->recreate,
            .allowed = given_->allowed,
            .limits = limits_of(context_->globals())};
  }

  [[nodiscard]] std::string text_of_file(const std::string& name) const {
    if (name != "-") return read_text(context_->io(), name, longest_profile);
    std::string text(longest_profile, '\0');
    const auto bytes = std::as_writable_bytes(std::span{text});
    text.resize(read_up_to(context_->io(), context_->environment().input, bytes, "standard input"));
    return text;
  }

  [[nodiscard]] DeclaredProfiles read_profiles() const {
    if (given_->files.empty()) return declared_profiles(context_->io(), context_->folders());
    DeclaredProfiles all;
    for (const auto& name : given_->files) {
      auto profile = parse_profile(text_of_file(name), name == "-" ? "standard input" : name);
      for (auto& entry : profile.subsystems) {
        entry.file = name;
        all.entries.push_back(std::move(entry));
      }
    }
    return all;
  }

  /// With --device, failures of other controlling functions do not count.
  void add(const BadProfile& bad) {
    const bool other = given_->device && !may_be_about(bad, *sessions_.front());
    if (!other) return add_error(bad.error);
    context_->warn(bad.error.what());
  }

  /// Of no controlling function; the others are applied all the same.
  template <typename Failure>
  void add_error(const Failure& error) {
    errors_.push_back(json_of(error));
    failures_.push_back(std::make_exception_ptr(error));
  }

  void open_devices() {
    if (given_->device) {
      sessions_.push_back(context_->look(*given_->device));
      return;
    }
    std::vector<Error> failures;
    for (const auto& device : context_->workspace().all_devices(&failures)) {
      try {
        sessions_.push_back(context_->look(device));
      } catch (const Interrupted&) {
        throw;
      } catch (Error& error) {
        error.set_device(device);
        failures.push_back(error);
      }
    }
    for (const auto& failure : failures)
      context_->warn(failure.device() + ": " + failure.what());
  }

  /// What a file names must be here. At boot it may come later, and is then applied again.
  void look_at_absent(const std::vector<const SubsystemProfile*>& absent) {
    const bool named = !given_->files.empty();
    for (const auto* entry : absent) {
      auto finding = absence_of(*entry, named);
      absent_.push_back(json_of(finding));
      if (!named) {
        context_->warn(Findings{std::move(finding)});
        continue;
      }
      try {
        refuse_if_any_stands("apply", {std::move(finding)});
      } catch (const Refusal&) {
        failures_.push_back(std::current_exception());
      }
    }
  }

  void add(const ProfileTarget& target, const Applied& done) {
    const auto& device = target.session->device();
    const bool differs = done.result && done.result->differs();
    changed_ = changed_ || differs;
    Json one{{"device", device},
             {"subsystem_nqn", target.session->key().nqn},
             {"serial", target.session->identity().serial},
             {"result", done.failure ? "failed"
                        : !differs   ? "unchanged"
                        : only_plan_ ? "planned"
                                     : "changed"},
             {"changed", differs},
             {"finishes", finishes_of(done)},
             {"steps", done.result ? steps_json(*done.result) : Json::array()},
             {"findings", done.result ? json_of(done.result->findings) : Json::array()},
             {"error", failure_json(done.failure)}};
    subsystems_.push_back(std::move(one));
    failures_.push_back(done.failure);
    if (!done.result) {
      text_ += failure_text(device, done.failure);
      return;
    }
    context_->warn(done.result->findings);
    text_ += device + headline(device, *done.result) + lines_of(*done.result);
  }

  [[nodiscard]] std::string headline(const std::string& device, const ApplyResult& result) const {
    if (!result.differs()) return ": nothing to do\n";
    const auto* unfinished = unfinished_in(result);
    if (result.steps.empty() && !result.provisioning.changed() && unfinished != nullptr) {
      return ": nothing to do but to drop " + record_of(*unfinished) +
             (only_plan_ ? "\n" : "; dropped\n");
    }
    if (unfinished != nullptr && !only_plan_) {
      context_->note(device + ": finished what '" + unfinished->command + "' (pid " +
                     std::to_string(unfinished->pid) + ") had begun");
    }
    return only_plan_ ? " would change:\n" : " changed:\n";
  }

  static Json finishes_of(const Applied& done) {
    const auto* unfinished = done.result ? unfinished_in(*done.result) : nullptr;
    return unfinished != nullptr ? json_of(*unfinished) : Json(nullptr);
  }

  Outcome outcome(bool nothing_declared) {
    Outcome outcome{.document = {{"dry_run", only_plan_},
                                 {"changed", changed_},
                                 {"subsystems", subsystems_},
                                 {"absent", absent_},
                                 {"errors", errors_}}};
    outcome.text = text_;
    // With a single subsystem there is only the failure to report.
    const bool only = failures_.size() == 1 && failures_.front() != nullptr;
    outcome.status =
        only_plan_ && !only ? status_of_plan(failures_, changed_) : status_of(failures_);
    tell(*context_, failures_, errors_.empty() ? "subsystems" : "profiles and subsystems");
    if (nothing_declared && given_->files.empty()) {
      context_->note("there is no profile in " + context_->folders().config +
                     ", and none was recorded with --persist");
    } else if (subsystems_.empty() && given_->device) {
      context_->note("no profile names " + *given_->device);
    }
    return outcome;
  }

  Context* context_;
  const ProfileOptions* given_;
  bool only_plan_;
  bool changed_ = false;
  std::vector<std::unique_ptr<Session>> sessions_;
  Json subsystems_ = Json::array(), absent_ = Json::array(), errors_ = Json::array();
  Failures failures_;
  std::string text_;
};

std::shared_ptr<ProfileOptions> declare(Options& options) {
  auto given = std::make_shared<ProfileOptions>();
  options.positionals("FILE", given->files,
                      "Profiles, - for standard input; without any, those of this host",
                      Completes::profile);
  options.text("--device", given->device, "Only what is wanted for this controlling function",
               "DEVICE", Completes::device);
  options.flag("--recreate", given->recreate,
               "Destroy existing functions where the profile cannot be met otherwise");
  options.choices("--allow", given->allowed, overrides_of_apply(),
                  "Allow the one condition of this name; may be repeated", "NAME");
  return given;
}

}  // namespace

Runner declare_plan(Options& options) {
  const auto given = declare(options);
  return [given](Context& context) { return ProfileRun(context, *given, true).run(); };
}

Runner declare_apply(Options& options) {
  const auto given = declare(options);
  options.dry_run(given->dry_run);
  return [given](Context& context) { return ProfileRun(context, *given, false).run(); };
}

}  // namespace nvmigrate::cli
