#include "cache/ring_watcher.h"

#include <algorithm>

#include "cache/event.h"

namespace cache {
namespace {

constexpr std::size_t kMaxBatch = 1024;
constexpr std::size_t kMaxScan = 16 * 1024;  // events looked at while the lock is held

}  // namespace

void Watcher::Batch::clear() {
  constexpr std::size_t kKept = 8;
  events.clear();
  if (events.capacity() > kKept) events.shrink_to_fit();
  own.clear();
  if (own.capacity() > kKept) own.shrink_to_fit();
  shared.reset();
}

Task<Watcher::Batch> Watcher::next(Duration patience) {
  Batch batch;
  take(batch);
  if (!batch.empty() || patience <= 0s) co_return batch;
  Loop& loop = co_await current_loop();
  ScopedTimer timer(loop);
  timer.start(patience, [this] { stir(); });
  co_await waiter(loop);
  take(batch);
  co_return batch;
}

RingWatcher::RingWatcher(MemoryTable& table, Filter filter, std::uint64_t revision,
                         std::uint64_t position)
    : table_(table), filter_(std::move(filter)), revision_(revision), position_(position) {}

void RingWatcher::take(Batch& batch) {
  batch.clear();
  batch.more = batch.expired = false;
  std::uint64_t& position = waiter_ ? waiter_->position : position_;
  // Read before the ring, so that everything up to it is in the ring.
  std::uint64_t seen = table_.seen_.load(std::memory_order_acquire);
  if (table_.ring_end_.load(std::memory_order_acquire) != position) {
    if (waiter_ && waiter_->room().is_crowded()) {
      read_slice(position, seen, batch);
    } else {
      read_ring(position, batch);
    }
  }
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
    auto event = seen_through(*at, filter_);
    if (!event) continue;
    batch.events.push_back(event.get());
    batch.own.push_back(std::move(event));
  }
  position += scanned;
}

// The same from what one of those who go on together has copied out of the ring.
void RingWatcher::read_slice(std::uint64_t& position, std::uint64_t& seen, Batch& batch) {
  auto& slice = waiter_->room().slice;
  if (!slice || position < slice->begin || position >= slice->end) slice = copy(position, seen);
  batch.expired = !slice;
  if (batch.expired) return;
  for (std::size_t at = position - slice->begin; at < slice->events.size(); ++at) {
    const EventPtr& event = slice->events[at];
    revision_ = event->revision;
    auto type = type_through(*event, filter_);
    if (!type) continue;
    if (type != event->type) batch.own.push_back(seen_through(event, filter_));
    batch.events.push_back(type == event->type ? event.get() : batch.own.back().get());
  }
  batch.shared = slice;
  batch.more = !slice->is_newest;
  seen = slice->seen;
  position = slice->end;
}

// Null if the ring does not reach back to `position`.
std::shared_ptr<const RingSlice> RingWatcher::copy(std::uint64_t position,
                                                   std::uint64_t seen) const {
  auto slice = std::make_shared<RingSlice>();
  std::shared_lock lock(table_.mutex_);
  std::uint64_t begin = table_.ring_begin();
  if (position < begin) return nullptr;
  auto first = table_.ring_.begin() + static_cast<std::ptrdiff_t>(position - begin);
  auto there = static_cast<std::size_t>(table_.ring_.end() - first);
  std::size_t count = std::min(there, kMaxBatch);
  slice->events.assign(first, first + static_cast<std::ptrdiff_t>(count));
  slice->begin = position;
  slice->end = position + count;
  slice->is_newest = count == there;
  slice->seen = seen;
  return slice;
}

Waiter& RingWatcher::waiter(Loop& loop) {
  if (!waiter_) {
    waiter_.emplace(table_.room_on(loop), filter_.cluster, table_.ring_end_);
    waiter_->position = position_;
  }
  return *waiter_;
}

void RingWatcher::stir() {
  if (waiter_) waiter_->stir();
}

}  // namespace cache
