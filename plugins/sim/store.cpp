// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate::sim {
namespace {

constexpr std::string_view suffix = ".json";

std::string text_of(Io& io, int fd, const std::string& path) {
  std::string text;
  std::array<std::byte, 16384> piece{};
  while (const auto count = read_up_to(io, fd, piece, path)) {
    text.append(reinterpret_cast<const char*>(piece.data()), count);
  }
  return text;
}

// The NQN in a text that may end anywhere.
std::optional<std::string> nqn_in(const std::string& text) {
  static constexpr std::string_view key = "\"nqn\":\"";
  const auto begin = text.find(key);
  if (begin == std::string::npos) return std::nullopt;
  const auto end = text.find('"', begin + key.size());
  if (end == std::string::npos) return std::nullopt;
  return text.substr(begin + key.size(), end - begin - key.size());
}

}  // namespace

Store::Store(std::string folder, std::string name)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      path_(folder_ + "/" + name_ + std::string(suffix)),
      lock_path_(folder_ + "/" + name_ + ".lock") {}

std::shared_ptr<const Subsystem> Store::read() {
  const std::lock_guard guard(mutex_);
  return refreshed();
}

bool Store::exists() {
  struct stat about {};
  return io_.stat(path_, about) == 0;
}

const std::shared_ptr<const Subsystem>& Store::refreshed() {
  if (memory_ != nullptr) return memory_->now;
  struct stat now {};
  if (io_.stat(path_, now) != 0) {
    const int failure = errno;
    current_.reset();
    if (failure != ENOENT && failure != ENOTDIR) throw OsError(failure, "read", path_);
    throw not_found(fmt::format("there is no simulated subsystem {}", name_), "create it",
                    {{.action = Remedy::Action::create_simulation, .object = name_}});
  }
  if (current_ && same_file(now, known_)) return current_;
  check_private(io_, folder_);
  current_.reset();
  file_ = OpenFile::open(io_, path_, O_RDONLY | O_NOFOLLOW);
  remember_file();
  current_ = parsed(file_->fd());
  return current_;
}

void Store::remember_file() {
  if (io_.fstat(file_->fd(), known_) != 0) throw OsError(errno, "look at", path_);
}

std::shared_ptr<const Subsystem> Store::parsed(int fd) {
  const std::string text = text_of(io_, fd, path_);
  try {
    return std::make_shared<const Subsystem>(from_text(text));
  } catch (const std::exception& failure) {
    throw Error(ExitStatus::io,
                fmt::format("cannot read the simulated subsystem in {}: it is damaged ({})", path_,
                            failure.what()),
                "remove it", {{.action = Remedy::Action::destroy_simulation, .object = name_}});
  }
}

void Store::publish(Subsystem next) {
  if (next == *refreshed()) return;
  if (memory_ == nullptr) advance_guests(next);
  ++next.generation;
  if (memory_ != nullptr) {
    memory_->now = std::make_shared<const Subsystem>(std::move(next));
    return;
  }
  write(std::make_shared<const Subsystem>(std::move(next)));
}

void Store::write(std::shared_ptr<const Subsystem> next) {
  const std::string text = to_text(*next);
  const std::string temporary = folder_ + "/." + name_ + ".new";
  auto file = OpenFile::open(io_, temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  write_all(io_, file.fd(), std::as_bytes(std::span{text}), temporary);
  if (io_.rename(temporary, path_) != 0) {
    const int failure = errno;
    io_.unlink(temporary);
    throw OsError(failure, "replace", path_);
  }
  file_ = std::move(file);
  remember_file();
  current_ = std::move(next);
}

void Store::make(const Parameters& parameters) {
  write(std::make_shared<const Subsystem>(made(name_, parameters)));
}

void Store::create(const Parameters& parameters) {
  make_private_folder(io_, folder_);
  const std::lock_guard guard(mutex_);
  const Locked locked(*this);
  require_absence();
  make(parameters);
}

void Store::create_if_missing(const Parameters& parameters) {
  if (exists()) return;
  make_private_folder(io_, folder_);
  const std::lock_guard guard(mutex_);
  const Locked locked(*this);
  if (!exists()) make(parameters);
}

void Store::require_absence() {
  if (!exists()) return;
  throw refused(fmt::format("the simulated subsystem {} exists already", name_), "remove it first",
                {{.action = Remedy::Action::destroy_simulation, .object = name_}});
}

void Store::require_existence() {
  if (exists()) return;
  throw not_found(fmt::format("there is no simulated subsystem {}", name_), "list those that exist",
                  {{.action = Remedy::Action::list_simulations}});
}

std::optional<std::string> Store::nqn() {
  require_existence();
  try {
    return nqn_in(read_text(io_, path_, std::size_t{256} << 20U));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void Store::destroy() {
  require_existence();
  const std::lock_guard guard(mutex_);
  const Locked locked(*this);
  if (io_.unlink(path_) != 0 && errno != ENOENT) throw OsError(errno, "remove", path_);
  io_.unlink(folder_ + "/." + name_ + ".new");
  io_.unlink(lock_path_);
  current_.reset();
}

std::vector<std::string> Store::names(const std::string& folder) {
  SystemIo io;
  std::vector<std::string> entries, names;
  if (io.list(folder, entries) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw OsError(errno, "list", folder);
  }
  for (const auto& entry : entries) {
    if (entry.ends_with(suffix) && !entry.starts_with('.')) {
      names.push_back(entry.substr(0, entry.size() - suffix.size()));
    }
  }
  return names;
}

bool Store::lock_is_current() {
  struct stat held {};
  struct stat named {};
  return io_.fstat(lock_->fd(), held) == 0 && io_.stat(lock_path_, named) == 0 &&
         same_file(held, named);
}

Store::Locked::Locked(Store& store) : store_(&store) {
  if (store.memory_ != nullptr) return;
  for (;;) {
    if (!store.lock_) {
      store.lock_ = OpenFile::open(store.io_, store.lock_path_, O_RDWR | O_CREAT | O_NOFOLLOW);
    }
    while (store.io_.flock(store.lock_->fd(), LOCK_EX) != 0) {
      if (errno != EINTR) throw OsError(errno, "lock", store.lock_path_);
    }
    if (store.lock_is_current()) return;
    store.lock_.reset();
  }
}

Store::Locked::~Locked() {
  if (store_->lock_) store_->io_.flock(store_->lock_->fd(), LOCK_UN);
}

}  // namespace nvmigrate::sim
