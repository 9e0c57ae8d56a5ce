// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/served.h"

#include "nvmigrate/migrate/account.h"

namespace nvmigrate::cli {

std::vector<Served> ask_backends(AdminPort& port) {
  std::vector<Served> asked;
  for (const auto& row : backends()) {
    auto& served = asked.emplace_back();
    served.row = &row;
    try {
      served.query = row.make(port, BackendOptions{})->query();
    } catch (const Error& error) {
      if (error.status() != ExitStatus::unsupported) throw;
      served.reason = error.what();
    }
  }
  return asked;
}

const Served* chosen(const std::vector<Served>& asked) noexcept {
  for (const auto& served : asked) {
    if (served.query) return &served;
  }
  return nullptr;
}

Topology whole_account(const Context& context, Subject& subject) {
  auto topology = subject.topology();
  std::unique_ptr<MigrationBackend> backend;
  try {
    backend = choose_backend(subject.device->admin(), BackendOptions{});
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {
    // Without one nothing was suspended through this device, or nothing can be asked.
  }
  complete_account(context.io(), context.folders(), topology, backend.get());
  return topology;
}

Json json_of(const StateFormats& formats) {
  Json vendors = Json::array();
  for (const auto& uuid : formats.vendors)
    vendors.push_back(to_string(uuid));
  return {{"versions", formats.versions}, {"vendors", vendors}};
}

}  // namespace nvmigrate::cli
