// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/session.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/ports/processes.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/counted_device.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/session/read_topology.h"
#include "nvmigrate/session/sentences.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/lock.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

/// Linux takes no more behind an IOMMU (the size of mapping that it allocates fast).
constexpr std::size_t taken_by_any_kernel = std::size_t{128} << 10U;

/// What is remembered of a subsystem; with the lock, in a session that may change it.
struct Records {
  std::optional<SubsystemLock> lock;
  Registry registry;
  Journal journal;

  Records(const Workspace& workspace, const SubsystemKey& key, bool claim)
      : lock(claim ? std::optional<SubsystemLock>(std::in_place, *workspace.io, workspace.folders,
                                                  key.text(), workspace.command, workspace.wait)
                   : std::nullopt),
        registry(*workspace.io, workspace.folders, key),
        journal(*workspace.io, workspace.folders, key, workspace.command) {}
};

/// Runs `what`, and has its errors name the device.
template <typename What>
auto naming(const std::string& device, const What& what) {
  try {
    return what();
  } catch (Error& error) {
    if (error.device().empty()) error.set_device(device);
    throw;
  }
}

const ProviderRow& provider_of(const Catalog& catalog, const std::string& device) {
  for (const auto& provider : catalog.providers) {
    if (provider.owns(device)) return provider;
  }
  throw not_found("'" + device + "' does not name a device of a known kind");
}

void insist_on_right(const Workspace& workspace, const Device& device) {
  if (device.simulated() || may_administrate(Sysfs(*workspace.io, Sysroot{}))) return;
  throw Error(ExitStatus::permission,
              workspace.command + " " + device.name() + ": " + std::string{sentences::root},
              std::string{sentences::root_advice})
      .with_code("root");
}

/// Who holds the lock knows that no other command is in progress.
void end_progress(std::vector<Intent>& intents) {
  for (auto& intent : intents)
    intent.in_progress = false;
}

void end_progress(Topology& topology) {
  end_progress(topology.intents);
  end_progress(topology.other_intents);
  for (auto& function : topology.functions)
    end_progress(function.intents);
}

BackendOptions bounded(BackendOptions options, const TransferLimits& limits) {
  options.most = limits.most();
  options.chunk = std::min(options.chunk, options.most);
  if (!limits.kernel) options.chunk_limit = std::min(options.chunk_limit, taken_by_any_kernel);
  return options;
}

bool serves_by_name(const std::vector<Serving>& asked) {
  return std::any_of(asked.begin(), asked.end(), [](const Serving& one) {
    return one.row->only_by_name && one.query.has_value();
  });
}

/// Why it cannot migrate the function; empty: it can.
std::string reason_against(MigrationBackend& backend, std::uint16_t cntlid) {
  try {
    backend.check(cntlid);
    return {};
  } catch (const Error& error) {
    if (error.status() != ExitStatus::unsupported) throw;
    return error.what();
  }
}

}  // namespace

std::size_t TransferLimits::most() const noexcept {
  auto most = device == 0 ? largest_chunk : std::min(device, largest_chunk);
  const auto of_kernel = kernel ? kernel->most() : 0;
  return of_kernel == 0 ? most : std::min(most, of_kernel);
}

std::vector<std::string> Workspace::all_devices(std::vector<Error>* failures) const {
  std::vector<std::string> devices;
  for (const auto& provider : catalog->providers) {
    try {
      for (auto& device : provider.all(*io, folders))
        devices.push_back(std::move(device));
    } catch (Error& error) {
      if (failures == nullptr) throw;
      error.set_device(std::string{provider.name});
      failures->push_back(error);
    }
  }
  return devices;
}

struct [[gnu::visibility("hidden")]] Session::Parts {
  Parts(const Workspace& given, std::unique_ptr<Device> opened)
      : workspace(given),
        device(std::move(opened)),
        identity(read_identity(device.admin())),
        key{subsystem_nqn(device, identity), identity.serial} {}

