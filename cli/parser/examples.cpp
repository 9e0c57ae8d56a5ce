// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/examples.h"

#include <array>

namespace nvmigrate::cli {
namespace {

constexpr std::array all_examples{
    Example{"list", "List everything", "nvmigrate list"},
    Example{"list", "Print the ids of the marked functions",
            "nvmigrate list nvme0 -o json |\n"
            "  jq '.devices[].functions[] | select(.marked) | .controller_id'"},

    Example{"show", "Show what a controlling function can do", "nvmigrate show nvme0"},
    Example{"show", "Show one function", "nvmigrate show nvme0 vf1"},

    Example{"backends", "Show which backend would serve a device", "nvmigrate backends nvme0"},
    Example{"backends", "Show what is built in", "nvmigrate backends"},

    Example{"doctor", "Check one controlling function", "nvmigrate doctor nvme0"},
    Example{"doctor", "Repair what an interrupted command left behind",
            "nvmigrate doctor nvme0 --repair"},

    Example{"provision", "Create four functions with two queues and one interrupt each",
            "nvmigrate provision nvme0 --vfs 4 --vq 2 --vi 1"},
    Example{"provision", "Create them anew with a namespace, and only print the plan",
            "nvmigrate provision nvme0 --vfs 8 --recreate --attach 1 --dry-run"},

    Example{"deprovision", "Remove all virtual functions", "nvmigrate deprovision nvme0"},
    Example{"deprovision", "Only print the plan", "nvmigrate deprovision nvme0 --dry-run"},

    Example{"save", "Save the present state of all devices", "nvmigrate save > host.json"},
    Example{"save", "Print the present state of one device", "nvmigrate save nvme0"},

    Example{"plan", "Print what differs from the profiles of this host", "nvmigrate plan"},
    Example{"plan", "Compare with a profile", "nvmigrate plan host.json"},

    Example{"apply", "Bring this host to the state of its profiles, as at boot", "nvmigrate apply"},
    Example{"apply", "Bring one device to the state of a profile",
            "nvmigrate apply host.json --device nvme0"},

    Example{"mark", "Allow two functions to migrate", "nvmigrate mark nvme0 vf1,vf2"},
    Example{"mark", "Allow all that the controlling function has", "nvmigrate mark nvme0 all"},

    Example{"unmark", "Withdraw the permission of one function", "nvmigrate unmark nvme0 vf1"},
    Example{"unmark", "Withdraw it from all", "nvmigrate unmark nvme0 all"},

    Example{"bind", "Give two functions to a VM that runs as libvirt-qemu",
            "nvmigrate bind nvme0 vf1,vf2 --owner libvirt-qemu:kvm"},
    Example{"bind", "Use this driver, also where a variant driver was made for the function",
            "nvmigrate bind nvme0 vf1 --driver vfio-pci"},

    Example{"unbind", "Give a function back to the driver that it had",
            "nvmigrate unbind nvme0 vf1"},
    Example{"unbind", "Give back all of them", "nvmigrate unbind nvme0 all"},

    Example{"handle", "Print the element <hostdev> for libvirt",
            "nvmigrate handle nvme0 vf1 --format libvirt"},
    Example{"handle", "Set variables of a shell",
            "eval \"$(nvmigrate handle nvme0 vf1 --format env)\""},

    Example{"suspend", "Suspend a function whose guest is paused", "nvmigrate suspend nvme0 vf1"},
    Example{"suspend", "Announce it to the device first", "nvmigrate suspend nvme0 vf1 --notice"},

    Example{"resume", "Let a suspended function run again", "nvmigrate resume nvme0 vf1"},
    Example{"resume", "Let it run although its state was exported, and nobody loaded that",
            "nvmigrate resume nvme0 vf1 --allow exported"},

    Example{"release", "Give up a function whose state was loaded on another host",
            "nvmigrate release nvme0 vf1"},
    Example{"release", "Only check whether it can be given up",
            "nvmigrate release nvme0 vf1 --dry-run"},

    Example{"export", "Write the state to a file", "nvmigrate export nvme0 vf1 -f vf1.nvmstate"},
    Example{"export", "Keep a snapshot of a running guest",
            "nvmigrate export nvme0 vf1 -f snapshot.nvmstate --then resume"},
    Example{"export", "Move the guest through a pipe",
            "nvmigrate export nvme0 vf1 -f - | nvmigrate import nvme1 vf1 -f - --resume"},

    Example{"import", "Check whether a state fits, and change nothing",
            "nvmigrate import nvme1 vf1 -f vf1.nvmstate --check-only"},
    Example{"import", "Load it, and let the guest run",
            "nvmigrate import nvme1 vf1 -f vf1.nvmstate --resume"},

    Example{"transfer", "Check whether a guest can move",
            "nvmigrate transfer nvme0 vf1 nvme1 vf1 --dry-run"},
    Example{"transfer", "Move it", "nvmigrate transfer nvme0 vf1 nvme1 vf1"},

    Example{"track start", "Track the memory of a guest below 2 GiB, in units of 64 KiB",
            "nvmigrate track start nvme0 vf1 --range 0:2G --granularity 64K"},
    Example{"track start", "Only check whether it can be tracked",
            "nvmigrate track start nvme0 vf1 --range 0:2G --range 4G:2G --dry-run"},
    Example{"track read", "Print what the guest changed", "nvmigrate track read nvme0 vf1"},
    Example{"track read", "Print it for a program", "nvmigrate track read nvme0 vf1 -o json"},
    Example{"track stop", "Stop tracking it", "nvmigrate track stop nvme0 vf1"},
    Example{"track stop", "Only check whether it can be stopped",
            "nvmigrate track stop nvme0 vf1 --dry-run"},

    Example{"inspect", "Decode a state file", "nvmigrate inspect vf1.nvmstate"},
    Example{"inspect", "Print the queues as JSON",
            "nvmigrate inspect vf1.nvmstate -o json | jq .state"},

    Example{"verify", "Check a state file before it is copied away",
            "nvmigrate verify vf1.nvmstate"},
    Example{"verify", "Check one that comes through a pipe",
            "cat vf1.nvmstate | nvmigrate verify -"},

    Example{"compare", "Compare two states of one guest",
            "nvmigrate compare before.nvmstate after.nvmstate"},

    Example{"help", "Explain a command", "nvmigrate help provision"},
    Example{"help", "Explain the exit statuses", "nvmigrate help exit-status"},

    Example{"sim create", "Make a subsystem with the defaults", "nvmigrate sim create new"},
    Example{"sim create", "Make one whose controlling function holds all resources at first",
            "nvmigrate sim create new --vfs-total 4 --primary-holds"},
    Example{"sim list", "List the simulated subsystems", "nvmigrate sim list"},
    Example{"sim show", "Show what only the device can know", "nvmigrate sim show a"},
    Example{"sim change", "Give it another firmware", "nvmigrate sim change a --firmware 2.0"},
    Example{"sim change", "Reset the controlling function", "nvmigrate sim change a --reset 0"},
    Example{"sim power-cycle", "Rehearse a restart of the host", "nvmigrate sim power-cycle a"},
    Example{"sim serve", "Let nvme-cli use it", "nvmigrate sim serve a --dev nvme9"},
    Example{"sim serve", "Serve its second controlling function",
            "nvmigrate sim serve a/1 --dev nvme8"},
    Example{"sim destroy", "Remove two subsystems with their records", "nvmigrate sim destroy a b"},
    Example{"sim guest start", "Start a guest, as a VM that opens the function does",
            "nvmigrate sim guest start sim:a vf2"},
    Example{"sim guest start", "Start a VM that waits for a state",
            "nvmigrate sim guest start sim:a vf2 --empty"},
    Example{"sim guest stop", "End the VM", "nvmigrate sim guest stop sim:a vf1"},
    Example{"sim guest status", "Show how far the guest has come",
            "nvmigrate sim guest status sim:a vf1"},
};

}  // namespace

std::span<const Example> examples() noexcept { return all_examples; }

}  // namespace nvmigrate::cli
