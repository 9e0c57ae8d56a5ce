// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

/// Leave to migrate a controlled function.
struct Mark {
  std::uint16_t cntlid = 0;
  std::string time;  ///< RFC 3339, UTC
};

/// A function that this tool took from its driver.
struct Binding {
  std::uint16_t cntlid = 0;
  std::string address;                         ///< PCI
  std::string driver;                          ///< what it was bound to, vfio-pci
  std::optional<std::string> original_driver;  ///< nothing: it had none
  std::optional<std::string> original_override;
  std::string time;
};

/// Marks and bindings of one subsystem, keyed by its NQN and the controller id; kept in one file in
/// the state folder and written whole at every change. Read it once a command; change it under the
/// subsystem's lock.
class Registry {
 public:
  /// Reads what is there. \throws refused (folder or file not ours), Error(io) naming the file when
  /// it is damaged, and how to move on
  Registry(Io& io, const Folders& folders, std::string subsystem_nqn);

  [[nodiscard]] const std::vector<Mark>& marks() const noexcept { return marks_; }
  [[nodiscard]] const std::vector<Binding>& bindings() const noexcept { return bindings_; }
  [[nodiscard]] bool is_marked(std::uint16_t cntlid) const noexcept;
  [[nodiscard]] const Binding* binding_of(std::uint16_t cntlid) const noexcept;

  /// Each writes the file before it returns. \throws OsError; then memory and file are unchanged
  void mark(std::uint16_t cntlid);
  void unmark(std::uint16_t cntlid);
  void remember(const Binding& binding);
  void forget_binding(std::uint16_t cntlid);
  /// Forgets everything of these functions (their VFs were destroyed).
  void forget(const std::vector<std::uint16_t>& cntlids);

 private:
  void replace(std::vector<Mark> marks, std::vector<Binding> bindings);

  Document document_;
  std::string nqn_;
  std::vector<Mark> marks_;
  std::vector<Binding> bindings_;
};

}  // namespace nvmigrate
