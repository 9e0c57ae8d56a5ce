// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/profile/profile.h"
#include "nvmigrate/store/document_json.h"

namespace nvmigrate {
namespace {

using store::Json;

constexpr auto schema = "nvmigrate.profile/1";
constexpr std::uint64_t most_vfs = 0xFFFF, most_resources = 0xFFFF, last_controller = 0xFFFF;
constexpr std::uint64_t last_namespace = 0xFFFFFFFD;

Error bad(const std::string& file, const std::string& pointer, const std::string& what) {
  return usage_error(file + ": " + (pointer.empty() ? "" : pointer + ": ") + what)
      .with_code(bad_profile);
}

std::string in_pointer(std::string member) {
  for (std::size_t i = 0; i < member.size(); ++i) {
    if (member[i] != '~' && member[i] != '/') continue;
    member.replace(i, 1, member[i] == '~' ? "~0" : "~1");
    ++i;
  }
  return member;
}

/// A value of the file, and where it stands.
class Value {
 public:
  Value(const Json& json, const std::string& file, std::string pointer)
      : json_(&json), file_(&file), pointer_(std::move(pointer)) {}

  [[noreturn]] void fail(const std::string& what) const { throw bad(*file_, pointer_, what); }
  [[nodiscard]] std::string place() const { return *file_ + ": " + pointer_; }

  /// Of an object with no other members than these.
  void expect_members(const std::vector<std::string>& names) const {
    expect_object();
    for (const auto& [name, value] : json_->items()) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      below(name, value)
          .fail(fmt::format("unknown member; allowed are {}", fmt::join(names, ", ")));
    }
  }
  void expect_object() const {
    if (!json_->is_object()) fail("is not an object");
  }
  [[nodiscard]] std::optional<Value> member(const std::string& name) const {
    const auto found = json_->find(name);
    if (found == json_->end()) return std::nullopt;
    return below(name, *found);
  }
  [[nodiscard]] std::vector<Value> items() const {
    if (!json_->is_array()) fail("is not an array");
    std::vector<Value> all;
    for (std::size_t i = 0; i < json_->size(); ++i)
      all.push_back(below(std::to_string(i), json_->at(i)));
    return all;
  }
  [[nodiscard]] std::vector<std::pair<std::string, Value>> members() const {
    expect_object();
    std::vector<std::pair<std::string, Value>> all;
    for (const auto& [name, value] : json_->items())
      all.emplace_back(name, below(name, value));
    return all;
  }
  [[nodiscard]] std::string text() const {
    if (!json_->is_string() || json_->get_ref<const std::string&>().empty()) {
      fail("is not a text of at least one character");
    }
    return json_->get<std::string>();
  }
  [[nodiscard]] bool is(const char* word) const { return *json_ == Json(word); }
  [[nodiscard]] bool boolean() const {
    if (!json_->is_boolean()) fail("is not true or false");
    return json_->get<bool>();
  }
  template <typename Number>
  [[nodiscard]] Number number(std::uint64_t from, std::uint64_t to) const {
    const bool fits = json_->is_number_unsigned() && json_->get<std::uint64_t>() >= from &&
                      json_->get<std::uint64_t>() <= to;
    if (!fits) fail("is not a number from " + std::to_string(from) + " to " + std::to_string(to));
    return static_cast<Number>(json_->get<std::uint64_t>());
  }

 private:
  [[nodiscard]] Value below(const std::string& name, const Json& json) const {
    return {json, *file_, pointer_ + '/' + in_pointer(name)};
  }

