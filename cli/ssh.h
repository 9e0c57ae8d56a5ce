// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

/// The connection to nvmigrate on another host, through ssh.
namespace nvmigrate::cli {

/// `ssh://[USER@]HOST[:PORT]/DEVICE`.
struct SshTarget {
  std::string login;   ///< `user@host`, or `host`
  std::string host;    ///< names it in messages
  std::string port;    ///< empty: what ssh chooses
  std::string device;  ///< as the other host names it: `nvme0`, `sim:b`; `//dev/nvme0` is a path

  /// Everything before the device.
  [[nodiscard]] std::string url() const;
};

/// Whether it names a device of another host.
bool is_ssh(std::string_view device) noexcept;
/// The device may be empty, as in a remedy that concerns the whole host.
/// \throws usage_error when there is no host, no slash behind it, or a password
SshTarget parse_ssh(const std::string& device);

/// How ssh is run.
struct SshOptions {
  std::string command = "ssh";        ///< with options, as a shell takes it
  std::string program = "nvmigrate";  ///< on the other host
  std::string options{};              ///< of that, each with a blank before it
};

/// A running ssh, with pipes to and from the tool on the other host. Its standard error is ours.
class SshConnection {
 public:
  /// \throws OsError when it cannot be started
  SshConnection(const SshTarget& target, const SshOptions& options);
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;
  ~SshConnection();  ///< end()

  [[nodiscard]] int in() const noexcept { return in_; }
  [[nodiscard]] int out() const noexcept { return out_; }
  /// Closes the pipes and waits for ssh. \return its exit status
  int end() noexcept;

 private:
  int in_ = -1, out_ = -1;
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace nvmigrate::cli
