#include "dns/server.h"

#include <algorithm>

#include "base/error.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "net/stream.h"

namespace dns {
namespace {

constexpr std::size_t kMaxUdp = 1232;  // avoids fragments on all usual paths
constexpr std::size_t kMaxTcp = 65'535;

metrics::Counter& queries(const char* transport) {
  return metrics::counter("dns_queries_total", "DNS queries answered.",
                          std::string("transport=\"") + transport + "\"");
}

}  // namespace

Server::Server(net::IoLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      tcp_(loop, options_.endpoint),
      udp_(loop, tcp_.endpoint()) {}

std::string Server::answer(std::string_view message, bool tcp) {
  auto parsed = dnswire::parse_query(message);
  if (parsed.outcome == dnswire::ParsedQuery::Outcome::Drop) return {};
  auto zones = zones_.load();
  dnswire::Response response;
  response.rcode = dnswire::Rcode::Refused;
  if (zones) response = zones->answer(parsed, turn_++);
  std::size_t limit = kMaxTcp;
  if (!tcp) {
    limit = parsed.query.edns ? std::min<std::size_t>(parsed.query.edns->udp_size, kMaxUdp) : 512;
  }
  return dnswire::print_response(parsed.query, response, limit);
}

Task<> Server::serve_udp() {
  auto& count = queries("udp");
  while (true) {
    auto datagrams = co_await udp_.receive();
    count.add(datagrams.size());
    for (net::Datagram& one : datagrams) one.data = answer(one.data, false);
    std::erase_if(datagrams, [](const net::Datagram& one) { return one.data.empty(); });
    udp_.send(datagrams);
  }
}

Task<> Server::serve_connection(int descriptor) {
  struct Count {
    std::size_t& connections;
    ~Count() { --connections; }
  } count{connections_};
  auto stream = net::plain_stream(std::make_unique<net::Descriptor>(loop_, descriptor));
  std::string input;
  try {
    while (true) {
      while (input.size() >= 2) {
        std::size_t length =
            static_cast<unsigned char>(input[0]) * 256u + static_cast<unsigned char>(input[1]);
        if (input.size() < length + 2) break;
        std::string reply = answer(std::string_view(input).substr(2, length), true);
        input.erase(0, length + 2);
        queries("tcp").add();
        if (reply.empty()) co_return;
        std::string framed{static_cast<char>(reply.size() >> 8),
                           static_cast<char>(reply.size() & 0xff)};
        framed += reply;
        co_await with_deadline(stream->write(framed), options_.tcp_idle, "a slow reader");
      }
      co_await with_deadline(stream->readable(), options_.tcp_idle, "idle");
      auto scratch = loop_.scratch();
      auto got = stream->try_read(scratch);
      input.append(scratch.data(), got.bytes);
      if (got.ended || input.size() > 2 * kMaxTcp) co_return;
    }
  } catch (const Error&) {  // idle, slow or broken: the connection ends
  }
}

Task<> Server::serve_tcp() {
  co_await with_scope([this](Scope& scope) -> Task<> {
    return [](Server& self, Scope& connections) -> Task<> {
      while (true) {
        auto accepted = co_await self.tcp_.accept();
        if (self.connections_ >= self.options_.max_tcp_connections) {
          net::Descriptor refused(self.loop_, accepted.fd);
          continue;
        }
        ++self.connections_;
        connections.spawn("connection", self.serve_connection(accepted.fd));
      }
    }(*this, scope);
  });
}

Task<> Server::run() {
  co_await with_scope([this](Scope& scope) -> Task<> {
    scope.spawn("udp", serve_udp());
    scope.spawn("tcp", serve_tcp());
    return scope.join();
  });
}

}  // namespace dns
