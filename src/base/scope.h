// A Scope owns background tasks. Every task in the system has exactly one owner, and an owner
// cannot die before its tasks: ~Scope aborts the process if any still runs.
// Not thread-safe: use a Scope only on the loop it was made for.
#pragma once

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/child_task.h"
#include "base/task.h"

// Refers to one task of a Scope without owning it.
class TaskRef {
 public:
  TaskRef() = default;
  explicit TaskRef(std::weak_ptr<task_detail::Child<void>> child) : child_(std::move(child)) {}
  // Asks that task alone to stop; harmless if it has ended. On the scope's loop only.
  void cancel() const {
    if (auto child = child_.lock()) child->context.cancel();
  }

 private:
  std::weak_ptr<task_detail::Child<void>> child_;
};

class Scope {
 public:
  explicit Scope(Loop& loop);
  ~Scope();  // requires: join() has returned, or nothing was ever spawned

  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts `task` on this scope's loop (at the loop's next turn). If it fails, its siblings are
  // cancelled and join() reports the failure. After cancel(), the task is dropped, not started.
  TaskRef spawn(std::string name, Task<> task);

  // Asks all tasks to stop: whatever each one awaits ends with Cancelled, so its destructors run
  // and it unwinds. Idempotent; returns at once.
  void cancel();
  bool cancelled() const { return cancelled_; }

  // Returns when the last task has ended. Throws the first failure, if there was one. If the caller
  // is cancelled, the tasks are cancelled too, and join() throws Cancelled once all have ended.
  Task<> join();

  std::size_t size() const { return children_.size(); }
  Loop& loop() const { return loop_; }

 private:
  struct Join;
  void finished(std::list<std::shared_ptr<task_detail::Child<void>>>::iterator child);

  Loop& loop_;
  std::list<std::shared_ptr<task_detail::Child<void>>> children_;
  std::exception_ptr failure_;
  std::vector<Join*> joins_;
  bool cancelled_ = false;
};

// Runs `body` with a Scope of its own; whichever way the body ends, its tasks are cancelled and
// joined before this returns. The way to have background tasks inside a coroutine.
Task<> with_scope(std::function<Task<>(Scope&)> body);
