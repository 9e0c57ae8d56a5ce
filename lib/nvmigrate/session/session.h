// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/session/topology.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate {

class AdminPort;
class Device;
class Io;
class Journal;
class MigrationBackend;
class PciBus;
class Registry;
class Session;

/// What a backend finds out about a controlling function without changing anything.
struct BackendQuery {
  StateFormats formats;       ///< that the device knows
  std::size_t chunk = 0;      ///< most bytes of one command
  std::uint64_t largest = 0;  ///< bytes of a state that it can load; 0: unlimited
};

/// What a device says of the effects of the commands that the library sends.
struct EffectsLog {
  std::vector<CommandEffects> commands{};  ///< empty: it has no such log, or it was not read
  std::string unread{};  ///< why it could not be read; empty: it was, or is absent
};

/// The sizes between which the data of one command is chosen, in bytes.
inline constexpr std::size_t smallest_chunk = 4096, largest_chunk = std::size_t{1} << 20U;

/// What bounds the data of one command.
struct TransferLimits {
  std::size_t device = 0;               ///< MDTS in bytes; 0: no limit
  std::optional<QueueLimits> kernel{};  ///< nothing: not known

  /// Most bytes that both take, at most largest_chunk.
  [[nodiscard]] NVMIGRATE_API std::size_t most() const noexcept;
};

/// How a backend drives a device.
struct BackendOptions {
  /// Of a suspend, which may take long to drain the function; less than five minutes counts as
  /// five minutes.
  std::chrono::milliseconds suspend_timeout{0};
  /// Most bytes of one command, a multiple of 4096, where the backend chooses.
  std::size_t chunk_limit = std::size_t{256} << 10U;
  /// Bytes of one command, a multiple of 4, at least smallest_chunk; 0: the backend chooses. What
  /// TransferLimits::most() does not allow is not used.
  std::size_t chunk = 0;
  /// Most bytes of any command; 0: no limit. A session sets it.
  std::size_t most = 0;
  /// The vfio device that the caller holds open for the function at this PCI address, a descriptor;
  /// -1: none. With it a VMM migrates its own functions through their driver. May be empty.
  std::function<int(const std::string& address)> held{};
};

/// The controlling function that a backend is made for. What it refers to outlives the backend.
struct BackendPlace {
  Device& device;  ///< its seams and its names
  const ControllerIdentity& identity;
  BackendOptions options{};
  /// What it controls, as Session::topology(): controller id, VF number, PCI function, vfio nodes.
  /// References into it end when the session refreshes it. \throws NvmeError, OsError
  std::function<const Topology&()> topology{};
};

/// One row of the table of backends.
struct BackendRow {
  std::string_view name;         ///< `nvme`
  std::string_view summary;      ///< continues the name
  std::string_view command_set;  ///< `NVMe 2.1 Migration Send/Receive`
  /// It is used only when it is named: what it sends may mean anything to another device. Its
  /// query() must not send that.
  bool only_by_name = false;
  /// Makes the backend of a controlling function; it has not been asked yet whether it serves it.
  std::function<std::unique_ptr<MigrationBackend>(const BackendPlace& place)> make;
};

/// One row of the table of where devices come from.
struct ProviderRow {
  std::string_view name;     ///< `linux`, `sim`
  std::string_view summary;  ///< continues the name
  bool simulated = false;    ///< none of its devices is hardware
  /// Whether a device string belongs to this provider.
  std::function<bool(std::string_view device)> owns;
  /// \throws not_found, permission, …
  std::function<std::unique_ptr<Device>(Io& io, const Folders& folders, const std::string& device)>
      open;
  /// The device strings of all controlling functions that there are now.
  std::function<std::vector<std::string>(Io& io, const Folders& folders)> all;
};

/// The tables that sessions work with; built_in() has those of this library.
struct Catalog {
  std::vector<BackendRow> backends;    ///< see Session::chosen()
  std::vector<ProviderRow> providers;  ///< the first that owns a device string opens it
};

/// What all sessions of one program have in common: where records are kept, which devices and
/// backends there are, and how a session behaves. default_workspace() makes one. Sessions
/// keep a copy; what it points to must outlive them.
struct Workspace {
  Io* io = nullptr;  ///< the seam to files
  Folders folders;
  const Catalog* catalog = nullptr;
  std::string command;                ///< recorded in journal and lock: `export`
  std::chrono::milliseconds wait{0};  ///< for a lock that another command holds
  BackendOptions backend{};
  std::string backend_name{};  ///< of the backend to use; empty: see Session::chosen()
  /// Applied to every device that is opened, to trace or to disturb its seams. May be empty.
  std::function<std::unique_ptr<Device>(std::unique_ptr<Device>)> wrap{};
  /// Called for every session that begins to change its subsystem. May be empty.
  std::function<void(const Session&)> claimed{};
  /// How many VFs the profiles of this host want of a controlling function; 0: they name it not.
  /// Asked where VFs are missing. May be empty.
  std::function<unsigned(const Session&)> wanted_vfs{};

