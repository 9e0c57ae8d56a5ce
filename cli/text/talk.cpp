// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/talk.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <mutex>

#include "cli/text/screen.h"
#include "cli/text/visible.h"

namespace nvmigrate::cli {
namespace {

const std::string prefix = "nvmigrate: ";

class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  DescriptorSink(Io& io, int descriptor) : io_(&io), descriptor_(descriptor) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    try {
      write_all(*io_, descriptor_, std::as_bytes(std::span{line.data(), line.size()}), "stderr");
    } catch (const Error&) {
      // Nobody is left to be told.
    }
  }
  void flush_() override {}

  Io* io_;
  int descriptor_;
};

spdlog::level::level_enum level_of(const Globals& globals) {
  const bool json = globals.output == OutputFormat::json;
  if (globals.verbosity >= 2) return spdlog::level::trace;
  if (globals.quiet || (json && globals.verbosity == 0)) return spdlog::level::warn;
  return spdlog::level::info;
}

std::string object(const char* kind, const std::string& line) {
  const Json document{{kind, {{"message", line}}}};
  return visible(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Talk::Talk(Environment& environment, const Globals& globals)
    : environment_(&environment),
      logger_(std::make_shared<spdlog::logger>(
          "nvmigrate", std::make_shared<DescriptorSink>(environment.io, environment.error))),
      json_(globals.output == OutputFormat::json) {
  logger_->set_level(level_of(globals));
  logger_->set_pattern(json_ ? "%v" : prefix + "%v");
}

Talk::~Talk() = default;

/// Its width is asked for each time: somebody may have changed it.
std::string Talk::shown(const std::string& line) const {
  auto text = folded(talking_screen(*environment_), prefix + visible(line));
  return text.substr(prefix.size(), text.find_last_not_of('\n') + 1 - prefix.size());
}

void Talk::note(const std::string& line) {
  logger_->info("{}", json_ ? object("note", line) : shown(line));
}

void Talk::warn(const std::string& line) {
  logger_->warn("{}", json_ ? object("warning", line) : shown("warning: " + line));
}

void Talk::trace(const std::string& line, const Json& trace) {
  logger_->trace("{}", json_ ? Json{{"trace", trace}}.dump() : line);
}

bool has_escapes(const Environment& environment) {
  const char* terminal = environment.variable ? environment.variable("TERM") : nullptr;
  const std::string name = terminal == nullptr ? "" : terminal;
  return !name.empty() && name != "dumb" && name != "unknown";
}

bool may_colour(const Environment& environment, int descriptor) {
  if (::isatty(descriptor) != 1 || !has_escapes(environment)) return false;
  const char* none = environment.variable("NO_COLOR");
  return none == nullptr || *none == '\0';
}

}  // namespace nvmigrate::cli
