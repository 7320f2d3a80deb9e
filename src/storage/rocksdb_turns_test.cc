// Commits by loops and by the committer, in turn with each other and with everything else that
// writes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "base/random.h"
#include "base/scope.h"
#include "net/loop.h"
#include "storage/rocksdb_testing.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

// Runs `task` on `loop` until it ends.
void run_on(net::IoLoop& loop, Task<> task) {
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = [&loop] { loop.stop(); };
  task_detail::start(loop, child, std::move(task));
  loop.run();
  child->take();
}

// Notes what it is told, and that it is told in order by one thread at a time.
class Witness final : public Observer {
 public:
  std::map<std::string, std::string> state;  // of the values
  std::size_t events = 0;

  void on_commit(std::span<const Event> told, Revision revision) override {
    EXPECT_FALSE(busy_.exchange(true));
    for (const Event& event : told) {
      EXPECT_GT(event.revision, last_);
      last_ = event.revision;
      ++events;
      if (event.current) {
        state[event.key] = event.current->value.view();
      } else {
        state.erase(event.key);
      }
    }
    EXPECT_GE(revision, last_);
    busy_ = false;
  }

 private:
  std::atomic<bool> busy_ = false;
  Revision last_{};
};

class RocksdbTurns : public testing::Test {
 protected:
  RocksdbTurns() : directory_(fresh_directory()) { open(); }
  ~RocksdbTurns() override {
    store_.reset();
    fs::remove_all(directory_);
  }

  void open() {
    store_.reset();
    RocksdbOptions options{.directory = directory_, .history = 100ms};
    options.write_buffer_bytes = 128 * 1024;  // so that tables, files and history come and go
    store_ = open_rocksdb(options);
  }

  // Increments a number under the key, `count` times, each time from what is there.
  Task<> increment(std::string key, int count) {
    for (int done = 0; done < count;) {
      auto present = co_await store_->find(key);
      Transaction next;
      next.compares.push_back({key, present ? present->modified : Revision{}});
      int value = present ? std::stoi(std::string(present->value.view())) : 0;
      next.writes.push_back({key, Bytes(fmt::format("{} {}", value + 1, std::string(500, 'x')))});
      auto result = co_await store_->commit(std::move(next));
      done += result.committed ? 1 : 0;
    }
  }

  int value_of(const std::string& key) {
    ManualLoop loop;
    auto found = run(loop, store_->find(key));
    return found ? std::stoi(std::string(found->value.view())) : 0;
  }

  std::string directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(RocksdbTurns, WritersOnSeveralLoopsLoseNothing) {
  Witness witness;
  store_->attach([](std::size_t, const RecordView&) {}, witness);
  constexpr int kEach = 300;
  // One alone, then two, then many, who also write one key together.
  auto writer = [this](int index, int tasks) {
    net::IoLoop loop;
    run_on(loop, with_scope([&](Scope& scope) -> Task<> {
             for (int i = 0; i < tasks; ++i) {
               scope.spawn("own", increment(fmt::format("own-{}-{}", index, i), kEach / tasks));
               scope.spawn("common", increment("common", kEach / tasks / 10));
             }
             co_await scope.join();
           }));
  };
  std::vector<std::jthread> threads;
  threads.emplace_back(writer, 0, 1);
  threads.emplace_back(writer, 1, 1);
  threads.emplace_back(writer, 2, 10);
  std::jthread compactor([&](const std::stop_token& stop) {
    ManualLoop loop;
    while (!stop.stop_requested()) run(loop, store_->compact(store_->newest()));
  });
  threads.clear();
  compactor.request_stop();
  compactor.join();

  std::map<std::string, int> expected{{"common", 90}, {"own-0-0", 300}, {"own-1-0", 300}};
  for (int i = 0; i < 10; ++i) expected[fmt::format("own-2-{}", i)] = 30;
  EXPECT_EQ(witness.events, 990u);
  for (int opened = 0; opened < 2; ++opened) {
    for (const auto& [key, value] : expected) EXPECT_EQ(value_of(key), value) << key;
    if (opened == 0) {
      for (const auto& [key, value] : expected) EXPECT_EQ(std::stoi(witness.state[key]), value);
    }
    open();
  }
}

TEST_F(RocksdbTurns, ALoneWriterMeetsNewFilesTablesAndWhatIsNotInMemory) {
  net::IoLoop loop;
  auto write_all = [this](std::string value) -> Task<> {
    for (int i = 0; i < 400; ++i) {
      Transaction one{{},
                      {{fmt::format("k{:03}", i * 7 % 400), Bytes(value + random_bytes(2000))}}};
      EXPECT_TRUE((co_await store_->commit(std::move(one))).committed);
    }
  };
  run_on(loop, write_all("first"));
  open();  // nothing is in memory, and most of it in tables
  run_on(loop, write_all("second"));
  open();
  ManualLoop reading;
  auto records = run(reading, store_->range({})).records;
  ASSERT_EQ(records.size(), 400u);
  for (const Record& record : records) {
    EXPECT_TRUE(record.value.view().starts_with("second")) << record.key;
    EXPECT_LT(record.created, record.modified);
  }
}

// A server that stops does not wait for its clients: the store ends what is under way.
TEST_F(RocksdbTurns, ALoopThatStopsWhileItsCommitIsUnderWayLosesNothing) {
  for (int round = 0; round < 10; ++round) {
    auto loop = std::make_unique<net::IoLoop>();
    auto write = [this](std::string key) -> Task<> {
      Transaction one{{}, {{key, Bytes("x")}}};
      co_await store_->commit(std::move(one));
    };
    for (int i = 0; i < 8; ++i) run_on(*loop, write(fmt::format("{}-before-{}", round, i)));
    auto last = write(fmt::format("{}-last", round));
    auto child = std::make_shared<task_detail::Child<void>>();
    child->on_done = [&loop] { loop->stop(); };
    task_detail::start(*loop, child, std::move(last));
    loop->post([&] { loop->stop(); });  // right after the commit has begun
    loop->run();
    store_.reset();  // the loop is still there, but it does not run
    open();
    ManualLoop reading;
    EXPECT_TRUE(run(reading, store_->find(fmt::format("{}-last", round)))) << round;
    if (child->outcome.index() == 0) loop->run();  // the waiter was told by the store's end
    EXPECT_EQ(child->outcome.index(), 1u);
  }
}

}  // namespace
}  // namespace storage
