// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/peer_hosts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::test {
namespace {

using nlohmann::json;

void close_once(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

bool runs(const World& world, const std::string& device, const std::string& function) {
  const auto report = sim::guest_report(world.folders(), device, function);
  return report.state == "running" && !report.queues.submission.empty();
}

template <typename What>
SideEnd ending(const What& what) {
  try {
    return what();
  } catch (const Error& error) {
    SideEnd end{.error = error.what() + ("; " + error.advice()), .code = error.code()};
    for (const auto& remedy : error.remedies())
      end.settles = end.settles || remedy.action == Remedy::Action::settle;
    return end;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "an exception that is not the library's: " << error.what();
    return {.error = error.what()};
  }
}

Peer peer_through(const Pipe& from_there, const Pipe& to_there, const std::string& function) {
  return {.in = from_there.reading(),
          .out = to_there.writing(),
          .host = "b",
          .url = "ssh://b/",
          .device = "sim:b",
          .function = function};
}

std::uint16_t id_of(Session& session, const std::string& function) {
  return select_one(session.topology(), function, "transfer").cntlid;
}

void prepare_host(World& world, const std::string& device, const PeerMode& mode,
                  const std::string& size, const std::string& guest) {
  world.must("sim create " + device + " " + mode.functions + " --vendor --mdts 8K --state-size " +
             size);
  if (mode.function.starts_with("vf")) world.must("provision sim:" + device + " --vfs 1");
  for (const std::string verb : {"bind", "mark", "sim guest start"}) {
    world.must(verb + " sim:" + device + " " + mode.function +
               (verb == "sim guest start" ? guest : "") +
               (verb == "mark" && !mode.marked_for.empty() ? " --backend " + mode.marked_for : ""));
  }
  world.remember();
}

}  // namespace

Pipe::Pipe() {
  if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
}
Pipe::~Pipe() {
  close_reading();
  close_writing();
}
void Pipe::close_reading() { close_once(ends_[0]); }
void Pipe::close_writing() { close_once(ends_[1]); }

PeerHosts::PeerHosts(const std::string& state_size, PeerMode mode) : mode_(std::move(mode)) {
  prepare_host(a, "a", mode_, state_size, "");
  prepare_host(b, "b", mode_, state_size, " --empty");
  if (!mode_.suspended_before) return;
  a.must("suspend sim:a " + mode_.function);
  a.remember();
}

void PeerHosts::restore() {
  a.restore();
  b.restore();
  doubled_ = false;
}

SideEnd PeerHosts::send(Pipe& from_there, Pipe& to_there) {
  const auto end = ending([&] {
    const auto session = Session::open(a.workspace("transfer"), "sim:a", Access::read);
    session->name_backend(mode_.named);
    const auto result = transfer_to_peer(*session, id_of(*session, mode_.function),
                                         peer_through(from_there, to_there, mode_.function),
                                         {.resume = !mode_.keep_suspended});
    return SideEnd{.resumed = result.resumed};
  });
  from_there.close_reading();
  to_there.close_writing();
  return end;
}

SideEnd PeerHosts::serve(Pipe& from_source, Pipe& to_source) {
  const auto end = ending([&] {
    serve_peer(b.workspace("receive"), from_source.reading(), to_source.writing());
    return SideEnd{};
  });
  from_source.close_reading();
  to_source.close_writing();
  return end;
}

bool PeerHosts::runs_on_a() const { return runs(a, "sim:a", mode_.function); }
bool PeerHosts::runs_on_b() const { return runs(b, "sim:b", mode_.function); }

// The destination is asked first: where that runs, the source must have stopped before.
void PeerHosts::observe() {
  if (runs_on_b() && runs_on_a()) doubled_ = true;
}

json PeerHosts::function(World& world, const std::string& device) const {
  return world.read("list " + device)["devices"][0]["functions"][0];
}

bool PeerHosts::continues() const {
  return sim::discontinuities(sim::guest_report(a.folders(), "sim:a", mode_.function),
                              sim::guest_report(b.folders(), "sim:b", mode_.function))
      .empty();
}

void PeerHosts::repair() {
  for (auto* const world : {&a, &b}) {
    const auto answer = world->run("doctor --repair");
    EXPECT_TRUE(answer.status == ExitStatus::ok || answer.status == ExitStatus::partial)
        << answer.out << answer.err;
    observe();
  }
}

/// A record that the device contradicts is over.
bool PeerHosts::is_in_doubt() {
  const auto intents = function(b, "sim:b")["intents"];
  return std::any_of(intents.begin(), intents.end(), [](const json& intent) {
    return intent["stale"] == false && intent["details"].contains("in_doubt");
  });
}

std::optional<Settlement> PeerHosts::settle() {
  Pipe there, back;
  SettleResult result;
  SideEnd served;
  std::thread destination([&] { served = serve(there, back); });
  const auto end = ending([&] {
    const auto session = Session::open(a.workspace("transfer"), "sim:a", Access::read);
    session->name_backend(mode_.named);
    result = settle_with_peer(*session, id_of(*session, mode_.function),
                              peer_through(back, there, mode_.function));
    return SideEnd{};
  });
  there.close_writing();
  back.close_reading();
  destination.join();
  EXPECT_EQ(served.error, "");
  observe();
  if (end.code == "in_doubt") return std::nullopt;
  EXPECT_EQ(end.error, "") << "the transfer cannot be settled";
  return result.settlement;
}

void PeerHosts::expect_one_copy() {
  if (!runs_on_a() && !runs_on_b()) {
    const auto here = function(a, "sim:a"), there = function(b, "sim:b");
    const bool has_left = here["status"] == "away";
    EXPECT_TRUE(has_left ? mode_.keep_suspended : mode_.suspended_before) << here << there;
    ASSERT_EQ((has_left ? there : here)["status"], has_left ? "loaded" : "suspended")
        << "the guest is lost: " << here << there;
    (has_left ? b : a).must((has_left ? "resume sim:b " : "resume sim:a ") + mode_.function);
  }
  observe();
  EXPECT_NE(runs_on_a(), runs_on_b()) << "not one copy runs";
  if (runs_on_b()) {
    EXPECT_TRUE(continues()) << "it does not continue where it stopped";
    EXPECT_EQ(function(a, "sim:a")["status"], "away");
  } else {
    EXPECT_EQ(function(a, "sim:a")["status"], "running");
  }
}

/// As a VMM leaves the function for the next try.
void PeerHosts::expect_transfer() {
  if (runs_on_b()) return;
  b.must("sim guest stop sim:b " + mode_.function);
  b.must("sim guest start sim:b " + mode_.function + " --empty");
  Pipe there, back;
  SideEnd served;
  std::thread destination([&] { served = serve(there, back); });
  const auto end = send(back, there);
  destination.join();
  EXPECT_EQ(end.error + served.error, "") << "the transfer cannot be done any more";
  if (mode_.keep_suspended) b.must("resume sim:b " + mode_.function);
  EXPECT_TRUE(runs_on_b() && !runs_on_a() && continues());
}

void PeerHosts::expect_saved(const SideEnd& source, bool settle_first) {
  observe();
  if (source.resumed) {
    EXPECT_TRUE(runs_on_b()) << "the source was told that it runs";
  }
  if (!source.error.empty() && function(a, "sim:a")["status"] == "away") {
    EXPECT_TRUE(source.settles) << "the error does not say what to do";
  }
  const auto before = function(b, "sim:b");
  const bool doubts = is_in_doubt();
  if (doubts) {
    EXPECT_FALSE(runs_on_b()) << "it runs in doubt";
    EXPECT_NE(b.run("resume sim:b " + mode_.function).status, ExitStatus::ok)
        << "it is resumed in doubt";
  }
  if (!settle_first) repair();
  const auto settled = settle();
  ASSERT_TRUE(settled) << "no record of the transfer is left";
  EXPECT_EQ(settled != Settlement::nothing, doubts) << before;
  EXPECT_EQ(settle(), Settlement::nothing) << "it is in doubt again";
  if (settle_first) repair();
  expect_one_copy();
  expect_transfer();
  EXPECT_FALSE(was_doubled()) << "two copies ran";
}

}  // namespace nvmigrate::test
