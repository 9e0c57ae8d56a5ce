// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/state/chunk_source.h"
#include "nvmigrate/state/digest.h"

namespace nvmigrate {

struct [[gnu::visibility("hidden")]] StoredState::Impl {
  Io* io = nullptr;
  std::string object;
  bool raw = false;
  StateLayout raw_layout = StateLayout::nvme, layout = StateLayout::nvme;
  std::optional<OpenFile> file;  ///< of open()
  std::optional<Spool> spool;    ///< of read()
  std::optional<StateIdentity> identity;
  StateEnd end;
  std::optional<DecodedState> decoded;
  std::vector<std::byte> subsystem;
  std::uint64_t skipped = 0;
  VerifiedFacts facts;
  StartThread start_thread;

  [[nodiscard]] std::unique_ptr<ByteSource> bytes() const;
  [[nodiscard]] std::unique_ptr<ChunkReader> reader(std::unique_ptr<ByteSource> source) const;
  void verify(std::unique_ptr<ByteSource> source, const ReadStateOptions& options);
  void take_file_facts(const FileChunkReader& reader, const Sha256Digest& digest);
  void judge_length();
};

namespace {

/// Reads all chunks, decoding beside the caller's thread and hashing in another.
class VerifyPass {
 public:
  VerifyPass(ChunkReader& reader, bool decode, const ReadStateOptions& options)
      : reader_(&reader), options_(&options) {
    if (decode) decoder_.emplace(options.vendor_digest);
  }

  void run() {
    for (std::uint64_t i = 0;; ++i) {
      stop_if_interrupted("nothing was done with the state");
      auto& buffer = acquire(i);
      const auto chunk = reader_->next(buffer);
      if (chunk.empty()) break;
      size_ += chunk.size();
      if (decoder_) decoder_->feed(chunk);
      if (i == 0) look_at(chunk);
      hash(chunk);
      if (options_->progress) options_->progress(size_, reader_->size());
    }
    if (worker_) worker_->wait();
  }

