// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <vector>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/session/sentences.h"

namespace nvmigrate {
namespace {

using enum Verb;
using Action = Remedy::Action;

constexpr Verbs reads = export_state | transfer;
constexpr Verbs loads = import_state | transfer;
constexpr Verbs moves = reads | loads;
constexpr Verbs migrates = moves | suspend;
constexpr Verbs takes_away = unbind | deprovision | provision;
constexpr Verbs disturbs = takes_away | bind;
constexpr Verbs records = migrates | disturbs | resume | release;

constexpr auto shared_nodes = "/dev/vfio/vfio and /dev/iommu";
constexpr auto effects_log = "the Commands Supported and Effects log (log page 05h)";
constexpr auto pci = "the PCI functions in sysfs";
constexpr auto journal = "the journal and the device";
constexpr auto namespaces =
    "the namespaces and whom they are attached to (Identify CNS 10h and 12h)";

/// Where the guest of a function is.
constexpr Condition custody(Condition row) {
  row.looks_at = journal;
  return row;
}

/// The journal cannot be used, so nothing that changes custody is allowed.
constexpr Condition no_journal(Condition row) {
  row.looks_at = "the journal";
  if (row.status == ExitStatus::refused) row.status = ExitStatus::io;
  row.blocks = records;
  row.told = Severity::problem;
  return row;
}

constexpr std::array table{
    // --- which function
    Condition{.code = "unknown_function",
              .looks_at = "the controllers of the subsystem (Identify CNS 13h and 15h)",
              .sentence = sentences::unknown_function,
              .remedy = Action::list,
              .status = ExitStatus::not_found,
              .blocks = migrates | disturbs | mark | unmark | handle | resume | release | track},
    Condition{
        .code = "controlling_function",
        .looks_at = "the controller id, and SR-IOV in sysfs",
        .sentence = "{function} is a controlling function; a function never controls itself",
        .advice = "name a function that is only controlled",
        .remedy = Action::list,
        .blocks = migrates | mark | unmark | bind | unbind | handle | resume | release | track},
    Condition{.code = "foreign",
              .looks_at = "the lists of controllers (Identify CNS 13h and 15h) and the records",
              .sentence = "{function} is not a secondary controller of {device}, and nothing is "
                          "recorded of it: another host may use it",
              .advice = "name it through its own controlling function; where it is known to be "
                        "for this one, mark it",
              .remedy = Action::list,
              .blocks = migrates | mark | resume | track,
              .overrides = migrates | mark | resume | track},
    Condition{.code = "has_virtual_functions",
              .looks_at = "sriov_numvfs in sysfs",
              .sentence = "{function} has {count} VFs, which depend on its driver",
              .advice = "remove its VFs first",
              .blocks = mark | bind},
    Condition{.code = "odd_answer",
              .looks_at = "the texts and lists of Identify",
              .sentence = "{device} gives an odd answer: {what}",
              .advice = "update its firmware, or report it to its vendor"},
    Condition{.code = "functions_hidden",
              .looks_at = "the lists of controllers (Identify CNS 13h and 15h)",
              .sentence = "{device} does not tell for certain which functions it has: {what}",
              .advice = "check that none of its VFs holds a guest",
              .status = ExitStatus::device,
              .blocks = provision | deprovision,
              .overrides = provision | deprovision},
    Condition{.code = "no_live_migration",
              .looks_at = "OACS bit 11 and the state formats (Identify CNS 01h and 20h), or what "
                          "another backend needs",
              .sentence = sentences::no_live_migration,
              .advice = "{advice}",
              .status = ExitStatus::unsupported,
              .blocks = mark,
              .told = Severity::problem},
    Condition{.code = "backend_cannot",
              .looks_at = "what the backend needs of a function",
              .sentence = "backend {backend} cannot migrate {function}: {reason}",
              .advice = "name another function or another backend",
              .status = ExitStatus::unsupported,
              .blocks = migrates | mark | resume},
    Condition{.code = "backend_differs",
              .looks_at = "the registry",
              .sentence = "{function} is marked for backend {recorded}, not for {backend}",
              .advice = "name no backend{or_mark}",
              .blocks = migrates | resume | release},
    Condition{.code = "backend_in_use",
              .looks_at = "the registry and the journal",
              .sentence = "{function} is {status} by backend {recorded}; another one could not "
                          "resume it",
              .advice = "{end}",
              .blocks = mark | unmark},
    Condition{.code = "open_elsewhere",
              .looks_at = "the open files of all processes (/proc)",
              .sentence = "backend {backend} has to open {function}, and that is open: {holders}",
              .advice = "only the program that holds it open can migrate it through this backend",
              .blocks = migrates | resume},
    Condition{.code = "open_unknown",
              .looks_at = "the open files of all processes (/proc)",
              .sentence = "backend {backend} has to open {function}, and it cannot be seen whether "
                          "that is open already: {reason}",
              .advice = "run the command as root on the host, and not in a container",
              .blocks = migrates | resume,
              .overrides = migrates | resume},
    Condition{.code = "reset_at_close",
              .looks_at = "whether the backend opens the function itself",
              .sentence = "backend {backend} has to open {function}, which is reset when it is "
                          "closed at the end",
              .advice = "only a program that keeps it open can do that; its state can be exported "
                        "when it is resumed at once",
              .status = ExitStatus::unsupported,
              .blocks = migrates},
    Condition{.code = "no_memory_tracking",
              .looks_at = "TRATTR bit 0 (Identify CNS 01h)",
              .sentence = "{device} does not track changes of host memory",
              .advice = "let the VMM track them, by the IOMMU or by write protection",
              .status = ExitStatus::unsupported,
              .blocks = track},
    Condition{.code = "no_user_data_log",
              .looks_at = "TRATTR bit 1 (Identify CNS 01h), and the functions of the kernel",
              .sentence = "{device} cannot log changes of user data: {reason}",
              .advice = "keep namespaces on shared storage, or copy them while the guest is "
                        "stopped",
              .status = ExitStatus::unsupported,
              .blocks = track,
              .told = Severity::ok},
    Condition{
        .code = "queues_only",
        .looks_at = "the state formats (Identify CNS 20h)",
        .sentence = "{device} has no vendor state format: a migration carries I/O queues only",
        .advice = "the guest or its VMM has to restore the rest",
        .warns = mark},
    Condition{.code = "unmarked",
              .looks_at = "the registry",
              .sentence = "{function} is not marked for migration",
              .remedy = Action::mark,
              .blocks = moves | track},
    Condition{.code = "offline",
              .looks_at = looked_at::secondary_list,
              .sentence = "{function} is offline",
              .advice =
                  "provisioning brings VFs online; for any other function, apply a profile that "
                  "gives it resources",
              .blocks = migrates | track,
              .warns = mark | bind},

    // --- who uses it
    Condition{.code = "unreadable",
              .looks_at = pci,
              .sentence = "this host does not show where {function} is and who has it: {reason}",
              .advice = "find out why it cannot be read; the kernel log may tell",
              .status = ExitStatus::io,
              .blocks = migrates | disturbs | mark | handle | resume,
              .overrides = migrates | resume},
    Condition{.code = "not_on_bus",
              .looks_at = pci,
              .sentence = "{function} is not on the PCI bus",
              .advice =
                  "provisioning enables VFs; any other function is found through the nvme driver: "
                  "give it back to that first",
              .blocks = bind | handle},
    Condition{.code = "not_on_vfio",
              .looks_at = "driver and vfio nodes in sysfs",
              .sentence = "{function} is not bound to vfio, so no VM can use it",
              .remedy = Action::bind,
              .blocks = handle,
              .warns = mark},
    Condition{.code = "no_iommufd",
              .looks_at = "/dev/iommu and the cdev node in /dev/vfio/devices",
              .sentence =
                  "{function} cannot be opened through iommufd: this host has no /dev/iommu "
                  "or no cdev node for it",
              .advice = "open it through its group, or boot a kernel with VFIO_DEVICE_CDEV "
                        "(Linux 6.6 or later)",
              .status = ExitStatus::unsupported,
              .blocks = handle},
    Condition{.code = "no_vfio_group",
              .looks_at = "/dev/vfio",
              .sentence = "{function} has no vfio group node",
              .advice = "open it through iommufd",
              .status = ExitStatus::unsupported,
              .blocks = handle},
    Condition{.code = "host_driver",
              .looks_at = "/sys/class/nvme",
              .sentence = "{function} is in use by this host as {name}, whose driver resets a "
                          "function that does not answer",
              .remedy = Action::bind,
              .blocks = migrates,
              .overrides = migrates},
    Condition{.code = "resume_hangs",
              .looks_at = "the Commands Supported and Effects log (log page 05h), and "
                          "/sys/class/nvme",
              .sentence = "the kernel stops queues of the subsystem for {commands}, and "
                          "{function} is in use by this host as {name}: once it is suspended, the "
                          "command that resumes it may hang",
              .remedy = Action::bind,
              .blocks = migrates,
              .overrides = migrates},
    Condition{.code = "effects_unread",
              .looks_at = effects_log,
              .sentence = "it is not known whether the kernel stops queues of {device} for "
                          "migration commands: {reason}",
              .advice = "bind a function to vfio before it is suspended; then it does not matter",
              .blocks = migrates,
              .overrides = migrates},
    Condition{.code = "stops_queues",
              .looks_at = effects_log,
              .sentence = "for {commands} the kernel waits for the I/O of this host to {device}, "
                          "and holds up I/O to its subsystem until the command is done",
              .advice = "keep disks that this host needs off the subsystem, and bind a function to "
                        "vfio before it is suspended"},
    Condition{.code = "used_by_host",
              .looks_at = "mounts, swap, holders and open files of the function's namespaces",
              .sentence = "this host uses {function}: {uses}",
              .advice = "unmount or release it first",
              .blocks = disturbs,
              .warns = mark},
    Condition{.code = "open_in_vm",
              .looks_at = "the open files of all processes (/proc)",
              .sentence = "the vfio node of {function} is open: {holders}",
              .advice = "shut down the virtual machine that uses it",
              .blocks = disturbs},
    Condition{.code = "not_open",
              .looks_at = "the open files of all processes (/proc)",
              .sentence = "no process holds {function} open ({address}); a VM that opens it later "
                          "resets it and loses the state",
              .advice = "start the VM first, with its vCPUs paused",
              .blocks = loads | resume,
              .overrides = loads | resume},
    Condition{.code = "uses_unknown",
              .looks_at = "whether all processes and namespaces can be looked at",
              .sentence = "it cannot be seen who uses {function}: {reason}",
              .advice = "run the command as root on the host, and not in a container",
              .blocks = disturbs | loads | resume,
              .overrides = disturbs | loads | resume},
    Condition{
        .code = "foreign_override",
        .looks_at = "the registry, and driver_override in sysfs",
        .sentence = "the driver_override of {function} is {driver}, and another program set it",
        .advice = "remove it where it was set: driverctl, a udev rule",
        .blocks = unbind,
        .overrides = unbind},
    Condition{.code = "still_on_vfio",
              .looks_at = "driver and driver_override in sysfs",
              .sentence = "{function} is still bound to {driver}: {cause}",
              .advice = "remove that rule, and unbind the function again",
              .status = ExitStatus::io,
              .warns = unbind},
    Condition{.code = "not_writable",
              .looks_at = "driver_override and sriov_numvfs in sysfs, opened for writing",
              .sentence = "{function} cannot be changed: {reason}",
              .advice = "/sys is read-only in most containers, and for a service with "
                        "ProtectKernelTunables=; run the command on the host",
              .status = ExitStatus::permission,
              .blocks = disturbs},
    Condition{.code = "no_iommu",
              .looks_at = "/sys/class/iommu and the IOMMU groups",
              .sentence = "no IOMMU isolates {function}",
              .advice = "enable the IOMMU in the firmware and on the kernel's command line "
                        "(intel_iommu=on, or amd_iommu=on)",
              .blocks = bind,
              .told = Severity::problem},
    Condition{.code = "shared_group",
              .looks_at = "the IOMMU group in sysfs",
              .sentence = "{function} shares IOMMU group {group} with {others}",
              .advice = "bind all of them at once",
              .blocks = bind,
              .overrides = bind},
    Condition{.code = "no_driver",
              .looks_at = "the drivers and modules of the kernel",
              .sentence = "this kernel has neither a driver nor a module {driver}",
              .advice = "install it, or name another driver",
              .status = ExitStatus::unsupported,
              .blocks = bind,
              .told = Severity::problem},

    Condition{.code = "node_owner",
              .looks_at = "the owner of the vfio node",
              .sentence = "{node} belongs to {is} and not to {asked}: a udev rule set another "
                          "owner",
              .warns = bind},
    Condition{
        .code = "no_shared_node",
        .looks_at = shared_nodes,
        .sentence = "a VM needs {node} beside the node of its function, and this host has none",
        .advice = "load the modules of vfio",
        .warns = bind,
        .told = Severity::problem},
    Condition{.code = "shared_node_closed",
              .looks_at = shared_nodes,
              .sentence =
                  "user {asked} may not open {node}, which a VM needs beside the node of its "
                  "function: it belongs to {is}, mode {mode}",
              .advice = "let a udev rule give that user or its group access to it",
              .warns = bind,
              .told = Severity::warning},
    Condition{.code = "node_lost",
              .looks_at = "the owner of the vfio node",
              .sentence = "{reason}",
              .warns = bind},

    // --- where its guest is
    custody({.code = "suspended",
             .sentence = "{function} is suspended{by}",
             .remedy = Action::resume,
             .blocks = disturbs}),
    custody({.code = "left_suspended",
             .sentence = "{function} was left suspended by a command that ended early{by}",
             .remedy = Action::repair,
             .blocks = disturbs,
             .told = Severity::problem}),
    Condition{.code = "suspended_unrecorded",
              .looks_at = "the device",
              .sentence = "{function} is suspended, and there is no record of who suspended it",
              .advice = "suspend it again to record it",
              .remedy = Action::resume,
              .blocks = disturbs},
    Condition{.code = "suspension_unknown",
              .looks_at = "the device",
              .sentence = "the device does not say whether {function} is suspended: {reason}",
              .advice = "check it first: a suspended function holds a guest",
              .blocks = takes_away,
              .overrides = takes_away},
    custody({.code = "exported",
             .sentence = "the state of {function} was exported{to}; it may run elsewhere{by}",
             .advice = "release it if the state was taken; resume it only if it was not",
             .blocks = disturbs | moves | resume,
             .overrides = moves | resume}),
    custody({.code = "away",
             .sentence = "the guest of {function} was moved{to}{by}",
             .advice = "never resume it; once its VM has ended, unbind it",
             .blocks = reads | resume,
             .overrides = reads | resume,
             .told = Severity::ok}),
    custody({.code = "two_copies",
             .sentence =
                 "{function} runs, but its state was handed over{to}: two copies of one guest "
                 "may run{by}",
             .advice = "find out which copy to keep, and shut down the other",
             .blocks = reads | resume | release,
             .overrides = reads | resume,
             .told = Severity::problem}),
    custody({.code = "not_exported",
             .sentence = "there is no record that the state of {function} was exported",
             .advice = "releasing it would give up its guest",
             .blocks = release,
             .overrides = release}),
    Condition{.code = "nothing_to_release",
              .looks_at = "the device",
              .sentence = "{function} is not suspended, so it holds no exported state",
              .blocks = release},
    custody({.code = "loading",
             .sentence = "{function} holds an incomplete state{by}",
             .advice = "load a complete state, or {end}",
             .blocks = reads | resume,
             .overrides = reads | resume,
             .told = Severity::problem}),
    custody({.code = "loaded",
             .sentence = "{function} holds a complete state and is not resumed yet{by}",
             .remedy = Action::resume,
             .blocks = disturbs}),
    custody({.code = "left_loaded",
             .sentence = "{function} was loaded by a command that ended before resuming it{by}",
             .remedy = Action::repair,
             .blocks = disturbs,
             .told = Severity::problem}),
    custody({.code = "in_doubt",
             .sentence = "{function} holds the state of a transfer from {source} that was cut off "
                         "before its end{by}",
             .advice = "settle the transfer on that host; resume it only if the guest is not there",
             .blocks = disturbs | reads | resume,
             .overrides = reads | resume,
             .told = Severity::problem}),
    custody({.code = "load_lost",
             .sentence =
                 "{function} was reset before it was resumed, which lost the state that had "
                 "been loaded{by}",
             .advice = "load it again, once the VM holds the function open",
             .told = Severity::problem}),
    custody({.code = "stale_record",
             .sentence = "{function} is not suspended, though the journal says {kind}{by}",
             .remedy = Action::repair}),
    no_journal(
        {.code = "journal_damaged",
         .sentence =
             "the journal is damaged, so it is not known which states were exported: {reason}",
         .advice = "a repair sets it aside; every function that may be suspended then counts as "
                   "exported",
         .remedy = Action::repair}),
    no_journal({.code = "journal_newer",
                .sentence = "the journal was written by a newer version of this program: {reason}",
                .advice = "use that version",
                .status = ExitStatus::unsupported}),
    no_journal({.code = "journal_unreadable",
                .sentence = "the journal cannot be read: {reason}",
                .advice = "nothing can be changed until it can be read"}),
    Condition{.code = "journal_lost",
              .looks_at = "the journal, and the note in the state folder of the boot it is of",
              .sentence =
                  "records were lost, since {reason}; functions without a record that are "
                  "suspended, or cannot be asked, count as exported until they are resumed or "
                  "released"},
    custody({.code = "unbound",
             .sentence = "{function} was unbound from its driver and not bound to another{by}",
             .remedy = Action::unbind,
             .told = Severity::problem}),
    Condition{.code = "provisioning",
              .looks_at = "the journal",
              .sentence = "{device} is provisioned in part{by}",
              .remedy = Action::repair,
              .told = Severity::problem},
    Condition{.code = "applying",
              .looks_at = "the journal",
              .sentence = "a profile was applied to {device} only in part{by}",
              .remedy = Action::repair,
              .told = Severity::problem},
    Condition{
        .code = "other_provisioning",
        .looks_at = "the journal",
        .sentence = "controlling function {other} (controller {id}) is provisioned in part{by}",
        .remedy = Action::repair},
    Condition{.code = "in_progress",
              .looks_at = "the journal and the lock",
              .sentence = "{subject} is being {work}{by}",
              .told = Severity::ok},
    Condition{.code = "binding_lost",
              .looks_at = "the registry and sysfs",
              .sentence = "{function} was bound to {driver} but no longer is: the host was "
                          "restarted, or another tool changed it",
              .remedy = Action::bind},
    Condition{.code = "resources_lost",
              .looks_at = "the registry, and the Secondary Controller List (Identify CNS 15h)",
              .sentence = "{functions} of {device} went offline and lost the queues and interrupts "
                          "that were provisioned, as after a reset of {device}",
              .advice = "any reset of a controlling function does that, also the one with which "
                        "the kernel answers a command that timed out; provisioning again restores "
                        "them",
              .remedy = Action::provision},
    Condition{.code = "no_namespace_attached",
              .looks_at = namespaces,
              .sentence = "no namespace is attached to {functions} of {device}",
              .advice = "a host or VM finds no disk there; attach one of the namespaces"},
    Condition{.code = "mark_without_function",
              .looks_at = "the registry",
              .sentence = "controller {id} is marked, but {device} does not control it",
              .remedy = Action::unmark},
    Condition{.code = "binding_without_function",
              .looks_at = "the registry",
              .sentence =
                  "the binding of controller {id} is recorded, but {device} does not control "
                  "it",
              .advice = "when the function is back, unbind it"},
};

}  // namespace

std::span<const Condition> conditions() noexcept {
  static const auto all = [] {
    std::vector<Condition> rows(table.begin(), table.end());
    for (const auto more : {conditions_of_provisioning(), conditions_of_states()})
      rows.insert(rows.end(), more.begin(), more.end());
    return rows;
  }();
  return all;
}

}  // namespace nvmigrate
