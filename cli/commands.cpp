// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include "cli/commands_table.h"

namespace nvmigrate::cli {
namespace {

using enum Opens;

constexpr std::array guest_commands{
    Command{"start",
            "",
            "Give a simulated function a guest whose queues move",
            to_change,
            declare_sim_guest_start,
            {}},
    Command{"stop", "", "Remove the guest", to_change, declare_sim_guest_stop, {}},
    Command{"status",
            "",
            "Print whether the guest runs, and whether it ran without a gap",
            to_read,
            declare_sim_guest_status,
            {}},
};

constexpr std::array track_commands{
    Command{"start",
            "",
            "Track which host memory a function changes",
            to_change,
            declare_track_start,
            {}},
    Command{"read", "", "Read once what it changed", to_change, declare_track_read, {}},
    Command{"stop", "", "Stop tracking it", to_change, declare_track_stop, {}},
};

constexpr std::array sim_commands{
    Command{"create", "", "Make a simulated subsystem", to_change, declare_sim_create, {}},
    Command{"list", "", "List the simulated subsystems", nothing, declare_sim_list, {}},
    Command{
        "show", "", "Show one simulated subsystem from the inside", nothing, declare_sim_show, {}},
    Command{"change", "", "Change a simulated subsystem", to_change, declare_sim_change, {}},
    Command{"power-cycle",
            "",
            "Let a simulated subsystem and its host lose power",
            to_change,
            declare_sim_power_cycle,
            {}},
    Command{"destroy", "", "Remove a simulated subsystem", to_change, declare_sim_destroy, {}},
    Command{"guest", "", "Run a guest on a simulated function", to_change, nullptr, guest_commands},
};

constexpr std::array all_commands{
    Command{"list",
            "See",
            "List controlling functions and the functions they control",
            to_read,
            declare_list,
            {}},
    Command{"show",
            "See",
            "Show one controlling or controlled function in full",
            to_read,
            declare_show,
            {}},
    Command{"backends",
            "See",
            "Show the migration backends, and which would serve a device",
            to_read,
            declare_backends,
            {}},
    Command{"doctor",
            "See",
            "Check the host and its devices, and show how to fix what is wrong",
            to_change,
            declare_doctor,
            {}},

    Command{"provision",
            "Prepare",
            "Bring up controlled functions with their resources",
            to_change,
            declare_provision,
            {}},
    Command{"deprovision",
            "Prepare",
            "Remove the virtual functions",
            to_change,
            declare_deprovision,
            {}},
    Command{"mark",
            "Prepare",
            "Allow controlled functions to be migrated",
            to_change,
            declare_mark,
            {}},
    Command{"unmark",
            "Prepare",
            "Withdraw the permission to migrate controlled functions",
            to_change,
            declare_unmark,
            {}},
    Command{"bind", "Prepare", "Give controlled functions to vfio", to_change, declare_bind, {}},
    Command{"unbind",
            "Prepare",
            "Give controlled functions back to their own driver",
            to_change,
            declare_unbind,
            {}},
    Command{"handle",
            "Prepare",
            "Print what a VM needs to use a function",
            to_read,
            declare_handle,
            {}},

    Command{"save", "Prepare", "Print the present state as a profile", to_read, declare_save, {}},
    Command{"plan", "Prepare", "Print what differs from a profile", to_read, declare_plan, {}},
    Command{"apply",
            "Prepare",
            "Configure controlling functions as a profile says",
            to_look,
            declare_apply,
            {}},

    Command{"suspend", "Migrate", "Suspend controlled functions", to_change, declare_suspend, {}},
    Command{
        "resume", "Migrate", "Let suspended functions run again", to_change, declare_resume, {}},
    Command{"release",
            "Migrate",
            "Give up functions whose exported state was taken elsewhere",
            to_change,
            declare_release,
            {}},
    Command{"export",
            "Migrate",
            "Write the state of a function to a file or pipe",
            to_change,
            declare_export,
            {}},
    Command{"import", "Migrate", "Load a state into a function", to_look, declare_import, {}},
    Command{"transfer",
            "Migrate",
            "Move the state of one function into another",
            to_change,
            declare_transfer,
            {}},

    Command{"track", "Migrate", "Track the host memory that a function changes", to_change, nullptr,
            track_commands},

    Command{"inspect", "State files", "Decode a state file", nothing, declare_inspect, {}},
    Command{"verify",
            "State files",
            "Check that a state file is complete and valid",
            nothing,
            declare_verify,
            {}},
    Command{"compare",
            "State files",
            "Compare two state files field by field",
            nothing,
            declare_compare,
            {}},

    Command{"sim", "Simulate", "Simulated subsystems, to rehearse without hardware", to_change,
            nullptr, sim_commands},

    Command{"help", "Help", "Print the help of a command", nothing, declare_help, {}},

    Command{"__receive",
            "",
            "Take a guest that another host transfers, on standard input and output",
            to_change,
            declare_receive,
            {}},
    Command{
        "__complete", "", "Print the completions of a command line", to_read, declare_complete, {}},
    Command{"__man-options",
            "",
            "Print the options of a command as its manual page has them",
            nothing,
            declare_man_options,
            {}},
};

}  // namespace

std::span<const Command> commands() { return all_commands; }

}  // namespace nvmigrate::cli