  /// The device strings of all controlling functions on this host, simulated ones last.
  /// \param failures takes the errors of providers whose devices cannot be listed, and names them;
  /// nullptr: the first such error is thrown
  [[nodiscard]] NVMIGRATE_API std::vector<std::string> all_devices(
      std::vector<Error>* failures = nullptr) const;
};

/// What an operation needs of its controlling function.
enum class Access {
  read,    ///< nothing is locked
  change,  ///< the lock of the subsystem is held, and the caller may change the device
};

/// What one backend said when it was asked whether it serves a device.
struct Serving {
  const BackendRow* row = nullptr;
  std::optional<BackendQuery> query{};  ///< nothing: it does not
  std::string reason{};                 ///< why not
  StateLayout layout{};                 ///< of its states
};

/// Which backend is used for a function, and why.
struct BackendChoice {
  /// `named` by Workspace::backend_name, or recorded with the `mark` of the function, or the first
  /// that serves the device and need not be named.
  enum class Why { first, named, mark };
  Why why = Why::first;
  std::string name{};                ///< of the one that was named or recorded
  const Serving* serving = nullptr;  ///< nullptr: it does not serve the device, or none does
  bool differs = false;              ///< it was named, and the mark records another
};
/// `first`, `named`, `mark`.
NVMIGRATE_API std::string_view to_string(BackendChoice::Why why) noexcept;

/// An opened controlling function with everything that an operation on it needs: its identity, read
/// once, the key of its subsystem, the lock, registry and journal, the topology, the backend that
/// serves it, and what the device says of its functions, each asked for when it is first needed.
/// One thread at a time uses it; what works on several functions at once starts its own.
class NVMIGRATE_API Session {
 public:
  /// \param device `/dev/nvme0`, `nvme0`, a PCI address, `sim:NAME`
  /// \throws not_found, permission; busy when another command holds the lock; NvmeError, OsError.
  /// Errors name the device
  static std::unique_ptr<Session> open(const Workspace& workspace, const std::string& device,
                                       Access access);
  /// Of a device that is open already. \throws NvmeError, OsError
  Session(const Workspace& workspace, std::unique_ptr<Device> device);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// As the user named it: `/dev/nvme0`, `sim:demo`.
  [[nodiscard]] const std::string& device() const noexcept;
  [[nodiscard]] bool simulated() const;
  /// By which its records and its lock are found.
  [[nodiscard]] const SubsystemKey& key() const noexcept;
  /// Of the controlling function, read when the session was opened.
  [[nodiscard]] const ControllerIdentity& identity() const noexcept;

  /// Of the data of one command, read when they are first asked for.
  [[nodiscard]] const TransferLimits& limits();
  /// The Commands Supported and Effects log, read when it is first asked for.
  [[nodiscard]] const EffectsLog& effects();

  /// Takes the lock of the subsystem and reads the records again. Without effect once it was done.
  /// \throws permission when the caller may not change the device; busy; OsError
  void claim();
  /// As claim(), of a session whose subsystem `other` has claimed: both share its lock and records.
  void share(const Session& other);
  [[nodiscard]] bool claimed() const noexcept;

  /// What the device and the host say now, as first read or last refreshed. Operations that change
  /// something refresh it; references into it end then. \throws NvmeError, OsError
  [[nodiscard]] Topology& topology();
  /// From now on a list that the device does not give, or gives in a form that cannot be read, is
  /// an oddity of the topology and no error: for commands that only show what there is.
  void tolerate_unreadable_lists() noexcept;
  /// Has the topology read again, at its next use.
  void refresh() noexcept;
  /// One function of the topology. \throws not_found
  [[nodiscard]] const ControlledFunction& function(std::uint16_t cntlid);

