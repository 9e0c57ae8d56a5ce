// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/changing.h"

#include "cli/text/findings.h"

namespace nvmigrate::cli {

Persisting::Persisting(const Changing& given, Session& session) {
  if (given.persists()) record_.emplace(session);
}

void Persisting::record(Context& context, Outcome& outcome, const PersistedPart& part) {
  if (!record_) return;
  for (const auto& found : record_->persist(part)) {
    outcome.document["findings"].push_back(json_of(found));
    context.warn(message_of(found));
    if (found.severity != Severity::problem) continue;
    outcome.document["persisted"] = false;
    outcome.status = found.status;
  }
}

}  // namespace nvmigrate::cli
