// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/registry.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "nvmigrate/base/time.h"
#include "nvmigrate/store/document_json.h"

namespace nvmigrate {
namespace {

using store::Json;

constexpr store::DocumentKind kind{
    "nvmigrate.registry/1", "registry", ".json",
    "note the marks and the original drivers that it still shows, to set them again"};

Mark mark_of(const Json& json) {
  return {store::controller_of(json.at("controller")), json.at("time").get<std::string>(),
          json.value("backend", std::string{})};
}

Json to_json(const Mark& mark) {
  Json json{{"controller", mark.cntlid}, {"time", mark.time}};
  if (!mark.backend.empty()) json["backend"] = mark.backend;
  return json;
}

Binding binding_of_json(const Json& json) {
  return {store::controller_of(json.at("controller")),
          json.at("address").get<std::string>(),
          json.at("driver").get<std::string>(),
          store::text_or_null(json.at("original_driver")),
          store::text_or_null(json.at("original_override")),
          json.at("time").get<std::string>()};
}

Json to_json(const Binding& binding) {
  return {{"controller", binding.cntlid},
          {"address", binding.address},
          {"driver", binding.driver},
          {"original_driver", store::to_json(binding.original_driver)},
          {"original_override", store::to_json(binding.original_override)},
          {"time", binding.time}};
}

std::uint16_t count_of(const Json& json) { return store::controller_of(json); }

WantedResources wanted_of_json(const Json& json) {
  return {store::controller_of(json.at("controller")),
          count_of(json.at("queues")),
          count_of(json.at("interrupts")),
          count_of(json.at("granted_queues")),
          count_of(json.at("granted_interrupts")),
          json.value("namespaces", std::set<std::uint32_t>{})};
}

Json to_json(const WantedResources& wanted) {
  Json json{{"controller", wanted.cntlid},
            {"queues", wanted.queues},
            {"interrupts", wanted.interrupts},
            {"granted_queues", wanted.granted_queues},
            {"granted_interrupts", wanted.granted_interrupts}};
  if (!wanted.namespaces.empty()) json["namespaces"] = wanted.namespaces;
  return json;
}

template <typename Entry>
Json to_array(const std::vector<Entry>& entries) {
  auto array = Json::array();
  for (const auto& entry : entries)
    array.push_back(to_json(entry));
  return array;
}

template <typename Entry>
auto find_in(const std::vector<Entry>& entries, std::uint16_t cntlid) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.cntlid == cntlid; });
}

bool is_in(const std::vector<std::uint16_t>& cntlids, std::uint16_t cntlid) {
  return std::find(cntlids.begin(), cntlids.end(), cntlid) != cntlids.end();
}

template <typename Entry>
std::vector<Entry> without(std::vector<Entry> entries, const std::vector<std::uint16_t>& cntlids) {
  std::erase_if(entries, [&](const Entry& entry) { return is_in(cntlids, entry.cntlid); });
  return entries;
}

template <typename Entry>
std::vector<Entry> with(std::vector<Entry> entries, Entry entry) {
  entries = without(std::move(entries), {entry.cntlid});
  const auto place = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& other) { return other.cntlid > entry.cntlid; });
  entries.insert(place, std::move(entry));
  return entries;
}

}  // namespace

Registry::Registry(Io& io, const Folders& folders, const SubsystemKey& key)
    : document_(std::make_unique<store::SubsystemDocument>(io, folders.state, key, kind)) {
  const auto json = document_->read();
  if (!json) return;
  try {
    for (const auto& mark : json->at("marks"))
      marks_.push_back(mark_of(mark));
    for (const auto& binding : json->at("bindings"))
      bindings_.push_back(binding_of_json(binding));
    // Earlier versions did not record it.
    for (const auto& wanted : json->value("wanted", Json::array()))
      wanted_.push_back(wanted_of_json(wanted));
  } catch (const std::exception& error) {
    throw document_->damaged(error.what());
  }
}

Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;
Registry::~Registry() = default;

bool Registry::is_marked(std::uint16_t cntlid) const noexcept {
  return find_in(marks_, cntlid) != marks_.end();
}

std::string Registry::backend_of(std::uint16_t cntlid) const {
  const auto found = find_in(marks_, cntlid);
  return found == marks_.end() ? std::string{} : found->backend;
}

const Binding* Registry::binding_of(std::uint16_t cntlid) const noexcept {
  const auto found = find_in(bindings_, cntlid);
  return found == bindings_.end() ? nullptr : &*found;
}

const WantedResources* Registry::wanted_of(std::uint16_t cntlid) const noexcept {
  const auto found = find_in(wanted_, cntlid);
  return found == wanted_.end() ? nullptr : &*found;
}

void Registry::replace(std::vector<Mark> marks, std::vector<Binding> bindings,
                       std::vector<WantedResources> wanted) {
  std::string text;
  if (!marks.empty() || !bindings.empty() || !wanted.empty()) {
    auto json = document_->begin();
    json["marks"] = to_array(marks);
    json["bindings"] = to_array(bindings);
    if (!wanted.empty()) json["wanted"] = to_array(wanted);
    text = store::dump(json);
  }
  document_->replace(text);
  marks_ = std::move(marks);
  bindings_ = std::move(bindings);
  wanted_ = std::move(wanted);
}

void Registry::mark(std::uint16_t cntlid, const std::string& backend) {
  if (is_marked(cntlid) && backend_of(cntlid) == backend) return;
  replace(with(marks_, Mark{cntlid, utc_now(), backend}), bindings_, wanted_);
}

void Registry::unmark(std::uint16_t cntlid) {
  if (is_marked(cntlid)) replace(without(marks_, {cntlid}), bindings_, wanted_);
}

void Registry::remember(const Binding& binding) {
  replace(marks_, with(bindings_, binding), wanted_);
}

void Registry::want(std::vector<WantedResources> wanted) {
  if (wanted != wanted_) replace(marks_, bindings_, std::move(wanted));
}

void Registry::change_bindings(const std::vector<Binding>& bound,
                               const std::vector<std::uint16_t>& forgotten) {
  auto bindings = without(bindings_, forgotten);
  if (bound.empty() && bindings.size() == bindings_.size()) return;
  for (const auto& binding : bound)
    bindings = with(std::move(bindings), binding);
  replace(marks_, std::move(bindings), wanted_);
}

void Registry::forget(const std::vector<std::uint16_t>& cntlids) {
  auto marks = without(marks_, cntlids);
  auto bindings = without(bindings_, cntlids);
  auto wanted = without(wanted_, cntlids);
  for (const auto& one : wanted_) {
    if (one.namespaces.empty() || !is_in(cntlids, one.cntlid)) continue;
    wanted = with(std::move(wanted),
                  WantedResources{.cntlid = one.cntlid, .namespaces = one.namespaces});
  }
  if (marks.size() == marks_.size() && bindings.size() == bindings_.size() && wanted == wanted_) {
    return;
  }
  replace(std::move(marks), std::move(bindings), std::move(wanted));
}

}  // namespace nvmigrate
