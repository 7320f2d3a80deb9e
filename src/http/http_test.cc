#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/error.h"
#include "http/testing.h"
#include "net/address.h"

namespace http {
namespace {

// What the test server does, by path.
std::atomic<int> cancelled_streams = 0;

Task<> stream_for_ever(ResponseWriter& response) {
  struct Note {
    ~Note() { ++cancelled_streams; }
  } note;
  co_await response.start(200, {{"content-type", "text/plain"}});
  while (true) {
    co_await response.write(Bytes(std::string("tick\n")));
    co_await sleep_for(1ms);
  }
}

constexpr int kTries = 300;

// The last line tells how many pieces went without waiting before the first that did not.
Task<> write_at_once_or_wait(ResponseWriter& response) {
  co_await response.start(200, {});
  int at_once = 0;
  bool all = true;
  for (int i = 0; i < kTries; ++i) {
    Bytes piece(std::to_string(i) + std::string(10'000, 'x') + "\n");
    bool done = response.try_write(piece);
    all = all && done;
    at_once += all;
    if (!done) co_await response.write(piece);
  }
  co_await response.write(Bytes(std::to_string(at_once)));
  co_await response.finish();
}

Task<> handler(Request request, ResponseWriter& response) {
  if (request.path() == "/echo") {
    std::string body = co_await read_all(*request.body, 10'000'000);
    co_await response.send(200, {{"x-method", request.method}}, Bytes(body));
  } else if (request.path() == "/stream") {
    co_await stream_for_ever(response);
  } else if (request.path() == "/slow") {
    co_await sleep_for(20ms);
    co_await response.send(200, {}, Bytes(std::string("slow")));
  } else if (request.path() == "/empty") {
    co_await response.send(204, {}, Bytes());
  } else if (request.path() == "/large") {
    co_await response.start(200, {});
    for (int i = 0; i < 300; ++i) co_await response.write(Bytes(std::string(10'000, 'x')));
    co_await response.finish();
  } else if (request.path() == "/tries") {
    co_await write_at_once_or_wait(response);
  } else {
    throw Error::bad_request("no such path");
  }
}

Request make_request(std::string method, std::string target, std::string body = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = body_of(Bytes(std::move(body)));
  return request;
}

struct Answer {
  int status = 0;
  std::string body;
};

Task<Answer> call(Transport& transport, Request request) {
  Response response = co_await transport.send(std::move(request));
  std::string body = co_await read_all(*response.body, 10'000'000);
  co_return Answer{response.status, std::move(body)};
}

Task<std::string> first_piece(Transport& transport, Request request) {
  Response response = co_await transport.send(std::move(request));
  auto piece = co_await response.body->read();
  co_return std::string(piece ? piece->view() : "");
}

struct Form {
  const char* name;
  bool tls;
  std::vector<std::string> alpn;
};

class HttpTest : public testing::TestWithParam<Form> {
 protected:
  HttpTest() : server_(handler, GetParam().tls), client_(server_.client(GetParam().alpn)) {}
  ~HttpTest() override {
    run_on_loop(server_.loop(), [](std::unique_ptr<Client> client) -> Task<> {
      client.reset();
      co_return;
    }(std::move(client_)));
  }
  Answer get(std::string method, std::string target, std::string body = {}) {
    return run_on_loop(server_.loop(), call(*client_, make_request(method, target, body)));
  }
  TestServer server_;
  std::unique_ptr<Client> client_;
};

// Bytes that are not the same if some are lost, doubled or moved.
std::string pattern(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ' ';
  text.resize(size);
  return text;
}

TEST_P(HttpTest, BodiesOfAllSizesArriveWhole) {
  for (std::size_t size : {0u, 1u, 1000u, 16'384u, 65'280u, 70'000u, 3'000'000u}) {
    auto answer = get("POST", "/echo", pattern(size));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body == pattern(size)) << size;
  }
  EXPECT_EQ(get("GET", "/large").body.size(), 3'000'000u);
  EXPECT_EQ(get("GET", "/empty").status, 204);
}

TEST_P(HttpTest, WhatIsWrittenAtOnceIsBoundedAndArrivesInOrder) {
  std::string body = get("GET", "/tries").body;

  std::size_t at = 0;
  for (int i = 0; i < kTries; ++i) {
    std::string number = std::to_string(i);
    ASSERT_EQ(body.substr(at, number.size() + 1), number + "x");
    at = body.find('\n', at) + 1;
  }
  int at_once = std::stoi(body.substr(at));
  bool is_http2 = GetParam().alpn == std::vector<std::string>{"h2"};
  EXPECT_EQ(at_once, is_http2 ? 27 : 0);  // of 10 KB each into a queue of 256 KiB
}

TEST_P(HttpTest, AnErrorOfTheHandlerIsA500AndTheConnectionGoesOn) {
  EXPECT_EQ(get("GET", "/nowhere").status, 500);
  EXPECT_EQ(get("GET", "/slow").body, "slow");
}

TEST_P(HttpTest, DroppingAResponseCancelsTheHandler) {
  int before = cancelled_streams;
  EXPECT_EQ(run_on_loop(server_.loop(), first_piece(*client_, make_request("GET", "/stream"))),
            "tick\n");
  for (int i = 0; i < 2000 && cancelled_streams == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(cancelled_streams, before + 1);
  EXPECT_EQ(get("GET", "/slow").body, "slow");
}

TEST_P(HttpTest, ManyRequestsAtOnce) {
  auto many = [](Transport& transport) -> Task<int> {
    Loop& loop = co_await current_loop();
    Scope scope(loop);
    int ok = 0;
    auto one = [](Transport& to, std::size_t size, int* count) -> Task<> {
      auto answer = co_await call(to, make_request("POST", "/echo", pattern(size)));
      *count += answer.body == pattern(size);
    };
    for (std::size_t i = 0; i < 150; ++i) scope.spawn("one", one(transport, i * i, &ok));
    co_await scope.join();
    co_return ok;
  };
  EXPECT_EQ(run_on_loop(server_.loop(), many(*client_)), 150);
}

TEST_P(HttpTest, AConnectionCarriesFarMoreThanItsWindow) {
  if (GetParam().alpn != std::vector<std::string>{"h2"}) return;  // there is no window
  auto drop = [](Transport& transport) -> Task<> {
    Response response = co_await transport.send(make_request("GET", "/large"));
    co_await yield_to_loop();
  };
  for (int i = 0; i < 150; ++i) run_on_loop(server_.loop(), drop(*client_));
  const std::string body(16'000, 'a');
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(get("POST", "/echo", body).body.size(), body.size());
}

TEST_P(HttpTest, AStoppedServerRefusesConnections) {
  server_.stop();

  EXPECT_THROW(get("GET", "/slow"), Error);
}

TEST_P(HttpTest, StoppingEndsOpenStreams) {
  std::promise<void> open;
  auto reader = [](Transport& transport, std::promise<void>& is_open) -> Task<bool> {
    Response response = co_await transport.send(make_request("GET", "/stream"));
    is_open.set_value();
    try {
      while (co_await response.body->read()) {
      }
    } catch (const Error&) {
    }
    co_return true;
  };
  std::thread stop([&] {
    open.get_future().wait();
    server_.stop();
  });

  EXPECT_TRUE(run_on_loop(server_.loop(), reader(*client_, open)));
  stop.join();
}

INSTANTIATE_TEST_SUITE_P(Forms, HttpTest,
                         testing::Values(Form{"plain", false, {}}, Form{"tls1", true, {"http/1.1"}},
                                         Form{"h2", true, {"h2"}}),
                         [](const auto& form) { return std::string(form.param.name); });

// Sends raw bytes to a plain server and reads until it closes.
std::string raw(std::uint16_t port, std::string_view bytes) {
  auto address = net::to_socket_address({"127.0.0.1", port});
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::connect(fd, address.get(), address.length), 0);
  EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  ::shutdown(fd, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return answer;
}

TEST(HttpServer, MalformedRequestsAreAnsweredAndClosed) {
  TestServer server(handler, false);
  struct Row {
    std::string_view request, status;
  };
  const std::string long_header = "GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(70'000, 'a');
  for (auto [request, status] : std::initializer_list<Row>{
           {"nonsense\r\n\r\n", "400"},
           {"GET /echo HTTP/1.1\r\n\r\n", "400"},
           {"GET /echo HTTP/2.0\r\nhost: a\r\n\r\n", "400"},
           {"GET /echo HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"},
           {"GET /echo HTTP/1.1\r\nhost : a\r\n\r\n", "400"},
           {"GET /echo HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n", "400"},
           {"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: "
            "chunked\r\n\r\n",
            "400"},
           {"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", "400"},
           {"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "400"},
           {"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", "400"},
           {long_header, "431"}}) {
    EXPECT_EQ(raw(server.port(), request).substr(0, 12), "HTTP/1.1 " + std::string(status))
        << request.substr(0, 80);
  }
  EXPECT_NE(raw(server.port(),
                "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
                .find("500"),
            std::string::npos);
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(handler, false);
  std::string two =
      "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
  std::string answer = raw(server.port(), two);
  EXPECT_LT(answer.find("one"), answer.find("two"));
  EXPECT_NE(answer.find("two"), std::string::npos);
}

TEST(HttpServer, AUsedPortIsNamedInTheError) {
  TestServer first(handler, false);
  net::LoopPool pool(1);
  try {
    Server second(pool.at(0), pool, {{"127.0.0.1", first.port()}, nullptr, 10, 1s}, handler);
    FAIL() << "must not listen";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "cannot listen on 127.0.0.1:" + std::to_string(first.port()) +
                                   ": Address already in use");
  }
}

// "verified", "invalid" or "none": what the server saw of the client's certificate.
Task<> tell_certificate(Request request, ResponseWriter& response) {
  const Peer& peer = request.peer;
  const char* seen = peer.certificate_invalid        ? "invalid"
                     : !peer.certificate_der.empty() ? "verified"
                                                     : "none";
  co_await response.send(200, {}, Bytes(std::string(seen)));
}

Task<std::string> ask_with(net::IoLoop& loop, ClientOptions options) {
  Client client(loop, std::move(options));
  auto answer = co_await call(client, make_request("GET", "/"));
  co_return answer.body;
}

TEST(HttpServer, AClientCertificateThatDoesNotVerifyIsSeenAsSuch) {
  net::LoopPool pool(1);
  auto trusted = make_test_certificate();
  auto foreign = make_test_certificate();
  auto own = std::make_shared<net::TlsIdentity>(trusted.certificate_pem, trusted.key_pem);
  auto other = std::make_shared<net::TlsIdentity>(foreign.certificate_pem, foreign.key_pem);
  net::TlsServerOptions tls;
  tls.identity = [own](std::string_view) { return own; };
  tls.client_ca_pem = trusted.certificate_pem;
  Server server(pool.at(0), pool, {{"127.0.0.1", 0}, net::TlsContext::server(tls), 10, 100ms},
                tell_certificate);
  auto running = std::make_shared<task_detail::Child<void>>();
  std::promise<void> ended;
  running->on_done = [&] { ended.set_value(); };
  task_detail::start(pool.at(0), running, server.run());
  auto ask = [&](net::TlsIdentityPtr identity) {
    net::TlsClientOptions options;
    options.ca_pem = trusted.certificate_pem;
    options.server_name = "localhost";
    options.identity = std::move(identity);
    return run_on_loop(pool.at(0), ask_with(pool.at(0), {"127.0.0.1", server.endpoint().port,
                                                         net::TlsContext::client(options)}));
  };

  EXPECT_EQ(ask(nullptr), "none");
  EXPECT_EQ(ask(own), "verified");
  EXPECT_EQ(ask(other), "invalid");

  pool.at(0).post([&] { running->context.cancel(); });
  ended.get_future().wait();
}

TEST(HttpClient, AnUnreachableServerIsNamed) {
  net::LoopPool pool(1);
  auto attempt = [](net::IoLoop& loop) -> Task<std::string> {
    Client client(loop, {"127.0.0.1", 1, nullptr});
    try {
      co_await client.send(make_request("GET", "/"));
    } catch (const Error& error) {
      co_return error.message();
    }
    co_return "";
  };
  EXPECT_EQ(run_on_loop(pool.at(0), attempt(pool.at(0))),
            "cannot connect to 127.0.0.1:1: Connection refused");
}

TEST(DirectTransport, CallsTheHandlerAndCancelsItWhenDropped) {
  net::LoopPool pool(1);
  auto transport = direct_transport(handler, {});
  auto answer = run_on_loop(pool.at(0), call(*transport, make_request("POST", "/echo", "hi")));
  EXPECT_EQ(answer.body, "hi");
  int before = cancelled_streams;
  run_on_loop(pool.at(0), first_piece(*transport, make_request("GET", "/stream")));
  for (int i = 0; i < 2000 && cancelled_streams == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(cancelled_streams, before + 1);
}

}  // namespace
}  // namespace http
