// Texts that many objects have in common, each kept once in the process: tenants apply the same
// charts and definitions thousands of times. A text is shared from the second time on that it is
// seen; the first time only its hash is noted, so that what is unique costs no copy. The table
// keeps no text alive: with the last reference a text goes, and its place in the table.
// Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace cache {

class SharedTexts;

// A counted reference to a text in a table, or null.
class SharedText {
 public:
  SharedText() = default;
  SharedText(const SharedText& other);
  SharedText(SharedText&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedText();

  explicit operator bool() const { return block_ != nullptr; }
  std::string_view view() const;
  // Whether both are the same place, not only equal texts.
  friend bool operator==(const SharedText&, const SharedText&) = default;

 private:
  friend class SharedTexts;
  struct Block;
  explicit SharedText(Block* block) : block_(block) {}

  Block* block_ = nullptr;
};

// A hash that nobody outside can foresee, so that no tenant can choose texts with equal ones.
class TextHash {
 public:
  TextHash();
  std::uint64_t operator()(std::string_view text) const;

 private:
  std::array<std::uint64_t, 4> secret_;
};

// Must outlive its texts.
class SharedTexts {
 public:
  using Hash = std::uint64_t (*)(std::string_view text);

  // `hash`: in place of a TextHash, for tests.
  explicit SharedTexts(Hash hash = nullptr);
  SharedTexts(const SharedTexts&) = delete;
  SharedTexts& operator=(const SharedTexts&) = delete;

  // The text that is equal to `text`; null if it has not been seen before, or so many others since
  // that it is forgotten.
  SharedText share(std::string_view text);

  struct Size {
    std::size_t texts = 0, bytes = 0;
  };
  Size size() const;

  // That of the process: lives as long as it.
  static SharedTexts& global();

 private:
  friend class SharedText;
  using Block = SharedText::Block;

  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kRemembered = std::size_t{1} << 16;
  static constexpr std::size_t kRow = 4;

  struct alignas(64) Shard {
    mutable std::mutex mutex;
    // Guarded by mutex. Of two texts with one hash only the first is here, the other is not shared.
    std::unordered_map<std::uint64_t, Block*> blocks;
    std::size_t bytes = 0;
  };

  std::uint64_t hash_of(std::string_view text) const { return hash_ ? hash_(text) : seeded_(text); }
  Shard& shard_of(std::uint64_t hash) { return shards_[hash % kShards]; }
  bool was_seen(std::uint64_t hash);
  static void release(Block* block);

  const Hash hash_;
  const TextHash seeded_;
  std::array<Shard, kShards> shards_;
  // A part of each hash that was seen lately, in rows of four; the rest of it names the row.
  std::unique_ptr<std::atomic<std::uint32_t>[]> seen_;
};

}  // namespace cache
