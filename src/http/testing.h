// For tests: a self-signed certificate for 127.0.0.1 and localhost, and a server with its loops.
#pragma once

#include <future>
#include <string>

#include "base/scope.h"
#include "http/client.h"
#include "http/server.h"

namespace http {

struct TestCertificate {
  std::string certificate_pem, key_pem;
};
TestCertificate make_test_certificate();

// Runs `task` on `loop` (which another thread runs) and waits for it.
template <class T>
T run_on_loop(net::IoLoop& loop, Task<T> task) {
  auto child = std::make_shared<task_detail::Child<T>>();
  std::promise<void> ended;
  child->on_done = [&] { ended.set_value(); };
  task_detail::start(loop, child, std::move(task));
  ended.get_future().wait();
  return child->take();
}

// A server on a free port of 127.0.0.1 with one loop, and clients for it.
class TestServer {
 public:
  TestServer(Handler handler, bool tls);
  ~TestServer();

  std::unique_ptr<Client> client(std::vector<std::string> alpn = {"h2", "http/1.1"});
  net::IoLoop& loop() { return pool_.at(0); }
  std::uint16_t port() const { return server_->endpoint().port; }
  void stop();  // cancels the server and waits for its end

 private:
  net::LoopPool pool_{1};
  TestCertificate certificate_;
  bool tls_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<task_detail::Child<void>> running_;
  std::promise<void> ended_;
  bool stopped_ = false;
};

}  // namespace http
