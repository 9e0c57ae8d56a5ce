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

#include "cli/audit.h"
#include "cli/parser/options.h"
#include "cli/text/screen.h"
#include "nvmigrate/base/finding.h"
#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/store/folders.h"

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
  std::string audit = "auto";         ///< where changes of real devices are recorded, see Audit
};

/// The world a run of the tool lives in. main() makes the real one; tests put their own in its
/// place, faults included.
struct Environment {
  Io& io;
  Folders folders{};  ///< once they are found
  /// Asked when a command first needs its folders, so that the others work without a home. May be
  /// empty.
  std::function<Folders()> find_folders{};
  /// Where nvmigrate.conf is. Empty if it has no place.
  std::function<std::string()> find_configuration{};
  int input = 0, output = 1, error = 2;  ///< descriptors
  std::function<const char*(const char*)> variable{};
  /// Applied to every device that is opened; tests wrap its seams here. May be empty.
  std::function<std::unique_ptr<Device>(std::unique_ptr<Device>)> wrap{};
  /// Called with the record of every command that changed a real device, or failed to, and where
  /// the configuration wants it. May be empty.
  std::function<void(const std::string& where, const AuditRecord&)> audit{};
};

class Talk;

/// A real device that a command began to change.
struct ChangedDevice {
  std::string device, address, subsystem, serial;
};

/// What a command is run with.
class Context {
 public:
  /// \param command its name, `sim guest start`
  /// \param access how it opens its devices
  Context(Environment& environment, const Globals& globals, std::string command, Access access);

  [[nodiscard]] Environment& environment() const noexcept { return *environment_; }
  [[nodiscard]] Io& io() const noexcept { return environment_->io; }
  /// \throws usage_error when no home is known
  [[nodiscard]] const Folders& folders() const;
  [[nodiscard]] const Globals& globals() const noexcept { return globals_; }
  [[nodiscard]] const std::string& command() const noexcept { return command_; }
  /// What standard output can show now.
  [[nodiscard]] Screen screen() const { return screen_of(*environment_, environment_->output); }
  /// Whether it only reads, as in a dry run.
  [[nodiscard]] bool only_reads() const noexcept { return access_ == Access::read; }

  /// Opens a controlling function as the command's row in the table says: to read or to change.
  /// \throws as Session::open()
  [[nodiscard]] std::unique_ptr<Session> open(const std::string& device);
  [[nodiscard]] SessionPair open_pair(const std::string& source, const std::string& destination);
  /// Opens it to look only; a command that changes it claims it later.
  [[nodiscard]] std::unique_ptr<Session> look(const std::string& device);
  [[nodiscard]] const Workspace& workspace();
  /// Of the sessions that are opened then. \param bytes see BackendOptions::chunk
  void set_chunk(std::size_t bytes);
  void set_backend(const std::string& name);

  /// A line of talk on stderr (spdlog); quiet drops notes, never warnings.
  void note(const std::string& line);
  void warn(const std::string& line);
  /// Warns of each finding that is a warning or was allowed.
  void warn(const Findings& findings);
  /// `1 of 3 functions failed`, unless none did.
  void warn_of_failed(std::size_t failed, std::size_t all, std::string_view what = "functions");

  /// The devices that were opened, or were to be, in that order.
  [[nodiscard]] const std::vector<std::string>& devices() const noexcept { return devices_; }
  /// The devices that are not simulations and whose lock it held to change them.
  [[nodiscard]] const std::vector<ChangedDevice>& changed_hardware() const noexcept {
    return changed_hardware_;
  }

 private:
  Environment* environment_;
  Globals globals_;
  std::string command_;
  Access access_;
  std::shared_ptr<Talk> talk_;
  std::optional<Workspace> workspace_;
  std::vector<std::string> devices_;
  std::vector<ChangedDevice> changed_hardware_;
};

/// What a command has to say: the JSON document (without "schema", which the dispatcher adds
/// first), and the same for a reader.
struct Outcome {
  Json document = Json::object();
  std::string text{};  ///< ends with a newline unless empty
  ExitStatus status = ExitStatus::ok;
  bool coloured = false;   ///< `text` has the escape sequences of painted()
  bool on_stderr = false;  ///< stdout carried data (export -f -)
  bool raw_text = false;  ///< `text` is the answer whatever the output format (handle --format env)
};

/// What a command does to the devices it opens; the dispatcher opens them accordingly.
enum class Opens {
  nothing,
  to_read,
  to_change,  ///< unless it is a dry run
  to_look,    ///< to read at first; the operation claims it when it begins to change something
};

/// Runs the command after parsing; the options it stored into are its own.
using Runner = std::function<Outcome(Context&)>;

/// One row of the table of commands.
struct Command {
  std::string_view name;
  std::string_view
      group;  ///< heading in `nvmigrate --help`: See, Prepare, Migrate, State files, Help
  std::string_view summary;
  Opens opens;
  Runner (*declare)(Options&);  ///< null for a command that only has subcommands
  std::span<const Command> subcommands;
};

/// All commands in the order of the help.
std::span<const Command> commands();

/// Runs one command line (without the program's name) from parsing to rendering. \return the exit
/// status; never throws.
ExitStatus run(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace nvmigrate::cli
