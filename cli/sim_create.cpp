// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

constexpr std::uint16_t u16_max = 0xFFFF;

struct CreateOptions {
  std::string name, personality = "spec", primary_reset = "function", odd_list = "none",
                    effects = "absent";
  std::optional<std::uint64_t> vfs_total, controlling, elsewhere, others, secondaries;
  std::optional<std::uint64_t> vq, vi, vq_max, vi_max, vq_private, grain, reset_ms, seed;
  std::optional<std::uint64_t> state_size, mdts;
  bool round_down = false, primary_holds = false;
  std::optional<std::uint64_t> namespaces, namespace_size, block_size;
  bool private_namespaces = false, detached = false, no_namespace_management = false;
  bool vendor = false, standard_only = false;
  bool renumber_formats = false, no_iommu = false, shared_group = false, no_migration = false;
  bool exported_subsystem = false;
  std::vector<std::string> vendor_uuids;
  std::string vfio = "both", tracking = "none";
  std::optional<std::string> versions, variant_driver, serial, model, firmware, nqn;
  bool dry_run = false;
};

template <typename T, typename V>
void put(T& into, const std::optional<V>& value) {
  if (value) into = static_cast<T>(*value);
}

std::vector<Uuid> uuids_of(const std::vector<std::string>& texts) {
  std::vector<Uuid> uuids;
  for (const auto& text : texts) {
    const auto uuid = parse_uuid(text);
    if (!uuid) throw usage_error("--vendor-uuid: '" + text + "' is not a UUID");
    uuids.push_back(*uuid);
  }
  return uuids;
}

std::vector<std::uint16_t> versions_of(const std::string& list) {
  const auto versions = parse_list(list, u16_max);
  if (!versions) {
    throw usage_error("--versions: '" + list + "' is not a list of versions such as 0,1");
  }
  return {versions->begin(), versions->end()};
}

void put_counts(sim::Parameters& p, const CreateOptions& options) {
  put(p.vfs_total, options.vfs_total);
  put(p.controlling, options.controlling);
  put(p.elsewhere, options.elsewhere);
  put(p.others, options.others);
  put(p.secondaries, options.secondaries);
  if (options.vq) p.vq = static_cast<std::uint32_t>(*options.vq);
  if (options.vi) p.vi = static_cast<std::uint32_t>(*options.vi);
  put(p.vq_max, options.vq_max);
  put(p.vi_max, options.vi_max);
  put(p.vq_private, options.vq_private);
  put(p.grain, options.grain);
  p.round_down = options.round_down;
  p.primary_holds = options.primary_holds;
  p.primary_reset = *sim::primary_reset_of(options.primary_reset);
  put(p.reset_ms, options.reset_ms);
  put(p.seed, options.seed);
}

void put_namespaces(sim::Parameters& p, const CreateOptions& options) {
  put(p.namespaces, options.namespaces);
  put(p.namespace_size, options.namespace_size);
  put(p.block_size, options.block_size);
  p.private_namespaces = options.private_namespaces;
  p.detached = options.detached;
  p.namespace_management = !options.no_namespace_management;
}

void put_formats(sim::Parameters& p, const CreateOptions& options) {
  const bool asks_vendor = options.vendor || !options.vendor_uuids.empty();
  if (asks_vendor && options.standard_only) {
    throw usage_error("--standard-only cannot be combined with --vendor and --vendor-uuid");
  }
  if (asks_vendor && options.personality == "emulator") {
    throw usage_error("the emulator has no vendor state");
  }
  p.vendor = !options.standard_only;
  p.state_size = options.state_size;
  p.vendor_uuids = uuids_of(options.vendor_uuids);
  if (options.versions) p.versions = versions_of(*options.versions);
  p.renumber_formats = options.renumber_formats;
}

