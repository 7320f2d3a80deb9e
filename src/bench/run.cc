#include "bench/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "bench/scanner.h"

namespace bench {
namespace {

constexpr const char* kWorkspaces = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces";

}  // namespace

Meter::Meter(const Target& target)
    : server_(target.process()),
      store_(target.options().store),
      instructions_(server_),
      server_seconds_(cpu_seconds(server_)),
      store_seconds_(cpu_seconds(store_)),
      client_seconds_(own_cpu_seconds()),
      start_(now_ns()) {}

void Meter::read_into(Row& row) const {
  if (row.seconds == 0) row.seconds = static_cast<double>(now_ns() - start_) / 1e9;
  if (row.operations == 0) return;
  auto each = [&](double value) { return value / row.operations; };
  row.client_cpu_us = each(own_cpu_seconds() - client_seconds_) * 1e6;
  if (store_ > 0) row.store_cpu_us = each(cpu_seconds(store_) - store_seconds_) * 1e6;
  if (server_ <= 0) return;
  row.server_cpu_us = each(cpu_seconds(server_) - server_seconds_) * 1e6;
  if (auto counted = instructions_.read()) row.instructions = each(*counted);
}

std::string map_body(std::string_view name, std::string_view version, std::size_t payload,
                     std::string_view labels) {
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}","labels":{{{}}}}},)"
      R"("data":{{"version":"{}","payload":"{}"}}}})",
      name, labels, version, std::string(payload, 'x'));
}

Run::Run(Target& its_target, net::LoopPool& its_pool, Sizes its_sizes, Report& its_report)
    : target(its_target),
      pool(its_pool),
      sizes(its_sizes),
      report(its_report),
      id_("bench-" + random_name_suffix(6)) {}

Task<> Run::begin(Run* run, std::string name) {
  run->name = std::move(name);
  run->fleet = std::make_unique<Fleet>(run->pool, run->sizes.threads, run->target.address());
  // Indented, in servers that do so.
  Answer version = co_await run->ask("GET", "/version");
  std::erase_if(version.body, [](char c) { return c == ' ' || c == '\n'; });
  run->report.set_version(std::string(find_text(version.body, "gitVersion")));
  Answer workspaces = co_await run->ask("GET", std::string(kWorkspaces) + "?limit=1");
  run->has_workspaces_ = workspaces.status == 200;
  co_await run->must(201, "POST", run->base() + "/api/v1/namespaces",
                     R"({"metadata":{"name":")" + run->id_ + "\"}}");
}

Task<> Run::end(Run* run) {
  if (!run->target.is_own()) {
    co_await run->ask("DELETE", run->base() + "/api/v1/namespaces/" + run->id_);
    for (const std::string& name : run->made_) {
      co_await run->ask("DELETE", std::string(kWorkspaces) + "/" + name);
    }
  }
  co_await Fleet::close(run->fleet.get());
}

Task<> Run::restart(Run* run) {
  co_await Fleet::close(run->fleet.get());
  run->target.kill();
  run->target.start();
}

std::size_t Run::scaled(std::size_t count, std::size_t least) const {
  auto wanted = static_cast<std::size_t>(std::lround(static_cast<double>(count) * sizes.scale));
  return std::max(wanted, std::min(least, count));
}

Task<Answer> Run::ask(std::string method, std::string path, std::string body) {
  Question question{std::move(method), std::move(path), std::move(body)};
  co_return co_await bench::ask(first(), std::move(question));
}

Task<Answer> Run::must(int status, std::string method, std::string path, std::string body) {
  std::string what = method + " " + path;
  Answer answer = co_await ask(std::move(method), std::move(path), std::move(body));
  if (answer.status == status) co_return answer;
  throw Error(Reason::InternalError,
              fmt::format("{} was answered with {}, expected {}: {}", what, answer.status, status,
                          answer.body.substr(0, 400)));
}

