// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/queue_checks.h"
#include "nvmigrate/state/raw_state.h"

namespace nvmigrate {
namespace {

enum class Stage { header, nvme_header, submission, completion, slack, vendor, surplus };

template <typename T>
T read_as(std::span<const std::byte> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

struct StateDecoder::Impl {
  std::optional<Sha256> vendor;
  std::optional<StateHeaderFacts> header;
  DecodedState state;
  QueueChecks checks{state.findings, max_findings};
  Stage stage = Stage::header;
  std::array<std::byte, sizeof(wire::StateHeader)> record{};
  std::size_t filled = 0;
  std::uint64_t count = 0;
  std::uint32_t submission_left = 0, completion_left = 0;

  [[nodiscard]] std::uint64_t nvme_end() const {
    return sizeof(wire::StateHeader) + header->nvme_bytes;
  }
  [[nodiscard]] std::size_t record_size() const;
  std::size_t step(std::span<const std::byte> bytes);
  std::size_t fill(std::span<const std::byte> bytes);
  std::size_t pass(std::span<const std::byte> bytes, std::uint64_t end, Stage next);
  void take_record();
  void take_header();
  void take_nvme_header();
  void limit_queues(std::uint32_t submission, std::uint32_t completion);
  void enter_queues();
  void check_length();
};

std::size_t StateDecoder::Impl::record_size() const {
  switch (stage) {
    case Stage::header:
      return sizeof(wire::StateHeader);
    case Stage::nvme_header:
      return sizeof(wire::NvmeStateHeader);
    case Stage::submission:
    case Stage::completion:
      return sizeof(wire::SubmissionQueueState);
    default:
      return 0;
  }
}

std::size_t StateDecoder::Impl::step(std::span<const std::byte> bytes) {
  switch (stage) {
    case Stage::slack:
      return pass(bytes, nvme_end(), Stage::vendor);
    case Stage::vendor:
      return pass(bytes, header->total(), Stage::surplus);
    case Stage::surplus:
      count += bytes.size();
      return bytes.size();
    default:
      return fill(bytes);
  }
}

std::size_t StateDecoder::Impl::fill(std::span<const std::byte> bytes) {
  const auto taken = std::min(bytes.size(), record_size() - filled);
  std::copy_n(bytes.begin(), taken, record.begin() + static_cast<std::ptrdiff_t>(filled));
  filled += taken;
  count += taken;
  if (filled == record_size()) {
    take_record();
    filled = 0;
  }
  return taken;
}

std::size_t StateDecoder::Impl::pass(std::span<const std::byte> bytes, std::uint64_t end,
                                     Stage next) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - count));
  if (stage == Stage::vendor && vendor) vendor->update(bytes.first(taken));
  count += taken;
  if (count == end) stage = next;
  return taken;
}

void StateDecoder::Impl::take_record() {
  switch (stage) {
    case Stage::header:
      take_header();
      break;
    case Stage::nvme_header:
      take_nvme_header();
      break;
    case Stage::submission:
      state.submission_queues.push_back(
          checks.take(read_as<wire::SubmissionQueueState>(record), count - 24));
      --submission_left;
      enter_queues();
      break;
    default:
      state.completion_queues.push_back(
          checks.take(read_as<wire::CompletionQueueState>(record), count - 24));
      --completion_left;
      enter_queues();
  }
}

void StateDecoder::Impl::take_header() {
  header = decode_state_header(record);
  state.header = *header;
  const auto raw = read_as<wire::StateHeader>(record);
  if (header->version != 0) {
    checks.add(
        "header_version",
        fmt::format("the header has version {}, and only version 0 is known", header->version),
        Severity::blocker, 0);
  }
  if (!header->suspended) {
    checks.add("not_suspended",
               "the device does not confirm that the controller was suspended during the whole "
               "reading",
               Severity::warning, 2);
  }
  if ((raw.csattr & 0xFEU) != 0 || !all_zero(raw.reserved3)) checks.add_reserved(2);
  if (header->nvme_bytes + header->vendor_bytes == 0) {
    checks.add("empty", "the state has only a header: no queues and no vendor part",
               Severity::warning, 16);
  }
  stage = Stage::nvme_header;
  if (header->nvme_bytes < sizeof(wire::NvmeStateHeader)) {
    if (header->nvme_bytes != 0) {
      checks.add("nvme_size", "the NVMe part has 4 bytes, less than its header of 8 bytes",
                 Severity::blocker, 16);
    }
    stage = header->nvme_bytes != 0 ? Stage::slack : Stage::vendor;
  }
  if (header->total() == count) stage = Stage::surplus;
}

