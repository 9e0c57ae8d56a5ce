// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

// --- mark

/// What marking did to one function, or would do.
struct MarkedFunction {
  std::uint16_t cntlid = 0;
  unsigned vfn = 0;
  bool marked = false;    ///< afterwards
  std::string backend{};  ///< that the mark records; empty: none serves, or it is not marked
  bool changed = false;
};

/// What marking did, or would do.
struct MarkResult {
  std::vector<MarkedFunction> functions;
  Findings findings;

  [[nodiscard]] NVMIGRATE_API bool changed() const noexcept;
};

/// What mark() would do, and everything that stands against it. Changes and refuses nothing.
/// \throws usage_error for words that do not name functions
NVMIGRATE_API MarkResult plan_mark(Session& session, const std::string& words,
                                   const std::vector<std::string>& allowed = {});
/// Allows the functions to be migrated, persistently, and records the backend that is to do it: see
/// Session::chosen(). Claims the session.
/// \throws Refusal with everything that stands; OsError
NVMIGRATE_API MarkResult mark(Session& session, const std::string& words,
                              const std::vector<std::string>& allowed = {});

/// What unmark() would do: functions that are gone but were marked count by their controller id.
/// \throws Refusal for what is not a controlled function
NVMIGRATE_API MarkResult plan_unmark(Session& session, const std::string& words);
/// Withdraws the permission. Claims the session. \throws as plan_unmark(); OsError
NVMIGRATE_API MarkResult unmark(Session& session, const std::string& words);

// --- bind

/// `USER:GROUP`, names or numbers; without `:GROUP` the user's own group.
/// \throws usage_error naming what this host does not know; OsError when it cannot be looked up
NVMIGRATE_API Owner parse_owner(const std::string& text);

/// The form above, with names where this host has them. \throws OsError when it cannot look
NVMIGRATE_API std::string text_of(const Owner& owner);

/// How many functions change their driver at a time.
struct Together {
  unsigned most = 16;
  /// Starts a thread; empty: std::thread.
  std::function<std::thread(std::function<void()>)> start{};
};

/// How functions are bound to vfio.
struct BindRequest {
  std::optional<std::string> driver{};  ///< nothing: a variant driver that claims it, else vfio-pci
  std::optional<Owner> owner{};         ///< of the vfio nodes
  std::vector<std::string> allowed{};   ///< codes of conditions: `shared_group`
  std::chrono::milliseconds timeout{10'000};  ///< for driver and node of one function
  Together together{};
};

/// How functions are given back.
struct UnbindRequest {
  std::vector<std::string> allowed{};  ///< codes of conditions: `suspension_unknown`
  std::chrono::milliseconds timeout{10'000};
  Together together{};
};

/// What is done to one function, or was.
struct BindingChange {
  std::uint16_t cntlid = 0;
  std::string address;
  std::optional<std::string> from;  ///< driver before
  std::optional<std::string> to;    ///< driver afterwards
  VfioNodes nodes;                  ///< afterwards
  bool changed = false;
  bool gone = false;             ///< from the PCI bus: only its record was dropped
  bool skipped = false;          ///< a stop signal came before its turn
  std::optional<Error> failure;  ///< nothing: none
};

/// What binding or unbinding did, or would do.
struct BindingResult {
  std::vector<BindingChange> functions;
  Findings findings;  ///< warnings

  [[nodiscard]] NVMIGRATE_API bool changed() const noexcept;
  [[nodiscard]] NVMIGRATE_API bool failed() const noexcept;   ///< some function
  [[nodiscard]] NVMIGRATE_API bool skipped() const noexcept;  ///< some function
};

/// The functions that the words mean to bind: as select(), but `all` means those on the PCI bus.
NVMIGRATE_API FunctionList select_to_bind(const Topology& topology, const std::string& words);

/// What bind() would do. Changes nothing and does not look for the driver.
/// \throws usage_error for a driver that is not one of vfio; Refusal with everything that stands
NVMIGRATE_API BindingResult plan_bind(Session& session, const FunctionList& functions,
                                      const BindRequest& request);

/// Gives the functions to vfio, several at a time (driver_override and drivers_probe in sysfs).
/// Each is verified; of one that somebody else had given to vfio, that is recorded. One that fails
/// is back at its original driver. A stop signal ends it between two functions. Claims the session.
/// \throws as plan_bind; Refusal `no_driver`. What happens to one function is in its BindingChange
NVMIGRATE_API BindingResult bind(Session& session, const FunctionList& functions,
                                 const BindRequest& request);

/// What unbind() would do. Changes nothing. \throws Refusal with everything that stands
NVMIGRATE_API BindingResult plan_unbind(Session& session, const FunctionList& functions,
                                        const UnbindRequest& request);

/// Gives the functions back to the driver they were taken from, with the override they had; where
/// none is recorded, to whatever driver of the host claims them. One that a driver of vfio then
/// has, and had not before it was bound, is a failure, `still_on_vfio`. Of one that has vanished
/// the record is dropped. Also finishes what a bind or unbind that ended early left. Claims the
/// session. \throws as plan_unbind(). What happens to one function is in its BindingChange
NVMIGRATE_API BindingResult unbind(Session& session, const FunctionList& functions,
                                   const UnbindRequest& request);

// --- handle

/// Through which of the kernel's interfaces a VM opens a function.
enum class IommuInterface {
  automatic,  ///< iommufd where this host has /dev/iommu and the function a cdev node, else group
  group,      ///< /dev/vfio/GROUP in a container, /dev/vfio/vfio
  iommufd,    ///< /dev/vfio/devices/vfioN and /dev/iommu
};

/// What a VM needs of a function, together with the controlling function through which it is
/// migrated: the function itself cannot be asked for that.
struct Handle {
  std::uint16_t cntlid = 0;
  unsigned vfn = 0;     ///< 1-based; 0: it is not a VF
  std::string address;  ///< PCI
  std::string driver;
  bool variant_driver = false;  ///< a vfio driver other than vfio-pci
  std::optional<unsigned> iommu_group;
  VfioNodes nodes;
  bool by_iommufd = false;  ///< opened by its cdev node and /dev/iommu; else by its group node
  bool marked = false;
  bool suspended = false;

  /// Its controlling function.
  struct Controlling {
    std::string device;   ///< /dev/nvme0, sim:demo
    std::string address;  ///< PCI
    std::uint16_t cntlid = 0;
    std::string subsystem_nqn;
  } controlling;
  bool simulated = false;
};

/// Changes nothing. \throws not_found; Refusal when the function is not bound to vfio, or cannot be
/// opened through `wanted`
NVMIGRATE_API Handle make_handle(Session& session, std::uint16_t cntlid,
                                 IommuInterface wanted = IommuInterface::automatic);

/// `NVMIGRATE_FUNCTION='0000:01:00.1'` and so on, a line each, quoted for a shell.
NVMIGRATE_API std::string as_environment(const Handle& handle);
/// Arguments for QEMU, a line for each function; the id of a device names both functions. Functions
/// that are opened through iommufd share one object, whose line comes first.
NVMIGRATE_API std::string as_qemu(const std::vector<Handle>& handles);
/// A <hostdev> element for libvirt; a comment in it names the controlling function. Its alias is
/// unique on this host.
NVMIGRATE_API std::string as_libvirt(const Handle& handle);

}  // namespace nvmigrate
