// What an etcd gives to a client that does nothing else, and what it gives through the engine. Not
// run by default: storage_test --gtest_also_run_disabled_tests --gtest_filter='EtcdBench.*', with
// KCP_ETCD=http://127.0.0.1:2379.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/child_task.h"
#include "base/manual_loop.h"
#include "base/random.h"
#include "base/scope.h"
#include "net/loop.h"
#include "storage/etcd/etcd.h"
#include "storage/etcd/messages.h"

namespace storage {
namespace {

constexpr int kCreates = 20'000;

using Create = std::function<Task<bool>(int number)>;

Task<> create_some(Create* create, int* next, int* done) {
  while (*next < kCreates) {
    bool created = co_await (*create)((*next)++);
    if (created) ++*done;
  }
}

Task<> create_all(Create create, int in_flight) {
  int next = 0, done = 0;
  auto start = std::chrono::steady_clock::now();
  co_await with_scope([&](Scope& scope) -> Task<> {
    for (int i = 0; i < in_flight; ++i) scope.spawn("create", create_some(&create, &next, &done));
    return scope.join();
  });
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("  %d in flight: %.0f creates/s (%d done)\n", in_flight, kCreates / took.count(),
              done);
}

std::vector<std::string> urls() {
  const char* url = std::getenv("KCP_ETCD");
  return {url ? url : "http://127.0.0.1:2379"};
}

struct NoObserver final : Observer {
  void on_commit(std::span<const Event>, Revision) override {}
};

void on_a_loop(std::function<Task<>(net::IoLoop& loop)> work) {
  net::IoLoop loop;
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = [&loop] { loop.stop(); };
  task_detail::start(loop, child, work(loop));
  loop.run();
  child->take();
}

TEST(EtcdBench, DISABLED_CreatesOfABareClient) {
  for (int in_flight : {1, 64, 256}) {
    on_a_loop([in_flight](net::IoLoop& loop) -> Task<> {
      return [](net::IoLoop& own, int count) -> Task<> {
        etcd::Members members(own, {.urls = urls()});
        std::string run = "/bare/" + random_uuid() + "/", value(1024, 'x');
        co_await create_all(
            [&](int number) -> Task<bool> {
              return [](etcd::Members& to, std::string key, std::string_view text) -> Task<bool> {
                etcd::TxnRequest request{{{key, {}}}, {{key, text}}};
                auto answer = co_await to.call(etcd::kTxn, encode(request), etcd::Repeat::Never);
                co_return answer.ok() && etcd::parse_txn(answer.text).succeeded;
              }(members, run + std::to_string(number), value);
            },
            count);
        members.close();
      }(loop, in_flight);
    });
  }
}

TEST(EtcdBench, DISABLED_CreatesThroughTheEngine) {
  EtcdOptions options;
  options.members.urls = urls();
  options.prefix = "/bench-" + random_uuid();
  NoObserver observer;
  auto store = open_etcd(options);
  store->attach([](std::size_t, const RecordView&) {}, observer);
  for (int in_flight : {1, 64, 256}) {
    on_a_loop([&, in_flight](net::IoLoop&) -> Task<> {
      return [](Store& to, int count) -> Task<> {
        std::string run = "/" + random_uuid() + "/", value(1024, 'x');
        co_await create_all(
            [&](int number) -> Task<bool> {
              return [](Store& store_, std::string key, Bytes text) -> Task<bool> {
                auto result = co_await store_.commit({{{key, {}}}, {{key, text}}});
                co_return result.committed;
              }(to, run + std::to_string(number), Bytes(value));
            },
            count);
      }(*store, in_flight);
    });
  }
  store.reset();
}

}  // namespace
}  // namespace storage