sim::Parameters parameters_of(const CreateOptions& options) {
  sim::Parameters p;
  p.personality = *sim::personality_of(options.personality);
  p.migration = !options.no_migration;
  p.mdts = options.mdts;
  p.effects = *sim::effects_of(options.effects);
  p.exported_subsystem = options.exported_subsystem;
  p.track_memory = options.tracking != "none";
  p.track_user_data = options.tracking == "all";
  p.iommu = !options.no_iommu;
  p.shared_groups = options.shared_group;
  p.vfio_groups = options.vfio != "iommufd";
  p.vfio_cdevs = options.vfio != "group";
  put(p.variant_driver, options.variant_driver);
  if (options.odd_list != "none") p.odd_list = options.odd_list;
  put(p.serial, options.serial);
  put(p.model, options.model);
  put(p.firmware, options.firmware);
  put(p.nqn, options.nqn);
  put_counts(p, options);
  put_namespaces(p, options);
  put_formats(p, options);
  return p;
}

Outcome create(const Context& context, const CreateOptions& options) {
  const std::string name = sim_name(options.name);
  const auto parameters = sim::completed(parameters_of(options), name);
  if (options.dry_run) {
    sim::Store(context.folders().sim, name).require_absence();
  } else {
    sim::create(context.folders(), name, parameters);
  }
  const auto text = std::string(options.dry_run ? "would be created: " : "created: ") +
                    plural(parameters.vfs_total, "VF") + ", personality " +
                    std::string(to_string(parameters.personality));
  auto outcome = sim_outcome("sim:" + name, options.dry_run, true, text);
  outcome.document["subsystem_nqn"] = parameters.nqn;
  outcome.document["personality"] = to_string(parameters.personality);
  return outcome;
}

void declare_counts(Options& options, CreateOptions& chosen) {
  options.number("--vfs-total", chosen.vfs_total, "VFs of each controlling function [8]", 0, 10000);
  options.number("--controlling", chosen.controlling, "Controlling functions [1]", 1, 16);
  options.number("--elsewhere", chosen.elsewhere,
                 "Controlling functions that are on another host, with their VFs [0]", 0, 15);
  options.number("--others", chosen.others, "Controllers that are not VFs [0]", 0, 10000);
  options.number("--secondaries", chosen.secondaries, "Secondary controllers that are not VFs [0]",
                 0, 10000);
  options.number("--vq", chosen.vq, "Flexible queues, 0 for none [8 a VF]", 0, 1U << 20U);
  options.number("--vi", chosen.vi, "Flexible interrupts, 0 for none [4 a VF]", 0, 1U << 20U);
  options.number("--vq-max", chosen.vq_max, "Most queues of one VF [16]", 0, u16_max);
  options.number("--vi-max", chosen.vi_max, "Most interrupts of one VF [8]", 0, u16_max);
  options.number("--vq-private", chosen.vq_private,
                 "Queues of a controlling function that are not flexible [2]", 0, u16_max);
  options.number("--grain", chosen.grain, "Step in which resources are granted [1]", 1, u16_max);
  options.flag("--round-down", chosen.round_down, "Grant fewer where the step is not met");
  options.flag("--primary-holds", chosen.primary_holds,
               "A controlling function holds all flexible resources at first");
  options.choice("--primary-reset", chosen.primary_reset,
                 {"function", "controller", "both", "never"}, "Reset at which it gives them back");
}

void declare_namespaces(Options& options, CreateOptions& chosen) {
  options.number("--namespaces", chosen.namespaces, "Namespaces [1]", 0, 1024);
  options.size("--namespace-size", chosen.namespace_size, "Size of each [16G]");
  options.number("--block-size", chosen.block_size, "Bytes of a block [512]", 512, 4096);
  options.flag("--private-namespaces", chosen.private_namespaces,
               "Each can be attached to one controller only");
  options.flag("--detached", chosen.detached,
               "No namespace is attached to a controlled function at first");
  options.flag("--no-namespace-management", chosen.no_namespace_management,
               "Without Namespace Management and Attachment");
}

