#include "dns/server.h"

#include <gtest/gtest.h>

#include <future>

#include "base/scope.h"
#include "dnswire/name.h"
#include "net/stream.h"

namespace dns {
namespace {

std::string query(std::string_view name) {
  dnswire::Query one;
  one.id = 42;
  one.question = dnswire::Question{*dnswire::parse_name(name), dnswire::Type::A, dnswire::kClassIn};
  return dnswire::print_query(one);
}

std::shared_ptr<const gslb::Zones> zones(std::size_t addresses) {
  gslb::HostRecord host{"abc.glbc.test", 5, {}};
  for (std::size_t i = 1; i <= addresses; ++i) {
    host.targets.push_back({"127.0.1." + std::to_string(i), true});
  }
  gslb::ZoneOptions options{"glbc.test", {}, {}, 60, 5};
  return std::make_shared<gslb::Zones>(std::vector{*gslb::Zone::make(options, 1, {host})});
}

// A server on a loop of its own thread.
class DnsServer : public testing::Test {
 protected:
  DnsServer() : server_(loop(), {{"127.0.0.1", 0}}) {
    running_->on_done = [this] { ended_.set_value(); };
    task_detail::start(loop(), running_, server_.run());
  }
  ~DnsServer() override {
    loop().post([this] { running_->context.cancel(); });
    ended_.get_future().wait();
    pool_.stop();
  }
  net::IoLoop& loop() { return pool_.at(0); }

  template <class T>
  T call(Task<T> task) {
    auto child = std::make_shared<task_detail::Child<T>>();
    std::promise<void> done;
    child->on_done = [&] { done.set_value(); };
    task_detail::start(loop(), child, std::move(task));
    done.get_future().wait();
    return child->take();
  }

  static Task<std::string> over_udp(net::IoLoop& loop, net::Endpoint to, std::string message) {
    net::UdpSocket socket(loop, {"127.0.0.1", 0});
    net::Datagram datagram;
    datagram.data = std::move(message);
    datagram.set_remote(to);
    socket.send({&datagram, 1});
    auto answers = co_await socket.receive();
    co_return answers.at(0).data;
  }

  static Task<std::string> over_tcp(net::IoLoop& loop, net::Endpoint to, std::string message) {
    auto stream = net::plain_stream(co_await net::connect_tcp(loop, to));
    std::string framed{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
    framed += message;
    co_await stream->write(framed);
    std::string answer;
    while (answer.size() < 2 || answer.size() < 2 + static_cast<unsigned char>(answer[0]) * 256u +
                                                    static_cast<unsigned char>(answer[1])) {
      co_await stream->readable();
      char buffer[4096];
      auto got = stream->try_read(buffer);
      answer.append(buffer, got.bytes);
      if (got.ended) break;
    }
    co_return answer.substr(2);
  }

  net::LoopPool pool_{1};
  Server server_;
  std::shared_ptr<task_detail::Child<void>> running_ = std::make_shared<task_detail::Child<void>>();
  std::promise<void> ended_;
};

int rcode_of(const std::string& message) { return message[3] & 15; }
int answers_in(const std::string& message) { return message[7]; }

TEST_F(DnsServer, RefusesUntilItHasZonesThenAnswersAtOnce) {
  EXPECT_EQ(rcode_of(call(over_udp(loop(), server_.endpoint(), query("abc.glbc.test")))), 5);
  server_.publish(zones(2));
  auto answer = call(over_udp(loop(), server_.endpoint(), query("abc.glbc.test")));
  EXPECT_EQ(rcode_of(answer), 0);
  EXPECT_EQ(answers_in(answer), 2);
}

TEST_F(DnsServer, WhatDoesNotFitIsTruncatedAndWholeOverTcp) {
  server_.publish(zones(60));
  auto udp = call(over_udp(loop(), server_.endpoint(), query("abc.glbc.test")));
  EXPECT_TRUE(udp[2] & 0x02);
  EXPECT_EQ(answers_in(udp), 0);
  auto tcp = call(over_tcp(loop(), server_.endpoint(), query("abc.glbc.test")));
  EXPECT_EQ(answers_in(tcp), 60);
}

TEST_F(DnsServer, MalformedQueriesGetAFormatError) {
  server_.publish(zones(1));
  std::string broken = query("abc.glbc.test").substr(0, 20);
  EXPECT_EQ(rcode_of(call(over_udp(loop(), server_.endpoint(), broken))), 1);
}

}  // namespace
}  // namespace dns