  Records& known() {
    if (!records) records = std::make_shared<Records>(workspace, key, false);
    return *records;
  }

  Workspace workspace;
  CountedDevice device;
  ControllerIdentity identity;
  SubsystemKey key;
  std::shared_ptr<Records> records;
  bool lenient = false;  ///< see tolerate_unreadable_lists()
  std::optional<TransferLimits> limits;
  std::optional<EffectsLog> effects;
  std::optional<Topology> topology;
  std::vector<Serving> asked;
  std::vector<std::unique_ptr<MigrationBackend>> backends;
};

Session::Session(const Workspace& workspace, std::unique_ptr<Device> device)
    : parts_(std::make_unique<Parts>(workspace, std::move(device))) {}

Session::~Session() = default;

std::unique_ptr<Session> Session::open(const Workspace& workspace, const std::string& device,
                                       Access access) {
  return naming(device, [&] {
    auto opened =
        provider_of(*workspace.catalog, device).open(*workspace.io, workspace.folders, device);
    if (workspace.wrap) opened = workspace.wrap(std::move(opened));
    if (access == Access::change) insist_on_right(workspace, *opened);
    auto session = std::make_unique<Session>(workspace, std::move(opened));
    if (access == Access::change) session->claim();
    return session;
  });
}

SessionPair open_pair(const Workspace& workspace, const std::string& source,
                      const std::string& destination, Access access) {
  SessionPair pair{Session::open(workspace, source, Access::read),
                   Session::open(workspace, destination, Access::read)};
  if (access == Access::change) {
    claim_pair(*pair.source, *pair.destination);
  } else if (pair.source->key() == pair.destination->key()) {
    pair.destination->share(*pair.source);
  }
  return pair;
}

void claim_pair(Session& source, Session& destination) {
  const bool same = source.key() == destination.key();
  const bool source_first = same ? !destination.claimed() : source.key() < destination.key();
  auto& first = source_first ? source : destination;
  auto& second = source_first ? destination : source;
  first.claim();
  if (same) {
    second.share(first);
  } else {
    second.claim();
  }
}

const std::string& Session::device() const noexcept { return parts_->device.name(); }
bool Session::simulated() const { return parts_->device.simulated(); }
const SubsystemKey& Session::key() const noexcept { return parts_->key; }
const ControllerIdentity& Session::identity() const noexcept { return parts_->identity; }

const TransferLimits& Session::limits() {
  auto& limits = parts_->limits;
  if (limits) return *limits;
  limits = TransferLimits{.device = identity().max_transfer};
  try {
    if (!address().empty()) limits->kernel = pci().queue_limits(address());
  } catch (const OsError&) {  // NOLINT(bugprone-empty-catch): then they are not known
  }
  return *limits;
}

const EffectsLog& Session::effects() {
  auto& log = parts_->effects;
  if (log) return *log;
  log.emplace();
  if (!identity().effects_log) return *log;
  try {
    log->commands = read_effects(admin());
  } catch (const Error& error) {
    log->unread = error.what();
  }
  return *log;
}

const Workspace& Session::workspace() const noexcept { return parts_->workspace; }
Io& Session::io() const noexcept { return *parts_->workspace.io; }
PciBus& Session::pci() { return parts_->device.pci(); }
AdminPort& Session::admin() { return parts_->device.admin(); }
const std::string& Session::address() const { return parts_->device.address(); }
Registry& Session::registry() { return parts_->known().registry; }
Journal& Session::journal() { return parts_->known().journal; }
std::uint64_t Session::commands() const { return parts_->device.count().total(); }
std::uint64_t Session::commands_of_this_thread() const {
  return parts_->device.count().of_this_thread();
}

bool Session::claimed() const noexcept { return parts_->records && parts_->records->lock; }

void Session::claim() {
  if (claimed()) return;
  naming(device(), [&] {
    insist_on_right(parts_->workspace, parts_->device);
    parts_->records = std::make_shared<Records>(parts_->workspace, key(), true);
    refresh();
  });
  tell_of_claim();
}

