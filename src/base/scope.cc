#include "base/scope.h"

#include <algorithm>

#include "base/log.h"

// The leaf on which join() waits. Unlike other leaves it waits on after a cancellation, because
// the tasks must end before their owner goes on.
struct Scope::Join final : task_detail::Suspension {
  Scope& scope;
  task_detail::Context* context = nullptr;
  std::coroutine_handle<> waiter;

  explicit Join(Scope& owner) : scope(owner) {}
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;

  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) {
    context = self.promise().context;
    if (context->cancelled) scope.cancel();
    if (scope.children_.empty()) return false;
    waiter = self;
    context->pending = this;
    scope.joins_.push_back(this);
    return true;
  }
  void await_resume() {
    if (context->pending == this) context->pending = nullptr;
    if (context->cancelled) throw Cancelled();
    if (scope.failure_) std::rethrow_exception(scope.failure_);
  }
  void cancel() override { scope.cancel(); }
};

Scope::Scope(Loop& loop) : loop_(loop) {}

Scope::~Scope() { CHECK(children_.empty()); }

TaskRef Scope::spawn(std::string name, Task<> task) {
  if (cancelled_) return {};
  auto child = std::make_shared<task_detail::Child<void>>();
  auto place = children_.insert(children_.end(), child);
  child->on_done = [this, place, name = std::move(name)] {
    try {
      (*place)->take();
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      log(LogLevel::Debug, "base", "task failed", {{"task", name}, {"error", error.what()}});
      if (!failure_) failure_ = std::current_exception();
    }
    finished(place);
  };
  TaskRef ref(child);
  task_detail::start(loop_, std::move(child), std::move(task));
  return ref;
}

void Scope::finished(std::list<std::shared_ptr<task_detail::Child<void>>>::iterator child) {
  auto keep = *child;  // the callback that runs now lives in it
  children_.erase(child);
  if (failure_) cancel();
  if (!children_.empty()) return;
  for (Join* join : std::exchange(joins_, {})) {
    loop_.post([waiter = join->waiter] { waiter.resume(); });
  }
}

void Scope::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  auto children = children_;  // a cancelled child may end, and leave the list, at once
  for (auto& child : children) child->context.cancel();
}

Task<> Scope::join() { co_await Join(*this); }

Task<> with_scope(std::function<Task<>(Scope&)> body) {
  Loop& loop = co_await current_loop();
  Scope scope(loop);
  std::exception_ptr failure;
  try {
    co_await body(scope);
  } catch (...) {
    failure = std::current_exception();
  }
  scope.cancel();
  try {
    co_await scope.join();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}
