// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include "cli/commands_table.h"

namespace nvmigrate::cli {
namespace {

using enum Access;

constexpr std::array guest_commands{
    Command{"start",
            "",
            "Give a simulated function a guest whose queues move",
            change,
            declare_sim_guest_start,
            {}},
    Command{"stop", "", "Take the guest away", change, declare_sim_guest_stop, {}},
    Command{"status",
            "",
            "Say whether the guest runs, and whether it ran without a gap",
            read,
            declare_sim_guest_status,
            {}},
};

constexpr std::array sim_commands{
    Command{"create", "", "Make a simulated subsystem", change, declare_sim_create, {}},
    Command{"list", "", "List the simulated subsystems", offline, declare_sim_list, {}},
    Command{
        "show", "", "Show one simulated subsystem from the inside", offline, declare_sim_show, {}},
    Command{"change", "", "Change a simulated subsystem", change, declare_sim_change, {}},
    Command{"destroy", "", "Remove a simulated subsystem", change, declare_sim_destroy, {}},
    Command{"guest", "", "Run a guest on a simulated function", change, nullptr, guest_commands},
};

constexpr std::array table{
    Command{
        "list", "See", "List controlling functions and what they control", read, declare_list, {}},
    Command{"show",
            "See",
            "Show one controlling or controlled function in full",
            read,
            declare_show,
            {}},
    Command{"backends",
            "See",
            "Show the migration backends, and which would serve a device",
            read,
            declare_backends,
            {}},
    Command{"doctor",
            "See",
            "Check host and device, each finding with its fix",
            read,
            declare_doctor,
            {}},

    Command{"provision",
            "Prepare",
            "Bring up controlled functions with their resources",
            change,
            declare_provision,
            {}},
    Command{"deprovision",
            "Prepare",
            "Take the virtual functions away again",
            change,
            declare_deprovision,
            {}},
    Command{
        "mark", "Prepare", "Allow controlled functions to be migrated", change, declare_mark, {}},
    Command{"unmark", "Prepare", "Withdraw that leave", change, declare_unmark, {}},
    Command{"bind", "Prepare", "Give controlled functions to vfio", change, declare_bind, {}},
    Command{"unbind", "Prepare", "Give them back to their own driver", change, declare_unbind, {}},
    Command{
        "handle", "Prepare", "Print what a VM needs to use a function", read, declare_handle, {}},

    Command{"suspend", "Migrate", "Freeze controlled functions", change, declare_suspend, {}},
    Command{"resume", "Migrate", "Let frozen functions run again", change, declare_resume, {}},
    Command{"export",
            "Migrate",
            "Write the state of a function to a file or pipe",
            change,
            declare_export,
            {}},
    Command{"import", "Migrate", "Load a state into a function", change, declare_import, {}},
    Command{"transfer",
            "Migrate",
            "Move the state of one function into another",
            change,
            declare_transfer,
            {}},

    Command{"inspect", "State files", "Decode a state file", offline, declare_inspect, {}},
    Command{"verify",
            "State files",
            "Check that a state file is whole and sound",
            offline,
            declare_verify,
            {}},
    Command{"compare",
            "State files",
            "Compare two state files field by field",
            offline,
            declare_compare,
            {}},

    Command{"sim", "Simulate", "Simulated subsystems, to rehearse without hardware", change,
            nullptr, sim_commands},

    Command{
        "__complete", "", "Offer what may come next on a command line", read, declare_complete, {}},
    Command{"__man-options",
            "",
            "Print the options of a command as its manual page has them",
            offline,
            declare_man_options,
            {}},
};

}  // namespace

std::span<const Command> commands() { return table; }

}  // namespace nvmigrate::cli
