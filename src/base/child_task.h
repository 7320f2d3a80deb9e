// Running a task in a context of its own, from inside a task: with a deadline, on another loop,
// or as blocking work on a pool of threads.
#pragma once

#include <string>
#include <type_traits>

#include "base/error.h"
#include "base/task.h"

namespace task_detail {

// A task in a context of its own. Whoever waits for it is told through `on_done`, which runs on
// the child's loop.
template <class T>
struct Child {
  Context context;
  std::function<void()> on_done;
  std::variant<std::monostate, std::conditional_t<std::is_void_v<T>, Done, T>, std::exception_ptr>
      outcome;
  bool timed_out = false;

  T take() {
    if (outcome.index() == 2) std::rethrow_exception(std::get<2>(std::move(outcome)));
    if constexpr (!std::is_void_v<T>) return std::get<1>(std::move(outcome));
  }
};

// The root of a coroutine chain: starts at once, frees itself at the end.
struct Root {
  struct promise_type : PromiseBase {
    template <class T>
    promise_type(std::shared_ptr<Child<T>>& child, Task<T>&) {
      context = &child->context;
    }
    Root get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { CHECK(!"exception escaped a root task"); }
  };
};

template <class T>
Root drive(std::shared_ptr<Child<T>> child, Task<T> task) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      child->outcome.template emplace<1>();
    } else {
      child->outcome.template emplace<1>(co_await std::move(task));
    }
  } catch (...) {
    child->outcome.template emplace<2>(std::current_exception());
  }
  {
    Task<T> ended = std::move(task);
  }  // the task's frame goes before anyone is told
  child->on_done();
}

// Starts `task` on `loop` at its next turn.
template <class T>
void start(Loop& loop, std::shared_ptr<Child<T>> child, Task<T> task) {
  child->context.loop = &loop;
  loop.post([child = std::move(child), task = std::move(task)]() mutable {
    drive<T>(std::move(child), std::move(task));
  });
}

// Waits for a child; cancelling the waiter cancels the child and still waits for its end.
template <class T>
class ChildWait final : Suspension {
 public:
  ChildWait(std::shared_ptr<Child<T>> child, Loop& loop, Task<T> task)
      : child_(std::move(child)), child_loop_(loop), task_(std::move(task)) {}
  ChildWait(const ChildWait&) = delete;
  ChildWait& operator=(const ChildWait&) = delete;

  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) {
    context_ = self.promise().context;
    if (context_->cancelled) return false;
    context_->pending = this;
    child_->on_done = [loop = context_->loop, self] { loop->post([self] { self.resume(); }); };
    started_ = true;
    start(child_loop_, child_, std::move(task_));
    return true;
  }
  T await_resume() {
    if (context_->pending == this) context_->pending = nullptr;
    if (!started_) throw Cancelled();
    return child_->take();
  }

 private:
  void cancel() override {
    child_loop_.post([child = child_] { child->context.cancel(); });
  }

  std::shared_ptr<Child<T>> child_;
  Loop& child_loop_;
  Task<T> task_;
  Context* context_ = nullptr;
  bool started_ = false;
};

void run_on_pool(std::move_only_function<void()> work);

}  // namespace task_detail

// Runs `task`; if it has not ended after `limit`, cancels it and throws Error(Timeout, what).
template <class T>
Task<T> with_deadline(Task<T> task, Duration limit, std::string what) {
  Loop& loop = co_await current_loop();
  auto child = std::make_shared<task_detail::Child<T>>();
  ScopedTimer timer(loop);
  timer.start(limit, [child] {
    child->timed_out = true;
    child->context.cancel();
  });
  try {
    if constexpr (std::is_void_v<T>) {
      co_await task_detail::ChildWait<T>(child, loop, std::move(task));
      co_return;
    } else {
      co_return co_await task_detail::ChildWait<T>(child, loop, std::move(task));
    }
  } catch (const Cancelled&) {
    if (!child->timed_out) throw;
  }
  throw Error(Reason::Timeout, std::move(what));
}

// Runs `task` on `loop` (another loop) and continues here with its outcome. Cancelling the caller
// cancels the task. Neither the task nor its result may be bound to the caller's loop.
template <class T>
Task<T> on_loop(Loop& loop, Task<T> task) {
  auto child = std::make_shared<task_detail::Child<T>>();
  if constexpr (std::is_void_v<T>) {
    co_await task_detail::ChildWait<T>(std::move(child), loop, std::move(task));
  } else {
    co_return co_await task_detail::ChildWait<T>(std::move(child), loop, std::move(task));
  }
}

// Runs blocking work on the process-wide pool of threads and continues with its outcome. The only
// wait that lets its work run on after a cancellation; `work` therefore captures values.
template <class F>
auto offload(F work) -> Task<decltype(work())> {
  using T = decltype(work());
  using V = std::conditional_t<std::is_void_v<T>, Done, T>;
  V value = co_await wait_for<V>([&](Resolver<V> done) {
    task_detail::run_on_pool([done, work = std::move(work)]() mutable {
      try {
        if constexpr (std::is_void_v<T>) {
          work();
          done.resolve(Done{});
        } else {
          done.resolve(work());
        }
      } catch (...) {
        done.fail(std::current_exception());
      }
    });
  });
  if constexpr (!std::is_void_v<T>) co_return value;
}
