// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

// The one place that includes libnvme, and where its releases differ. CMake asks the library what
// it has.
#include <libnvme.h>

#include <cstdint>

#ifdef NVMIGRATE_LIBNVME_3
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#endif

namespace nvmigrate::libnvme {

/// NVME_IOCTL_ADMIN64_CMD. \param result DW1 and DW0 of the completion \return 0, an NVMe status,
/// or -1 with errno
inline int submit(int fd, nvme_passthru_cmd64& command, std::uint64_t& result) {
#ifdef NVMIGRATE_LIBNVME_3
  // Version 3 submits to handles, which it opens by name.
  const int status = ::ioctl(fd, NVME_IOCTL_ADMIN64_CMD, &command);
  result = command.result;
#else
  __u64 value = 0;
  const int status = ::nvme_submit_admin_passthru64(fd, &command, &value);
  result = value;
#endif
  return status;
}

/// `Name: what it means`; without a colon when it does not know the status. \param code SCT<<8 | SC
inline const char* status_text(std::uint16_t code) {
#ifdef NVMIGRATE_LIBNVME_3
  return ::libnvme_status_to_string(code, false);
#else
  return ::nvme_status_to_string(code, false);
#endif
}

}  // namespace nvmigrate::libnvme