void StateDecoder::Impl::take_nvme_header() {
  const auto head = read_as<wire::NvmeStateHeader>(record);
  state.nvme_version = head.ver;
  if (std::uint16_t{head.reserved6} != 0) checks.add_reserved(count - 2);
  if (state.nvme_version == 0) {
    limit_queues(head.niosq, head.niocq);
  } else {
    checks.add(
        "nvme_version",
        fmt::format("the NVMe part has version {}; its queues are not decoded", state.nvme_version),
        Severity::warning, count - 8);
  }
  enter_queues();
}

void StateDecoder::Impl::limit_queues(std::uint32_t submission, std::uint32_t completion) {
  const auto room = (header->nvme_bytes - sizeof(wire::NvmeStateHeader)) / 24;
  if (submission + std::uint64_t{completion} > room) {
    checks.add("queue_count",
               fmt::format("the NVMe part counts {} queues and has room for {}",
                           submission + completion, room),
               Severity::blocker, count - 6);
  }
  submission_left = static_cast<std::uint32_t>(std::min<std::uint64_t>(submission, room));
  completion_left =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(completion, room - submission_left));
  const auto used = sizeof(wire::NvmeStateHeader) + 24 * (submission + std::uint64_t{completion});
  if (used < header->nvme_bytes) {
    checks.add("slack",
               fmt::format("the NVMe part is {} longer than its queues",
                           format_size(header->nvme_bytes - used)),
               Severity::warning, 16);
  }
}

void StateDecoder::Impl::enter_queues() {
  if (submission_left > 0) {
    stage = Stage::submission;
  } else if (completion_left > 0) {
    stage = Stage::completion;
  } else if (count < nvme_end()) {
    stage = Stage::slack;
  } else {
    stage = count < header->total() ? Stage::vendor : Stage::surplus;
  }
}

void StateDecoder::Impl::check_length() {
  const auto total = header->total();
  if (count > total) {
    checks.add("too_long", fmt::format("{} bytes follow the end of the state", count - total),
               Severity::warning, total);
  } else if (count + 4 == total) {
    // Then the reserved end of the last completion queue is missing.
    const bool harmless = stage == Stage::completion && completion_left == 1 && filled == 20 &&
                          total == nvme_end() && count + 4 == nvme_end();
    checks.add("one_dword_short",
               fmt::format("the last dword{} is missing, as in dumps made by nvme-cli",
                           harmless ? ", which is reserved," : ""),
               harmless ? Severity::warning : Severity::blocker, count);
    if (harmless) {
      constexpr std::array<std::byte, 4> zero{};
      fill(zero);
      count -= zero.size();
    }
  } else if (count < total) {
    checks.add("too_short",
               fmt::format("the state is incomplete: it has {} of {} bytes", count, total),
               Severity::blocker, count);
  }
}

StateDecoder::StateDecoder(bool vendor_digest) : impl_(std::make_unique<Impl>()) {
  if (vendor_digest) impl_->vendor.emplace();
}
StateDecoder::~StateDecoder() = default;
StateDecoder::StateDecoder(StateDecoder&&) noexcept = default;
StateDecoder& StateDecoder::operator=(StateDecoder&&) noexcept = default;

void StateDecoder::feed(std::span<const std::byte> bytes) {
  while (!bytes.empty())
    bytes = bytes.subspan(impl_->step(bytes));
}

void StateDecoder::skip(std::uint64_t count) noexcept { impl_->count += count; }

DecodedState StateDecoder::finish() {
  if (!impl_->header) decode_state_header(std::span{impl_->record}.first(impl_->filled));
  impl_->check_length();
  impl_->checks.finish(impl_->state);
  if (impl_->vendor && impl_->header->vendor_bytes > 0) {
    impl_->state.vendor_sha256 = impl_->vendor->finish();
  }
  return std::move(impl_->state);
}

}  // namespace nvmigrate