void Session::tell_of_claim() const {
  const auto& claimed = parts_->workspace.claimed;
  if (claimed) claimed(*this);
}

void Session::share(const Session& other) {
  if (&other.parts_->known() == parts_->records.get()) return;
  parts_->records = other.parts_->records;
  refresh();
  if (claimed()) tell_of_claim();
}

Topology& Session::topology() {
  auto& parts = *parts_;
  if (!parts.topology) {
    parts.topology = read_topology(parts.device, parts.identity, parts.key.nqn, registry(),
                                   journal(), parts.lenient);
    if (claimed()) end_progress(*parts.topology);
    const auto& wanted_vfs = parts.workspace.wanted_vfs;
    if (wanted_vfs && parts.topology->lacks_vfs()) parts.topology->wanted_vfs = wanted_vfs(*this);
  }
  return *parts.topology;
}

void Session::tolerate_unreadable_lists() noexcept { parts_->lenient = true; }
void Session::refresh() noexcept { parts_->topology.reset(); }

const ControlledFunction& Session::function(std::uint16_t cntlid) {
  if (const auto* found = topology().find(cntlid)) return *found;
  throw not_found(fmt::format(sentences::unknown_function, fmt::arg("device", device()),
                              fmt::arg("word", cntlid)),
                  {}, {{.action = Remedy::Action::list, .device = device()}})
      .with_code("unknown_function");
}

const std::vector<Serving>& Session::asked_backends() {
  auto& parts = *parts_;
  if (!parts.asked.empty()) return parts.asked;
  std::vector<Serving> asked;
  std::vector<std::unique_ptr<MigrationBackend>> backends;
  for (const auto& row : parts.workspace.catalog->backends) {
    auto& one = asked.emplace_back();
    one.row = &row;
    auto& backend = backends.emplace_back(
        row.make({.device = parts.device,
                  .identity = identity(),
                  .options = bounded(parts.workspace.backend, limits()),
                  .topology = [this]() -> const Topology& { return topology(); }}));
    one.layout = backend->layout();
    try {
      one.query = backend->query();
    } catch (const Error& error) {
      if (error.status() != ExitStatus::unsupported) throw;
      one.reason = error.what();
    }
  }
  parts.asked = std::move(asked);
  parts.backends = std::move(backends);
  return parts.asked;
}

std::string Session::name_backend(std::string name) {
  return std::exchange(parts_->workspace.backend_name, std::move(name));
}

const Serving& Session::insist_on_backend(std::optional<std::uint16_t> cntlid) {
  const auto choice = chosen(cntlid);
  if (choice.serving != nullptr) return *choice.serving;
  const auto why = unserved(*this, cntlid);
  Error error = unsupported(fmt::format(sentences::no_live_migration, fmt::arg("device", device()),
                                        fmt::arg("by", why.by), fmt::arg("reason", why.reason)),
                            why.advice);
  for (const auto& remedy : why.remedies)
    error.add_remedy(remedy);
  if (why.remedies.empty() && !choice.differs) {
    error.add_remedy({.action = Remedy::Action::show, .device = device()});
  }
  throw error.with_code("no_live_migration");
}

MigrationBackend& Session::backend(std::optional<std::uint16_t> cntlid) {
  return made(insist_on_backend(cntlid));
}

MigrationBackend& Session::made(const Serving& serving) noexcept {
  return *parts_->backends[static_cast<std::size_t>(&serving - parts_->asked.data())];
}

const BackendQuery& Session::query(std::optional<std::uint16_t> cntlid) {
  return *insist_on_backend(cntlid).query;
}

std::string Session::unable(std::uint16_t cntlid) {
  const auto* one = serving(cntlid);
  return one == nullptr ? std::string{} : reason_against(made(*one), cntlid);
}

