// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/document.h"

#include <cerrno>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

Document::Document(Io& io, std::string folder, const std::string& name)
    : io_(&io), folder_(std::move(folder)), path_(folder_ + "/" + name) {}

std::optional<std::string> Document::read() {
  if (!check_private(*io_, folder_)) return std::nullopt;
  auto text = read_private(*io_, path_);
  text_ = text.value_or("");
  return text;
}

void Document::replace(const std::string& text) {
  if (text.empty()) {
    remove();
  } else {
    publish(*prepare(text), text);
  }
}

std::unique_ptr<AtomicFile> Document::prepare(const std::string& text) {
  make_private_folder(*io_, folder_);
  auto file = std::make_unique<AtomicFile>(*io_, path_);
  write_all(*io_, file->fd(), std::as_bytes(std::span{text}), path_);
  file->sync();
  return file;
}

void Document::publish(AtomicFile& prepared, const std::string& text) {
  try {
    prepared.publish();
  } catch (...) {
    restore();
    throw;
  }
  text_ = text;
}

void Document::remove() {
  if (text_.empty()) return;
  if (io_->unlink(path_) != 0 && errno != ENOENT) throw OsError(errno, "remove", path_);
  try {
    sync_folder_of(*io_, path_);
  } catch (...) {
    restore();
    throw;
  }
  text_.clear();
}

void Document::restore() noexcept {
  try {
    if (read_private(*io_, path_).value_or("") == text_) return;
    if (text_.empty()) {
      io_->unlink(path_);
    } else {
      write_file(*io_, path_, text_);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): the first failure is being thrown
  }
}

}  // namespace nvmigrate
