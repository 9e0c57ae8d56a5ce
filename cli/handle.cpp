// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/render.h"
#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::cli {
namespace {

constexpr int json_indent = 2;

struct HandleOptions {
  std::string device, function;
  std::string format = "text";
};

Json object_of(const Handle& handle) {
  const auto& by = handle.controlling;
  return {{"device", by.device},
          {"simulated", handle.simulated},
          {"function",
           {{"controller_id", handle.cntlid},
            {"virtual_function", vfn_or_null(handle.vfn)},
            {"address", handle.address},
            {"driver", handle.driver},
            {"variant_driver", handle.variant_driver},
            {"iommu_group", or_null(handle.iommu_group)},
            {"vfio_group", or_null(handle.nodes.group)},
            {"vfio_device", or_null(handle.nodes.device)},
            {"marked", handle.marked},
            {"suspended", handle.suspended}}},
          {"controlling_function",
           {{"device", by.device},
            {"address", text_or_null(by.address)},
            {"controller_id", by.cntlid},
            {"subsystem_nqn", by.subsystem_nqn}}}};
}

std::string lines_of(const Handle& handle) {
  const auto& by = handle.controlling;
  Description text;
  text.add("function", handle.address + (handle.simulated ? " (simulated)" : ""));
  text.add("controller id", std::to_string(handle.cntlid));
  text.add("VF", handle.vfn == 0 ? "" : std::to_string(handle.vfn));
  text.add("driver", handle.driver);
  text.add("IOMMU group", handle.iommu_group ? std::to_string(*handle.iommu_group) : "");
  text.add("vfio group", handle.nodes.group.value_or(""));
  text.add("vfio device", handle.nodes.device.value_or(""));
  text.add("marked", handle.marked ? "yes" : "no");
  text.add("controlling function", by.device + (by.address.empty() ? "" : " at " + by.address));
  text.add("its controller id", std::to_string(by.cntlid));
  text.add("subsystem", by.subsystem_nqn);
  return text.text();
}

std::string json_text(const Context& context, const Json& document) {
  Json whole{{"schema", schema_name(context.command())}};
  whole.update(document);
  return whole.dump(json_indent, ' ', false, Json::error_handler_t::replace) + '\n';
}

Outcome print_handle(Context& context, const HandleOptions& options) {
  const auto session = context.open(options.device);
  const auto handle = make_handle(
      *session, select_one(session->topology(), options.function, "print a handle").cntlid);
  Outcome outcome{.document = object_of(handle)};
  outcome.raw_text = options.format != "text";
  if (options.format == "env") {
    outcome.text = as_environment(handle);
  } else if (options.format == "qemu") {
    outcome.text = as_qemu(handle);
  } else if (options.format == "libvirt") {
    outcome.text = as_libvirt(handle);
  } else if (options.format == "json") {
    outcome.text = json_text(context, outcome.document);
  } else {
    outcome.text = lines_of(handle);
  }
  return outcome;
}

}  // namespace

Runner declare_handle(Options& options) {
  const auto given = std::make_shared<HandleOptions>();
  options.device("DEVICE", given->device, "The controlling function");
  options.positional("ID", given->function, "The controlled function: 3, vf2 or 0000:01:00.1",
                     Completes::bound_functions);
  options.choice("--format", given->format, {"text", "json", "env", "qemu", "libvirt"},
                 "Format: for people, JSON, a shell, a VMM's command line or libvirt's XML");
  return [given](Context& context) { return print_handle(context, *given); };
}

}  // namespace nvmigrate::cli
