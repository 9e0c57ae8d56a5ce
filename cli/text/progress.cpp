// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/progress.h"

#include <unistd.h>

#include <algorithm>

#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

constexpr auto interval = std::chrono::milliseconds{100};
constexpr std::size_t bar_width = 30;

std::string bar(const ProgressReport& report) {
  const auto total = std::max<std::uint64_t>(report.total, 1);
  const auto part = std::min(1.0, static_cast<double>(report.done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(bar_width));
  return std::string(report.step) +
         (report.cntlid ? " " + std::to_string(*report.cntlid) : std::string{}) + " [" +
         std::string(filled, '#') + std::string(bar_width - filled, ' ') + "] " +
         std::to_string(static_cast<unsigned>(part * 100)) + "% of " + format_size(report.total);
}

std::string json_line(const ProgressReport& report) {
  const Json line{{"progress",
                   {{"step", report.step},
                    {"controller_id", report.cntlid ? Json(*report.cntlid) : Json(nullptr)},
                    {"done", report.done},
                    {"total", report.total == 0 ? Json(nullptr) : Json(report.total)}}}};
  return line.dump() + '\n';
}

}  // namespace

void declare_progress(Options& options, std::string& mode) {
  options.choice("--progress", mode, {"auto", "bar", "json", "none"},
                 "Progress on standard error: a bar, JSON lines or none; auto is a bar on a "
                 "terminal");
  options.setting();
  options.goes_before_setting("--quiet", "--progress");
}

ProgressDisplay::ProgressDisplay(const Context& context, const std::string& mode)
    : environment_(&context.environment()),
      mode_(Mode::none),
      next_(std::chrono::steady_clock::now() + interval) {
  const auto& globals = context.globals();
  const bool for_reader = globals.output == OutputFormat::normal && !globals.quiet;
  if (mode == "json") mode_ = Mode::json;
  if (mode == "bar") mode_ = Mode::bar;
  if (mode == "auto" && for_reader && ::isatty(environment_->error) == 1) mode_ = Mode::bar;
}

ProgressDisplay::~ProgressDisplay() {
  if (drawn_ != 0) write("\r" + std::string(drawn_, ' ') + "\r");
}

ProgressCallback ProgressDisplay::callback() {
  if (mode_ == Mode::none) return {};
  return [this](const ProgressReport& report) { show(report); };
}

void ProgressDisplay::show(const ProgressReport& report) noexcept {
  const std::lock_guard only(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const bool last = mode_ == Mode::json && report.done == report.total;
  if (now < next_ && !last) return;
  next_ = now + interval;
  try {
    if (mode_ == Mode::json) {
      write(json_line(report));
    } else {
      draw(bar(report));
    }
  } catch (const std::exception&) {
    // The work goes on even if its progress cannot be shown.
  }
}

/// Blanks cover what was there before: a terminal need not know any escape sequence.
void ProgressDisplay::draw(std::string line) {
  const auto length = line.size();
  if (length < drawn_) line.append(drawn_ - length, ' ');
  drawn_ = length;
  write("\r" + line);
}

void ProgressDisplay::write(const std::string& text) noexcept {
  try {
    write_all(environment_->io, environment_->error, std::as_bytes(std::span{text}), "stderr");
  } catch (const std::exception&) {
    mode_ = Mode::none;
  }
}

}  // namespace nvmigrate::cli
