// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "nvmigrate/base/finding.h"

/// Findings and errors in the messages between two hosts.
namespace nvmigrate::remote {

using Json = nlohmann::ordered_json;

Json to_json(const Findings& findings);
/// \throws Error(io) when it is not a list of findings
Findings findings_of(const Json& json);

/// What the other side said in FAIL.
class PeerError : public std::exception {
 public:
  explicit PeerError(std::shared_ptr<const Error> original) : original_(std::move(original)) {}
  [[nodiscard]] const Error& original() const noexcept { return *original_; }
  [[nodiscard]] const char* what() const noexcept override { return original_->what(); }

 private:
  std::shared_ptr<const Error> original_;
};

/// The body of FAIL.
Json error_json(const Error& error);
/// \throws PeerError with the error of the body of a FAIL: a Refusal where it has findings
[[noreturn]] void throw_error(const Json& body);

/// Has findings and remedies name the devices of the other host: `prefix` goes before their names.
void name_host(Findings& findings, const std::string& prefix);
/// An error of the other host: it is said to be there, and its devices are named as above.
[[noreturn]] void rethrow_of_host(const Error& error, const std::string& host,
                                  const std::string& prefix);

}  // namespace nvmigrate::remote
