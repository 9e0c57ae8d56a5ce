// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Attachment;
using command::Cns;
using testing::ElementsAre;
using testing::IsEmpty;
using Ids = std::vector<std::uint16_t>;

class SimNamespaces : public testing::Test {
 protected:
  Bench& create(const sim::Parameters& parameters) {
    lab.create("a", parameters);
    return *(bench = std::make_unique<Bench>(lab, "sim:a"));
  }
  std::uint16_t attachment(std::uint32_t nsid, Attachment what, const Ids& ids) {
    const auto list = encode_controllers(ids);
    return bench->code(command::namespace_attachment(nsid, what, list));
  }
  std::uint16_t attach(std::uint32_t nsid, const Ids& ids) {
    return attachment(nsid, Attachment::attach, ids);
  }
  std::uint16_t detach(std::uint32_t nsid, const Ids& ids) {
    return attachment(nsid, Attachment::detach, ids);
  }
  Ids attached(std::uint32_t nsid) { return read_attached(bench->port(), nsid); }
  std::uint16_t identify(Cns cns, std::uint32_t nsid) {
    Bytes data(wire::identify_size);
    return bench->code(command::identify(cns, 0, data, nsid));
  }

  Lab lab;
  std::unique_ptr<Bench> bench;
};

TEST_F(SimNamespaces, AreAttachedToAllControllersUnlessDetached) {
  create({.vfs_total = 2, .others = 1, .namespaces = 2});
  EXPECT_TRUE(read_identity(bench->port()).namespace_management);
  EXPECT_THAT(*read_namespaces(bench->port()), ElementsAre(1, 2));
  EXPECT_THAT(attached(2), ElementsAre(0, 1, 2, 3));
}

TEST_F(SimNamespaces, DetachedAreAttachedToControllingFunctionsOnly) {
  create({.controlling = 2, .vfs_total = 2, .others = 1, .detached = true});
  EXPECT_THAT(attached(1), ElementsAre(0, 1));
}

TEST_F(SimNamespaces, HaveTheirShape) {
  create({.namespaces = 2, .namespace_size = 1U << 20U, .block_size = 4096});
  const auto found = read_namespace(bench->port(), 2);
  EXPECT_EQ(found.shape, (NamespaceShape{2, 256, 4096, 0}));
  EXPECT_TRUE(found.shared);
}

TEST_F(SimNamespaces, AreAttachedAndDetachedAsTheSpecificationSays) {
  create({.vfs_total = 3, .detached = true});
  EXPECT_EQ(attach(1, {1, 2}), 0);
  EXPECT_THAT(attached(1), ElementsAre(0, 1, 2));
  EXPECT_EQ(attach(1, {2}), sc::namespace_already_attached);
  EXPECT_EQ(detach(1, {3}), sc::namespace_not_attached);
  EXPECT_EQ(detach(1, {1}), 0);
  EXPECT_THAT(attached(1), ElementsAre(0, 2));
}

TEST_F(SimNamespaces, WhatStandsBeforeAFailureIsDone) {
  create({.vfs_total = 3, .detached = true});
  EXPECT_EQ(attach(1, {2}), 0);
  EXPECT_EQ(attach(1, {1, 2, 3}), sc::namespace_already_attached);
  EXPECT_THAT(attached(1), ElementsAre(0, 1, 2));
}

TEST_F(SimNamespaces, APrivateOneHasOneController) {
  create({.vfs_total = 2, .private_namespaces = true});
  EXPECT_FALSE(read_namespace(bench->port(), 1).shared);
  EXPECT_THAT(attached(1), ElementsAre(0));
  EXPECT_EQ(attach(1, {1}), sc::namespace_is_private);
  EXPECT_EQ(detach(1, {0}), 0);
  EXPECT_EQ(attach(1, {1}), 0);
}

TEST_F(SimNamespaces, AMalformedListOrNamespaceIsRefused) {
  create({.vfs_total = 2, .detached = true});
  EXPECT_EQ(attach(1, {}), sc::controller_list_invalid);
  EXPECT_EQ(attach(1, {9}), sc::controller_list_invalid);
  EXPECT_EQ(attach(1, {2, 1}), sc::controller_list_invalid);
  Bytes too_many(wire::identify_size, std::byte{0xFF});
  EXPECT_EQ(bench->code(command::namespace_attachment(1, Attachment::attach, too_many)),
            sc::controller_list_invalid);
  EXPECT_EQ(attach(0, {1}), sc::invalid_namespace);
  EXPECT_EQ(attach(2, {1}), sc::invalid_namespace);
  EXPECT_EQ(identify(Cns::namespaces, 0xFFFFFFFE), sc::invalid_namespace);
  EXPECT_EQ(identify(Cns::allocated_namespace, 2), sc::invalid_namespace);
  EXPECT_EQ(identify(Cns::attached_controllers, 0), sc::invalid_namespace);
  EXPECT_EQ(identify(Cns::controller, 1), sc::invalid_field);
  const auto list = encode_controllers(Ids{1});
  auto command = command::namespace_attachment(1, Attachment::attach, list);
  command.cdw10 = 2;
  EXPECT_EQ(bench->code(command), sc::invalid_field);
  command.cdw10 = 0;
  command.to_device = command.to_device.first(512);
  EXPECT_EQ(bench->code(command), sc::invalid_field);
}

TEST_F(SimNamespaces, AnEmulatorKnowsOnlyControllersThatArePresent) {
  create({.personality = sim::Personality::emulator, .vfs_total = 2, .detached = true});
  EXPECT_EQ(attach(1, {1}), sc::controller_list_invalid);
}

TEST_F(SimNamespaces, StayAttachedWhileAFunctionIsOfflineOrReset) {
  create({.vfs_total = 2, .detached = true});
  EXPECT_EQ(attach(1, {1}), 0);
  EXPECT_EQ(bench->offline(1), 0);
  bench->pci().reset(bench->device().address());
  EXPECT_THAT(attached(1), ElementsAre(0, 1));
}

TEST_F(SimNamespaces, AreNotToldWithoutNamespaceManagement) {
  create({.namespace_management = false});
  EXPECT_FALSE(read_identity(bench->port()).namespace_management);
  EXPECT_FALSE(read_namespaces(bench->port()));
  EXPECT_EQ(attach(1, {1}), sc::invalid_opcode);
}

TEST_F(SimNamespaces, MayBeNone) {
  create({.namespaces = 0});
  EXPECT_THAT(*read_namespaces(bench->port()), IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
