#include "cluster/ingress_proxy.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cluster/ingress_forward.h"
#include "http/testing.h"

namespace cluster {
namespace {

const std::vector<net::Endpoint> kSome = {{"127.0.0.1", 1}};

std::string routed(const RouteTable& table, std::string_view host, std::string_view path) {
  const Route* route = find_route(table, host, path);
  return route ? route->path : "none";
}

TEST(IngressRoutes, TheLongestPrefixOfWholePathElementsWins) {
  RouteTable table;
  table.hosts["a.test"] = {{"/", PathType::Prefix, kSome},
                           {"/foo", PathType::Prefix, kSome},
                           {"/foo/bar/", PathType::Prefix, kSome}};

  EXPECT_EQ(routed(table, "a.test", "/foobar"), "/");
  EXPECT_EQ(routed(table, "a.test", "/foo"), "/foo");
  EXPECT_EQ(routed(table, "a.test", "/foo/x"), "/foo");
  EXPECT_EQ(routed(table, "a.test", "/foo/bar"), "/foo/bar/");
  EXPECT_EQ(routed(table, "a.test", "/foo/bar/x"), "/foo/bar/");
}

TEST(IngressRoutes, AnExactPathGoesBeforeAnyPrefix) {
  RouteTable table;
  table.hosts["a.test"] = {{"/x", PathType::Prefix, kSome}, {"/x", PathType::Exact, {}}};

  EXPECT_TRUE(find_route(table, "a.test", "/x")->backends.empty());
  EXPECT_FALSE(find_route(table, "a.test", "/x/")->backends.empty());
}

TEST(IngressRoutes, HostsMatchWithoutCaseAndPortAndFallBackToWildcardAndDefault) {
  RouteTable table;
  table.hosts["a.test"] = {{"/exact", PathType::Prefix, kSome}};
  table.hosts["*.test"] = {{"/wild", PathType::Prefix, kSome}};
  table.hosts[""] = {{"/any", PathType::Prefix, kSome}};

  EXPECT_EQ(routed(table, "A.Test:8080", "/exact"), "/exact");
  EXPECT_EQ(routed(table, "b.test", "/wild"), "/wild");
  EXPECT_EQ(routed(table, "c.b.test", "/wild"), "none");
  EXPECT_EQ(routed(table, "[::1]:80", "/any"), "/any");
  EXPECT_EQ(routed(table, "", "/any"), "/any");
  EXPECT_EQ(routed(table, "test", "/wild"), "none");
}

TEST(IngressForward, HopByHopFieldsStayBehind) {
  http::Headers sent{{"connection", "close, X-Secret"},
                     {"x-secret", "1"},
                     {"transfer-encoding", "chunked"},
                     {"upgrade", "h2c"},
                     {"accept", "*/*"}};

  http::Headers kept = end_to_end(sent);

  ASSERT_EQ(kept.all().size(), 1u);
  EXPECT_EQ(kept.get("accept"), "*/*");
}

Task<> echo(std::string name, http::Request request, http::ResponseWriter& response) {
  std::string body = co_await http::read_all(*request.body, 10'000'000);
  std::string text = name + " " + request.authority + " " +
                     std::string(request.headers.get("x-forwarded-proto")) + " " +
                     std::to_string(body.size());
  co_await response.send(200, {{"x-backend", name}}, Bytes(text));
}

http::Handler backend_named(std::string name) {
  return [name](http::Request request, http::ResponseWriter& response) {
    return echo(name, std::move(request), response);
  };
}

struct Answer {
  int status = 0;
  std::string body;
};

Task<Answer> fetch(net::IoLoop& loop, std::uint16_t port, std::string method, std::string target,
                   std::string body, std::shared_ptr<const net::TlsContext> tls) {
  http::ClientOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.tls = std::move(tls);
  http::Client client(loop, options);
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.authority = "a.test";
  request.body = http::body_of(Bytes(std::move(body)));
  http::Response response = co_await client.send(std::move(request));
  Answer answer{response.status, co_await http::read_all(*response.body, 1'000'000)};
  co_return answer;
}

// A proxy that runs on a loop of its own.
class IngressProxyTest : public testing::Test {
 protected:
  IngressProxyTest() {
    IngressOptions options;
    options.http_port = 0;
    options.https_port = 0;
    options.grace = 100ms;
    proxy_ = std::make_unique<IngressProxy>(loop(), pool_, options);
    running_->on_done = [this] { ended_.set_value(); };
    task_detail::start(loop(), running_, proxy_->run());
  }
  ~IngressProxyTest() override {
    loop().post([this] { running_->context.cancel(); });
    ended_.get_future().wait();
    proxy_.reset();
    http::run_on_loop(loop(), sleep_for(0ms));  // the proxy's clients end on the loop
    pool_.stop();
  }

