// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "nvmigrate/base/error.h"
#include "nvmigrate/base/io.h"
#include "nvmigrate/host/topology.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/lock.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate::cli {

using Json = nlohmann::ordered_json;

enum class OutputFormat { normal, json };

/// The options every command has, before or after the verb.
struct Globals {
  OutputFormat output = OutputFormat::normal;
  int verbosity = 0;
  bool quiet = false;
  std::optional<std::chrono::milliseconds> timeout{};  ///< --timeout SECONDS, of a suspend or reset
  std::chrono::milliseconds wait{0};  ///< --wait SECONDS, for another command's lock
};

/// The world a run of the tool lives in. main() makes the real one; tests put their own in its
/// place, faults included.
struct Environment {
  Io& io;
  Folders folders{};  ///< once they are found
  /// Asked when a command first needs its folders, so that the others work without a home. May be
  /// empty.
  std::function<Folders()> find_folders{};
  int input = 0, output = 1, error = 2;  ///< descriptors
  std::function<const char*(const char*)> variable{};
  /// Applied to every device that is opened; tests wrap its seams here. May be empty.
  std::function<std::unique_ptr<Device>(std::unique_ptr<Device>)> wrap{};
  /// Told of every command that changed a real device, or failed at it. May be empty.
  std::function<void(const std::string&)> log_change{};
};

class Talk;

/// An opened controlling function with what is remembered of its subsystem. For a changing command
/// it holds the subsystem's lock.
struct Subject {
  std::unique_ptr<Device> device;
  std::string subsystem_nqn;
  std::optional<SubsystemLock> lock;
  Registry registry;
  Journal journal;

  [[nodiscard]] Topology topology() const { return read_topology(*device, registry, journal); }
};

/// What a command is run with.
class Context {
 public:
  /// \param command its name, `sim guest start`
  Context(Environment& environment, const Globals& globals, std::string command);

  [[nodiscard]] Environment& environment() const noexcept { return *environment_; }
  [[nodiscard]] Io& io() const noexcept { return environment_->io; }
  /// \throws usage_error when no home is known
  [[nodiscard]] const Folders& folders() const;
  [[nodiscard]] const Globals& globals() const noexcept { return globals_; }
  [[nodiscard]] const std::string& command() const noexcept { return command_; }

  /// Opens a device for a command that reads. \throws not_found, permission, …, naming the device
  [[nodiscard]] Subject open(const std::string& name);
  /// Opens it and takes the lock of its subsystem; refuses what only root may (exit 11).
  [[nodiscard]] Subject open_to_change(const std::string& name);

  /// A line of talk on stderr (spdlog); quiet drops notes, never warnings.
  void note(const std::string& line);
  void warn(const std::string& line);
  /// `1 of 3 functions failed`, unless none did.
  void warn_of_failed(std::size_t failed, std::size_t all);

  /// The devices that were opened, or were to be, in that order.
  [[nodiscard]] const std::vector<std::string>& devices() const noexcept { return devices_; }
  /// Whether a device that is no simulation was opened to be changed.
  [[nodiscard]] bool changes_hardware() const noexcept { return changes_hardware_; }

 private:
  [[nodiscard]] std::unique_ptr<Device> open_traced(const std::string& name);
  [[nodiscard]] Subject subject_of(std::unique_ptr<Device> device, bool lock);

  Environment* environment_;
  Globals globals_;
  std::string command_;
  std::shared_ptr<Talk> talk_;
  std::vector<std::string> devices_;
  bool changes_hardware_ = false;
};

/// What a command has to say: the JSON document (without "schema", which the dispatcher adds
/// first), and the same for a reader.
struct Outcome {
  Json document = Json::object();
  std::string text{};  ///< ends with a newline unless empty
  ExitStatus status = ExitStatus::ok;
  bool on_stderr = false;  ///< stdout carried data (export -f -)
  bool raw_text = false;  ///< `text` is the answer whatever the output format (handle --format env)
};

enum class Access { offline, read, change };

/// Runs the command after parsing; the options it stored into are its own.
using Runner = std::function<Outcome(Context&)>;

/// One row of the table of commands.
struct Command {
  std::string_view name;
  std::string_view
      group;  ///< heading in `nvmigrate --help`: See, Prepare, Migrate, State files, Help
  std::string_view summary;
  Access access;
  Runner (*declare)(Options&);  ///< null for a command that only has subcommands
  std::span<const Command> subcommands;
};

/// All commands in the order of the help.
std::span<const Command> commands();

/// Runs one command line (without the program's name) from parsing to rendering. \return the exit
/// status; never throws.
ExitStatus run(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace nvmigrate::cli
