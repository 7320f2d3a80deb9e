#include "cache/waiting.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "base/manual_loop.h"
#include "base/scope.h"

namespace cache {
namespace {

// Counts the messages that a loop gets.
class CountingLoop final : public Loop {
 public:
  void post(Job job) override {
    ++posted;
    loop.post(std::move(job));
  }
  TimerId call_after(Duration delay, Job job) override {
    return loop.call_after(delay, std::move(job));
  }
  void cancel_timer(TimerId timer) override { loop.cancel_timer(timer); }
  void when_readable(SharedDescriptor fd, Job job) override {
    loop.when_readable(std::move(fd), std::move(job));
  }
  bool is_current() const override { return true; }

  ManualLoop loop;
  std::atomic<int> posted = 0;
};

class WaitingTest : public testing::Test {
 protected:
  struct One {
    One(std::shared_ptr<WaitingRoom> room, std::string_view cluster,
        const std::atomic<std::uint64_t>& end)
        : waiter(std::move(room), cluster, end) {
      waiter.position = end;
    }
    Waiter waiter;
    std::string told;
  };

  ~WaitingTest() override {
    scope_.cancel();
    loop_.loop.run_until_idle();
  }

  static Task<> wait(One* one) {
    try {
      co_await one->waiter;
      one->told += "woken ";
    } catch (const Cancelled&) {
      one->told += "cancelled ";
      throw;
    }
  }

  // Lives as long as the test: its task may wait until then.
  One* make(std::string_view cluster) {
    return all_.emplace_back(std::make_unique<One>(room_, cluster, end_)).get();
  }
  TaskRef start(One* one) {
    TaskRef task = scope_.spawn("wait", wait(one));
    loop_.loop.run_until_idle();
    return task;
  }
  void come(std::initializer_list<std::string_view> clusters) {
    std::uint64_t first = end_;
    end_ += clusters.size();
    room_->ring(clusters, first, end_);
  }

  CountingLoop loop_;
  std::atomic<std::uint64_t> end_ = 10;
  std::shared_ptr<WaitingRoom> room_ = std::make_shared<WaitingRoom>(loop_);
  std::vector<std::unique_ptr<One>> all_;
  Scope scope_{loop_};
};

TEST_F(WaitingTest, AnEventWakesThoseOfItsClusterAndThoseOfAll) {
  One *one = make("a"), *other = make("b"), *all = make("");
  for (One* each : {one, other, all}) start(each);

  come({"a"});
  loop_.loop.run_until_idle();

  EXPECT_EQ(one->told, "woken ");
  EXPECT_EQ(other->told, "");
  EXPECT_EQ(all->told, "woken ");
  EXPECT_EQ(room_->size(), 1u);
}

TEST_F(WaitingTest, ALoopGetsOneMessageForAllWhoWaitOnIt) {
  for (int i = 0; i < 50; ++i) start(make(i % 2 == 0 ? "a" : "b"));
  int before = loop_.posted;

  come({"a"});
  come({"b", "a"});

  EXPECT_EQ(loop_.posted, before + 1);
  loop_.loop.run_until_idle();
  for (auto& each : all_) EXPECT_EQ(each->told, "woken ");
}

TEST_F(WaitingTest, WhoIsWokenSkipsWhatWasAboutOthers) {
  One* one = make("a");
  start(one);

  come({"b", "b", "b"});
  come({"a"});
  come({"a"});
  loop_.loop.run_until_idle();

  EXPECT_EQ(one->waiter.position, 13u);
}

TEST_F(WaitingTest, WhoIsStirredSkipsWhatWasAboutOthers) {
  One* one = make("a");
  start(one);
  come({"b", "b"});

  one->waiter.stir();

  EXPECT_EQ(one->told, "woken ");
  EXPECT_EQ(one->waiter.position, 12u);
}

TEST_F(WaitingTest, NobodyWaitsForWhatHasComeBefore) {
  One* one = make("a");
  come({"a"});

  start(one);
  loop_.loop.run_until_idle();

  EXPECT_EQ(one->told, "woken ");
  EXPECT_EQ(one->waiter.position, 10u);
  EXPECT_EQ(room_->size(), 0u);
}

TEST_F(WaitingTest, AWaitIsCancelledBeforeAndAfterItWasWoken) {
  One *waiting = make("a"), *woken = make("b");
  TaskRef first = start(waiting), second = start(woken);
  come({"b"});

  first.cancel();
  second.cancel();
  loop_.loop.run_until_idle();

  EXPECT_EQ(waiting->told, "cancelled ");
  EXPECT_EQ(woken->told, "cancelled ");
}

TEST_F(WaitingTest, WhoGoesOnMayCancelAnotherThatWasWokenToo) {
  One *one = make("a"), *other = make("a");
  TaskRef second;
  struct Cancelling {
    static Task<> run(One* one, TaskRef* other) {
      co_await one->waiter;
      other->cancel();
    }
  };
  scope_.spawn("wait", Cancelling::run(one, &second));
  second = start(other);

  come({"a"});
  loop_.loop.run_until_idle();

  EXPECT_EQ(other->told, "cancelled ");
}

TEST_F(WaitingTest, EveryWaitEndsWhenAllAreRung) {
  One *one = make("a"), *all = make("");
  start(one);
  start(all);

  room_->ring_all();
  loop_.loop.run_until_idle();

  EXPECT_EQ(one->told + all->told, "woken woken ");
}

// Each event is told of by its number: one that is missed leaves the reader waiting.
TEST_F(WaitingTest, NoEventIsMissedThatComesWhileSomebodyBeginsToWait) {
  constexpr std::uint64_t kEvents = 20'000;
  One* one = make("a");
  bool done = false;
  struct Reading {
    static Task<> run(One* one, const std::atomic<std::uint64_t>* end, bool* done) {
      while (one->waiter.position < 10 + kEvents) {
        co_await one->waiter;
        one->waiter.position = *end;
      }
      *done = true;
    }
  };
  scope_.spawn("read", Reading::run(one, &end_, &done));

  std::thread writer([this] {
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      std::uint64_t first = end_.fetch_add(1);
      constexpr std::string_view kCluster[] = {"a"};
      room_->ring(kCluster, first, first + 1);
    }
  });
  bool finished = loop_.loop.run_until([&] { return done; });
  writer.join();

  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace cache
