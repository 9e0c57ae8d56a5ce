// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/commands.h"

#include <gtest/gtest.h>

#include <array>

namespace nvmigrate {
namespace {

using command::FormatIndexes;
using command::Sequence;
using command::SuspendType;
using command::VirtualizationAction;

struct Dwords {
  std::uint8_t opcode;
  std::uint32_t cdw10, cdw11, cdw12, cdw13, cdw15;
};

constexpr bool is(const AdminCommand& c, const Dwords& d) {
  return c.opcode == d.opcode && c.nsid == 0 && c.cdw10 == d.cdw10 && c.cdw11 == d.cdw11 &&
         c.cdw12 == d.cdw12 && c.cdw13 == d.cdw13 && c.cdw14 == 0 && c.cdw15 == d.cdw15;
}

constexpr bool has_no_data(const AdminCommand& c) {
  return c.to_device.empty() && c.from_device.empty();
}

constexpr std::uint16_t target = 5;
constexpr FormatIndexes version_1{.version = 1};
constexpr std::array<std::byte, 104> state{};

// The log of command effects: 1024 dwords, 0's based, of the controller.
std::array<std::byte, 4096> log_page{};
static_assert(command::effects_log(log_page).opcode == 0x02);
static_assert(command::effects_log(log_page).nsid == 0xFFFFFFFF);
static_assert(command::effects_log(log_page).cdw10 == 0x03FF0005);
static_assert(command::effects_log(log_page).from_device.size() == 4096);

// Suspend and resume.
static_assert(is(command::suspend(target, SuspendType::notification),
                 {0x41, 0, 0x00000005, 0, 0, 0}));
static_assert(is(command::suspend(target, SuspendType::suspend), {0x41, 0, 0x00010005, 0, 0, 0}));
static_assert(is(command::resume(target), {0x41, 1, 0x00000005, 0, 0, 0}));
static_assert(has_no_data(command::suspend(target, SuspendType::suspend)));
static_assert(has_no_data(command::resume(target)));

// Set Controller State: the length is literal.
constexpr auto set(Sequence sequence, std::uint64_t offset, std::size_t bytes) {
  return command::set_state(target, version_1, sequence, offset, std::span{state}.first(bytes));
}
static_assert(is(set(Sequence::only, 0, 104), {0x41, 0x00030002, 0x00010005, 0, 0, 0x1A}));
static_assert(is(set(Sequence::first, 0, 48), {0x41, 0x00010002, 0x00010005, 0, 0, 12}));
static_assert(is(set(Sequence::middle, 48, 8), {0x41, 0x00000002, 0x00010005, 48, 0, 2}));
static_assert(is(set(Sequence::last, 56, 48), {0x41, 0x00020002, 0x00010005, 56, 0, 12}));
static_assert(set(Sequence::only, 0, 104).to_device.size() == 104);
static_assert(set(Sequence::only, 0, 104).from_device.empty());

// The 64-bit offset, and the vendor index, which stands elsewhere in either direction.
static_assert(is(set(Sequence::middle, 0x1'2345'6788, 4),
                 {0x41, 0x00000002, 0x00010005, 0x23456788, 1, 1}));
static_assert(is(command::set_state(0xABCD, {.version = 2, .vendor = 3}, Sequence::only, 0, state),
                 {0x41, 0x00030002, 0x0302ABCD, 0, 0, 0x1A}));

// Get Controller State: the length is 0's based.
constexpr bool get_is(std::size_t bytes, std::uint64_t offset, FormatIndexes formats,
                      const Dwords& dwords) {
  std::array<std::byte, 104> room{};
  const auto sent = command::get_state(target, formats, offset, std::span{room}.first(bytes));
  return is(sent, dwords) && sent.from_device.size() == bytes && sent.to_device.empty();
}
static_assert(get_is(48, 0, version_1, {0x42, 0x00010000, 0x00000005, 0, 0, 0x0B}));
static_assert(get_is(104, 0, version_1, {0x42, 0x00010000, 0x00000005, 0, 0, 0x19}));
static_assert(get_is(4, 0x2'0000'0004, {.version = 1, .vendor = 2},
                     {0x42, 0x00010000, 0x00020005, 4, 2, 0}));

// Virtualization Management.
constexpr auto virtualization(VirtualizationAction action, command::Resource resource,
                              std::uint16_t count) {
  return command::virtualization(target, action, resource, count);
}
static_assert(is(command::virtualization(target, VirtualizationAction::offline),
                 {0x1C, 0x00050007, 0, 0, 0, 0}));
static_assert(is(virtualization(VirtualizationAction::assign, command::Resource::queues, 2),
                 {0x1C, 0x00050008, 2, 0, 0, 0}));
static_assert(is(virtualization(VirtualizationAction::assign, command::Resource::interrupts, 1),
                 {0x1C, 0x00050108, 1, 0, 0, 0}));
static_assert(is(command::virtualization(target, VirtualizationAction::online),
                 {0x1C, 0x00050009, 0, 0, 0, 0}));
static_assert(has_no_data(command::virtualization(target, VirtualizationAction::online)));

// Identify.
constexpr bool identify_is(command::Cns cns, std::uint16_t from, std::uint32_t cdw10) {
  std::array<std::byte, 8> room{};
  const auto sent = command::identify(cns, from, room);
  return is(sent, {0x06, cdw10, 0, 0, 0, 0}) && sent.from_device.size() == room.size();
}
static_assert(identify_is(command::Cns::controller, 0, 0x01));
static_assert(identify_is(command::Cns::secondary_controllers, 128, 0x00800015));
static_assert(identify_is(command::Cns::state_formats, 0, 0x20));

constexpr AdminCommand identified(command::Cns cns, std::uint32_t nsid) {
  return command::identify(cns, 2, {}, nsid);
}
static_assert(identified(command::Cns::namespaces, 7).cdw10 == 0x00020010 &&
              identified(command::Cns::namespaces, 7).nsid == 7);
static_assert(identified(command::Cns::allocated_namespace, 7).cdw10 == 0x00020011);
static_assert(identified(command::Cns::attached_controllers, 7).cdw10 == 0x00020012);

// Namespace Attachment.
constexpr AdminCommand attachment(command::Attachment what) {
  return command::namespace_attachment(7, what, state);
}
static_assert(attachment(command::Attachment::attach).opcode == 0x15 &&
              attachment(command::Attachment::attach).nsid == 7 &&
              attachment(command::Attachment::attach).cdw10 == 0 &&
              attachment(command::Attachment::detach).cdw10 == 1 &&
              attachment(command::Attachment::detach).cdw11 == 0 &&
              attachment(command::Attachment::detach).to_device.size() == state.size() &&
              attachment(command::Attachment::detach).from_device.empty());

static_assert(command::name_of(0x06) == "Identify" &&
              command::name_of(0x15) == "Namespace Attachment" &&
              command::name_of(0x1C) == "Virtualization Management" &&
              command::name_of(0x41) == "Migration Send" &&
              command::name_of(0x42) == "Migration Receive" && command::name_of(0xC0) == "Admin");

TEST(Commands, CarryTheDataTheyAreGiven) {
  std::array<std::byte, 104> room{};
  EXPECT_EQ(command::get_state(target, version_1, 0, room).from_device.data(), room.data());
  EXPECT_EQ(set(Sequence::only, 0, 104).to_device.data(), state.data());
}

TEST(Commands, WaitLongUnlessTheyOnlyIdentify) {
  std::array<std::byte, 104> room{};
  for (const auto& command :
       {command::suspend(target, SuspendType::suspend), command::resume(target),
        set(Sequence::only, 0, 104), command::get_state(target, version_1, 0, room),
        command::virtualization(target, command::VirtualizationAction::offline),
        command::namespace_attachment(1, command::Attachment::attach, state)}) {
    EXPECT_EQ(command.timeout, command::minimum_timeout);
  }
  EXPECT_EQ(command::identify(command::Cns::controller, 0, room).timeout.count(), 0);
}

}  // namespace
}  // namespace nvmigrate
