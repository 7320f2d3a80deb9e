#include "cache/objects.h"

#include <algorithm>

namespace cache {
namespace {

constexpr std::size_t kChunk = 128;

bool is_before(const ItemPtr& item, KeyView key) { return item->key() < key; }

}  // namespace

ChunkRef ChunkRef::make(std::vector<ItemPtr> items) {
  ChunkRef ref;
  ref.chunk_ = new Chunk;
  for (const ItemPtr& item : items) ref.chunk_->labels.add(item->labels());
  ref.chunk_->items = std::move(items);
  return ref;
}

std::size_t Range::size() const {
  std::size_t total = 0;
  for (const ChunkRef& chunk : chunks_) total += chunk.items().size();
  if (!chunks_.empty()) total -= begin_ + chunks_.back().items().size() - end_;
  return total;
}

Objects::Position Objects::lower_bound(KeyView key) const {
  // The last chunk that begins at or before the key may hold it.
  auto next = std::ranges::partition_point(
      chunks_, [&](const ChunkRef& chunk) { return chunk.items().front()->key() <= key; });
  if (next == chunks_.begin()) return {};
  auto chunk = static_cast<std::size_t>(next - chunks_.begin()) - 1;
  const auto& items = chunks_[chunk].items();
  auto at = std::ranges::partition_point(items,
                                         [&](const ItemPtr& item) { return is_before(item, key); });
  if (at == items.end()) return {chunk + 1, 0};
  return {chunk, static_cast<std::size_t>(at - items.begin())};
}

bool Objects::is_at(Position position, KeyView key) const {
  return position.chunk < chunks_.size() &&
         chunks_[position.chunk].items()[position.at]->key() == key;
}

ItemPtr Objects::find(KeyView key) const {
  Position position = lower_bound(key);
  return is_at(position, key) ? chunks_[position.chunk].items()[position.at] : nullptr;
}

Chunk& Objects::edit(std::size_t chunk) {
  ChunkRef& ref = chunks_[chunk];
  if (!ref.is_only()) ref = ChunkRef::make(ref.items());
  return ref.edit();
}

ItemPtr Objects::put(ItemPtr item) {
  Position position = lower_bound(item->key());
  if (is_at(position, item->key())) {
    bytes_ += item->size();
    bytes_ -= chunks_[position.chunk].items()[position.at]->size();
    Chunk& chunk = edit(position.chunk);
    chunk.labels.add(item->labels());
    return std::exchange(chunk.items[position.at], std::move(item));
  }
  insert(position, std::move(item));
  return nullptr;
}

void Objects::append(ItemPtr item) { insert({chunks_.size(), 0}, std::move(item)); }

void Objects::append(Objects behind) {
  chunks_.insert(chunks_.end(), std::make_move_iterator(behind.chunks_.begin()),
                 std::make_move_iterator(behind.chunks_.end()));
  size_ += behind.size_;
  bytes_ += behind.bytes_;
}

void Objects::insert(Position position, ItemPtr item) {
  ++size_;
  bytes_ += item->size();
  auto has_room = [this](std::size_t chunk) { return chunks_[chunk].items().size() < kChunk; };
  bool fits = position.chunk < chunks_.size() && has_room(position.chunk);
  if (position.at == 0 && position.chunk > 0 && (!fits || has_room(position.chunk - 1))) {
    --position.chunk;  // at the end of the chunk before
    position.at = chunks_[position.chunk].items().size();
  }
  if (chunks_.empty()) {
    chunks_.push_back(ChunkRef::make({std::move(item)}));
    return;
  }
  Chunk& chunk = edit(position.chunk);
  auto& items = chunk.items;
  if (items.size() < kChunk) {
    chunk.labels.add(item->labels());
    items.insert(items.begin() + static_cast<std::ptrdiff_t>(position.at), std::move(item));
    return;
  }
  // In order of keys the chunks stay full, otherwise they are divided in the middle.
  std::size_t keep = position.at == kChunk ? kChunk : kChunk / 2;
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(position.at), std::move(item));
  auto middle = std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(keep));
  std::vector<ItemPtr> rest(middle, std::make_move_iterator(items.end()));
  items.resize(keep);
  if (keep < kChunk) chunks_[position.chunk] = ChunkRef::make(std::move(items));
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(position.chunk) + 1,
                 ChunkRef::make(std::move(rest)));
}

ItemPtr Objects::take(KeyView key) {
  Position position = lower_bound(key);
  if (!is_at(position, key)) return nullptr;
  --size_;
  bytes_ -= chunks_[position.chunk].items()[position.at]->size();
  auto& items = edit(position.chunk).items;
  ItemPtr taken = std::move(items[position.at]);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(position.at));
  auto chunk = chunks_.begin() + static_cast<std::ptrdiff_t>(position.chunk);
  if (items.empty()) {
    chunks_.erase(chunk);
  } else if (position.chunk > 0 && (chunk - 1)->items().size() + items.size() <= kChunk / 2) {
    Chunk& before = edit(position.chunk - 1);
    for (ItemPtr& one : items) {
      before.labels.add(one->labels());
      before.items.push_back(std::move(one));
    }
    chunks_.erase(chunk);
  }
  return taken;
}

Range Objects::range(KeyView first, const KeyView* last, std::size_t enough) const {
  Range range;
  Position begin = lower_bound(first);
  Position end = last ? lower_bound(*last) : Position{chunks_.size(), 0};
  std::size_t chunks = end.chunk + (end.at > 0 ? 1 : 0);
  if (begin.chunk >= chunks || (begin.chunk == end.chunk && begin.at >= end.at)) return range;
  std::size_t behind = begin.chunk, items = 0;  // the objects up to there, begin.at among them
  while (behind < chunks && (enough == SIZE_MAX || items < begin.at + enough)) {
    items += chunks_[behind++].items().size();
  }
  range.chunks_.assign(chunks_.begin() + static_cast<std::ptrdiff_t>(begin.chunk),
                       chunks_.begin() + static_cast<std::ptrdiff_t>(behind));
  range.begin_ = begin.at;
  bool cut = behind < chunks || end.at == 0;
  range.end_ = cut ? range.chunks_.back().items().size() : end.at;
  return range;
}

std::size_t Objects::count(KeyView first, const KeyView* last) const {
  Position begin = lower_bound(first);
  Position end = last ? lower_bound(*last) : Position{chunks_.size(), 0};
  if (begin.chunk > end.chunk || (begin.chunk == end.chunk && begin.at >= end.at)) return 0;
  std::size_t total = end.at;
  for (std::size_t i = begin.chunk; i < end.chunk; ++i) total += chunks_[i].items().size();
  return total - begin.at;
}

}  // namespace cache
