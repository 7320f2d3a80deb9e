#include "cache/sequence.h"

namespace cache {
namespace {

// Lists are in no cache of the processor. An item is one block: its head says whether it is
// selected, and of what is selected the text is copied; a longer one is fetched on by the
// processor itself.
constexpr std::size_t kHeadsAhead = 8, kTextsAhead = 3, kTextBytes = 1280, kCacheLine = 64;

}  // namespace

Sequence::Sequence(std::vector<ItemPtr> items, std::uint64_t revision)
    : own_(std::move(items)), items_(own_), revision_(revision) {}

Sequence::Sequence(Range range, const Filter& filter, std::uint64_t revision)
    : range_(std::move(range)), revision_(revision) {
  if (filter.selects_all()) return;
  choice_ = std::make_unique<Choice>(filter, LabelQuery(filter.labels));
}

const ItemPtr* Sequence::next() {
  while (true) {
    if (at_ == items_.size() && !open_chunk()) return nullptr;
    fetch();
    const ItemPtr& item = items_[at_++];
    if (!choice_ || choice_->filter.accepts(*item)) return &item;
  }
}

bool Sequence::open_chunk() {
  items_ = {};
  at_ = 0;
  while (items_.empty() && chunk_ < range_.chunks()) {
    if (chunk_ > 0) range_.drop(chunk_ - 1);
    bool wanted = !choice_ || choice_->query.may_match(range_.labels(chunk_));
    if (wanted) items_ = range_.items(chunk_);
    ++chunk_;
  }
  return !items_.empty();
}

// What comes `count` objects after the next, if the present chunk or the one behind it has it.
const ItemPtr* Sequence::ahead(std::size_t count) const {
  std::size_t at = at_ + count;
  if (at < items_.size()) return &items_[at];
  if (chunk_ == range_.chunks()) return nullptr;
  auto behind = range_.items(chunk_);
  at -= items_.size();
  return at < behind.size() ? &behind[at] : nullptr;
}

void Sequence::fetch() const {
  const ItemPtr* item = ahead(choice_ ? kHeadsAhead : kTextsAhead);
  if (!item) return;
  const char* block = reinterpret_cast<const char*>(item->get());
  std::size_t bytes = choice_ ? kCacheLine : kTextBytes;
  for (std::size_t at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(block + at);
}

}  // namespace cache
