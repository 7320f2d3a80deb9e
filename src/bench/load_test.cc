// Loads against a real HTTP/2 server with TLS in this process.
#include "bench/load.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "bench/stream.h"
#include "http/testing.h"

namespace bench {
namespace {

std::atomic<int> refusals = 0;

// /echo answers with the body, /list with a list of that many objects, /refuse with 429 at first,
// /late with 404 at first, /slow after a moment, everything else with 404.
Task<> handle(http::Request request, http::ResponseWriter& response) {
  std::string body = co_await http::read_all(*request.body, 10'000'000);
  std::string path(request.path());
  if (path == "/echo") {
    co_return co_await response.send(200, {}, Bytes(std::move(body)));
  }
  if (path == "/list") {
    std::string list = R"({"items":[)";
    for (int i = 0; i < 20'000; ++i) {
      list += std::string(i ? "," : "") + R"({"metadata":{"name":"m)" + std::to_string(i) +
              R"("},"data":{"version":"1","payload":"xxxx"}})";
    }
    co_return co_await response.send(200, {}, Bytes(list + "]}"));
  }
  if (path == "/refuse" && refusals-- > 0) co_return co_await response.send(429, {}, Bytes());
  if (path == "/late" && refusals-- > 0) co_return co_await response.send(404, {}, Bytes());
  if (path == "/slow") co_await sleep_for(5ms);
  bool known = path == "/refuse" || path == "/late" || path == "/slow";
  co_await response.send(known ? 200 : 404, {}, Bytes("no such thing"));
}

class LoadTest : public testing::Test {
 protected:
  Outcome run(Load load) { return http::run_on_loop(pool_.at(0), drive(&fleet_, std::move(load))); }
  ~LoadTest() override { http::run_on_loop(pool_.at(0), Fleet::close(&fleet_)); }

  static Address address(std::uint16_t port) {
    net::TlsClientOptions tls;
    tls.insecure = true;
    tls.server_name = "localhost";
    return {"127.0.0.1", port, net::TlsContext::client(tls), ""};
  }
  static Load gets(std::string target, std::size_t operations, std::size_t in_flight) {
    Load load{.operations = operations, .in_flight = in_flight};
    load.make = [target](std::size_t, std::string& path, std::string&) { path = target; };
    return load;
  }

  http::TestServer server_{handle, true};
  net::LoopPool pool_{2};
  Fleet fleet_{pool_, 2, address(server_.port())};
};

TEST_F(LoadTest, EachOperationIsDoneOnceWhateverIsInFlight) {
  std::mutex mutex;
  std::multiset<std::size_t> done;
  Load load{.method = "POST", .operations = 2'001, .in_flight = 250};
  load.make = [](std::size_t n, std::string& path, std::string& body) {
    path = "/echo";
    body = std::to_string(n);
  };
  load.check = [](std::size_t n, std::string_view body) { return body == std::to_string(n); };
  load.done = [&](std::size_t n) {
    std::lock_guard lock(mutex);
    done.insert(n);
  };

  Outcome outcome = run(std::move(load));

  EXPECT_EQ(outcome.operations, 2'001u);
  EXPECT_EQ(outcome.latency.count(), 2'001u);
  EXPECT_EQ(done.size(), 2'001u);
  EXPECT_EQ(std::set(done.begin(), done.end()).size(), 2'001u);
}

TEST_F(LoadTest, BodiesBeyondEveryWindowGoBothWays) {
  Load load{.method = "PUT", .operations = 6, .in_flight = 3};
  load.make = [](std::size_t n, std::string& path, std::string& body) {
    path = "/echo";
    body = std::string(3'000'000 + n, static_cast<char>('a' + n));
  };
  load.check = [](std::size_t n, std::string_view body) {
    return body == std::string(3'000'000 + n, static_cast<char>('a' + n));
  };

  EXPECT_EQ(run(std::move(load)).operations, 6u);
}

TEST_F(LoadTest, AnAnswerThatIsNotExpectedEndsTheLoadAndIsTold) {
  try {
    run(gets("/missing", 100, 10));
    FAIL() << "was not told";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("GET /missing was answered with 404"), std::string::npos);
    EXPECT_NE(error.message().find("no such thing"), std::string::npos);
  }
}

TEST_F(LoadTest, ARefusedRequestIsSentAgain) {
  refusals = 3;

  Outcome outcome = run(gets("/refuse", 5, 1));

  EXPECT_EQ(outcome.operations, 5u);
  EXPECT_EQ(outcome.refused, 3u);
}

TEST_F(LoadTest, WhatIsNotThereYetIsAskedForAgain) {
  refusals = 3;
  Load load = gets("/late", 5, 2);
  load.not_yet_status = 404;

  Outcome outcome = run(std::move(load));

  EXPECT_EQ(outcome.operations, 5u);
  EXPECT_EQ(outcome.refused, 3u);
}

TEST_F(LoadTest, AnOpenLoopSendsEverythingAndDoesNotWaitForAnswers) {
  Load load = gets("/slow", 300, 1);
  load.rate = 3'000;

  Outcome outcome = run(std::move(load));

  EXPECT_EQ(outcome.operations, 300u);
  // One after another they would take 1.5 s; each takes 5 ms at least.
  EXPECT_GE(outcome.latency.percentile(1), 5'000'000);
}

TEST_F(LoadTest, AServerThatGoesAwayEndsTheLoad) {
  std::promise<void> under_way;
  Load load = gets("/slow", 1'000'000, 10);
  load.may_break = true;
  load.done = [&](std::size_t n) {
    if (n == 100) under_way.set_value();
  };
  std::thread stopper([&] {
    under_way.get_future().wait();
    server_.stop();
  });

  Outcome outcome = run(load);

  stopper.join();
  EXPECT_GE(outcome.operations, 1u);
  EXPECT_LT(outcome.operations, 1'000'000u);
  load.may_break = false;
  EXPECT_THROW(run(load), Error);
}

TEST_F(LoadTest, AListIsReadWhole) {
  ListRead read = http::run_on_loop(pool_.at(0), read_list(&fleet_.at(0), {.path = "/list"}));

  EXPECT_EQ(read.items, 20'000u);
  EXPECT_NO_THROW(
      http::run_on_loop(pool_.at(0), verify_maps(&fleet_.at(0), "/list", "m", 20'000, "1", 4)));
  EXPECT_THROW(
      http::run_on_loop(pool_.at(0), verify_maps(&fleet_.at(0), "/list", "m", 20'001, "1", 4)),
      Error);
  EXPECT_THROW(
      http::run_on_loop(pool_.at(0), verify_maps(&fleet_.at(0), "/list", "m", 20'000, "2", 4)),
      Error);
  EXPECT_THROW(http::run_on_loop(pool_.at(0), read_list(&fleet_.at(0), {.path = "/missing"})),
               Error);
}

}  // namespace
}  // namespace bench
