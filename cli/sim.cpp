// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/sim.h"

#include <set>

#include "cli/text/findings.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate::cli {

sim::Place sim_place(const std::string& word) {
  return sim::place_of(word.starts_with("sim:") ? word : "sim:" + word);
}

std::string sim_name(const std::string& word) {
  auto place = sim_place(word);
  if (word.find('/') != std::string::npos) {
    throw usage_error("'" + word + "' is a controlling function, not a whole subsystem",
                      "name the subsystem: " + place.name);
  }
  return place.name;
}

SubsystemLock lock_sim(const Context& context, const std::string& name, const SubsystemKey& key) {
  try {
    return {context.io(), context.folders(), key.text(), context.command(), context.globals().wait};
  } catch (Error& error) {
    error.set_device("sim:" + name);
    throw;
  }
}

bool change_sim(const Context& context, const sim::Place& place, bool dry_run,
                const std::function<void(sim::Subsystem&)>& act) {
  sim::Store store(context.folders().sim, place.name);
  const auto compared = [&](sim::Subsystem& now) {
    const auto before = now;
    act(now);
    return now != before;
  };
  if (dry_run) return store.rehearse(compared);
  const auto lock = lock_sim(context, place.name, sim::key_of(*store.read()));
  return store.change(compared);
}

Outcome sim_outcome(const std::string& device, bool dry_run, bool changed,
                    const std::string& text) {
  Outcome outcome;
  outcome.document = {{"device", device}, {"dry_run", dry_run}, {"changed", changed}};
  outcome.text = device + ": " + (changed ? text : "nothing to change") + '\n';
  return outcome;
}

Outcome for_each_sim(Context& context, const std::vector<std::string>& names, bool dry_run,
                     const std::function<Outcome(const std::string& name)>& act) {
  Outcome all{.document = {{"dry_run", dry_run}, {"changed", false}}};
  Json subsystems = Json::array();
  Failures failures;
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!seen.insert(sim_name(name)).second) continue;
    auto& failure = failures.emplace_back();
    Json one{{"device", "sim:" + sim_name(name)}, {"changed", false}};
    try {
      const auto done = act(name);
      if (names.size() == 1) all.document = done.document;
      one["changed"] = done.document.at("changed");
      if (one["changed"]) all.document["changed"] = true;
      all.text += done.text;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      failure = std::current_exception();
      all.text += failure_text("sim:" + sim_name(name), failure);
    }
    one["error"] = failure_json(failure);
    subsystems.push_back(std::move(one));
  }
  all.status = status_of(failures);
  all.document["subsystems"] = std::move(subsystems);
  tell(context, failures, "subsystems");
  return all;
}

void add_queues(Json& json, const sim::Queues& queues) {
  json["submission_queues"] = Json::array();
  json["completion_queues"] = Json::array();
  for (const auto& queue : queues.submission) {
    json["submission_queues"].push_back({{"id", queue.id},
                                         {"entries", queue.size + 1},
                                         {"completion_queue", queue.cq_id},
                                         {"head", queue.head},
                                         {"tail", queue.tail}});
  }
  for (const auto& queue : queues.completion) {
    json["completion_queues"].push_back({{"id", queue.id},
                                         {"entries", queue.size + 1},
                                         {"head", queue.head},
                                         {"tail", queue.tail},
                                         {"phase", queue.phase() ? 1 : 0}});
  }
}

}  // namespace nvmigrate::cli
