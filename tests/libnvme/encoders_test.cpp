// SPDX-License-Identifier: LGPL-2.1-or-later
// The encoders of live migration against those of libnvme, where it has them.
#include <gmock/gmock.h>

#include <cstdarg>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/libnvme.h"

namespace nvmigrate::test {
namespace {

#ifdef NVMIGRATE_LIBNVME_ENCODES

using Sent = libnvme_passthru_cmd;

#else

using Sent = nvme_passthru_cmd;

/// What libnvme gave to the kernel last.
Sent& sent() {
  static Sent command;
  return command;
}

#endif

struct Send {
  std::uint8_t sel = 0, stype = 0, csvi = 0, csuuidi = 0;
  command::Sequence sequence{};
  std::uint64_t offset = 0;
};

constexpr std::uint16_t controller = 0x1234;

Sent send_of_libnvme(const Send& send, std::span<std::byte> data = {}) {
  const auto sequence = static_cast<std::uint8_t>(send.sequence);
  void* const from = data.empty() ? nullptr : data.data();
#ifdef NVMIGRATE_LIBNVME_ENCODES
  Sent command{};
  nvme_init_lm_migration_send(&command, send.sel, sequence, controller, send.stype, false,
                              send.csvi, send.csuuidi, send.offset, 0, from,
                              static_cast<std::uint32_t>(data.size()));
  return command;
#else
  nvme_lm_migration_send_args args{};
  args.args_size = sizeof(args);
  args.offset = send.offset;
  args.data = from;
  args.numd = static_cast<std::uint32_t>(data.size() / 4);
  args.mos = sequence;  // 1.16 does not look at seqind
  args.cntlid = controller;
  args.csuuidi = send.csuuidi;
  args.sel = send.sel;
  args.stype = send.stype;
  args.csvi = send.csvi;
  EXPECT_EQ(nvme_lm_migration_send(&args), 0);
  return sent();
#endif
}

Sent receive_of_libnvme(command::FormatIndexes formats, std::uint64_t offset,
                        std::span<std::byte> data) {
#ifdef NVMIGRATE_LIBNVME_ENCODES
  Sent command{};
  nvme_init_lm_migration_recv(&command, offset, formats.version, controller, formats.vendor, 0, 0,
                              0, data.data(), static_cast<std::uint32_t>(data.size()));
  return command;
#else
  nvme_lm_migration_recv_args args{};
  args.args_size = sizeof(args);
  args.offset = offset;
  args.data = data.data();
  args.numd = static_cast<std::uint32_t>(data.size() / 4 - 1);
  args.mos = formats.version;
  args.cntlid = controller;
  args.csuuidi = formats.vendor;
  EXPECT_EQ(nvme_lm_migration_recv(&args), 0);
  return sent();
#endif
}

void expect_same(const AdminCommand& ours, const Sent& theirs) {
  EXPECT_EQ(ours.opcode, theirs.opcode);
  EXPECT_EQ(ours.nsid, theirs.nsid);
  EXPECT_EQ(ours.cdw10, theirs.cdw10);
  EXPECT_EQ(ours.cdw11, theirs.cdw11);
  EXPECT_EQ(ours.cdw12, theirs.cdw12);
  EXPECT_EQ(ours.cdw13, theirs.cdw13);
  EXPECT_EQ(ours.cdw14, theirs.cdw14);
  EXPECT_EQ(ours.cdw15, theirs.cdw15);
  EXPECT_EQ(ours.to_device.size() + ours.from_device.size(), theirs.data_len);
}

TEST(LibnvmeEncoders, SuspendAndResume) {
  using command::SuspendType;
  for (const auto type : {SuspendType::notification, SuspendType::suspend}) {
    expect_same(command::suspend(controller, type),
                send_of_libnvme({.sel = 0, .stype = static_cast<std::uint8_t>(type)}));
  }
  expect_same(command::resume(controller), send_of_libnvme({.sel = 1}));
}

TEST(LibnvmeEncoders, SetControllerState) {
  using command::Sequence;
  std::vector<std::byte> data(104);
  for (const auto sequence : {Sequence::first, Sequence::middle, Sequence::last, Sequence::only}) {
    const std::uint64_t offset = sequence == Sequence::middle ? 0x1'2345'6788 : 0;
    expect_same(
        command::set_state(controller, {3, 7}, sequence, offset, data),
        send_of_libnvme({.sel = 2, .csvi = 3, .csuuidi = 7, .sequence = sequence, .offset = offset},
                        data));
  }
}

TEST(LibnvmeEncoders, GetControllerState) {
  std::vector<std::byte> data(104);
  for (const std::uint64_t offset : {0x0ULL, 0x1'2345'6788ULL}) {
    expect_same(command::get_state(controller, {3, 7}, offset, data),
                receive_of_libnvme({3, 7}, offset, data));
  }
}

}  // namespace

#ifndef NVMIGRATE_LIBNVME_ENCODES
/// In place of the system call of the C library, for libnvme.
extern "C" __attribute__((visibility("default"))) int ioctl(int, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  sent() = *va_arg(rest, const Sent*);
  va_end(rest);
  return 0;
}
#endif

}  // namespace nvmigrate::test
