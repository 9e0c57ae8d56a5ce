// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cli/command.h"

namespace nvmigrate::cli {

/// Declares the options of one command and answers what runs it. One source file a command; the
/// rows of the table that names them are in commands.cpp.
Runner declare_list(Options& options);
Runner declare_show(Options& options);
Runner declare_backends(Options& options);
Runner declare_doctor(Options& options);
Runner declare_provision(Options& options);
Runner declare_deprovision(Options& options);
Runner declare_mark(Options& options);
Runner declare_unmark(Options& options);
Runner declare_bind(Options& options);
Runner declare_unbind(Options& options);
Runner declare_handle(Options& options);
Runner declare_save(Options& options);
Runner declare_plan(Options& options);
Runner declare_apply(Options& options);
Runner declare_suspend(Options& options);
Runner declare_resume(Options& options);
Runner declare_release(Options& options);
Runner declare_export(Options& options);
Runner declare_import(Options& options);
Runner declare_transfer(Options& options);
Runner declare_track_start(Options& options);
Runner declare_track_read(Options& options);
Runner declare_track_stop(Options& options);
Runner declare_receive(Options& options);
Runner declare_inspect(Options& options);
Runner declare_verify(Options& options);
Runner declare_compare(Options& options);
Runner declare_sim_create(Options& options);
Runner declare_sim_list(Options& options);
Runner declare_sim_show(Options& options);
Runner declare_sim_change(Options& options);
Runner declare_sim_power_cycle(Options& options);
Runner declare_sim_serve(Options& options);
Runner declare_sim_destroy(Options& options);
Runner declare_sim_guest_start(Options& options);
Runner declare_sim_guest_stop(Options& options);
Runner declare_sim_guest_status(Options& options);
Runner declare_help(Options& options);
Runner declare_complete(Options& options);     ///< hidden
Runner declare_man_options(Options& options);  ///< hidden

}  // namespace nvmigrate::cli
