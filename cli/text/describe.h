// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/text/json.h"
#include "cli/text/table.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/session/topology.h"

/// Controlling functions and what they control, as documents and tables.
namespace nvmigrate::cli {

/// `3 (vf 2)`, `3`
std::string label_of(const ControlledFunction& function);
/// \param vfn 0: it is not a VF
std::string label_of(std::uint16_t cntlid, unsigned vfn);
/// `suspended`, `offline`, `offline since a reset?`, ….
std::string status_text(const ControlledFunction& function);
/// The vfio node a VM would open: the device node where there is one, else the group; or empty.
std::string vfio_node(const VfioNodes& nodes);
/// `1-3, 7`, `none`; empty when it is not known.
std::string namespaces_text(const std::optional<std::vector<std::uint32_t>>& ids);
/// The same with their sizes, as far as these are known: `1-3, 16 GiB each; 7, 1 TiB`.
std::string namespaces_text(const Topology& topology,
                            const std::optional<std::vector<std::uint32_t>>& ids);

/// Whether the backend would be used where neither a caller nor a mark names one.
bool is_default(Session& session, const Serving& one);

Json json_of(const Intent& intent);
/// One controlled function: the same object in every document.
Json json_of(const ControlledFunction& function);
/// A controlling function without its functions, "device" first.
Json json_of(const Topology& topology);
Json functions_json(const Topology& topology);
/// `{"versions", "vendors"}`
Json json_of(const StateFormats& formats);

/// `{"most", "device", "kernel_known", "kernel", "kernel_segments"}`
Json json_of(const TransferLimits& limits);
/// `MDTS 512 KiB, kernel 128 KiB in 33 segments`
std::string text_of(const TransferLimits& limits);

}  // namespace nvmigrate::cli
