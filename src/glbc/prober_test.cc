#include "glbc/prober.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "http/testing.h"
#include "json/text.h"
#include "pki/certificate.h"

namespace glbc {
namespace {

constexpr const char* kHostName = "a.glbc.test";

struct Web {  // what the server answers
  std::atomic<int> status = 200;
  std::mutex mutex;
  std::string host;  // asked for last; guarded by mutex
};

Task<> answer(std::shared_ptr<Web> web, http::Request request, http::ResponseWriter& response) {
  {
    std::lock_guard lock(web->mutex);
    web->host = request.authority;
  }
  co_await response.send(web->status, {}, Bytes());
}

// The control workspace: collects patches.
struct Control {
  std::mutex mutex;
  std::vector<std::string> patches;  // guarded by mutex
  std::size_t count() {
    std::lock_guard lock(mutex);
    return patches.size();
  }
};

Task<> collect(std::shared_ptr<Control> control, http::Request request,
               http::ResponseWriter& response) {
  std::string body = co_await http::read_all(*request.body, 1 << 20);
  {
    std::lock_guard lock(control->mutex);
    control->patches.push_back(request.method + " " + request.target + " " + body);
  }
  co_await response.send(200, {}, Bytes(std::string("{}")));
}

class ProberTest : public testing::Test {
 protected:
  ProberTest() {
    TimePoint now = system_clock().now();
    ca_ = pki::make_ca("glbc-ca", now - 1h, now + 24h);
    pki::CertificateRequest request;
    request.dns_names = {kHostName};
    request.not_before = now - 1h;
    request.not_after = now + 1h;
    auto leaf = *pki::issue(ca_, request);
    auto identity = std::make_shared<net::TlsIdentity>(leaf.certificate_pem, leaf.key_pem);
    net::TlsServerOptions tls;
    tls.identity = [identity](std::string_view) { return identity; };
    http::ServerOptions options;
    options.endpoint = {"127.0.0.1", 0};
    options.grace = 10ms;
    options.tls = net::TlsContext::server(std::move(tls));
    server_ = std::make_unique<http::Server>(
        loop(), pool_, options, [web = web_](http::Request r, http::ResponseWriter& w) {
          return answer(web, std::move(r), w);
        });
    spawn(server_->run());
    options_.port = server_->endpoint().port;
    options_.first_pause = options_.pause = 5ms;
  }
  ~ProberTest() override {
    for (auto& [child, ended] : running_) {
      loop().post([one = child] { one->context.cancel(); });
      ended->get_future().wait();
    }
    pool_.stop();
  }

  net::IoLoop& loop() { return pool_.at(0); }
  void spawn(Task<> task) {
    auto child = std::make_shared<task_detail::Child<void>>();
    auto ended = std::make_shared<std::promise<void>>();
    child->on_done = [ended] { ended->set_value(); };
    task_detail::start(loop(), child, std::move(task));
    running_.insert(running_.begin(), {child, ended});
  }
  void stop_last() {
    auto [child, ended] = running_.front();
    loop().post([child] { child->context.cancel(); });
    ended->get_future().wait();
    running_.erase(running_.begin());
  }
  std::string ask(std::string host, std::string ca) {
    return http::run_on_loop(loop(), probe(loop(), "127.0.0.1", host, ca, options_));
  }
  client::Client control() {
    return client::Client(http::direct_transport(
                              [control = control_](http::Request r, http::ResponseWriter& w) {
                                return collect(control, std::move(r), w);
                              },
                              {}),
                          "/clusters/root:glbc");
  }
  static bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 2000 && !holds(); ++i) std::this_thread::sleep_for(5ms);
    return holds();
  }
  std::string last_patch() {
    std::lock_guard lock(control_->mutex);
    return control_->patches.empty() ? "" : control_->patches.back();
  }

  net::LoopPool pool_{1};
  pki::KeyPair ca_;
  std::shared_ptr<Web> web_ = std::make_shared<Web>();
  std::shared_ptr<Control> control_ = std::make_shared<Control>();
  std::unique_ptr<http::Server> server_;
  ProbeOptions options_;
  std::vector<
      std::pair<std::shared_ptr<task_detail::Child<void>>, std::shared_ptr<std::promise<void>>>>
      running_;
};

TEST_F(ProberTest, AHostThatIsServedIsHealthyUpToStatus499) {
  EXPECT_EQ(ask(kHostName, ca_.certificate_pem), "");
  EXPECT_EQ(web_->host, kHostName);
  web_->status = 404;
  EXPECT_EQ(ask(kHostName, ca_.certificate_pem), "");
  web_->status = 503;
  EXPECT_EQ(ask(kHostName, ca_.certificate_pem), "HTTP status 503");
}

TEST_F(ProberTest, AnotherAuthorityAnotherHostAndNobodyAreFailures) {
  TimePoint now = system_clock().now();
  auto other = pki::make_ca("glbc-ca", now - 1h, now + 24h);

  EXPECT_NE(ask(kHostName, other.certificate_pem), "");
  EXPECT_NE(ask("b.glbc.test", ca_.certificate_pem), "");
  options_.port = 1;
  EXPECT_NE(ask(kHostName, ca_.certificate_pem), "");
}

TEST_F(ProberTest, OnlyChangesOfTheVerdictAreNoted) {
  Prober prober(loop(), control(), system_clock(), options_);
  loop().post([&] {
    prober.trust(ca_.certificate_pem);
    prober.follow({"one", kHostName, {{"127.0.0.1", std::nullopt}}, {}});
  });
  spawn(prober.run());

  ASSERT_TRUE(eventually([&] { return control_->count() == 1; }));
  EXPECT_TRUE(
      last_patch().starts_with("PATCH /clusters/root:glbc/apis/kuadrant.dev/v1/namespaces/"
                               "glbc/dnsrecords/one/status "
                               R"({"status":{"health":{"127.0.0.1":{"healthy":true)"))
      << last_patch();
  web_->status = 500;
  ASSERT_TRUE(eventually([&] { return control_->count() == 2; }));
  EXPECT_TRUE(last_patch().contains(R"("healthy":false,"message":"HTTP status 500")"));
  web_->status = 200;
  ASSERT_TRUE(eventually([&] { return control_->count() == 3; }));

  http::run_on_loop(loop(), sleep_for(100ms));
  EXPECT_EQ(control_->count(), 3u);
  http::run_on_loop(loop(), [](Prober* one) -> Task<> {
    one->forget("one");
    co_return;
  }(&prober));
  web_->status = 500;
  http::run_on_loop(loop(), sleep_for(100ms));
  EXPECT_EQ(control_->count(), 3u);
  stop_last();
}

}  // namespace
}  // namespace glbc
