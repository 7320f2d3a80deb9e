#include "net/loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace net {
namespace {

// Both timers have run out when the loop looks: the one that is first cancels the other.
TEST(IoLoop, ATimerThatIsCancelledDoesNotFireThoughItHasRunOut) {
  IoLoop loop;
  int fired = 0;
  Loop::TimerId first = 0, second = 0;
  loop.post([&] {
    first = loop.call_after(1ms, [&] {
      ++fired;
      loop.cancel_timer(second);
    });
    second = loop.call_after(1ms, [&] {
      ++fired;
      loop.cancel_timer(first);
    });
    std::this_thread::sleep_for(5ms);
    loop.call_after(20ms, [&] { loop.stop(); });
  });

  loop.run();

  EXPECT_EQ(fired, 1);
}

TEST(IoLoop, WhatIsReadyWhenItIsStoppedStillRunsAndWhatFollowsFromIt) {
  IoLoop loop;
  std::vector<std::string> ran;
  loop.post([&] {
    loop.stop();
    loop.post([&] {
      ran.push_back("posted");
      loop.post([&] { ran.push_back("what follows"); });
    });
    loop.call_after(1h, [&] { ran.push_back("not due"); });
  });

  loop.run();

  EXPECT_EQ(ran, (std::vector<std::string>{"posted", "what follows"}));
}

SharedDescriptor make_event() {
  return {new int(::eventfd(0, EFD_NONBLOCK)), [](const int* fd) {
            EXPECT_EQ(::close(*fd), 0);
            delete fd;
          }};
}

TEST(IoLoop, TellsOnceWhenADescriptorCanBeRead) {
  auto fd = make_event();
  IoLoop loop;
  std::uint64_t count = 0;
  int told = 0;
  auto write_later = [&] { loop.call_after(1ms, [&] { ::eventfd_write(*fd, 2); }); };
  loop.post([&] {
    loop.when_readable(fd, [&] {
      ++told;
      EXPECT_EQ(::eventfd_read(*fd, &count), 0);
      loop.when_readable(fd, [&] {
        ++told;
        loop.call_after(20ms, [&] { loop.stop(); });  // it can still be read
      });
      write_later();
    });
    write_later();
  });

  loop.run();

  EXPECT_EQ(told, 2);
  EXPECT_EQ(count, 2u);
}

TEST(IoLoop, AWaitThatIsNotOverWhenTheLoopGoesIsDropped) {
  auto fd = make_event();
  auto kept = std::make_shared<int>(0);
  {
    IoLoop loop;
    loop.post([&] {
      loop.when_readable(fd, [kept] { ++*kept; });
      loop.stop();
    });
    loop.run();
  }
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_EQ(*kept, 0);
  EXPECT_EQ(fd.use_count(), 1);
}

TEST(IoLoop, JobsRunInTheOrderInWhichTheyWerePostedAndLetOthersIn) {
  IoLoop loop;
  std::vector<int> ran;
  int turns = 0;
  bool timer_fired = false;
  std::function<void()> again = [&] {
    ++turns;
    if (timer_fired) loop.stop();
    loop.post([&] { again(); });
  };
  loop.post([&] {
    loop.call_after(1ms, [&] { timer_fired = true; });
    for (int i = 0; i < 100; ++i) loop.post([&ran, i] { ran.push_back(i); });
    again();
  });

  loop.run();

  ASSERT_EQ(ran.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(ran));
  EXPECT_GT(turns, 1);
}

// What a job holds may post when it is destroyed.
TEST(IoLoop, JobsThatNeverRanAreDestroyed) {
  auto kept = std::make_shared<int>(0);
  {
    IoLoop loop;
    std::shared_ptr<void> posts(nullptr, [&loop, kept](void*) { loop.post([kept] { ++*kept; }); });
    loop.post([posts = std::move(posts), kept] { ++*kept; });
  }
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_EQ(*kept, 0);
}

TEST(IoLoop, AStoppedLoopEndsThoughSomethingGoesOnForEver) {
  IoLoop loop;
  std::function<void()> again = [&] { loop.post([&] { again(); }); };
  loop.post([&] {
    again();
    loop.stop();
  });

  loop.run();  // returns
}

}  // namespace
}  // namespace net
