// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/cuse/serve.h"

#include "nvmigrate/base/error.h"

#ifdef NVMIGRATE_CUSE

#define FUSE_USE_VERSION 314
#include <cuse_lowlevel.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "nvmigrate/base/interrupt.h"
#include "plugins/cuse/controller.h"

namespace nvmigrate::cuse {
namespace {

constexpr auto channel = "/dev/cuse";

/// The controllers behind the open files of the node.
struct Server {
  const Served* served;
  std::map<std::uint64_t, Controller> opened{};
  std::uint64_t next = 0;
  std::uint64_t answered = 0;
  bool ready = false;
};

Server& server_of(fuse_req_t request) { return *static_cast<Server*>(fuse_req_userdata(request)); }

void on_ready(void* data) {
  auto& server = *static_cast<Server*>(data);
  server.ready = true;
  server.served->ready();
}

void on_open(fuse_req_t request, fuse_file_info* file) {
  auto& server = server_of(request);
  try {
    file->fh = server.next++;
    server.opened.try_emplace(file->fh, server.served->open());
    // An interrupted open gets no release.
    if (fuse_reply_open(request, file) != 0) server.opened.erase(file->fh);
  } catch (const std::exception&) {
    fuse_reply_err(request, ENODEV);
  }
}

void on_release(fuse_req_t request, fuse_file_info* file) {
  server_of(request).opened.erase(file->fh);
  fuse_reply_err(request, 0);
}

// As of a device without these operations.
void on_read(fuse_req_t request, std::size_t, off_t, fuse_file_info*) {
  fuse_reply_err(request, EINVAL);
}
void on_write(fuse_req_t request, const char*, std::size_t, off_t, fuse_file_info*) {
  fuse_reply_err(request, EINVAL);
}

std::vector<iovec> vectors_of(const std::vector<Range>& ranges) {
  std::vector<iovec> vectors;
  vectors.reserve(ranges.size());
  for (const auto& range : ranges) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): it is an address of another process
    vectors.push_back({reinterpret_cast<void*>(range.address), range.bytes});
  }
  return vectors;
}

void send(fuse_req_t request, const Reply& reply) {
  if (reply.error != 0) {
    fuse_reply_err(request, reply.error);
  } else if (!reply.read.empty()) {
    const auto read = vectors_of(reply.read), write = vectors_of(reply.write);
    fuse_reply_ioctl_retry(request, read.data(), read.size(), write.data(), write.size());
  } else {
    fuse_reply_ioctl(request, reply.result, reply.output.data(), reply.output.size());
  }
}

void on_ioctl(fuse_req_t request, int code, void* argument, fuse_file_info* file, unsigned,
              const void* input, std::size_t input_bytes, std::size_t room) {
  auto& server = server_of(request);
  const auto found = server.opened.find(file->fh);
  if (found == server.opened.end()) {
    fuse_reply_err(request, ENODEV);
    return;
  }
  const auto reply =
      found->second.call({.request = static_cast<unsigned>(code),
                          .argument = reinterpret_cast<std::uintptr_t>(argument),
                          .privileged = fuse_req_ctx(request)->uid == 0,
                          .input = {static_cast<const std::byte*>(input), input_bytes},
                          .room = room});
  if (reply.read.empty()) ++server.answered;
  send(request, reply);
}

cuse_lowlevel_ops operations() {
  cuse_lowlevel_ops all{};
  all.init_done = on_ready;
  all.open = on_open;
  all.release = on_release;
  all.read = on_read;
  all.write = on_write;
  all.ioctl = on_ioctl;
  return all;
}

std::string& last_words() {
  static std::string words;
  return words;
}

/// Messages of libfuse become part of our error.
__attribute__((format(printf, 2, 0))) void note_words(fuse_log_level, const char* format,
                                                      va_list arguments) {
  std::array<char, 256> text{};
  static_cast<void>(std::vsnprintf(text.data(), text.size(), format, arguments));
  last_words() = text.data();
  last_words().erase(last_words().find_last_not_of('\n') + 1);
}

OpenFile channel_opened(Io& io) {
  const int fd = io.open(channel, O_RDWR, 0);
  if (fd >= 0) return {io, fd};
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    throw Error(ExitStatus::unsupported,
                std::string{channel} + " does not exist: the kernel has not loaded CUSE", "",
                {{.action = Remedy::Action::load_module, .object = "cuse"}});
  }
  throw OsError(errno, "open", channel);
}

void require_absence(Io& io, const std::string& node) {
  struct stat about {};
  if (io.lstat(node, about) == 0) throw refused(node + " exists already", "choose another name");
  if (errno != ENOENT) throw OsError(errno, "look at", node);
}

/// A session of libfuse that is bound to the channel.
class Channel {
 public:
  Channel(const std::string& name, Server& server) {
    const auto setting = "DEVNAME=" + name;
    std::array<const char*, 1> settings{setting.c_str()};
    const cuse_info info{.dev_major = 0,
                         .dev_minor = 0,
                         .dev_info_argc = settings.size(),
                         .dev_info_argv = settings.data(),
                         .flags = CUSE_UNRESTRICTED_IOCTL};
    // In the foreground, as one thread.
    std::array<std::string, 3> words{"nvmigrate", "-f", "-s"};
    std::array<char*, 3> arguments{words[0].data(), words[1].data(), words[2].data()};
    const auto all = operations();
    int threads = 0;
    fuse_set_log_func(note_words);
    session_ = cuse_lowlevel_setup(static_cast<int>(arguments.size()), arguments.data(), &info,
                                   &all, &threads, &server);
    if (session_ == nullptr) {
      throw Error(ExitStatus::io, "cannot make /dev/" + name + ": " + last_words());
    }
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    std::free(buffer_.mem);  // libfuse's
    cuse_lowlevel_teardown(session_);
  }

  /// Answers one request. \return whether the kernel still wants answers
  bool answer() {
    const int got = fuse_session_receive_buf(session_, &buffer_);
    if (got == -EINTR) return true;
    if (got <= 0) return false;
    fuse_session_process_buf(session_, &buffer_);
    return true;
  }

 private:
  fuse_session* session_ = nullptr;
  fuse_buf buffer_{};
};

}  // namespace

std::uint64_t serve(Io& io, const Served& served) {
  const auto node = "/dev/" + served.name;
  require_absence(io, node);
  static_cast<void>(channel_opened(io));
  Server server{.served = &served};
  Channel kernel(served.name, server);
  while (!interrupted()) {
    if (kernel.answer()) continue;
    throw Error(ExitStatus::io, server.ready ? "the kernel took " + node + " away"
                                             : "the kernel did not make " + node);
  }
  return server.answered;
}

}  // namespace nvmigrate::cuse

#else

namespace nvmigrate::cuse {

std::uint64_t serve(Io&, const Served&) {
  throw unsupported("this build cannot make character devices: it has no CUSE",
                    "build it where libfuse3 is installed with its headers");
}

}  // namespace nvmigrate::cuse

#endif
