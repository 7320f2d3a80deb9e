// Who commits. One at a time has the turn: the committer, a thread that takes all that waits in one
// batch and blocks while the disk writes; or, while commits come one by one, the loop of the writer
// itself, which lets the kernel write and goes on meanwhile, so that a lone commit waits for no
// other thread to wake up. What a loop could do only by waiting is handed over to the committer.
// Decision: docs/adr/0015-journal.md.
#include <algorithm>
#include <cerrno>

#include "storage/rocksdb_store.h"

namespace storage {
namespace {

constexpr std::size_t kMaxBatchBytes = 1024 * 1024;
constexpr int kAlone = 4;  // commits in a row, after which one more is expected to be alone
constexpr std::size_t kSmall = 64 * 1024;

}  // namespace

void RocksdbStore::enqueue(Pending one, Loop& loop) {
  BatchPtr batch;
  {
    std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(one));
    if (taken_) return;
    if (turn_is_free() && next_is_alone()) batch = take_batch();
  }
  if (batch) return start_on(loop, std::move(batch));
  queue_ready_.notify_one();
}

bool RocksdbStore::turn_is_free() const { return !taken_ && waiting_ == 0; }

// Where several are under way, they are better gathered and done beside the loops; and a large one
// would hold up its loop.
bool RocksdbStore::next_is_alone() const {
  return queue_.size() == 1 && alone_ >= kAlone && size_of(queue_.front().transaction) <= kSmall;
}

RocksdbStore::BatchPtr RocksdbStore::take_batch() {
  taken_ = true;
  auto batch = std::make_unique<Batch>();
  std::size_t bytes = 0;
  while (!queue_.empty() && batch->pending.size() < options_.max_batch && bytes < kMaxBatchBytes) {
    bytes += size_of(queue_.front().transaction);
    batch->pending.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  alone_ = batch->pending.size() == 1 ? std::min(alone_ + 1, kAlone) : 0;
  return batch;
}

bool RocksdbStore::take_turn(Who who) {
  std::unique_lock lock(queue_mutex_);
  ++waiting_;
  auto for_me = [&] { return who == Who::Committer && handed_over_; };
  while (true) {
    turn_free_.wait(lock, [&] { return !taken_ || stopping_ || for_me(); });
    if (!for_me()) break;
    BatchPtr batch = std::move(handed_over_);  // nobody else would do it
    lock.unlock();
    commit(*batch);
    release_turn();
    lock.lock();
  }
  --waiting_;
  if (stopping_) return false;
  return taken_ = true;
}

void RocksdbStore::release_turn() {
  bool more = false;
  {
    std::lock_guard lock(queue_mutex_);
    taken_ = false;
    more = !queue_.empty();
  }
  turn_free_.notify_all();
  if (more) queue_ready_.notify_one();
}

RocksdbStore::BatchPtr RocksdbStore::next_batch() {
  std::unique_lock lock(queue_mutex_);
  bool well = writable_ && !background_->stalled;
  Duration patience = well ? std::clamp<Duration>(options_.history / 30, 10ms, 10s) : Duration(1s);
  queue_ready_.wait_for(lock, patience, [this] {
    return handed_over_ || (turn_is_free() && !queue_.empty()) || stopping_;
  });
  if (handed_over_) return std::move(handed_over_);
  if (stopping_ && under_way_) {
    // Its loop may run no more.
    BatchPtr batch = std::move(under_way_);
    finish(*batch);
    return batch;
  }
  if (queue_.empty() || !turn_is_free()) return nullptr;
  return take_batch();
}

bool RocksdbStore::closing() {
  std::lock_guard lock(queue_mutex_);
  return stopping_ && queue_.empty() && !taken_;
}

void RocksdbStore::serve() {
  while (!closing()) {
    if (BatchPtr batch = next_batch()) {
      commit(*batch);
      release_turn();
    }
    start_compaction();
    recover_space();
    keep_history();
    shorten_journal();
  }
}

void RocksdbStore::hand_over(BatchPtr batch) {
  {
    std::lock_guard lock(queue_mutex_);
    handed_over_ = std::move(batch);
  }
  queue_ready_.notify_one();
  turn_free_.notify_all();  // the committer may wait there
}

// The turn is the loop's until the batch is done or handed over.
void RocksdbStore::start_on(Loop& loop, BatchPtr batch) {
  if (!look_up_in_memory(*batch)) return hand_over(std::move(batch));
  prepare(*batch);
  if (batch->writes.Count() == 0) {
    publish(*batch);
    return go_on(loop);
  }
  if (!writable_ || background_->stalled || !has_space(batch->writes.GetDataSize())) {
    return hand_over(std::move(batch));
  }
  batch->began = Clock::now();
  if (!journal_->begin(batch->writes.Data(), batch->newest)) return hand_over(std::move(batch));
  {
    std::lock_guard lock(queue_mutex_);
    under_way_ = std::move(batch);
  }
  loop.when_readable(journal_->event_fd(), [alive = alive_, &loop] {
    std::lock_guard lock(alive->mutex);
    if (alive->store) alive->store->written_on(loop);
  });
}

void RocksdbStore::written_on(Loop& loop) {
  BatchPtr batch;
  {
    std::lock_guard lock(queue_mutex_);
    batch = std::move(under_way_);
  }
  if (!finish(*batch) || !insert(*batch, From::Memory)) return hand_over(std::move(batch));
  publish(*batch);
  go_on(loop);
}

// What the kernel has written; false: it could not, and it has to be written again.
bool RocksdbStore::finish(Batch& batch) {
  int error = journal_->finish();
  return error != EAGAIN && !Journal::is_full(error) && written(batch, error);
}

// With what has come meanwhile.
void RocksdbStore::go_on(Loop& loop) {
  BatchPtr batch;
  {
    std::lock_guard lock(queue_mutex_);
    if (waiting_ == 0 && next_is_alone()) batch = take_batch();
  }
  if (!batch) return release_turn();
  start_on(loop, std::move(batch));
}

}  // namespace storage
