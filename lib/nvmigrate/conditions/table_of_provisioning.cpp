// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/session/sentences.h"

namespace nvmigrate {
namespace {

using enum Verb;
using Action = Remedy::Action;

constexpr std::array table_of_provisioning{
    // --- provisioning
    Condition{.code = "no_sriov",
              .looks_at = "sriov_totalvfs in sysfs",
              .sentence = "{device} has no SR-IOV",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "too_many_vfs",
              .looks_at = "sriov_totalvfs in sysfs",
              .sentence = "{device} has at most {most} VFs, not {count}",
              .blocks = provision},
    Condition{.code = "no_secondary",
              .looks_at = looked_at::secondary_list,
              .sentence = "{device} has no secondary controller for VF {vfn}",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "no_flexible_resources",
              .looks_at = looked_at::capabilities,
              .sentence = "{device} has no flexible {kind}",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "too_many_resources",
              .looks_at = looked_at::capabilities,
              .sentence = "{device} grants a function at most {most} {kind}, not {count}",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "too_few_resources",
              .looks_at = "the request",
              .sentence = "a function needs at least {least} {kind} to come online, not {count}",
              .blocks = provision},
    Condition{
        .code = "vfs_exist",
        .looks_at = "sriov_numvfs in sysfs",
        .sentence = "{device} has {enabled} VFs; changing that to {count} destroys them first",
        .remedy = Action::recreate,
        .blocks = provision},
    Condition{.code = "resources_assigned",
              .looks_at = looked_at::secondary_list,
              .sentence =
                  "{function} is online with {queues} queues and {interrupts} interrupts, and "
                  "resources are assigned only to a function that is offline",
              .remedy = Action::recreate,
              .blocks = provision},
    Condition{.code = "resources_short",
              .looks_at = looked_at::capabilities,
              .sentence = "{device} has {free} flexible {kind} free, and {count} functions with "
                          "{each} each need {needed}{held}",
              .advice = "ask for fewer functions, or fewer {kind} for each",
              .blocks = provision},
    Condition{.code = "private_short",
              .looks_at = looked_at::capabilities,
              .sentence =
                  "the driver of {device} needs at least {least} {kind}; without the flexible "
                  "ones it has {count}",
              .advice = "provision what the functions can get without releasing these",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "controlling_function_used",
              .looks_at = "mounts, swap, holders and open files of the namespaces of the "
                          "controlling function",
              .sentence = "this host uses {device}: {uses}; a reset interrupts that",
              .advice = "unmount or release it first",
              .blocks = provision,
              .overrides = provision},
    Condition{.code = "fewer_for_host",
              .looks_at = "the queues of the driver (queue_count in sysfs), and the Primary "
                          "Controller Capabilities",
              .sentence =
                  "the driver of this host uses {count} queues of {device}, which keeps no more "
                  "than its private {kind} ({private})",
              .warns = provision},
    Condition{.code = "granularity",
              .looks_at = looked_at::capabilities,
              .sentence =
                  "{device} prefers {kind} in steps of {grain} ({field}); asked for {each} it "
                  "may grant another number, and fewer is a failure",
              .warns = provision},
    Condition{
        .code = "no_controller_ids",
        .looks_at = looked_at::secondary_list,
        .sentence =
            "{device} does not list its VFs as secondary controllers, so their controller ids "
            "and resources are unknown and other commands cannot name them",
        .warns = provision},

    Condition{.code = "no_namespace_management",
              .looks_at = "OACS bit 3 (Identify CNS 01h)",
              .sentence = "{device} cannot attach namespaces",
              .advice = "provision without them, and attach them with the tool of its vendor",
              .status = ExitStatus::unsupported,
              .blocks = provision},
    Condition{.code = "no_such_namespace",
              .looks_at = looked_at::attached_namespaces,
              .sentence = "{device} has no namespace{nsid}",
              .advice = "create one first",
              .status = ExitStatus::not_found,
              .blocks = provision},
    Condition{.code = "private_namespace",
              .looks_at = "NMIC (Identify CNS 11h), and whom the namespace is attached to",
              .sentence =
                  "namespace {nsid} of {device} is private: it cannot be attached to {count} "
                  "controllers",
              .advice = "detach it elsewhere and provision one function, or create a shared one",
              .blocks = provision},

    // --- profiles
    Condition{.code = "subsystem_absent",
              .looks_at = "the controlling functions of the host",
              .sentence = "{place}: {subsystem} is not on this host",
              .advice = "connect it, or apply the profile when it has appeared",
              .status = ExitStatus::not_found,
              .blocks = apply},
    Condition{.code = "subsystem_ambiguous",
              .looks_at = "the controlling functions of the host",
              .sentence = "{place}: {subsystem} may mean {devices}",
              .advice = "add serial or controller_id to the profile",
              .blocks = apply,
              .told = Severity::problem},
    Condition{.code = "wanted_twice",
              .looks_at = "the profiles",
              .sentence = "{device} is named twice: in {place} and in {other}",
              .advice = "keep one of the two",
              .blocks = apply,
              .told = Severity::problem},

    Condition{.code = "beyond_vfs",
              .looks_at = "the profile, and the Secondary Controller List (Identify CNS 15h)",
              .sentence = "controlled function {id} is VF {vfn}, and there are to be {count} VFs",
              .advice = "raise vfs in the profile, or leave the function out",
              .blocks = apply},
    Condition{.code = "bad_profile",
              .looks_at = "the profiles of this host",
              .sentence = "a profile cannot be applied: {reason}",
              .told = Severity::problem},
    Condition{.code = "not_recorded",
              .looks_at = "the record of what is wanted",
              .sentence = "done, but not recorded: {reason}",
              .advice = "mend that, and repeat the command",
              .status = ExitStatus::io,
              .told = Severity::problem},
    Condition{
        .code = "beyond_record",
        .looks_at = "the record of what is wanted",
        .sentence =
            "nothing is recorded for {functions} of {device}: the record has only {count} VFs",
        .advice = "provision as many as are needed, and record that"},
    Condition{.code = "record_unused",
              .looks_at = "the profiles of this host",
              .sentence = "{place} configures {device}, so what is recorded of it is not used",
              .advice = "change that file, too"},

    // --- the host
    Condition{.code = "folder",
              .looks_at = "the state, run and sim folders",
              .sentence = "cannot keep anything in {path}: {reason}",
              .advice = "fix it, or name another in NVMIGRATE_STATE_DIR, NVMIGRATE_RUN_DIR or "
                        "NVMIGRATE_SIM_DIR",
              .told = Severity::problem},
    Condition{.code = "root",
              .looks_at = "the capabilities of the caller",
              .sentence = sentences::root,
              .advice = sentences::root_advice,
              .status = ExitStatus::permission},
    Condition{.code = "device",
              .looks_at = "the device",
              .sentence = "{device}: {reason}",
              .status = ExitStatus::io,
              .told = Severity::problem},
};

}  // namespace

std::span<const Condition> conditions_of_provisioning() noexcept { return table_of_provisioning; }

}  // namespace nvmigrate
