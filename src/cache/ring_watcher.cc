#include "cache/ring_watcher.h"

#include <algorithm>

#include "cache/event.h"

namespace cache {
namespace {

constexpr std::size_t kMaxBatch = 1024;
constexpr std::size_t kMaxScan = 16 * 1024;  // events looked at while the lock is held

}  // namespace

Task<Watcher::Batch> Watcher::next(Duration patience) {
  Batch batch;
  take(batch);
  if (!batch.empty() || patience <= 0s) co_return batch;
  ScopedTimer timer(co_await current_loop());
  timer.start(patience, [this] { stir(); });
  co_await wait();
  take(batch);
  co_return batch;
}

RingWatcher::RingWatcher(MemoryTable& table, Filter filter, std::uint64_t revision,
                         std::uint64_t position)
    : table_(table), filter_(std::move(filter)), revision_(revision), position_(position) {}

void RingWatcher::take(Batch& batch) {
  batch.events.clear();
  batch.more = batch.expired = false;
  std::uint64_t& position = waiter_ ? waiter_->position : position_;
  // Read before the ring, so that everything up to it is in the ring.
  std::uint64_t seen = table_.seen_.load(std::memory_order_acquire);
  if (table_.ring_end_.load(std::memory_order_acquire) != position) read_ring(position, batch);
  if (batch.expired) return;
  if (!batch.more) revision_ = std::max(revision_, seen);
  batch.revision = revision_;
}

void RingWatcher::read_ring(std::uint64_t& position, Batch& batch) {
  std::shared_lock lock(table_.mutex_);
  std::uint64_t begin = table_.ring_begin();
  batch.expired = position < begin;
  if (batch.expired) return;
  std::size_t scanned = 0;
  auto at = table_.ring_.begin() + static_cast<std::ptrdiff_t>(position - begin);
  for (; at != table_.ring_.end(); ++at) {
    batch.more = batch.events.size() >= kMaxBatch || scanned >= kMaxScan;
    if (batch.more) break;
    ++scanned;
    revision_ = (*at)->revision;
    if (auto event = seen_through(*at, filter_)) batch.events.push_back(std::move(event));
  }
  position += scanned;
}

Task<> RingWatcher::wait() {
  if (!waiter_) {
    waiter_.emplace(table_.room_on(co_await current_loop()), filter_.cluster, table_.ring_end_);
    waiter_->position = position_;
  }
  co_await *waiter_;
}

void RingWatcher::stir() {
  if (waiter_) waiter_->stir();
}

}  // namespace cache