  const Json* json_;
  const std::string* file_;
  std::string pointer_;
};

std::string driver_of(const Value& value) {
  auto name = value.text();
  const bool word = name == auto_driver || name == host_driver_word;
  if (!word && name.find("vfio") == std::string::npos) {
    value.fail("is not auto, host or a vfio driver, whose names contain 'vfio'");
  }
  return name;
}

FunctionProfile function_of(const Value& value) {
  value.expect_members({"queues", "interrupts", "marked", "backend", "driver", "owner"});
  FunctionProfile function;
  const auto count = [&](const char* name) -> std::optional<std::uint16_t> {
    const auto found = value.member(name);
    if (!found) return std::nullopt;
    return found->number<std::uint16_t>(1, most_resources);
  };
  function.queues = count("queues");
  function.interrupts = count("interrupts");
  if (const auto marked = value.member("marked")) function.marked = marked->boolean();
  if (const auto backend = value.member("backend")) function.backend = backend->text();
  if (const auto driver = value.member("driver")) function.driver = driver_of(*driver);
  if (const auto owner = value.member("owner")) function.owner = owner->text();
  return function;
}

/// `vf2`, `3`: as they are compared. \return nothing for another word
std::optional<std::string> key_of(const std::string& word) {
  const bool vf = word.starts_with("vf");
  const auto number = parse_number(vf ? std::string_view(word).substr(2) : word);
  if (!number || *number > last_controller || (vf && *number == 0)) return std::nullopt;
  return (vf ? "vf" : "") + std::to_string(*number);
}

void add_function(SubsystemProfile& subsystem, const std::string& word, const Value& value) {
  const auto key = key_of(word);
  if (!key) value.fail("is not the name of a function: a controller id or vfN");
  const auto vfn = key->starts_with("vf") ? parse_number(key->substr(2)) : std::nullopt;
  if (vfn && subsystem.vfs && *vfn > *subsystem.vfs) {
    value.fail("there are to be " + std::to_string(*subsystem.vfs) + " VFs");
  }
  const auto function = function_of(value);
  if (vfn && !subsystem.vfs && (function.queues || function.interrupts)) {
    value.fail("queues and interrupts of a VF need the member vfs");
  }
  if (!subsystem.functions.emplace(*key, function).second) {
    value.fail("function " + *key + " is there twice");
  }
}

std::optional<std::vector<std::uint32_t>> namespaces_of(const std::optional<Value>& value) {
  if (!value) return std::nullopt;
  if (value->is("all")) return std::vector<std::uint32_t>{};
  std::set<std::uint32_t> ids;
  for (const auto& item : value->items())
    ids.insert(item.number<std::uint32_t>(1, last_namespace));
  if (ids.empty()) value->fail("is empty; leave it out, or say \"all\"");
  return std::vector(ids.begin(), ids.end());
}

SubsystemProfile subsystem_of(const Value& value) {
  value.expect_members({"nqn", "serial", "model", "controller_id", "vfs", "release_primary",
                        "namespaces", "defaults", "functions"});
  SubsystemProfile subsystem;
  subsystem.place = value.place();
  const auto text = [&](const char* name) {
    const auto found = value.member(name);
    return found ? found->text() : std::string{};
  };
  subsystem.nqn = text("nqn");
  subsystem.serial = text("serial");
  subsystem.model = text("model");
  if (subsystem.nqn.empty() && subsystem.serial.empty()) value.fail("has neither nqn nor serial");
  if (const auto id = value.member("controller_id")) {
    subsystem.controller_id = id->number<std::uint16_t>(0, last_controller);
  }
  if (const auto vfs = value.member("vfs")) subsystem.vfs = vfs->number<unsigned>(0, most_vfs);
  const auto needs_vfs = [&](const char* name) {
    auto found = value.member(name);
    if (found && subsystem.vfs.value_or(0) == 0) found->fail("needs the member vfs, at least 1");
    return found;
  };
  if (const auto release = needs_vfs("release_primary")) {
    subsystem.release_primary = release->boolean();
  }
  subsystem.namespaces = namespaces_of(needs_vfs("namespaces"));
  if (const auto defaults = needs_vfs("defaults")) subsystem.defaults = function_of(*defaults);
  if (const auto functions = value.member("functions")) {
    for (const auto& [word, function] : functions->members())
      add_function(subsystem, word, function);
  }
  return subsystem;
}

/// A member that is there twice is a slip that JSON does not refuse.
Json parsed(const std::string& text, const std::string& file) {
  std::vector<std::set<std::string>> open;
  const auto look = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      throw bad(file, {}, "member '" + value.get<std::string>() + "' is there twice in an object");
    }
    return true;
  };
  try {
    return Json::parse(text, look);
  } catch (const Json::parse_error& error) {
    throw bad(file, {}, "is not JSON: " + store::without_brackets(error.what()));
  }
}

Json json_of(const FunctionProfile& function) {
  auto json = Json::object();
  if (function.queues) json["queues"] = *function.queues;
  if (function.interrupts) json["interrupts"] = *function.interrupts;
  if (function.marked) json["marked"] = *function.marked;
  if (function.backend) json["backend"] = *function.backend;
  if (function.driver) json["driver"] = *function.driver;
  if (function.owner) json["owner"] = *function.owner;
  return json;
}

Json json_of(const SubsystemProfile& subsystem) {
  auto json = Json::object();
  if (!subsystem.nqn.empty()) json["nqn"] = subsystem.nqn;
  if (!subsystem.serial.empty()) json["serial"] = subsystem.serial;
  if (!subsystem.model.empty()) json["model"] = subsystem.model;
  if (subsystem.controller_id) json["controller_id"] = *subsystem.controller_id;
  if (subsystem.vfs) json["vfs"] = *subsystem.vfs;
  if (subsystem.release_primary) json["release_primary"] = true;
  if (const auto& ids = subsystem.namespaces) {
    json["namespaces"] = ids->empty() ? Json("all") : Json(*ids);
  }
  if (subsystem.defaults != FunctionProfile{}) json["defaults"] = json_of(subsystem.defaults);
  for (const auto& [key, function] : subsystem.functions)
    json["functions"][key] = json_of(function);
  return json;
}

Json json_of(const Profile& profile) {
  Json json{{"schema", schema}, {"subsystems", Json::array()}};
  for (const auto& subsystem : profile.subsystems)
    json["subsystems"].push_back(json_of(subsystem));
  return json;
}

}  // namespace

Profile parse_profile(const std::string& text, const std::string& name) {
  const auto json = parsed(text, name);
  const Value whole(json, name, {});
  whole.expect_object();
  const auto kind = whole.member("schema");
  if (!kind || !kind->is(schema)) throw bad(name, "/schema", std::string{"is not "} + schema);
  whole.expect_members({"schema", "subsystems"});
  const auto subsystems = whole.member("subsystems");
  if (!subsystems) whole.fail("the member subsystems is missing");
  Profile profile;
  for (const auto& value : subsystems->items())
    profile.subsystems.push_back(subsystem_of(value));
  return profile;
}

std::string text_of(const Profile& profile) { return store::dump(json_of(profile)); }

std::string line_of(const SubsystemProfile& wanted) {
  return json_of(Profile{{wanted}}).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nvmigrate