std::vector<std::string> Session::able(std::uint16_t cntlid) {
  std::vector<std::string> names;
  for (const auto& one : asked_backends()) {
    const bool can = one.query && reason_against(made(one), cntlid).empty();
    if (can) names.emplace_back(one.row->name);
  }
  return names;
}

const ControlledFunction& Session::ask(std::uint16_t cntlid) {
  auto* function = topology().find(cntlid);
  if (function == nullptr || function->asked) return this->function(cntlid);
  function->asked = true;
  if (function->may_be_online() && !function->controls) {
    stop_if_interrupted("nothing was changed");
    try {
      // The mark's backend holds the guest, even if another one is named now.
      const auto recorded = recorded_backend(cntlid);
      const auto* asks = recorded.empty() ? serving(cntlid) : serving_as(recorded);
      if (asks == nullptr) {
        // A backend that is not named cannot be asked, so the function may be suspended.
        if (serves_by_name(asked_backends())) function->told = FunctionState{};
      } else if (reason_against(made(*asks), cntlid).empty()) {
        function->told = made(*asks).look(cntlid, whole_state(asks->query->formats));
        ask_others(*function, *asks);
      }
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      function->not_told = error.what();
      function->failure = std::current_exception();
    }
  }
  const auto& trouble = journal().trouble();
  judge_intents(*function, trouble ? trouble->path : journal().lost(cntlid));
  return *function;
}

void Session::ask_others(ControlledFunction& function, const Serving& asked) {
  for (const auto& one : asked_backends()) {
    const bool may = one.query && !one.row->only_by_name && &one != &asked;
    if (!may || function.told->suspended) continue;
    try {
      const auto said = made(one).look(function.cntlid, whole_state(one.query->formats));
      if (said.suspended == true) function.told = said;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): then it does not tell either
    }
  }
}

void Session::renew(std::uint16_t cntlid) {
  auto* function = topology().find(cntlid);
  if (function == nullptr) return;
  recall(*function, registry(), journal());
  if (claimed()) end_progress(function->intents);
  function->told.reset();
  function->not_told.clear();
  function->failure = nullptr;
  function->asked = false;
}

const ControlledFunction& Session::ask_again(std::uint16_t cntlid) {
  renew(cntlid);
  return ask(cntlid);
}

const ControlledFunction& Session::ask_whether_controls(std::uint16_t cntlid) {
  auto* function = topology().find(cntlid);
  const bool may_control = function != nullptr && !function->secondary && !function->controls &&
                           !(function->pci && function->pci->physical);
  if (may_control && identity().virtualization_management) {
    function->controls = is_primary(admin(), cntlid);
  }
  return this->function(cntlid);
}

void Session::ask_all() {
  for (const auto& function : topology().functions)
    ask(function.cntlid);
}

void Session::ask_namespaces() {
  auto& known = topology();
  // Where functions may appear with VFs, they are asked for before.
  const bool has_any = !known.functions.empty() || known.resources;
  if (known.namespaces || !has_any || !identity().namespace_management) return;
  const auto ids = read_namespaces(admin(), &known.oddities);
  if (!ids) return;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> attached;
  for (const auto nsid : *ids) {
    for (const auto cntlid : read_attached(admin(), nsid, &known.oddities))
      attached.emplace_back(nsid, cntlid);
  }
  for (auto& function : known.functions)
    function.namespaces.emplace();
  for (const auto& [nsid, cntlid] : attached) {
    if (auto* function = known.find(cntlid)) function->namespaces->push_back(nsid);
  }
  known.namespaces = ids;
}

void Session::ask_namespace_shapes() {
  auto& known = topology();
  if (!known.namespaces || !known.namespace_shapes.empty()) return;
  for (const auto nsid : *known.namespaces) {
    try {
      known.namespace_shapes.push_back(read_namespace(admin(), nsid).shape);
    } catch (const NvmeError&) {
      // It may have been deleted meanwhile.
    }
  }
}

}  // namespace nvmigrate
