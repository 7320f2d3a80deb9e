// kcp bench: what the product does on this machine, client and server together on it.
#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/scope.h"
#include "cmd/bench/dns.h"
#include "cmd/bench/load.h"
#include "cmd/bench/target.h"
#include "cmd/flags.h"
#include "cmd/program.h"
#include "json/text.h"
#include "object/object.h"

namespace cmd {
namespace {

using bench::Load;
using bench::Target;
using bench::Timing;

const client::Resource kMaps{"", "v1", "configmaps", true};
const client::Resource kWorkspaces{"tenancy.kcp.io", "v1alpha1", "workspaces", false};

struct Context {
  net::IoLoop& loop;
  Target& target;
  std::size_t scale;  // divides the number of operations
};

json::Value config_map(std::string name) {
  json::Value object = object::make("v1", "ConfigMap", name, "default");
  object.set("data", json::Value::object({{"payload", std::string(900, 'x')}}));
  return object;
}

void print_header() {
  fmt::print("{:<34}{:>10}{:>12}{:>10}{:>10}{:>14}\n", "workload", "ops", "ops/s", "p50 ms",
             "p99 ms", "CPU us/op");
}

// Runs a load and prints its row; CPU is the server's.
Task<> measure(Context& context, std::string name, Load load) {
  std::size_t operations = load.operations;
  double cpu = context.target.cpu_seconds();
  Timing timing = co_await bench::drive(std::move(load));
  cpu = context.target.cpu_seconds() - cpu;
  auto count = static_cast<double>(operations);
  fmt::print("{:<34}{:>10}{:>12.0f}{:>10.2f}{:>10.2f}{:>14.1f}\n", name, operations,
             count / timing.seconds, timing.p50_ms, timing.p99_ms, cpu / count * 1e6);
  std::fflush(stdout);
}

// One client for each workspace that a load spreads over.
using Clients = std::vector<client::Client>;

Task<> create_one(client::Client to, std::string key) {
  co_await to.create(kMaps, config_map(key));
}

Task<> create_maps(Clients clients, std::string prefix, Context& context, std::string name,
                   std::size_t operations, std::size_t in_flight) {
  Load load{operations / context.scale, in_flight, {}};
  load.run = [clients, prefix](std::size_t n, std::size_t) -> Task<> {
    return create_one(clients[n % clients.size()], prefix + std::to_string(n));
  };
  co_await measure(context, std::move(name), std::move(load));
}

Task<> get_one(client::Client from, std::string key) {
  auto found = co_await from.find(kMaps, "default", key);
  if (!found) throw Error::internal("an object that was created is not found: " + key);
}

// Gets what create_maps() made with this prefix.
Task<> gets(Clients clients, std::string prefix, std::size_t present, Context& context,
            std::string name, std::size_t in_flight) {
  Load load{50'000 / context.scale, in_flight, {}};
  load.run = [clients, prefix, present](std::size_t n, std::size_t) -> Task<> {
    return get_one(clients[n % present % clients.size()], prefix + std::to_string(n % present));
  };
  co_await measure(context, std::move(name), std::move(load));
}

Task<> lists(client::Client client, Context& context) {
  Load load{40, 2, {}};
  load.run = [client](std::size_t, std::size_t) mutable -> Task<> {
    return [](client::Client to) -> Task<> {
      auto list = co_await to.list(kMaps, "", {.page_size = 0});
      if (list.items.empty()) throw Error::internal("a list is empty");
    }(client);
  };
  co_await measure(context, "list of all config maps", std::move(load));
}

Task<> workspaces(client::Client root, Context& context) {
  double before = context.target.memory_bytes();
  std::size_t count = 5000 / context.scale;
  Load load{count, 32, {}};
  load.run = [root](std::size_t n, std::size_t) mutable -> Task<> {
    return [](client::Client to, std::string name) -> Task<> {
      auto made = co_await to.create(kWorkspaces,
                                     object::make("tenancy.kcp.io/v1alpha1", "Workspace", name));
      if (made.at("status", "phase").as_string() != "Ready") throw Error::internal("not Ready");
    }(root, "w" + std::to_string(n));
  };
  co_await measure(context, "workspace to Ready, 32 in flight", std::move(load));
  double each = (context.target.memory_bytes() - before) / static_cast<double>(count);
  fmt::print("{:<34}{:>10.1f} KiB\n", "memory per empty workspace", each / 1024);
}

// One watcher must see every one of `count` creations.
Task<> read_all_events(client::Client client, std::string since, std::size_t count,
                       std::size_t* seen) {
  auto watch = co_await client.watch(kMaps, "", since, {});
  while (*seen < count) {
    auto event = co_await watch->next();
    if (!event) throw Error::internal("a watch ended early");
    if (event->type == client::EventType::Added) ++*seen;
  }
}

Task<> watch_fan_out(client::Client client, Context& context) {
  constexpr std::size_t kWatchers = 50;
  std::size_t count = 2000 / context.scale;
  auto list = co_await client.list(kMaps, "", {.page_size = 1});
  std::vector<std::size_t> seen(kWatchers, 0);
  double cpu = context.target.cpu_seconds();
  auto start = std::chrono::steady_clock::now();
  Scope scope(context.loop);
  for (std::size_t& one : seen) {
    scope.spawn("watch", read_all_events(client, list.resource_version, count, &one));
  }
  Load load{count, 16, {}};
  load.run = [client](std::size_t n, std::size_t) mutable -> Task<> {
    return [](client::Client to, std::string key) -> Task<> {
      co_await to.create(kMaps, config_map(key));
    }(client, "watched" + std::to_string(n));
  };
  co_await bench::drive(std::move(load));
  co_await scope.join();
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto deliveries = static_cast<double>(count * kWatchers);
  cpu = context.target.cpu_seconds() - cpu;
  fmt::print("{:<34}{:>10.0f}{:>12.0f}{:>34.1f}\n", "events to 50 watchers", deliveries,
             deliveries / seconds, cpu / deliveries * 1e6);
}

// The same operations spread over a thousand of the workspaces that workspaces() made.
Task<> many_workspaces(client::Client root, Context& context) {
  std::size_t count = std::min<std::size_t>(1000, 5000 / context.scale), made = 30'000;
  Clients clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(root.at("/clusters/root:w" + std::to_string(i)));
  }
  std::string suffix = fmt::format(", {} workspaces", count);
  co_await create_maps(clients, "m", context, "create, 64 in flight" + suffix, made, 64);
  co_await gets(clients, "m", made / context.scale, context, "get, 64 in flight" + suffix, 64);
  client::Client everywhere = root.at("/clusters/*");
  double cpu = context.target.cpu_seconds();
  auto start = std::chrono::steady_clock::now();
  auto list = co_await everywhere.list(kMaps, "", {.page_size = 0});
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  auto objects = static_cast<double>(list.items.size());
  if (list.items.size() < made / context.scale) throw Error::internal("a list is not complete");
  fmt::print("{:<34}{:>10.0f}{:>12.0f}{:>34.2f}\n", "objects of one list over all", objects,
             objects / took.count(), (context.target.cpu_seconds() - cpu) / objects * 1e6);
}

Task<> dns_questions(Context& context, net::IoLoop& server_loop) {
  auto figures = co_await bench::drive_dns(context.loop, server_loop, 500'000 / context.scale);
  auto count = static_cast<double>(figures.answers);
  fmt::print("{:<34}{:>10}{:>12.0f}{:>34.1f}   {} lost\n", "DNS answers over UDP", figures.answers,
             count / figures.seconds, figures.server_cpu_seconds / count * 1e6, figures.lost);
}

Task<> run_all(net::LoopPool& pool, Target& target, std::size_t scale) {
  net::IoLoop& loop = pool.at(0);
  Context context{loop, target, scale};
  auto root = target.connect(loop, "root");
  fmt::print("server ready after {:.2f} s, {:.1f} MiB resident\n\n", target.ready_seconds(),
             target.memory_bytes() / 1048576);
  print_header();
  co_await create_maps({root}, "a", context, "durable create, 1 in flight", 2000, 1);
  co_await create_maps({root}, "b", context, "durable create, 64 in flight", 30'000, 64);
  co_await create_maps({root}, "c", context, "durable create, 256 in flight", 30'000, 256);
  co_await gets({root}, "a", 2000 / scale, context, "get, 1 in flight", 1);
  co_await gets({root}, "a", 2000 / scale, context, "get, 64 in flight", 64);
  co_await lists(root, context);
  co_await watch_fan_out(root, context);
  co_await workspaces(root, context);
  co_await many_workspaces(root, context);
  co_await dns_questions(context, pool.at(1));
  target.restart();
  fmt::print("{:<34}{:>10.2f} s\n", "ready again after kill -9", target.ready_seconds());
}

}  // namespace

int bench_command(const std::vector<std::string>& arguments) {
  bool quick = false;
  Flags flags("kcp bench [flags]", "Measures this machine's server, client and server together.",
              "kcp bench --quick");
  flags.add_switch("quick", &quick, "a tenth of the operations");
  switch (flags.parse(arguments)) {
    case Flags::Outcome::Help: return 0;
    case Flags::Outcome::Wrong: return 2;
    default: break;
  }
  net::LoopPool pool(2);
  int status = 1;
  try {
    Target target(std::filesystem::read_symlink("/proc/self/exe"));
    status = run_until_stopped(pool, run_all(pool, target, quick ? 10 : 1));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace cmd
