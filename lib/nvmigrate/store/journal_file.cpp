// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "nvmigrate/base/time.h"
#include "nvmigrate/store/atomic_file.h"
#include "nvmigrate/store/document_json.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate::store {
namespace {

constexpr auto name_of_file = "journal.json";
constexpr auto name_of_note = "journal.boot";
constexpr auto schema = "nvmigrate.journal/2";
constexpr std::string_view schema_stem = "nvmigrate.journal/";

bool is_empty(const JournalFile::Json& document) {
  return document["subsystems"].empty() && document["ledger"].empty() && document["lost"].is_null();
}

std::string text_of(const JournalFile::Json& document) {
  return is_empty(document) ? std::string{} : dump(document);
}

}  // namespace

JournalError::JournalError(const std::string& code, std::string path, const std::string& message)
    : Error(ExitStatus::io, message), path_(std::move(path)) {
  set_code(code);
}

std::string aside_of(const std::string& path) { return path + ".damaged-" + utc_now(); }

JournalFile::JournalFile(Io& io, const Folders& folders)
    : io_(&io),
      folder_(folders.run),
      boot_(folders.boot.empty() ? "" : folders.boot + '\n'),
      document_(io, folder_, name_of_file),
      noted_(io, folders.state, name_of_note) {}

JournalFile::Text JournalFile::read_text() {
  try {
    return document_.read();
  } catch (const Error& error) {
    throw JournalError("journal_unreadable", path(), error.what());
  }
}

bool JournalFile::is_gone() {
  try {
    return !boot_.empty() && noted_.read() == boot_;
  } catch (const Error& error) {
    throw JournalError("journal_unreadable", path(), error.what());
  }
}

/// The journal itself is what counts. \return false when the note could not be written
bool JournalFile::note(bool any) {
  if (boot_.empty()) return true;
  try {
    const bool noted = noted_.read() == boot_;
    if (noted != any) noted_.replace(any ? boot_ : "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

JournalFile::Json JournalFile::parse(const Text& text) {
  if (!text) {
    return {{"schema", schema},
            {"subsystems", Json::array()},
            {"ledger", Json::array()},
            {"lost", is_gone() ? Json(path()) : Json()}};
  }
  const auto damaged = [this](const std::string& why) {
    return JournalError("journal_damaged", path(), path() + ": " + why);
  };
  const auto json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) throw damaged("it is not a JSON object");
  const auto is = json.value("schema", Json());
  if (is != Json(schema)) {
    if (is.is_string() && is.get<std::string>().starts_with(schema_stem)) {
      throw JournalError("journal_newer", path(),
                         path() + ": its schema is " + is.get<std::string>());
    }
    throw damaged(std::string{"its schema is not "} + schema);
  }
  for (const auto* list : {"subsystems", "ledger"}) {
    if (!json.contains(list) || !json[list].is_array()) {
      throw damaged(std::string{"it has no list of "} + list);
    }
  }
  auto whole = json;
  if (!whole.contains("lost")) whole["lost"] = nullptr;
  return whole;
}

JournalFile::Json JournalFile::read() {
  seen_ = read_text();
  return parse(seen_);
}

OpenFile JournalFile::open_folder() {
  make_private_folder(*io_, folder_);
  return OpenFile::open(*io_, folder_, O_RDONLY | O_DIRECTORY);
}

OpenFile JournalFile::lock() {
  auto folder = open_folder();
  take_lock(folder);
  return folder;
}

void JournalFile::take_lock(const OpenFile& folder) {
  while (io_->flock(folder.fd(), LOCK_EX) != 0) {
    if (errno != EINTR) throw OsError(errno, "lock", folder_);
  }
}

void JournalFile::update(const Edit& edit) {
  const auto only = lock();
  auto document = read();
  edit(document);
  auto text = text_of(document);
  // Without its note an empty journal may be removed; with it, it would count as gone.
  if (text.empty() && !note(false)) text = dump(document);
  document_.replace(text);
  if (!text.empty()) static_cast<void>(note(true));
}

std::string JournalFile::set_aside() {
  const auto only = lock();
  const auto text = read_text();
  if (text != seen_) {
    throw Error(ExitStatus::busy, "cannot set " + path() + " aside: it was changed meanwhile",
                "look at it again");
  }
  auto aside = aside_of(path());
  nvmigrate::write_file(*io_, aside, text.value_or(""));
  auto document = parse({});
  document["lost"] = aside;
  document_.replace(text_of(document));
  static_cast<void>(note(true));
  return aside;
}

void JournalFile::note_loss(const std::string& aside) {
  update([&](Json& document) {
    document["lost"] = aside;
    document.erase("settled");
  });
}

std::unique_ptr<JournalFile::Prepared> JournalFile::prepare(const Edit& edit) {
  return std::make_unique<Prepared>(*this, edit);
}

JournalFile::Prepared::Prepared(JournalFile& file, Edit edit)
    : file_(&file), edit_(std::move(edit)), folder_(file.open_folder()) {
  const auto only = file.lock();
  const auto before = file.read_text();
  if (before) before_ = OpenFile::open(*file.io_, file.path(), O_RDONLY | O_NOFOLLOW);
  auto document = file.parse(before);
  edit_(document);
  after_ = text_of(document);
  if (!after_.empty()) written_ = file.document_.prepare(after_);
}

/// The open descriptor keeps the inode number from being given to another file.
bool JournalFile::Prepared::is_current() {
  struct stat before {};
  struct stat now {};
  const auto& path = file_->path();
  if (file_->io_->lstat(path, now) != 0) {
    if (errno != ENOENT) throw OsError(errno, "look at", path);
    return !before_;
  }
  if (!before_) return false;
  if (file_->io_->fstat(before_->fd(), before) != 0) throw OsError(errno, "look at", path);
  return same_file(before, now);
}

void JournalFile::Prepared::commit() {
  const auto only = std::move(folder_);
  file_->take_lock(only);
  if (written_ && is_current()) {
    file_->document_.publish(*written_, after_);
  } else {
    auto document = file_->parse(file_->read_text());
    edit_(document);
    file_->document_.replace(text_of(document));
  }
}

}  // namespace nvmigrate::store
