// SPDX-License-Identifier: LGPL-2.1-or-later
#include <concepts>
#include <map>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate {
namespace {

std::string shown(const std::string& text) { return text; }
template <std::unsigned_integral T>
std::string shown(T value) {
  if constexpr (std::same_as<T, bool>) return value ? "true" : "false";
  return std::to_string(value);
}
std::string shown(const Uuid& uuid) { return to_string(uuid); }
std::string shown(const Sha256Digest& digest) { return to_string(digest); }
std::string shown(StateLayout layout) { return layout == StateLayout::nvme ? "nvme" : "opaque"; }
std::string shown(const std::vector<NamespaceShape>& namespaces) { return to_string(namespaces); }
template <typename T>
std::string shown(const std::optional<T>& value) {
  return value ? shown(*value) : std::string{};
}

class Comparison {
 public:
  template <typename T>
  void field(const std::string& name, const T& left, const T& right) {
    if (left == right) return;
    differences_.push_back({prefix_ + name, shown(left), shown(right)});
  }
  void hex(const std::string& name, std::uint64_t left, std::uint64_t right) {
    if (left == right) return;
    differences_.push_back({prefix_ + name, to_hex(left, 1), to_hex(right, 1)});
  }
  void within(const std::string& prefix) { prefix_ = prefix.empty() ? "" : prefix + "."; }
  std::vector<StateDifference> finish() { return std::move(differences_); }

 private:
  std::string prefix_;
  std::vector<StateDifference> differences_;
};

void compare(Comparison& to, const StateIdentity& left, const StateIdentity& right) {
  to.within("identity");
  to.field("backend", left.backend, right.backend);
  to.field("layout", left.layout, right.layout);
  to.field("formats.version", left.formats.version, right.formats.version);
  to.field("formats.vendor", left.formats.vendor, right.formats.vendor);
  to.field("simulated", left.simulated, right.simulated);
  to.field("subsystem_nqn", left.subsystem_nqn, right.subsystem_nqn);
  to.field("serial", left.serial, right.serial);
  to.field("model", left.model, right.model);
  to.field("firmware", left.firmware, right.firmware);
  to.hex("vendor_id", left.vendor_id, right.vendor_id);
  to.field("controlling_function", left.controlling_function, right.controlling_function);
  to.field("controller", left.controller, right.controller);
  to.field("vfn", left.vfn, right.vfn);
  to.field("address", left.address, right.address);
  to.field("queues", left.queues, right.queues);
  to.field("interrupts", left.interrupts, right.interrupts);
  if (left.namespaces && right.namespaces) {
    to.field("namespaces", left.namespaces, right.namespaces);
  }
}

void compare_rest(Comparison& to, const SubmissionQueue& left, const SubmissionQueue& right) {
  to.field("completion_queue", left.completion_queue, right.completion_queue);
  to.field("priority", left.priority, right.priority);
}

void compare_rest(Comparison& to, const CompletionQueue& left, const CompletionQueue& right) {
  to.field("phase", left.phase, right.phase);
  to.field("interrupts", left.interrupts, right.interrupts);
  to.field("vector", left.vector, right.vector);
}

template <typename Queue>
void compare_queue(Comparison& to, const Queue& left, const Queue& right) {
  to.hex("prp1", left.prp1, right.prp1);
  to.field("entries", left.entries, right.entries);
  to.field("head", left.head, right.head);
  to.field("tail", left.tail, right.tail);
  to.field("contiguous", left.contiguous, right.contiguous);
  compare_rest(to, left, right);
}

/// By id; a queue that only one of them has differs as a whole.
template <typename Queue>
void compare_queues(Comparison& to, const std::string& kind, const std::vector<Queue>& left,
                    const std::vector<Queue>& right) {
  std::map<std::uint16_t, std::pair<const Queue*, const Queue*>> pairs;
  for (const auto& queue : left)
    pairs[queue.id].first = &queue;
  for (const auto& queue : right)
    pairs[queue.id].second = &queue;
  const auto there = [](const Queue* queue) {
    return std::string(queue != nullptr ? "there" : "");
  };
  for (const auto& [id, pair] : pairs) {
    const auto name = kind + "." + std::to_string(id);
    if (pair.first != nullptr && pair.second != nullptr) {
      to.within(name);
      compare_queue(to, *pair.first, *pair.second);
    } else {
      to.within("");
      to.field(name, there(pair.first), there(pair.second));
    }
  }
}

void compare(Comparison& to, const DecodedState& left, const DecodedState& right) {
  to.within("header");
  to.field("version", left.header.version, right.header.version);
  to.field("suspended", left.header.suspended, right.header.suspended);
  to.field("nvme_bytes", left.header.nvme_bytes, right.header.nvme_bytes);
  to.field("vendor_bytes", left.header.vendor_bytes, right.header.vendor_bytes);
  to.within("");
  to.field("nvme_version", left.nvme_version, right.nvme_version);
  compare_queues(to, "submission_queues", left.submission_queues, right.submission_queues);
  compare_queues(to, "completion_queues", left.completion_queues, right.completion_queues);
  to.within("vendor");
  to.field("sha256", left.vendor_sha256, right.vendor_sha256);
}

/// Of the state of the exported NVM subsystem.
std::optional<Sha256Digest> digest_of(const std::vector<std::byte>& bytes) {
  if (bytes.empty()) return std::nullopt;
  Sha256 digest;
  digest.update(bytes);
  return digest.finish();
}

}  // namespace

std::vector<StateDifference> compare_states(const StoredState& left, const StoredState& right) {
  Comparison to;
  if (left.identity() && right.identity()) compare(to, *left.identity(), *right.identity());
  to.within("");
  if (left.decoded() && right.decoded()) compare(to, *left.decoded(), *right.decoded());
  to.within("");
  to.field("subsystem_state", digest_of(left.subsystem_state()),
           digest_of(right.subsystem_state()));
  to.field("size", left.end().size, right.end().size);
  to.field("sha256", left.end().sha256, right.end().sha256);
  return to.finish();
}

}  // namespace nvmigrate