void declare_formats(Options& options, CreateOptions& chosen) {
  options.choice("--personality", chosen.personality, {"spec", "emulator", "rfc", "both"},
                 "Device whose behaviour it imitates");
  options.size("--state-size", chosen.state_size, "Size of a whole state, a multiple of 4");
  options.flag("--vendor", chosen.vendor, "With vendor state, which is the default");
  options.flag("--standard-only", chosen.standard_only, "Without vendor state");
  options.texts("--vendor-uuid", chosen.vendor_uuids, "A vendor format", "UUID");
  options.text("--versions", chosen.versions, "Versions of the NVMe state [0]", "LIST");
  options.flag("--renumber-formats", chosen.renumber_formats,
               "Every second controlling function numbers the formats backwards");
  options.size("--mdts", chosen.mdts, "Most data of one command, 0 for no limit [512K]");
  options.choice("--effects", chosen.effects,
                 {"absent", "free", "same-namespace", "any-namespace", "unreadable"},
                 "How the log of command effects restricts migration commands");
  options.flag("--exported-subsystem", chosen.exported_subsystem,
               "NVMe 2.4, with the state of an exported NVM subsystem");
  options.choice("--tracking", chosen.tracking, {"none", "memory", "all"},
                 "Tracks changes of host memory, or also claims to log changes of user data");
  options.flag("--no-migration", chosen.no_migration, "Without host-managed live migration");
}

void declare_host(Options& options, CreateOptions& chosen) {
  options.flag("--no-iommu", chosen.no_iommu, "Without an IOMMU");
  options.choice("--vfio", chosen.vfio, {"both", "group", "iommufd"},
                 "How a VM can open a function: by its group, iommufd or both");
  options.flag("--shared-group", chosen.shared_group, "Two VFs each share an IOMMU group");
  options.text("--variant-driver", chosen.variant_driver, "A vfio variant driver that claims VFs",
               "NAME");
  options.choice("--odd-list", chosen.odd_list,
                 {"none", "empty", "unsorted", "doubled", "vfn", "status"},
                 "Lists of controllers that are odd: empty until there are VFs, unsorted, with an "
                 "entry doubled or one VF twice, or answered with the status 137h");
  options.number("--reset-ms", chosen.reset_ms, "Milliseconds that a function reset takes [0]", 0,
                 60000);
  options.text("--serial", chosen.serial, "Serial number", "TEXT");
  options.text("--model", chosen.model, "Model", "TEXT");
  options.text("--firmware", chosen.firmware, "Firmware revision", "TEXT");
  options.text("--nqn", chosen.nqn, "NQN of the subsystem", "NQN");
  options.number("--seed", chosen.seed, "Seed for the behaviour of its guests [1]", 0, ~0ULL);
}

struct DestroyOptions {
  std::vector<std::string> names;
  bool dry_run = false;
};

Outcome destroy(const Context& context, const std::string& word, bool dry_run) {
  const auto name = sim_name(word);
  const auto key = sim::key_of(context.folders(), name);
  if (!dry_run) {
    const auto lock = lock_sim(context, name, key);
    sim::destroy(context.folders(), name);
  }
  return sim_outcome("sim:" + name, dry_run, true, dry_run ? "would be removed" : "removed");
}

}  // namespace

Runner declare_sim_create(Options& options) {
  const auto chosen = std::make_shared<CreateOptions>();
  options.positional("NAME", chosen->name, "Its name; the device is then sim:NAME");
  declare_counts(options, *chosen);
  declare_namespaces(options, *chosen);
  declare_formats(options, *chosen);
  declare_host(options, *chosen);
  options.flag("--dry-run", chosen->dry_run, "Print what would be done; change nothing");
  return [chosen](Context& context) { return create(context, *chosen); };
}

Runner declare_sim_destroy(Options& options) {
  const auto chosen = std::make_shared<DestroyOptions>();
  options.positionals("NAME", chosen->names, "Simulated subsystems, damaged or not",
                      Completes::device);
  options.required();
  options.flag("--dry-run", chosen->dry_run, "Print what would be done; change nothing");
  return [chosen](Context& context) {
    return for_each_sim(context, chosen->names, chosen->dry_run, [&](const std::string& name) {
      return destroy(context, name, chosen->dry_run);
    });
  };
}

}  // namespace nvmigrate::cli
