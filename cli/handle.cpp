// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "cli/text/render.h"
#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::cli {
namespace {

constexpr int json_indent = 2;

struct HandleOptions {
  std::string device, functions;
  std::string format = "text", iommu = "auto";
};

using Handles = std::vector<Handle>;

Json object_of(const Handle& handle) {
  return {{"controller_id", handle.cntlid},
          {"virtual_function", vfn_or_null(handle.vfn)},
          {"address", handle.address},
          {"driver", handle.driver},
          {"variant_driver", handle.variant_driver},
          {"iommu_group", or_null(handle.iommu_group)},
          {"iommu", handle.by_iommufd ? "iommufd" : "group"},
          {"vfio_group", or_null(handle.nodes.group)},
          {"vfio_device", or_null(handle.nodes.device)},
          {"marked", handle.marked},
          {"suspended", handle.suspended}};
}

/// `failed` lists the handles that could not be made; without failures the member is absent.
Json document_of(const Topology& by, const Handles& handles, const Json& failed) {
  Json document{{"device", by.device},
                {"simulated", by.simulated},
                {"functions", Json::array()},
                {"controlling_function",
                 {{"device", by.device},
                  {"address", text_or_null(by.address)},
                  {"controller_id", by.identity.cntlid},
                  {"subsystem_nqn", by.identity.subsystem_nqn}}}};
  for (const auto& handle : handles)
    document["functions"].push_back(object_of(handle));
  if (!failed.empty()) document["failed"] = failed;
  return document;
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
  text.add("opened through", handle.by_iommufd ? "iommufd" : "its group");
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

IommuInterface interface_of(const std::string& word) {
  if (word == "group") return IommuInterface::group;
  return word == "iommufd" ? IommuInterface::iommufd : IommuInterface::automatic;
}

/// What each of them says of itself, one after the other.
std::string each(const Handles& handles, const char* between,
                 std::string (*say)(const Handle& handle)) {
  std::string text;
  for (const auto& handle : handles)
    text += (text.empty() ? "" : between) + say(handle);
  return text;
}

std::string formatted(const Context& context, const HandleOptions& options, const Handles& handles,
                      const Json& document) {
  if (options.format == "env") return each(handles, "\n", as_environment);
  if (options.format == "qemu") return as_qemu(handles);
  if (options.format == "libvirt") return each(handles, "", as_libvirt);
  if (options.format == "json") return json_text(context, document);
  return each(handles, "\n", lines_of);
}

Outcome print_handle(Context& context, const HandleOptions& options) {
  const auto session = context.open(options.device);
  Handles handles;
  Failures failures;
  Json failed = Json::array();
  std::string advice;
  for (const auto* function : select(session->topology(), options.functions, "print a handle")) {
    auto& failure = failures.emplace_back();
    try {
      handles.push_back(make_handle(*session, function->cntlid, interface_of(options.iommu)));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      failure = std::current_exception();
      failed.push_back({{"controller_id", function->cntlid}, {"error", json_of(error)}});
      advice += failure_text("controlled function " + label_of(*function), failure);
    }
  }
  Outcome outcome{.status = cli::status_of(failures)};
  outcome.document = document_of(session->topology(), handles, failed);
  outcome.raw_text = options.format != "text";
  outcome.text = formatted(context, options, handles, outcome.document);
  if (!outcome.raw_text) outcome.text += (handles.empty() || advice.empty() ? "" : "\n") + advice;
  tell(context, failures);
  return outcome;
}

}  // namespace

Runner declare_handle(Options& options) {
  const auto given = std::make_shared<HandleOptions>();
  options.device("DEVICE", given->device, "The controlling function");
  options.functions(given->functions, Completes::bound_functions);
  options.choice("--format", given->format, {"text", "json", "env", "qemu", "libvirt"},
                 "Format: for people, JSON, a shell, a VMM's command line or libvirt's XML");
  options.setting();
  options.goes_before_setting("--output-format", "--format");
  options.choice("--iommu", given->iommu, {"auto", "group", "iommufd"},
                 "How the VM opens it: auto takes iommufd where this host has it");
  options.setting();
  return [given](Context& context) { return print_handle(context, *given); };
}

}  // namespace nvmigrate::cli