  net::IoLoop& loop() { return pool_.at(0); }
  void route_to(std::vector<std::uint16_t> ports) {
    auto table = std::make_shared<RouteTable>();
    Route route;
    for (std::uint16_t port : ports) route.backends.push_back({"127.0.0.1", port});
    table->hosts["a.test"] = {route};
    proxy_->set_routes(table);
  }
  Answer get(std::string target, std::string method = "GET", std::string body = {}) {
    return http::run_on_loop(
        loop(), fetch(loop(), proxy_->http_port(), method, target, std::move(body), nullptr));
  }

  net::LoopPool pool_{1};
  std::unique_ptr<IngressProxy> proxy_;
  std::shared_ptr<task_detail::Child<void>> running_ = std::make_shared<task_detail::Child<void>>();
  std::promise<void> ended_;
};

TEST_F(IngressProxyTest, WithoutARouteItAnswers404AndWithoutABackend503) {
  EXPECT_EQ(get("/").status, 404);

  route_to({});

  EXPECT_EQ(get("/").status, 503);
}

TEST_F(IngressProxyTest, BackendsTakeTurns) {
  http::TestServer one(backend_named("one"), false);
  http::TestServer two(backend_named("two"), false);
  route_to({one.port(), two.port()});

  std::string first = get("/").body;
  std::string second = get("/").body;

  EXPECT_NE(first, second);
  EXPECT_EQ(first, get("/").body);
  EXPECT_EQ(first.substr(4), "a.test http 0");
}

TEST_F(IngressProxyTest, ADeadBackendIsPassedOverAlsoForRequestsWithABody) {
  http::TestServer alive(backend_named("alive"), false);
  std::uint16_t dead = 0;
  {
    dead = http::TestServer(backend_named("gone"), false).port();
  }
  route_to({dead, alive.port()});

  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(get("/", "POST", std::string(500'000, 'x')).body, "alive a.test http 500000");
  }

  route_to({dead});
  EXPECT_EQ(get("/").status, 502);
}

TEST_F(IngressProxyTest, RequestsThatMeetARestartedBackendAreNotLost) {
  auto first = std::make_unique<http::TestServer>(backend_named("first"), false);
  http::TestServer second(backend_named("second"), false);
  route_to({first->port()});
  EXPECT_EQ(get("/").body, "first a.test http 0");  // leaves an idle connection in the proxy

  first->stop();
  route_to({first->port(), second.port()});

  for (int i = 0; i < 4; ++i) EXPECT_EQ(get("/").body, "second a.test http 0");
}

TEST_F(IngressProxyTest, TheCertificateFollowsTheServerName) {
  http::TestServer backend(backend_named("one"), false);
  route_to({backend.port()});
  auto certificate = http::make_test_certificate();
  net::TlsClientOptions tls;
  tls.ca_pem = certificate.certificate_pem;
  tls.server_name = "localhost";
  auto context = net::TlsContext::client(tls);
  auto secure_get = [&] {
    return http::run_on_loop(loop(), fetch(loop(), proxy_->https_port(), "GET", "/", "", context));
  };
  EXPECT_THROW(secure_get(), Error);  // nothing to show yet

  auto table = std::make_shared<CertificateTable>();
  (*table)["localhost"] =
      std::make_shared<net::TlsIdentity>(certificate.certificate_pem, certificate.key_pem);
  proxy_->set_certificates(table);

  EXPECT_EQ(secure_get().body, "one a.test https 0");
}

}  // namespace
}  // namespace cluster