  /// Every backend, asked in the order of the table. \throws NvmeError, OsError
  [[nodiscard]] const std::vector<Serving>& asked_backends();
  /// Has the backend of this name used from now on, as if the workspace named it; empty: none.
  /// \return the name before
  std::string name_backend(std::string name);
  /// The backend for one controlled function: the one that the workspace names, else the one that
  /// is recorded with the mark of the function, else the first of the table that serves the device
  /// and need not be named. Without a function: as for one that is not marked.
  /// \throws NvmeError, OsError
  [[nodiscard]] BackendChoice chosen(std::optional<std::uint16_t> cntlid = {});
  /// It, or nullptr. \throws NvmeError, OsError
  [[nodiscard]] const Serving* serving(std::optional<std::uint16_t> cntlid = {});
  /// That backend. \throws unsupported with the reason of each that may be used
  [[nodiscard]] MigrationBackend& backend(std::optional<std::uint16_t> cntlid = {});
  /// What that backend found out. \throws as backend()
  [[nodiscard]] const BackendQuery& query(std::optional<std::uint16_t> cntlid = {});
  /// Why the backend for this function serves the device, but cannot migrate the function; empty:
  /// it can, or no backend serves the device. \throws NvmeError, OsError
  [[nodiscard]] std::string unable(std::uint16_t cntlid);
  /// The backends that could migrate this function, also those that must be named, in the order of
  /// the table. \throws NvmeError, OsError
  [[nodiscard]] std::vector<std::string> able(std::uint16_t cntlid);
  /// The remedy that marks this function for a backend.
  [[nodiscard]] Remedy to_mark(std::uint16_t cntlid, std::string backend) const;
  /// The backend that the mark of this function stands for: the one that it records, else, as in
  /// the marks of a former version, the first that need not be named. Empty without a mark. \throws
  /// NvmeError, OsError
  [[nodiscard]] std::string recorded_backend(std::uint16_t cntlid);

  /// Asks the device about a function, unless it was asked already, and has the answer in the
  /// topology: whether it is suspended, and which of its intents that ends. It is asked through the
  /// backend of the mark, and where that cannot tell, others may say that it is suspended, but not
  /// that it runs. Of an offline function, of another controlling function, and where no backend
  /// serves, there is nothing to ask.
  /// \throws Interrupted; whatever else the device answers is noted in ControlledFunction::not_told
  const ControlledFunction& ask(std::uint16_t cntlid);
  /// Has the function say what is recorded of it now, and the device asked anew by the next ask():
  /// what an operation that changes the function begins with.
  void renew(std::uint16_t cntlid);
  /// renew() and ask().
  const ControlledFunction& ask_again(std::uint16_t cntlid);
  /// Asks the device whether another controller of the subsystem is a primary controller (Identify
  /// CNS 14h), and has the answer in ControlledFunction::controls. Only where the device has
  /// Virtualization Management; what it does not tell stays as it was. \throws OsError
  const ControlledFunction& ask_whether_controls(std::uint16_t cntlid);
  /// ask() of every function.
  void ask_all();
  /// Has the topology say which namespaces there are, and which are attached to each function,
  /// unless it does. Without effect where there is no function or no Namespace Management.
  /// \throws NvmeError, OsError
  void ask_namespaces();
  /// Has the topology say how large the namespaces are that ask_namespaces() found. One that does
  /// not tell is left out. \throws OsError
  void ask_namespace_shapes();

  /// Admin commands sent so far, by all threads and by this one.
  [[nodiscard]] std::uint64_t commands() const;
  [[nodiscard]] std::uint64_t commands_of_this_thread() const;

  [[nodiscard]] const Workspace& workspace() const noexcept;
  // The seams and records, for the operations of this library; to others their types are not known.
  [[nodiscard]] Io& io() const noexcept;
  [[nodiscard]] PciBus& pci();
  [[nodiscard]] AdminPort& admin();
  [[nodiscard]] const std::string& address() const;  ///< PCI; empty when it is not a PCI function
  [[nodiscard]] Registry& registry();
  [[nodiscard]] Journal& journal();

 private:
  void tell_of_claim() const;
  const Serving& insist_on_backend(std::optional<std::uint16_t> cntlid);
  const Serving* serving_as(const std::string& name);
  MigrationBackend& made(const Serving& serving) noexcept;
  void ask_others(ControlledFunction& function, const Serving& asked);

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Two controlling functions of one operation.
struct SessionPair {
  std::unique_ptr<Session> source, destination;
};
/// Opens both. Locks are always taken in the order of the keys, so that two operations cannot wait
/// for each other; controlling functions of one subsystem share its lock and records.
/// \throws as Session::open()
NVMIGRATE_API SessionPair open_pair(const Workspace& workspace, const std::string& source,
                                    const std::string& destination, Access access);

/// Claims both, as open_pair() does; of one subsystem, they share lock and records from then on.
/// Without effect once it was done. \throws as Session::claim()
NVMIGRATE_API void claim_pair(Session& source, Session& destination);

/// All that the device can give: the NVMe state, version 0 where there are several, and the first
/// vendor format. Neither where the backend has no formats to choose from.
NVMIGRATE_API FormatChoice whole_state(const StateFormats& formats);

}  // namespace nvmigrate
