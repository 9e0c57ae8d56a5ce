#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# resource-list.sh NAME <HANDLE    makes of what `nvmigrate handle DEVICE IDS -o json` prints a
# ConfigMap with the resource NAME (vendor.example/nvme), for device plugins of Kubernetes that select
# functions by their PCI address. Refuses what no pod may have: functions that are not
# marked, suspended, or simulated (unless ALLOW_SIMULATED is `true`, to rehearse).
set -euo pipefail

[ $# -eq 1 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
jq --arg name "$1" --argjson simulated "${ALLOW_SIMULATED:-false}" '
  def refuse($why): error("nvmigrate: " + $why);
  ($name | split("/")) as $parts
  | if ($parts | length) != 2 then refuse("\($name) is not PREFIX/NAME") else . end
  | if .simulated and ($simulated | not) then refuse("\(.device) is simulated") else . end
  | .functions |= map(
      if .marked | not then refuse("function \(.controller_id) is not marked")
      elif .suspended then refuse("function \(.controller_id) is suspended")
      else . end)
  | {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {name: "nvmigrate-\($parts[1])",
                 annotations: {"nvmigrate/controlling-function": .controlling_function.address,
                               "nvmigrate/subsystem": .controlling_function.subsystem_nqn}},
      data: {"config.json": ({resourceList: [{
        resourceName: $parts[1],
        resourcePrefix: $parts[0],
        selectors: {drivers: (.functions | map(.driver) | unique),
                    pciAddresses: (.functions | map(.address))}}]} | tojson)}
    }'
