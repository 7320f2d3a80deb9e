#include "bench/dns_load.h"

#include <ctime>

#include "base/child_task.h"
#include "base/error.h"
#include "base/scope.h"
#include "dns/server.h"
#include "dnswire/name.h"
#include "net/udp.h"

namespace bench {
namespace {

constexpr std::size_t kHosts = 1000;
constexpr std::size_t kLanes = 4;
constexpr std::size_t kBatch = net::UdpSocket::kMaxBatch;
constexpr std::size_t kHeaderBytes = 12;

std::string host_name(std::size_t number) {
  return "h" + std::to_string(number % kHosts) + ".glbc.test";
}

std::shared_ptr<const gslb::Zones> make_zones() {
  std::vector<gslb::HostRecord> hosts;
  for (std::size_t i = 0; i < kHosts; ++i) {
    hosts.push_back({host_name(i), 5, {{"127.0.1.1", true}, {"127.0.2.1", true}}});
  }
  gslb::ZoneOptions options{"glbc.test", {"ns1.glbc.test"}, {"127.0.0.1"}, 60, 5};
  return std::make_shared<gslb::Zones>(
      std::vector{value_or_throw(gslb::Zone::make(options, 1, hosts))});
}

net::Datagram question(std::size_t number, const net::Endpoint& server) {
  dnswire::Query query;
  query.id = static_cast<std::uint16_t>(number);
  query.question = dnswire::Question{*dnswire::parse_name(host_name(number)), dnswire::Type::A,
                                     dnswire::kClassIn};
  net::Datagram datagram;
  datagram.data = dnswire::print_query(query);
  datagram.set_remote(server);
  return datagram;
}

// Authoritative, without error, and with both addresses.
bool is_right(const std::string& answer) {
  if (answer.size() <= kHeaderBytes) return false;
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(answer[at]); };
  bool authoritative = (byte(2) & 0x84) == 0x84;
  return authoritative && (byte(3) & 0x0f) == 0 && byte(6) == 0 && byte(7) == 2;
}

struct Shared {
  net::Endpoint server;
  std::size_t questions = 0;
  std::size_t asked = 0;
  DnsFigures figures;
};

// Counts down `open` as answers come in.
Task<> receive_batch(net::UdpSocket& socket, std::size_t& open, Shared& shared) {
  while (open > 0) {
    for (const net::Datagram& one : co_await socket.receive()) {
      if (!is_right(one.data)) throw Error::internal("a DNS answer is wrong");
      ++shared.figures.answers;
      --open;
    }
  }
}

Task<> lane(net::IoLoop& loop, Shared& shared) {
  while (shared.asked < shared.questions) {
    net::UdpSocket socket(loop, {"127.0.0.1", 0});  // its own, so that late answers do not count
    std::size_t open = 0;
    try {
      while (shared.asked < shared.questions) {
        std::vector<net::Datagram> batch;
        for (std::size_t i = 0; i < kBatch; ++i) {
          batch.push_back(question(shared.asked++, shared.server));
        }
        open = socket.send(batch);
        co_await with_deadline(receive_batch(socket, open, shared), 1s, "no answer");
      }
    } catch (const Error& error) {
      if (error.reason() != Reason::Timeout) throw;
      shared.figures.lost += open;
    }
  }
}

Task<double> thread_cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  co_return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Runs the lanes and reads the server's clock around them.
Task<> ask(net::IoLoop& loop, net::IoLoop& server_loop, Shared& shared) {
  double cpu = co_await on_loop(server_loop, thread_cpu_seconds());
  auto start = std::chrono::steady_clock::now();
  Scope lanes(loop);
  for (std::size_t i = 0; i < kLanes; ++i) lanes.spawn("lane", lane(loop, shared));
  co_await lanes.join();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  shared.figures.seconds = took.count();
  shared.figures.server_cpu_seconds = co_await on_loop(server_loop, thread_cpu_seconds()) - cpu;
}

Task<> serve(dns::Server* server) { co_await server->run(); }

Task<std::unique_ptr<dns::Server>> make_server(net::IoLoop& loop) {
  auto server = std::make_unique<dns::Server>(loop, dns::Options{{"127.0.0.1", 0}});
  server->publish(make_zones());
  co_return server;
}

Task<> destroy(std::unique_ptr<dns::Server>) { co_return; }  // on the loop it lives on

}  // namespace

Task<DnsFigures> drive_dns(net::IoLoop& loop, net::IoLoop& server_loop, std::size_t questions) {
  auto server = co_await on_loop(server_loop, make_server(server_loop));
  Shared shared{server->endpoint(), questions, 0, {}};
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn("server", on_loop(server_loop, serve(server.get())));
    return ask(loop, server_loop, shared);
  });
  co_await on_loop(server_loop, destroy(std::move(server)));
  co_return shared.figures;
}

}  // namespace bench