  /// The reader of a raw state skips the bytes behind it, so that the decoder has not seen them.
  DecodedState finish() {
    const bool raw = options_->kind == StateKind::raw;
    if (raw && reader_->offset() > size_) decoder_->skip(reader_->offset() - size_);
    return decoder_->finish();
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Whether the bytes are as many as the header of a Controller State at their begin says.
  [[nodiscard]] bool is_controller_state() const noexcept { return size_ == said_size_; }
  Sha256& digest() noexcept { return digest_; }
  std::optional<StateDecoder>& decoder() noexcept { return decoder_; }

 private:
  void look_at(std::span<const std::byte> first) noexcept {
    try {
      const auto header = decode_state_header(first);
      if (header.version == 0) said_size_ = header.total();
    } catch (const Error&) {
      said_size_.reset();
    }
  }

  ChunkBuffer& acquire(std::uint64_t index) {
    if (worker_ && posted_ >= chunk_slots) worker_->wait_for(posted_ - chunk_slots + 1);
    auto& slot = slots_.at(index % chunk_slots);
    if (!slot) slot.emplace();
    return *slot;
  }

  void hash(std::span<const std::byte> chunk) {
    if (reader_->size() <= state_file::max_chunk) {
      digest_.update(chunk);
      return;
    }
    if (!worker_) worker_.emplace(options_->start_thread);
    ++posted_;
    worker_->post([this, chunk] { digest_.update(chunk); });
  }

  ChunkReader* reader_;
  const ReadStateOptions* options_;
  std::optional<StateDecoder> decoder_;
  Sha256 digest_;
  std::array<std::optional<ChunkBuffer>, chunk_slots> slots_;
  std::uint64_t size_ = 0, posted_ = 0;
  std::optional<std::uint64_t> said_size_;
  std::optional<Worker> worker_;
};

Finding* find(DecodedState& state, std::string_view code) {
  const auto found = std::find_if(state.findings.begin(), state.findings.end(),
                                  [code](const auto& finding) { return finding.code == code; });
  return found == state.findings.end() ? nullptr : &*found;
}

}  // namespace

std::unique_ptr<ByteSource> StoredState::Impl::bytes() const {
  if (spool) return spool->source();
  if (!file) {
    throw Error(ExitStatus::internal, object + " was not kept: it cannot be read a second time");
  }
  return make_file_source(*io, file->fd(), object);
}

std::unique_ptr<ChunkReader> StoredState::Impl::reader(std::unique_ptr<ByteSource> source) const {
  if (raw) return std::make_unique<RawChunkReader>(std::move(source), object, raw_layout);
  return std::make_unique<FileChunkReader>(std::move(source), object);
}

void StoredState::Impl::verify(std::unique_ptr<ByteSource> source,
                               const ReadStateOptions& options) {
  raw = options.kind == StateKind::raw;
  raw_layout = options.raw_layout;
  start_thread = options.start_thread;
  const auto chunks = reader(std::move(source));
  const auto* file_reader = raw ? nullptr : static_cast<const FileChunkReader*>(chunks.get());
  layout = raw ? raw_layout : file_reader->identity().layout;
  const bool decode = layout == StateLayout::nvme;
  if (!raw && options.accept) options.accept(file_reader->identity());
  const auto begin = chunks->offset();
  VerifyPass pass{*chunks, decode, options};
  try {
    pass.run();
    if (pass.decoder()) decoded = pass.finish();
  } catch (const StateFileError&) {
    throw;
  } catch (const Error& error) {
    if (error.status() != ExitStatus::bad_state) throw;
    throw StateFileError(begin, "invalid_state", fmt::format("{}: {}", object, error.what()),
                         error.advice());
  }
  if (raw && pass.size() == 0) {
    throw StateFileError(begin, "invalid_state", object + ": it is empty, so it holds no state");
  }
  if (raw && pass.is_controller_state()) layout = StateLayout::nvme;
  facts = {.size = pass.size(), .sum = chunks->sum(), .offset = chunks->offset()};
  if (raw) {
    const auto* missing = decoded ? find(*decoded, "one_dword_short") : nullptr;
    facts.add_dword = missing != nullptr && !missing->stands();
    if (facts.add_dword) pass.digest().update(std::array<std::byte, 4>{});
    facts.size += facts.add_dword ? 4 : 0;
    end.size = facts.size;
    end.sha256 = pass.digest().finish();
  } else {
    take_file_facts(*file_reader, pass.digest().finish());
  }
  judge_length();
}

void StoredState::Impl::take_file_facts(const FileChunkReader& reader, const Sha256Digest& digest) {
  identity = reader.identity();
  end = reader.end();
  skipped = reader.skipped();
  subsystem = reader.subsystem_state();
  if (digest == end.sha256) return;
  throw StateFileError(reader.end_offset(), "damaged",
                       fmt::format("{}: the SHA-256 of the state is {}, but its end record has {}",
                                   object, to_string(digest), to_string(end.sha256)));
}

/// The chunks of a state file are whole, so that a wrong length is the fault of its writer.
void StoredState::Impl::judge_length() {
  if (!decoded || raw) return;
  for (const auto* code : {"too_long", "one_dword_short"}) {
    if (auto* finding = find(*decoded, code)) finding->severity = Severity::blocker;
  }
}

StoredState::StoredState(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoredState::~StoredState() = default;
StoredState::StoredState(StoredState&&) noexcept = default;
StoredState& StoredState::operator=(StoredState&&) noexcept = default;

StoredState StoredState::open(Io& io, const std::string& path, const ReadStateOptions& options) {
  auto file = OpenFile::open(io, path, O_RDONLY);
  struct stat about {};
  if (io.fstat(file.fd(), about) < 0) throw OsError(errno, "look at", path);
  if (S_ISDIR(about.st_mode)) throw OsError(EISDIR, "read", path);
  if (!S_ISREG(about.st_mode)) return read(io, file.fd(), path, options);
  auto impl = std::make_unique<Impl>();
  impl->io = &io;
  impl->object = path;
  impl->file.emplace(std::move(file));
  impl->verify(impl->bytes(), options);
  return StoredState{std::move(impl)};
}

StoredState StoredState::read(Io& io, int fd, const std::string& object,
                              const ReadStateOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->io = &io;
  impl->object = object;
  auto source = make_stream_source(io, fd, object);
  if (options.spool_folder) {
    impl->spool.emplace(io, *options.spool_folder);
    source = make_spooling_source(std::move(source), *impl->spool);
  }
  impl->verify(std::move(source), options);
  return StoredState{std::move(impl)};
}

const std::string& StoredState::object() const noexcept { return impl_->object; }
bool StoredState::raw() const noexcept { return impl_->raw; }
const std::optional<StateIdentity>& StoredState::identity() const noexcept {
  return impl_->identity;
}
StateLayout StoredState::layout() const noexcept { return impl_->layout; }
const StateEnd& StoredState::end() const noexcept { return impl_->end; }
const std::optional<DecodedState>& StoredState::decoded() const noexcept { return impl_->decoded; }
const std::vector<std::byte>& StoredState::subsystem_state() const noexcept {
  return impl_->subsystem;
}
std::uint64_t StoredState::file_size() const noexcept { return impl_->facts.offset; }
std::uint64_t StoredState::skipped_records() const noexcept { return impl_->skipped; }

std::unique_ptr<StateSource> StoredState::source() const {
  const auto* impl = impl_.get();
  if (impl->decoded && impl->facts.size != impl->decoded->header.total()) {
    throw bad_state(impl->object + ": the controller state is incomplete");
  }
  return std::make_unique<ChunkSource>([impl] { return impl->reader(impl->bytes()); }, impl->facts,
                                       impl->object, impl->start_thread);
}

}  // namespace nvmigrate
