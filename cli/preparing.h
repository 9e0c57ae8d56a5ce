// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "nvmigrate/host/access.h"
#include "nvmigrate/host/binding.h"
#include "nvmigrate/host/provision.h"

/// What the commands that prepare functions share.
namespace nvmigrate::cli {

/// What a changing command has in common with its kin.
struct ChangeOptions {
  std::string device;
  std::string functions;
  bool dry_run = false;
  std::vector<std::string> allowed;

  /// DEVICE, and --dry-run.
  void declare_device(Options& options, Offer offer = Offer::device);
  /// IDS.
  void declare_functions(Options& options, Offer offer = Offer::functions);
  /// --allow NAME, with the names that can occur in this command.
  void declare_allow(Options& options, std::string_view command, const std::string& help);
  [[nodiscard]] bool allows(std::string_view name) const;
  /// Opened to be changed, or only to be read in a dry run.
  [[nodiscard]] Subject open(Context& context) const;
};

HostAccess access_of(Subject& subject);

/// The beginning of the document of a changing command.
Json document_of(const ChangeOptions& options, bool changed);

ProvisionLimits limits_of(const Globals& globals);

/// Document and text of provision and deprovision.
Outcome outcome_of(const ChangeOptions& options, const ProvisionResult& result);

/// Document and text of bind and unbind, and their status: partial when some of several failed,
/// interrupted when a stop signal came. \throws the failure of the only function
Outcome outcome_of(Context& context, const ChangeOptions& options, const BindingResult& result);

}  // namespace nvmigrate::cli
