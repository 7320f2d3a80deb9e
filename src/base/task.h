// Task<T>: a lazily started coroutine, the unit of asynchronous work. A Task runs on one Loop for
// life: it is started by a Scope (base/scope.h) or awaited by another Task, and inherits its
// awaiter's context: loop and cancellation. A context has at most one suspended leaf at a time,
// so cancelling is one call: that leaf ends with Cancelled, destructors run, the task unwinds.
// Why not asio::awaitable: docs/adr/0002-tasks.md.
//
// Rules: a coroutine lambda captures nothing; spawned coroutines take values, not references.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/loop.h"

// What a cancelled wait throws. Not an Error: only Scope and with_deadline catch it.
struct Cancelled : std::exception {
  const char* what() const noexcept override { return "cancelled"; }
};

namespace task_detail {

// Something a context is suspended on. cancel() must cause the coroutine to be resumed soon.
struct Suspension {
  virtual void cancel() = 0;

 protected:
  ~Suspension() = default;
};

// Shared by all coroutines of one awaiting chain. Loop thread only.
struct Context {
  Loop* loop = nullptr;
  bool cancelled = false;
  Suspension* pending = nullptr;

  void cancel() {
    if (cancelled) return;
    cancelled = true;
    if (pending) pending->cancel();
  }
};

struct PromiseBase {
  Context* context = nullptr;
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct Promise;

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle handle;
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
      handle.promise().context = parent.promise().context;
      handle.promise().continuation = parent;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

  // For the runtime (Scope, with_deadline): starts the task in `context`.
  Handle handle() const { return handle_; }

 private:
  Handle handle_;
};

namespace task_detail {

template <class T>
struct Promise final : PromiseBase {
  std::variant<std::monostate, T, std::exception_ptr> outcome;

  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  template <class U>
  void return_value(U&& value) {
    outcome.template emplace<1>(std::forward<U>(value));
  }
  void unhandled_exception() { outcome.template emplace<2>(std::current_exception()); }
  T take() {
    if (outcome.index() == 2) std::rethrow_exception(std::get<2>(std::move(outcome)));
    return std::get<1>(std::move(outcome));
  }
};

template <>
struct Promise<void> final : PromiseBase {
  std::exception_ptr failure;

  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  void return_void() {}
  void unhandled_exception() { failure = std::current_exception(); }
  void take() {
    if (failure) std::rethrow_exception(std::move(failure));
  }
};

}  // namespace task_detail

// The loop this coroutine runs on: `Loop& loop = co_await current_loop();`
struct CurrentLoop {
  Loop* loop = nullptr;
  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    loop = self.promise().context->loop;
    return false;
  }
  Loop& await_resume() noexcept { return *loop; }
};
inline CurrentLoop current_loop() { return {}; }

// Resolver<T>: the producing end of one wait. Copyable, callable once from any thread; later
// calls, and calls after the waiter was cancelled, are ignored.
template <class T>
class Resolver {
 public:
  struct State {
    std::mutex mutex;
    Loop* loop = nullptr;            // guarded by mutex; null once done
    std::coroutine_handle<> waiter;  // written before publication
    std::variant<std::monostate, T, std::exception_ptr> outcome;
  };
  explicit Resolver(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void resolve(T value) const {
    settle([&](State& s) { s.outcome.template emplace<1>(std::move(value)); });
  }
  void fail(std::exception_ptr error) const {
    settle([&](State& s) { s.outcome.template emplace<2>(std::move(error)); });
  }
  // Whether a call would be ignored: for lists of resolvers that want to drop the dead.
  bool settled() const {
    std::lock_guard lock(state_->mutex);
    return state_->loop == nullptr;
  }

 private:
  template <class F>
  void settle(F&& store) const {
    Loop* loop = nullptr;
    {
      std::lock_guard lock(state_->mutex);
      loop = std::exchange(state_->loop, nullptr);
      if (!loop) return;
      store(*state_);
    }
    loop->post([state = state_] { state->waiter.resume(); });
  }
  std::shared_ptr<State> state_;
};

// co_await wait_for<T>([&](Resolver<T> done) { ... }): suspends, hands `done` to the function, and
// continues on this task's loop when it is resolved or failed. This is the only leaf through which
// callbacks, other threads and timers meet coroutines.
template <class T, class Start>
class WaitFor final : task_detail::Suspension {
 public:
  explicit WaitFor(Start start) : start_(std::move(start)) {}
  WaitFor(const WaitFor&) = delete;
  WaitFor& operator=(const WaitFor&) = delete;

  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) {
    context_ = self.promise().context;
    if (context_->cancelled) {
      cancelled_ = true;
      return false;
    }
    state_ = std::make_shared<typename Resolver<T>::State>();
    state_->loop = context_->loop;
    state_->waiter = self;
    context_->pending = this;
    auto state = state_;  // `this` may be gone once start has run on another thread
    start_(Resolver<T>(std::move(state)));
    return true;
  }
  T await_resume() {
    if (context_->pending == this) context_->pending = nullptr;
    if (cancelled_) throw Cancelled();
    if (state_->outcome.index() == 2) std::rethrow_exception(std::get<2>(state_->outcome));
    return std::move(std::get<1>(state_->outcome));
  }

 private:
  void cancel() override {
    std::lock_guard lock(state_->mutex);
    Loop* loop = std::exchange(state_->loop, nullptr);
    if (!loop) return;  // already resolved; its resume is on the way
    cancelled_ = true;
    loop->post([state = state_] { state->waiter.resume(); });
  }

  Start start_;
  task_detail::Context* context_ = nullptr;
  std::shared_ptr<typename Resolver<T>::State> state_;
  bool cancelled_ = false;
};

struct Done {};  // the value of a wait that has none

template <class T = Done, class Start>
WaitFor<T, Start> wait_for(Start start) {
  return WaitFor<T, Start>(std::move(start));
}

// Continues after `delay` on this task's loop.
Task<> sleep_for(Duration delay);
// Lets other work of the loop run first.
Task<> yield_to_loop();
// Throws Cancelled if this task has been cancelled: for loops that otherwise never wait.
Task<> check_cancelled();
