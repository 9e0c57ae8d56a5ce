// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/provision.h"

/// Namespaces that are attached to functions while these are provisioned, and detached from them
/// when they no longer are. Attachments belong to a controller: they stay while it is offline.
namespace nvmigrate {

constexpr bool is_attachment(ProvisionAction action) noexcept {
  return action == ProvisionAction::attach || action == ProvisionAction::detach;
}

/// The namespaces that a request attaches, as a remedy and the journal have them: `all`, `1,2`;
/// empty: none.
std::string attach_text(const ProvisionRequest& request);
/// The form above. \return what a request has of it
std::optional<std::vector<std::uint32_t>> parse_attach(const std::string& text);

/// Which existing namespaces the request means. Tells the judge of those that do not
/// exist, and of private ones that would have several controllers.
/// \param functions to attach them to; empty: their controller ids are not known, or not yet
std::vector<std::uint32_t> choose_namespaces(Session& session, Judge& judge,
                                             const std::vector<std::uint32_t>& asked,
                                             const FunctionList& functions);
/// A step for each namespace that is not attached to a function.
/// \param anew the functions appear only then, so that nothing is known of their attachments
void add_attachments(std::vector<ProvisionStep>& steps,
                     const std::vector<std::uint32_t>& namespaces, const FunctionList& functions,
                     bool anew);
/// A step for each namespace that was attached for a VF beyond `vfs`, also while the device does
/// not list any.
void add_detachments(std::vector<ProvisionStep>& steps, Session& session, unsigned vfs);
/// \throws Error(device) when a namespace is not attached to a VF as it should be
void compare_attachments(Session& session, const ProvisionResult& result);

/// Carries out such steps, and knows what it changed.
class Attachments {
 public:
  explicit Attachments(Session& session) : session_(&session) {}

  /// All of one action and one namespace, in one command. What is so already is left, and is not
  /// recorded: the device may have attached or detached it by itself when VFs came or went.
  /// \param what the first step in words \throws NvmeError, OsError
  void change(std::span<const ProvisionStep> steps, const std::string& what);
  /// The steps that undo it; those that detach are first.
  [[nodiscard]] std::vector<ProvisionStep> back() const;

 private:
  void record(const std::vector<std::uint16_t>& cntlids, std::uint32_t nsid);

  Session* session_;
  std::vector<ProvisionStep> changed_;
};

}  // namespace nvmigrate
