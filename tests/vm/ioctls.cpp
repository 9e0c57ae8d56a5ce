// SPDX-License-Identifier: LGPL-2.1-or-later
// ioctls DEVICE: what the character device of a controller answers to calls that programs get
// wrong, a line each, so that those of two devices can be compared.
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr std::uint32_t page = 4096;
constexpr std::uint32_t untouched = 0xA5A5A5A5;

int device = -1;

void say(const char* what, long returned) {
  if (returned < 0) {
    std::printf("%s: %s", what, std::strerror(errno));
  } else {
    std::printf("%s: returns 0x%lx", what, static_cast<unsigned long>(returned));
  }
}

void call(const char* what, unsigned long request, void* argument = nullptr) {
  say(what, ioctl(device, request, argument));
  std::puts("");
}

/// What the process may not read.
void* no_memory() {
  static void* const where = mmap(nullptr, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return where;
}

std::uint64_t address_of(const void* where) { return reinterpret_cast<std::uintptr_t>(where); }

/// Identify Controller into a buffer.
template <typename Command>
Command identify(const void* into, std::uint32_t bytes) {
  Command command{};
  command.opcode = 0x06;
  command.cdw10 = 1;
  command.addr = address_of(into);
  command.data_len = bytes;
  command.result = untouched;
  return command;
}

template <typename Command>
void send(const char* what, unsigned long request, Command command) {
  say(what, ioctl(device, request, &command));
  std::printf(", result 0x%llx\n", static_cast<unsigned long long>(command.result));
}

/// Both forms of a command get the same answers.
template <typename Command>
void send_all(unsigned long request) {
  static std::vector<std::uint8_t> buffer(std::size_t{32} << 20U);
  auto* const bytes = buffer.data();
  const auto good = identify<Command>(bytes, page);
  send("Identify", request, good);
  std::printf("  its controller type is %u\n", bytes[111]);
  send("Identify to an odd address", request, identify<Command>(bytes + 1, page));
  std::printf("  its controller type is %u\n", bytes[112]);
  auto command = good;
  command.cdw10 = 0xFF;
  send("Identify of an unknown structure", request, command);
  command = good;
  command.flags = 1;
  send("flags", request, command);
  command = good;
  command.timeout_ms = 9000;
  send("a timeout", request, command);
  send("Identify of 32 MiB", request,
       identify<Command>(bytes, static_cast<std::uint32_t>(buffer.size())));
  send("Identify to no memory", request, identify<Command>(no_memory(), page));
  command = {};
  command.opcode = 0x55;
  command.result = untouched;
  send("an unknown opcode", request, command);
  call("a command in no memory", request, no_memory());
  call("no command", request);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  device = open(words[1], O_RDONLY);
  if (device < 0) {
    std::perror(words[1]);
    return 1;
  }
  send_all<nvme_passthru_cmd>(NVME_IOCTL_ADMIN_CMD);
  send_all<nvme_passthru_cmd64>(NVME_IOCTL_ADMIN64_CMD);
  nvme_passthru_cmd flush{};
  call("an I/O command", NVME_IOCTL_IO_CMD, &flush);
  nvme_passthru_cmd64 wide_flush{};
  call("an I/O command with a wide result", NVME_IOCTL_IO64_CMD, &wide_flush);
  nvme_user_io io{};
  call("a read of blocks", NVME_IOCTL_SUBMIT_IO, &io);
  call("the id of a namespace", NVME_IOCTL_ID);
  call("an unknown ioctl", _IO('N', 0x7F));
  call("an ioctl of terminals", TIOCGWINSZ, &io);
  call("a rescan", NVME_IOCTL_RESCAN);
  char byte = 0;
  say("read()", read(device, &byte, 1));
  std::puts("");
  call("a subsystem reset", NVME_IOCTL_SUBSYS_RESET);
  call("a reset", NVME_IOCTL_RESET);
  return 0;
}
