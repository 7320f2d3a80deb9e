// The class behind open_etcd(), for its sources: etcd.cc opens, commits and attaches, etcd_read.cc
// reads and catches up, etcd_upkeep.cc keeps health, history and leadership. All private members
// run on the store's own loop unless they say otherwise.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/child_task.h"
#include "base/scope.h"
#include "net/loop.h"
#include "storage/etcd/commit_queue.h"
#include "storage/etcd/election.h"
#include "storage/etcd/etcd.h"
#include "storage/etcd/feed.h"
#include "storage/etcd/reads.h"
#include "storage/etcd/revisions.h"
#include "storage/rewind.h"

namespace storage::etcd {

class EtcdStore final : public Store {
 public:
  explicit EtcdStore(EtcdOptions options);
  ~EtcdStore() override { shut_down(); }

  Task<CommitResult> commit(Transaction transaction) override {
    if (std::size_t bytes = size_of(transaction); bytes > kMaxTransactionBytes) {
      throw too_large(bytes);
    }
    CHECK(values_come_first(transaction));
    co_return co_await on_loop(loop_, guarded(commit_here(std::move(transaction))));
  }

  Limits limits() const override {
    // What keys and framing add is left out of account by size_of().
    return {options_.max_operations, options_.max_bytes - options_.max_bytes / 8};
  }

  Task<std::optional<Record>> find(std::string key) override {
    return on_loop(loop_, guarded(find_here(std::move(key))));
  }
  Task<RangeResult> range(RangeOptions options) override {
    return on_loop(loop_, guarded(range_here(std::move(options))));
  }
  Task<std::vector<PastEvent>> history(Revision since, std::size_t limit, NewestValues,
                                       KeyFilter wanted) override {
    return on_loop(loop_, guarded(history_here(since, limit, std::move(wanted))));
  }
  Revision history_start(std::size_t events) const override {
    std::uint64_t last = number(transaction_of(newest()));
    return std::max(oldest(), end_of(EtcdRevision{last > events ? last - events : 0}));
  }
  Task<> compact(Revision revision) override {
    co_await on_loop(loop_, guarded(compact_here(transaction_of(revision))));
  }

  Revision attach(Load load, Observer& observer) override {
    return block_on(attach_here(std::move(load), &observer));
  }

  bool shared() const override { return true; }

  Task<Revision> catch_up() override {
    co_return end_of(co_await wait_for<EtcdRevision>([this](Resolver<EtcdRevision> done) {
      loop_.post([this, done = std::move(done)] { join_read(done); });
    }));
  }

  Task<> while_leading(std::function<Task<>()> work) override;

  Revision newest() const override {
    EtcdRevision heard{newest_.load(std::memory_order_acquire)};
    return end_of(std::max(heard, feed_.seen()));
  }
  Revision oldest() const override {
    return end_of(EtcdRevision{oldest_.load(std::memory_order_acquire)});
  }

  Health health() const override {
    std::lock_guard lock(health_mutex_);
    return health_;
  }

 private:
  // Runs `task` on the store's loop and waits for it, on another thread.
  template <class T>
  T block_on(Task<T> task) {
    auto child = std::make_shared<task_detail::Child<T>>();
    std::promise<void> done;
    child->on_done = [&done] { done.set_value(); };
    task_detail::start(loop_, child, std::move(task));
    done.get_future().wait();
    return child->take();
  }

  // Counts what runs on behalf of others, so that closing can wait for it.
  template <class T>
  Task<T> guarded(Task<T> task) {
    struct Count {
      std::size_t& value;
      explicit Count(std::size_t& counter) : value(counter) { ++value; }
      ~Count() { --value; }
    } count(running_);
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
    } else {
      co_return co_await std::move(task);
    }
  }

  Task<> open();
  Task<> close();
  void shut_down();

  Task<CommitResult> commit_here(Transaction transaction);
  TxnRequest request_of(const Transaction& transaction) const;
  Task<CommitResult> settle_unknown(Transaction transaction, Answer answer);
  Task<std::optional<Record>> find_here(std::string key);
  Task<RangeResult> range_here(RangeOptions options);
  Task<std::vector<PastEvent>> history_here(Revision since, std::size_t limit, KeyFilter wanted);
  Task<std::vector<PastEvent>> read_history(Revision since, EtcdRevision until, std::size_t limit,
                                            KeyFilter wanted);
  void take_past(std::span<const WatchEvent> changes, Revision since,
                 const std::shared_ptr<const void>& owner, const KeyFilter& wanted,
                 std::vector<PastEvent>& events) const;
  Task<> compact_here(EtcdRevision revision);
  Task<Revision> attach_here(Load load, Observer* observer);
  Task<> feed_observer(Observer* observer, EtcdRevision revision) {
    co_await feed_.run(*observer, revision);
  }

  void join_read(Resolver<EtcdRevision> done);
  Task<> read_rounds();
  Task<> wait_seen(EtcdRevision revision);
  void nudge_if_needed();
  Task<> nudge();
  Task<EtcdRevision> put_barrier();

  Task<> tick();
  Task<> probe();
  Task<> keep_history();
  void on_control(const WatchEvent& event);
  void set_health(std::string message);
  void note_newest(EtcdRevision revision) {
    if (number(revision) > newest_.load()) newest_.store(number(revision));
  }
  void note_oldest(EtcdRevision revision) {
    if (number(revision) > oldest_.load()) oldest_.store(number(revision));
  }
  Task<> wait_for_office(bool leading);
  Task<> lead(std::function<Task<>()> work, bool* ended);
  Task<> work_when_current(std::function<Task<>()> work);

  const EtcdOptions options_;
  const Keys keys_;
  net::IoLoop loop_;
  Members members_;
  Feed feed_;
  Election election_;
  Scope scope_;  // all below: loop thread only, unless said otherwise
  CommitQueue commits_;
  std::thread thread_;
  std::size_t running_ = 0;
  std::size_t in_flight_ = 0;
  std::deque<Resolver<Done>> waiting_commits_;
  std::vector<Resolver<EtcdRevision>> readers_;  // of the next round
  bool reading_ = false;
  bool nudging_ = false;
  TaskRef campaign_;
  std::atomic<std::uint64_t> newest_ = 0, oldest_ = 0;  // of etcd; any thread
  mutable std::mutex health_mutex_;
  Health health_;  // guarded by health_mutex_
};

}  // namespace storage::etcd