Task<Outcome> Run::measure(Row row, Load load) {
  Meter meter(target);
  Outcome outcome = co_await drive(fleet.get(), std::move(load));
  row.operations = static_cast<double>(outcome.operations);
  row.seconds = outcome.seconds;
  meter.read_into(row);
  row.latency = outcome.latency;
  row.bytes = static_cast<double>(outcome.bytes) / row.operations;
  if (outcome.refused > 0) {
    row.extra.emplace_back("refused and retried", static_cast<double>(outcome.refused));
  }
  report.add(std::move(row));
  co_return outcome;
}

std::string Run::maps() const { return base() + "/api/v1/namespaces/" + id_ + "/configmaps"; }

std::string Run::workspace_name(std::size_t number) const {
  return id_ + "-" + std::to_string(number);
}

std::string Run::workspace_base(std::size_t number) const {
  return "/clusters/root:" + workspace_name(number);
}

std::string Run::workspace_maps(std::size_t number) const {
  return workspace_base(number) + "/api/v1/namespaces/default/configmaps";
}

Task<Outcome> Run::make_workspaces(std::size_t count) {
  Load load{.method = "POST", .operations = count, .in_flight = 32, .expected_status = 201};
  load.make = [this](std::size_t n, std::string& path, std::string& body) {
    path = kWorkspaces;
    body = fmt::format(R"({{"apiVersion":"tenancy.kcp.io/v1alpha1","kind":"Workspace",)"
                       R"("metadata":{{"name":"{}"}}}})",
                       workspace_name(n));
  };
  std::atomic<std::size_t> ready = 0;
  load.check = [&ready](std::size_t, std::string_view body) {
    ready += find_text(body, "phase") == "Ready" ? 1 : 0;
    return true;
  };
  std::int64_t start = now_ns();
  Outcome outcome = co_await drive(fleet.get(), std::move(load));
  if (!target.is_own()) {
    for (std::size_t n = 0; n < count; ++n) remember_workspace(workspace_name(n));
  }
  // A server that makes them ready after its answer: each must get there.
  for (std::size_t n = 0; ready < count && n < count; ++n) {
    std::string path = std::string(kWorkspaces) + "/" + workspace_name(n);
    while (find_text((co_await must(200, "GET", path)).body, "phase") != "Ready") {
      co_await sleep_for(20ms);
    }
    outcome.seconds = static_cast<double>(now_ns() - start) / 1e9;
  }
  co_return outcome;
}

Memory Run::server_memory() const {
  Memory sum;
  for (pid_t process : {target.process(), target.options().store}) {
    if (process <= 0) continue;
    Memory one = memory_of(process);
    sum.resident += one.resident;
    sum.proportional += one.proportional;
  }
  return sum;
}

Task<double> Run::livez_rate(std::size_t in_flight) {
  if (auto known = livez_.find(in_flight); known != livez_.end()) co_return known->second;
  Load load{.operations = scaled(in_flight == 1 ? 3'000 : 20'000, 500), .in_flight = in_flight};
  load.make = [](std::size_t, std::string& path, std::string&) { path = "/livez"; };
  Outcome outcome = co_await drive(fleet.get(), std::move(load));
  co_return livez_[in_flight] = static_cast<double>(outcome.operations) / outcome.seconds;
}

double Run::sync_rate() {
  constexpr std::size_t kBytes = 4U << 20;
  constexpr std::int64_t kLength = 500'000'000;
  if (sync_ > 0) return sync_;
  std::string folder =
      target.is_own() ? target.directory() : std::filesystem::temp_directory_path().string();
  std::string path = folder + "/" + id_ + ".sync";
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw Error::internal("cannot write " + path);
  std::string kilobyte(1024, 'x'), all(kBytes, 'x');
  bool wrote = ::write(file, all.data(), all.size()) > 0 && ::fsync(file) == 0;
  std::size_t done = 0;
  std::int64_t start = now_ns();
  while (wrote && now_ns() - start < kLength) {
    auto place = static_cast<off_t>(done * kilobyte.size() % kBytes);
    wrote = ::pwrite(file, kilobyte.data(), kilobyte.size(), place) > 0 && ::fdatasync(file) == 0;
    ++done;
  }
  double seconds = static_cast<double>(now_ns() - start) / 1e9;
  ::close(file);
  ::unlink(path.c_str());
  return sync_ = static_cast<double>(done) / seconds;
}

}  // namespace bench
