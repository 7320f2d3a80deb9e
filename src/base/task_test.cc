#include "base/task.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/manual_loop.h"
#include "base/scope.h"

namespace {

Task<int> add(int a, int b) { co_return a + b; }
Task<int> nested() {
  int sum = co_await add(1, 2);
  co_return sum + co_await add(3, 4);
}
Task<int> from_thread() {
  co_return co_await wait_for<int>(
      [](Resolver<int> done) { std::thread([done] { done.resolve(7); }).detach(); });
}
Task<> forever() {
  co_await wait_for([](Resolver<Done>) {});
}
Task<> fails() {
  co_await yield_to_loop();
  throw Error::bad_request("no");
}
Task<> note_end(bool* ended) {
  struct Note {
    bool* flag;
    ~Note() { *flag = true; }
  } note{ended};
  co_await forever();
}

TEST(Task, ReturnsTheValueOfNestedTasks) {
  ManualLoop loop;
  EXPECT_EQ(run(loop, nested()), 10);
}

TEST(Task, ContinuesAfterAResolutionFromAnotherThread) {
  ManualLoop loop;
  EXPECT_EQ(run(loop, from_thread()), 7);
}

TEST(Task, LongChainsOfReadyTasksDoNotGrowTheStack) {
  ManualLoop loop;
  auto sum = []() -> Task<int> {
    int total = 0;
    for (int i = 0; i < 300'000; ++i) total += co_await add(i % 2, 0);
    co_return total;
  };
  EXPECT_EQ(run(loop, sum()), 150'000);
}

TEST(Scope, CancelEndsTasksAndRunsTheirDestructors) {
  ManualLoop loop;
  bool ended = false;
  auto body = [](Loop& home, bool* flag) -> Task<> {
    Scope scope(home);
    scope.spawn("waits", note_end(flag));
    co_await yield_to_loop();
    co_await yield_to_loop();
    scope.cancel();
    co_await scope.join();
  };
  run(loop, body(loop, &ended));
  EXPECT_TRUE(ended);
}

TEST(Scope, AFailureCancelsTheSiblingsAndJoinReportsIt) {
  ManualLoop loop;
  bool ended = false;
  auto body = [](Loop& home, bool* flag) -> Task<> {
    Scope scope(home);
    scope.spawn("waits", note_end(flag));
    scope.spawn("fails", fails());
    co_await scope.join();
  };
  EXPECT_THROW(run(loop, body(loop, &ended)), Error);
  EXPECT_TRUE(ended);
}

TEST(Scope, WithScopeJoinsItsTasksWhenTheBodyThrows) {
  ManualLoop loop;
  bool ended = false;
  auto body = [&ended](Scope& scope) -> Task<> {
    scope.spawn("waits", note_end(&ended));
    return fails();
  };
  EXPECT_THROW(run(loop, with_scope(body)), Error);
  EXPECT_TRUE(ended);
}

TEST(Deadline, CancelsTheTaskAndThrowsTimeout) {
  ManualLoop loop;
  bool ended = false, timed_out = false;
  Scope scope(loop);
  auto body = [](bool* flag, bool* out) -> Task<> {
    try {
      co_await with_deadline(note_end(flag), 5s, "too slow");
    } catch (const Error& error) {
      *out = error.reason() == Reason::Timeout && error.message() == "too slow";
    }
  };
  scope.spawn("deadline", body(&ended, &timed_out));

  loop.advance(4s);
  EXPECT_FALSE(ended);
  loop.advance(2s);

  EXPECT_TRUE(ended);
  EXPECT_TRUE(timed_out);
}

TEST(Offload, RunsOnAnotherThreadAndReturnsTheValue) {
  ManualLoop loop;
  auto here = std::this_thread::get_id();
  EXPECT_NE(run(loop, offload([] { return std::this_thread::get_id(); })), here);
}

}  // namespace
