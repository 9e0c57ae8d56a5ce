// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/migration.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/describe.h"
#include "cli/render.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/migrate/overrides.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

BackendOptions backend_options(const Context& context) {
  BackendOptions options;
  if (context.globals().timeout) options.suspend_timeout = *context.globals().timeout;
  return options;
}

std::string number(double value, const char* unit) {
  std::array<char, 40> text{};
  const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  std::snprintf(text.data(), text.size(), "%.*f %s", digits, value, unit);
  return text.data();
}

std::string duration(std::chrono::nanoseconds length) {
  const auto microseconds = static_cast<double>(length.count()) / 1e3;
  if (microseconds < 1e3) return number(microseconds, "us");
  if (microseconds < 1e6) return number(microseconds / 1e3, "ms");
  return number(microseconds / 1e6, "s");
}

template <typename Answer>
Answer of_failure(const std::exception_ptr& failure, const Answer& none,
                  Answer (*answer)(const Error&)) {
  if (!failure) return none;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return answer(error);
  } catch (const std::exception& error) {
    return answer(Error(ExitStatus::internal, error.what()));
  }
}

ExitStatus status_of(const std::exception_ptr& failure) {
  return of_failure<ExitStatus>(failure, ExitStatus::ok,
                                [](const Error& error) { return error.status(); });
}

}  // namespace

MigrationAccess::MigrationAccess(const Context& context, Subject subject, Journal* journal)
    : subject_(std::move(subject)),
      port_(subject_.device->admin()),
      backend_(choose_backend(port_, backend_options(context))),
      topology_(subject_.topology()),
      own_journal_(journal != nullptr ? journal : &subject_.journal),
      journal_(*own_journal_),
      side_{.device = topology_.device,
            .backend = *backend_,
            .query = backend_->query(),
            .topology = topology_,
            .journal = journal_,
            .commands = [this] { return port_.of_this_thread(); },
            .all_commands = [this] { return port_.total(); },
            .pci = &subject_.device->pci()} {}

void FormatOptions::declare(Options& options) {
  options.flag("--standard-only", standard_only, "Leave the vendor part of the state out");
  options.number("--format", version, "The version of the NVMe controller state", 0, 0xFFFF);
  options.text("--vendor", vendor, "The vendor format, by its UUID; none leaves it out", "UUID");
}

std::optional<FormatChoice> FormatOptions::choice(const StateFormats& formats) const {
  if (!standard_only && !version && !vendor) return std::nullopt;
  auto choice = whole_state(formats);
  if (version) choice.version = static_cast<std::uint16_t>(*version);
  if (standard_only && vendor) throw usage_error("--standard-only and --vendor exclude each other");
  if (standard_only || vendor == "none") choice.vendor.reset();
  if (vendor && vendor != "none") {
    choice.vendor = parse_uuid(*vendor);
    if (!choice.vendor) throw usage_error("--vendor " + *vendor + ": no UUID");
  }
  return choice;
}

void declare_allow(Options& options, std::vector<std::string>& names, std::string_view command) {
  options.choices("--allow", names, overrides_of(command),
                  "Override the one blocker of this name; may be repeated", "NAME");
}

void declare_dry_run(Options& options, bool& dry_run) {
  options.flag("--dry-run", dry_run, "Check everything and print the plan; change nothing");
}

void add(Json& document, const MigrationFigures& figures) {
  using std::chrono::microseconds;
  document["bytes"] = figures.bytes;
  document["commands"] = figures.commands;
  document["rate_bytes_per_second"] = static_cast<std::uint64_t>(figures.bytes_per_second());
  document["blackout_us"] = std::chrono::duration_cast<microseconds>(figures.blackout).count();
  document["blackout_ended"] = figures.blackout_ended;
}

Json json_of(const FormatChoice& formats) {
  return {{"version", or_null(formats.version)},
          {"vendor", formats.vendor ? Json(to_string(*formats.vendor)) : Json(nullptr)}};
}

Json json_of(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const auto& found : findings) {
    list.push_back({{"name", found.name},
                    {"severity", found.blocker ? "blocker" : "warning"},
                    {"message", found.message},
                    {"overridable", found.blocker && found.overridable},
                    {"allowed", found.allowed},
                    {"remedy", text_or_null(found.remedy)}});
  }
  return list;
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& found : findings) {
    text += std::string("  ") + (found.blocker ? "blocker" : "warning") + " (" + found.name +
            (found.allowed ? ", allowed): " : "): ") + found.message + '\n';
  }
  return text;
}

std::string text_of(const MigrationFigures& figures) {
  return format_size(figures.bytes) + " in " + duration(figures.elapsed) + " (" +
         format_size(static_cast<std::uint64_t>(figures.bytes_per_second())) + "/s), " +
         plural(figures.commands, "command") + ", suspended for " + duration(figures.blackout) +
         (figures.blackout_ended ? "" : " so far");
}

Json failure_json(const std::exception_ptr& failure) {
  return of_failure<Json>(failure, nullptr, error_json);
}

std::string failure_text(const std::exception_ptr& failure) {
  return of_failure<std::string>(failure, {}, [](const Error& error) {
    return error.what() + (error.hint().empty() ? "" : "\n  " + error.hint());
  });
}

ExitStatus status_of(const std::vector<std::exception_ptr>& failures) {
  const auto failed = std::count_if(failures.begin(), failures.end(),
                                    [](const auto& one) { return one != nullptr; });
  if (failed == 0) return ExitStatus::ok;
  if (failures.size() == 1) std::rethrow_exception(failures.front());
  const bool stopped = std::any_of(failures.begin(), failures.end(), [](const auto& one) {
    return status_of(one) == ExitStatus::interrupted;
  });
  return stopped ? ExitStatus::interrupted : ExitStatus::partial;
}

void tell_failures(Context& context, const std::vector<std::exception_ptr>& failures) {
  std::size_t failed = 0;
  for (const auto& failure : failures) {
    if (!failure) continue;
    ++failed;
    if (status_of(failure) != ExitStatus::interrupted) {
      context.warn(of_failure<std::string>(
          failure, {}, [](const Error& error) { return std::string{error.what()}; }));
    }
  }
  context.warn_of_failed(failed, failures.size());
}

}  // namespace nvmigrate::cli
