// The objects of one table in key order: an array of chunks of at most kChunk items. Chunks are
// copied before they are written when somebody else holds them, so that taking a range of objects
// costs a reference for each chunk and no lock while it is read. Not thread-safe, but a Range is
// independent of what is written later and may be read on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cache/item.h"
#include "cache/label_summary.h"

namespace cache {

class Chunk {
 public:
  std::vector<ItemPtr> items;
  LabelSummary labels;  // of the items, and maybe of some that have gone

 private:
  friend class ChunkRef;
  std::atomic<std::uint32_t> refs_ = 1;
};

// A counted reference. Unlike shared_ptr's, is_only() also sees what other holders did before.
class ChunkRef {
 public:
  ChunkRef() = default;
  static ChunkRef make(std::vector<ItemPtr> items);
  ChunkRef(const ChunkRef& other) : chunk_(other.chunk_) {
    if (chunk_) chunk_->refs_.fetch_add(1, std::memory_order_relaxed);
  }
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() {
    if (chunk_ && chunk_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete chunk_;
  }

  const std::vector<ItemPtr>& items() const { return chunk_->items; }
  const LabelSummary& labels() const { return chunk_->labels; }
  bool is_only() const { return chunk_->refs_.load(std::memory_order_acquire) == 1; }
  Chunk& edit() { return *chunk_; }  // requires is_only()

 private:
  Chunk* chunk_ = nullptr;
};

// Objects that lay side by side when it was taken. Iterate with for_each(), or chunk by chunk, from
// one thread at a time.
class Range {
 public:
  std::size_t chunks() const { return chunks_.size(); }
  std::span<const ItemPtr> items(std::size_t chunk) const {
    std::span<const ItemPtr> all(chunks_[chunk].items());
    if (chunk + 1 == chunks_.size()) all = all.first(end_);
    return chunk == 0 ? all.subspan(begin_) : all;
  }
  const LabelSummary& labels(std::size_t chunk) const { return chunks_[chunk].labels(); }
  void drop(std::size_t chunk) { chunks_[chunk] = {}; }  // it may not be read again

  // Calls `visit` for each object in order until it returns false. With a query, objects that
  // cannot match it may be left out.
  template <class F>
  void for_each(F visit, const LabelQuery* query = nullptr) const {
    for (std::size_t i = 0; i < chunks(); ++i) {
      if (query && !query->may_match(labels(i))) continue;
      auto all = items(i);
      for (std::size_t at = 0; at < all.size(); ++at) {
        // Items lie anywhere in memory: without this a visit is mostly waiting.
        if (at + kAhead < all.size()) __builtin_prefetch(all[at + kAhead].get());
        if (!visit(all[at])) return;
      }
    }
  }
  std::size_t size() const;

 private:
  friend class Objects;
  static constexpr std::size_t kAhead = 8;

  std::vector<ChunkRef> chunks_;
  std::size_t begin_ = 0;  // in the first chunk
  std::size_t end_ = 0;    // in the last chunk
};

class Objects {
 public:
  ItemPtr find(KeyView key) const;
  // Puts `item` in; returns what was there under its key.
  ItemPtr put(ItemPtr item);
  // Takes the object out; returns it.
  ItemPtr take(KeyView key);
  // Adds an object, or objects, that lie behind all that are there.
  void append(ItemPtr item);
  void append(Objects behind);
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_; }  // of their texts

  // The objects from `first` on, before `last` (null: to the end). With `enough`, those behind so
  // many may be left out.
  Range range(KeyView first, const KeyView* last, std::size_t enough = SIZE_MAX) const;
  std::size_t count(KeyView first, const KeyView* last) const;

 private:
  struct Position {
    std::size_t chunk = 0, at = 0;
  };
  // The first object that is not before `key`; at the end chunk == chunks_.size().
  Position lower_bound(KeyView key) const;
  bool is_at(Position position, KeyView key) const;
  Chunk& edit(std::size_t chunk);
  void insert(Position position, ItemPtr item);

  std::vector<ChunkRef> chunks_;  // none is empty
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace cache
