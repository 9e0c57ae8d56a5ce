// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate {

/// The folder of the files that administrators write: NVMIGRATE_CONFIG_DIR, else that of the
/// installation. \throws Error(usage) when the variable is not an absolute path
std::string config_folder(const std::function<const char*(const char*)>& environment);

/// The folders of this user: config_folder(); NVMIGRATE_STATE_DIR, NVMIGRATE_RUN_DIR and
/// NVMIGRATE_SIM_DIR; else for root /var/lib/nvmigrate, /run/nvmigrate and /var/lib/nvmigrate/sim;
/// else those of XDG (XDG_STATE_HOME or ~/.local/state, XDG_RUNTIME_DIR or the state folder).
/// \param environment the value of a variable, or nullptr
/// \throws Error(usage) when a variable is not an absolute path, or the home folder is not known
Folders default_folders(const std::function<const char*(const char*)>& environment, bool root);

/// Identifies this boot of the host, as the kernel does. Empty if the kernel does not.
std::string boot_of(Io& io);

/// Makes a folder and its parents, mode 0700, when it is missing.
/// \throws refused when it is a link, not a folder, owned by another user, or writable by others,
/// and when another user may put another one in its place: by a folder or link on the way to it
/// that belongs to another than root and this user, or a folder that others may write to (unless it
/// is sticky, where they cannot rename what is not theirs)
void make_private_folder(Io& io, const std::string& path);
/// Refuses a folder or file of ours as make_private_folder() does.
/// \return false when it does not exist. \throws refused, OsError
bool check_private(Io& io, const std::string& path);

/// As check_private, of a folder, which must also be writable: makes a folder in it, or in its
/// nearest parent that exists, and removes it again.
/// \return false when it does not exist. \throws refused, OsError
bool check_private_folder(Io& io, const std::string& path);

/// The whole of a small file of ours, at most 16 MiB. \return nothing when it does not exist
/// \throws refused as check_private, or when it is not a regular file; OsError
std::optional<std::string> read_private(Io& io, const std::string& path);
/// Likewise of a file of the configuration, which belongs to root or to this user.
/// \throws refused also when another user may put another file in its place; OsError
std::optional<std::string> read_trusted(Io& io, const std::string& path);

/// A subsystem NQN as a file name: letters, digits, '-', '_' and all but a first '.' stay, others
/// become %xx. A long name is cut and ends in a digest.
std::string file_name_of(const std::string& subsystem_nqn);

}  // namespace nvmigrate
