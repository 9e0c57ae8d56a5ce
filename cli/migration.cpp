// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/migration.h"

#include <fmt/format.h>

#include "cli/text/describe.h"
#include "cli/text/json.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

std::string number(double value, const char* unit) {
  const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, digits, unit);
}

std::string duration(std::chrono::nanoseconds length) {
  const auto microseconds = static_cast<double>(length.count()) / 1e3;
  if (microseconds < 1e3) return number(microseconds, "us");
  if (microseconds < 1e6) return number(microseconds / 1e3, "ms");
  return number(microseconds / 1e6, "s");
}

}  // namespace

void FormatOptions::declare(Options& options) {
  options.flag("--standard-only", standard_only, "Without the vendor part of the state");
  options.number("--format", version, "The version of the NVMe controller state", 0, 0xFFFF, "N",
                 Completes::format_versions);
  options.text("--vendor", vendor, "The UUID of the vendor format, or none", "UUID",
               Completes::vendor_formats);
}

std::optional<FormatChoice> FormatOptions::choice(const StateFormats& formats) const {
  if (!standard_only && !version && !vendor) return std::nullopt;
  auto choice = whole_state(formats);
  if (version) choice.version = static_cast<std::uint16_t>(*version);
  if (standard_only && vendor) {
    throw usage_error("--standard-only and --vendor cannot be combined");
  }
  if (standard_only || vendor == "none") choice.vendor.reset();
  if (vendor && vendor != "none") {
    choice.vendor = parse_uuid(*vendor);
    if (!choice.vendor) throw usage_error("--vendor: '" + *vendor + "' is not a UUID");
  }
  return choice;
}

void ChunkOption::declare(Options& options) {
  options.size("--chunk", bytes,
               "Data of one command, a multiple of 4 bytes; by default at most 256K, and what the "
               "device and the kernel take");
  options.setting();
}

void ChunkOption::apply(Context& context) const {
  if (bytes) context.set_chunk(static_cast<std::size_t>(*bytes));
}

void ChunkOption::check(Session& session) const {
  const auto& limits = session.limits();
  if (!bytes || (*bytes % 4 == 0 && *bytes >= smallest_chunk && *bytes <= limits.most())) return;
  throw usage_error(fmt::format("--chunk: {} takes a multiple of 4 bytes from {} to {} in one "
                                "command, not {}",
                                session.device(), format_size(smallest_chunk),
                                format_size(limits.most()), *bytes),
                    "the limits are: " + text_of(limits));
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

std::string text_of(const MigrationFigures& figures) {
  return fmt::format("{} in {} ({}/s), {}", format_size(figures.bytes), duration(figures.elapsed),
                     format_size(static_cast<std::uint64_t>(figures.bytes_per_second())),
                     plural(figures.commands, "command"));
}

std::string blackout_text(const MigrationFigures& figures) {
  return "suspended for " + duration(figures.blackout) + (figures.blackout_ended ? "" : " so far");
}

std::string short_digest(const Sha256Digest& digest) {
  constexpr std::size_t digits = 12;
  return nvmigrate::to_string(digest).substr(0, digits);
}

}  // namespace nvmigrate::cli
