// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace nvmigrate::bench {

/// What everything is compared with: copies a file as `cat from >to` does and computes the SHA-256
/// of all and the XXH3 of every MiB beside it.
/// \param synced whether the copy is brought to the disk, as a published file is
void copy_with_digests(const std::string& from, const std::string& to, bool synced);

}  // namespace nvmigrate::bench
