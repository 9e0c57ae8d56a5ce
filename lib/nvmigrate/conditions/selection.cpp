// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/selection.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/conditions/fact.h"

namespace nvmigrate {
namespace {

constexpr std::uint64_t highest_id = 0xFFFF;
constexpr std::string_view what_is_meant =
    "functions are named 3, 0x3, 1-4,7, vf2, 0000:01:00.1 or all";

[[noreturn]] void reject(std::string_view word) {
  throw usage_error("'" + std::string{word} + "' does not name a controlled function",
                    std::string{what_is_meant});
}

std::uint16_t to_id(std::string_view text, std::string_view word) {
  const auto number = parse_number(text);
  if (!number || *number > highest_id) reject(word);
  return static_cast<std::uint16_t>(*number);
}

Pick pick_id(const Topology& topology, std::uint16_t id, std::string word) {
  Pick pick{Pick::Kind::unknown, std::move(word), id, topology.find(id)};
  if (id == topology.identity.cntlid) pick.kind = Pick::Kind::controlling_function;
  if (pick.function != nullptr) pick.kind = Pick::Kind::function;
  return pick;
}

template <typename Matches>
Pick pick_where(const Topology& topology, std::string_view word, Matches matches) {
  Pick pick{Pick::Kind::unknown, std::string{word}, std::nullopt, nullptr};
  const auto found = std::find_if(topology.functions.begin(), topology.functions.end(), matches);
  if (found == topology.functions.end()) return pick;
  pick.kind = Pick::Kind::function;
  pick.cntlid = found->cntlid;
  pick.function = &*found;
  return pick;
}

Pick pick_vf(const Topology& topology, std::string_view word) {
  const auto vfn = to_id(word.substr(2), word);
  if (vfn == 0) reject(word);
  return pick_where(topology, word,
                    [vfn](const ControlledFunction& function) { return function.vfn == vfn; });
}

bool is_hex(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char letter) { return std::isxdigit(letter) != 0; });
}

/// In the kernel's way of writing, 0000:01:00.1, of the forms with and without a domain.
std::string canonical_address(std::string_view word) {
  const auto colon = word.rfind(':');
  const auto dot = word.rfind('.');
  if (dot == std::string_view::npos || dot < colon) reject(word);
  const auto first = word.find(':');
  const auto domain = first == colon ? std::string_view{"0000"} : word.substr(0, first);
  const auto bus =
      first == colon ? word.substr(0, colon) : word.substr(first + 1, colon - first - 1);
  const auto slot = word.substr(colon + 1, dot - colon - 1);
  const auto number = word.substr(dot + 1);
  if (!is_hex(domain, 4, 8) || !is_hex(bus, 2, 2) || !is_hex(slot, 2, 2) || !is_hex(number, 1, 1)) {
    reject(word);
  }
  std::string address;
  address.append(domain).append(":").append(bus).append(":").append(slot);
  address.append(".").append(number);
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return address;
}

Pick pick_address(const Topology& topology, std::string_view word) {
  const auto address = canonical_address(word);
  auto pick = pick_where(topology, word, [&address](const ControlledFunction& function) {
    return function.pci && function.pci->address == address;
  });
  if (address == topology.address) pick.kind = Pick::Kind::controlling_function;
  return pick;
}

void pick_range(const Topology& topology, std::string_view word, std::size_t dash,
                std::vector<Pick>& picks) {
  const auto from = to_id(word.substr(0, dash), word);
  const auto to = to_id(word.substr(dash + 1), word);
  if (to < from) throw usage_error("the range '" + std::string{word} + "' runs backwards");
  for (unsigned id = from; id <= to; ++id) {
    picks.push_back(pick_id(topology, static_cast<std::uint16_t>(id), std::to_string(id)));
    // One that is missing is enough to know; 1-65535 would name thousands.
    if (picks.back().kind == Pick::Kind::unknown) return;
  }
}

void pick_all(const Topology& topology, std::vector<Pick>& picks) {
  for (const auto& function : topology.functions) {
    if (function.controls || function.of_another || function.foreign()) continue;
    picks.push_back(pick_id(topology, function.cntlid, std::to_string(function.cntlid)));
  }
  if (picks.empty()) {
    throw not_found(
        topology.device + " does not control any function", {},
        topology.sriov.total == 0 ? std::vector<Remedy>{} : ways_to_provision(topology, 1));
  }
}

void insist_that_all_stands_alone(std::string_view word, std::string_view words) {
  if (word != "all" || words == "all") return;
  throw usage_error("'all' cannot be combined, as in '" + std::string{words} + "'",
                    std::string{what_is_meant});
}

void pick_word(const Topology& topology, std::string_view word, std::vector<Pick>& picks) {
  if (word == "all") return pick_all(topology, picks);
  if (word.find(':') != std::string_view::npos) {
    picks.push_back(pick_address(topology, word));
  } else if (word.substr(0, 2) == "vf") {
    picks.push_back(pick_vf(topology, word));
  } else if (const auto dash = word.find('-'); dash != std::string_view::npos) {
    pick_range(topology, word, dash, picks);
  } else {
    picks.push_back(pick_id(topology, to_id(word, word), std::string{word}));
  }
}

}  // namespace

std::vector<Pick> resolve(const Topology& topology, const std::string& words) {
  std::vector<Pick> picks;
  std::string_view rest = words;
  while (true) {
    const auto comma = rest.find(',');
    insist_that_all_stands_alone(rest.substr(0, comma), words);
    pick_word(topology, rest.substr(0, comma), picks);
    if (comma == std::string_view::npos) return picks;
    rest.remove_prefix(comma + 1);
  }
}

std::vector<Remedy> ways_to_provision(const Topology& topology, unsigned vfs) {
  const auto enabled = topology.sriov.enabled, wanted = topology.wanted_vfs;
  std::vector<Remedy> ways;
  if (wanted >= vfs && wanted != 0 && (enabled == 0 || enabled == wanted)) {
    ways.push_back({.action = Remedy::Action::apply, .device = topology.device});
    vfs = wanted;
  }
  ways.push_back({.action = Remedy::Action::provision, .device = topology.device, .count = vfs});
  return ways;
}

Finding why_not(const Topology& topology, const Pick& pick) {
  Fact fact{.code = "unknown_function", .device = topology.device, .words = {{"word", pick.word}}};
  if (pick.kind == Pick::Kind::controlling_function) {
    fact.code = "controlling_function";
    fact.function =
        topology.device + " (controller " + std::to_string(topology.identity.cntlid) + ")";
  }
  auto finding = told(fact);
  finding.severity = Severity::blocker;
  finding.cntlid = pick.cntlid;
  return finding;
}

FunctionList select(const Topology& topology, const std::string& words, const std::string& action) {
  std::set<std::uint16_t> ids;
  Findings wrong;
  for (const auto& pick : resolve(topology, words)) {
    if (pick.kind == Pick::Kind::function) {
      ids.insert(pick.function->cntlid);
    } else {
      wrong.push_back(why_not(topology, pick));
    }
  }
  refuse_if_any_stands(action, wrong);
  FunctionList functions;
  functions.reserve(ids.size());
  for (const auto id : ids)
    functions.push_back(topology.find(id));
  return functions;
}

const ControlledFunction& select_one(const Topology& topology, const std::string& word,
                                     const std::string& action) {
  const auto functions = select(topology, word, action);
  if (functions.size() == 1) return *functions.front();
  throw usage_error("'" + word + "' names " + std::to_string(functions.size()) +
                    " functions; name one");
}

}  // namespace nvmigrate
