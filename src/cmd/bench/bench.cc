// kcp bench: what the product does on this machine, client and server together on it.
#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/scope.h"
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

Task<> create_maps(client::Client client, std::string prefix, Context& context, std::string name,
                   std::size_t operations, std::size_t in_flight) {
  Load load{operations / context.scale, in_flight, {}};
  load.run = [client, prefix](std::size_t n, std::size_t) mutable -> Task<> {
    return [](client::Client to, std::string key) -> Task<> {
      co_await to.create(kMaps, config_map(key));
    }(client, prefix + std::to_string(n));
  };
  co_await measure(context, std::move(name), std::move(load));
}

Task<> gets(client::Client client, Context& context, std::size_t in_flight) {
  Load load{50'000 / context.scale, in_flight, {}};
  const std::size_t present = 2000 / context.scale;  // made by the first workload
  load.run = [client, present](std::size_t n, std::size_t) mutable -> Task<> {
    return [](client::Client to, std::string key) -> Task<> {
      auto found = co_await to.find(kMaps, "default", key);
      if (!found) throw Error::internal("an object that was created is not found: " + key);
    }(client, "a" + std::to_string(n % present));
  };
  co_await measure(context, fmt::format("get, {} in flight", in_flight), std::move(load));
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

Task<> run_all(net::IoLoop& loop, Target& target, std::size_t scale) {
  Context context{loop, target, scale};
  auto root = target.connect(loop, "root");
  fmt::print("server ready after {:.2f} s, {:.1f} MiB resident\n\n", target.ready_seconds(),
             target.memory_bytes() / 1048576);
  print_header();
  co_await create_maps(root, "a", context, "durable create, 1 in flight", 2000, 1);
  co_await create_maps(root, "b", context, "durable create, 64 in flight", 30'000, 64);
  co_await create_maps(root, "c", context, "durable create, 256 in flight", 30'000, 256);
  co_await gets(root, context, 1);
  co_await gets(root, context, 64);
  co_await lists(root, context);
  co_await watch_fan_out(root, context);
  co_await workspaces(root, context);
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
  net::LoopPool pool(1);
  int status = 1;
  try {
    Target target(std::filesystem::read_symlink("/proc/self/exe"));
    status = run_until_stopped(pool, run_all(pool.at(0), target, quick ? 10 : 1));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace cmd
