// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate {

namespace store {
class SubsystemDocument;
}

/// Permission to migrate a controlled function.
struct Mark {
  std::uint16_t cntlid = 0;
  std::string time;       ///< RFC 3339, UTC
  std::string backend{};  ///< that migrates it; empty: a former version did not record it
};

/// Marks, bindings and wanted resources of one subsystem, in one file of the state folder that is
/// written whole at every change. Change it under the subsystem's lock.
class Registry {
 public:
  /// Reads what is there. \throws refused (folder or file not ours), Error(io) naming the file when
  /// it is damaged, and how to move on
  Registry(Io& io, const Folders& folders, const SubsystemKey& key);
  Registry(Registry&&) noexcept;
  Registry& operator=(Registry&&) noexcept;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  [[nodiscard]] const std::vector<Mark>& marks() const noexcept { return marks_; }
  [[nodiscard]] const std::vector<Binding>& bindings() const noexcept { return bindings_; }
  [[nodiscard]] const std::vector<WantedResources>& wanted() const noexcept { return wanted_; }
  [[nodiscard]] bool is_marked(std::uint16_t cntlid) const noexcept;
  /// Recorded with its mark; may be empty.
  [[nodiscard]] std::string backend_of(std::uint16_t cntlid) const;
  [[nodiscard]] const Binding* binding_of(std::uint16_t cntlid) const noexcept;
  [[nodiscard]] const WantedResources* wanted_of(std::uint16_t cntlid) const noexcept;

  /// Each writes the file before it returns. \throws OsError; then memory and file are unchanged
  void mark(std::uint16_t cntlid, const std::string& backend = {});
  void unmark(std::uint16_t cntlid);
  void remember(const Binding& binding);
  /// Remembers the ones and forgets those of the others, in one write.
  void change_bindings(const std::vector<Binding>& bound,
                       const std::vector<std::uint16_t>& forgotten);
  /// Replaces all wanted resources. \param wanted ascending by controller id
  void want(std::vector<WantedResources> wanted);
  /// Forgets everything of these functions (their VFs were destroyed), but the namespaces that were
  /// attached for them: a controller keeps those.
  void forget(const std::vector<std::uint16_t>& cntlids);

 private:
  void replace(std::vector<Mark> marks, std::vector<Binding> bindings,
               std::vector<WantedResources> wanted);

  std::unique_ptr<store::SubsystemDocument> document_;
  std::vector<Mark> marks_;
  std::vector<Binding> bindings_;
  std::vector<WantedResources> wanted_;
};

}  // namespace nvmigrate
