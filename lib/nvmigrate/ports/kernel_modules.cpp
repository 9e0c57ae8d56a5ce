// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/kernel_modules.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <sstream>

namespace nvmigrate {
namespace {

constexpr std::string_view vfio_alias = "vfio_pci:";
constexpr std::string_view pci_alias = "pci:";
constexpr std::size_t most_symbols = std::size_t{64} << 20U;
constexpr std::size_t most_aliases = std::size_t{64} << 20U;

/// The standard streams of a child that must not write to ours.
class SilentStreams {
 public:
  SilentStreams() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, 2, "/dev/null", O_WRONLY, 0);
  }
  SilentStreams(const SilentStreams&) = delete;
  SilentStreams& operator=(const SilentStreams&) = delete;
  ~SilentStreams() { posix_spawn_file_actions_destroy(&actions_); }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

void run(const std::string& program, std::string argument) {
  std::string name = program;
  std::string quiet = "-q";
  std::string end = "--";
  std::array<char*, 5> arguments{name.data(), quiet.data(), end.data(), argument.data(), nullptr};
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  const SilentStreams streams;
  pid_t child = 0;
  if (posix_spawn(&child, program.c_str(), streams.get(), nullptr, arguments.data(),
                  environment.data()) != 0) {
    return;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::size_t specificity(const std::string& pattern) {
  return pattern.size() - static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '*'));
}

}  // namespace

bool is_module_name(std::string_view name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), fits);
}

void modprobe(const std::string& module) {
  if (!is_module_name(module)) return;
  SystemIo io;
  const auto program = Sysfs(io, Sysroot{}).line("/proc/sys/kernel/modprobe");
  run(program && !program->empty() ? *program : "/sbin/modprobe", module);
}

std::optional<std::string> variant_module(const Sysfs& sysfs, const std::string& modalias) {
  const auto release = sysfs.line("/proc/sys/kernel/osrelease");
  if (!release || modalias.rfind(pci_alias, 0) != 0) return std::nullopt;
  const auto wanted = modalias.substr(pci_alias.size());
  std::istringstream aliases(
      sysfs.text("/lib/modules/" + *release + "/modules.alias", most_aliases).value_or(""));
  std::optional<std::string> best;
  std::size_t best_fit = 0;
  for (std::string word, pattern, module; aliases >> word;) {
    if (word != "alias" || !(aliases >> pattern >> module)) continue;
    if (pattern.rfind(vfio_alias, 0) != 0 || dashed(module) == "vfio-pci") continue;
    pattern.erase(0, vfio_alias.size());
    if (fnmatch(pattern.c_str(), wanted.c_str(), 0) != 0) continue;
    if (best && specificity(pattern) <= best_fit) continue;
    best_fit = specificity(pattern);
    best = module;
  }
  return best;
}

std::string data_queue_function(const Sysfs& sysfs) {
  const auto symbols = sysfs.text("/proc/kallsyms", most_symbols).value_or("");
  const auto place = symbols.find(" nvme_cdq_");
  if (place == std::string::npos) return {};
  const auto end = symbols.find_first_of("\t\n", place);
  return symbols.substr(place + 1, end - place - 1);
}

std::optional<std::string> driver_of_module(const Sysfs& sysfs, const std::string& module) {
  for (const auto& name : sysfs.names("/sys/bus/pci/drivers")) {
    if (dashed(name) == dashed(module)) return name;
  }
  auto loaded = module;
  std::replace(loaded.begin(), loaded.end(), '-', '_');
  for (const auto& name : sysfs.names("/sys/module/" + loaded + "/drivers")) {
    if (name.rfind(pci_alias, 0) == 0) return name.substr(pci_alias.size());
  }
  return std::nullopt;
}

}  // namespace nvmigrate
