#include "cache/shared_text.h"

#include <cstring>
#include <new>

#include "base/random.h"

namespace cache {

// The text stands behind it.
struct SharedText::Block {
  SharedTexts* table;
  std::uint64_t hash;
  std::size_t size;
  std::atomic<std::size_t> refs = 1;

  static Block* make(SharedTexts* table, std::uint64_t hash, std::string_view text) {
    void* memory = ::operator new(sizeof(Block) + text.size());
    auto* block = new (memory) Block{table, hash, text.size()};
    std::memcpy(block + 1, text.data(), text.size());
    return block;
  }
  static void free(Block* block) {
    block->~Block();
    ::operator delete(block);
  }

  std::string_view view() const { return {reinterpret_cast<const char*>(this + 1), size}; }

  // False if the last reference has gone already: then it is about to be freed.
  bool acquire() {
    std::size_t count = refs.load(std::memory_order_relaxed);
    while (count != 0) {
      if (refs.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
};

SharedText::SharedText(const SharedText& other) : block_(other.block_) {
  if (block_) block_->refs.fetch_add(1, std::memory_order_relaxed);
}

SharedText::~SharedText() {
  if (block_ && block_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    SharedTexts::release(block_);
  }
}

std::string_view SharedText::view() const { return block_ ? block_->view() : std::string_view(); }

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

}  // namespace

TextHash::TextHash() {
  std::string random = random_bytes(sizeof(secret_));
  std::memcpy(secret_.data(), random.data(), sizeof(secret_));
}

// Two chains of multiplications, each over half of every 32 bytes, that run side by side.
std::uint64_t TextHash::operator()(std::string_view text) const {
  constexpr std::size_t kStep = 32;
  std::uint64_t a = secret_[2], b = secret_[3];
  auto add = [&](const char* at) {
    a = fold(word_at(at) ^ secret_[0], word_at(at + 8) ^ a);
    b = fold(word_at(at + 16) ^ secret_[1], word_at(at + 24) ^ b);
  };
  std::size_t at = 0;
  for (; at + kStep <= text.size(); at += kStep) add(text.data() + at);
  char rest[kStep] = {};
  std::memcpy(rest, text.data() + at, text.size() - at);
  add(rest);
  return fold(a ^ secret_[3], b ^ secret_[2] ^ text.size());
}

SharedTexts::SharedTexts(Hash hash)
    : hash_(hash), seen_(std::make_unique<std::atomic<std::uint32_t>[]>(kRemembered)) {}

SharedTexts& SharedTexts::global() {
  static auto* all = new SharedTexts();
  return *all;
}

// Threads may overwrite each other's notes: then a text is shared later.
bool SharedTexts::was_seen(std::uint64_t hash) {
  auto note = static_cast<std::uint32_t>(hash >> 32) | 1;  // 0: none
  auto* row = &seen_[hash / kShards % (kRemembered / kRow) * kRow];
  std::size_t place = note / 2 % kRow;  // if all are taken
  for (std::size_t i = 0; i < kRow; ++i) {
    std::uint32_t present = row[i].load(std::memory_order_relaxed);
    if (present == note) return true;
    if (present == 0) {
      place = i;
      break;
    }
  }
  row[place].store(note, std::memory_order_relaxed);
  return false;
}

SharedText SharedTexts::share(std::string_view text) {
  std::uint64_t hash = hash_of(text);
  Shard& shard = shard_of(hash);
  // With the lock: what is in the table is not freed meanwhile.
  auto find = [&] {
    auto it = shard.blocks.find(hash);
    return SharedText(it != shard.blocks.end() && it->second->acquire() ? it->second : nullptr);
  };
  SharedText found;
  {
    std::lock_guard lock(shard.mutex);
    found = find();
  }
  if (!found) {
    if (!was_seen(hash)) return {};
    SharedText made(Block::make(this, hash, text));
    std::lock_guard lock(shard.mutex);
    found = find();  // another thread may have been quicker
    if (!found) {
      auto [place, is_new] = shard.blocks.try_emplace(hash, made.block_);
      if (!is_new) {  // of one that is about to be freed
        shard.bytes -= place->second->size;
        place->second = made.block_;
      }
      shard.bytes += text.size();
      return made;
    }
  }
  return found.view() == text ? found : SharedText();
}

// Called when the last reference has gone. If the text has been seen again since, another block
// has its place.
void SharedTexts::release(Block* block) {
  Shard& shard = block->table->shard_of(block->hash);
  {
    std::lock_guard lock(shard.mutex);
    auto it = shard.blocks.find(block->hash);
    if (it != shard.blocks.end() && it->second == block) {
      shard.bytes -= block->size;
      shard.blocks.erase(it);
    }
  }
  Block::free(block);
}

SharedTexts::Size SharedTexts::size() const {
  Size size;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    size.texts += shard.blocks.size();
    size.bytes += shard.bytes;
  }
  return size;
}

}  // namespace cache
