// The load of everything at start, by several threads that each read parts of the keys.
#include <atomic>
#include <thread>

#include "base/check.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

// Fewer bytes than this are not worth a second thread.
constexpr std::uint64_t kLeastPart = 4 * 1024 * 1024;
// Parts are cut by estimates: a thread that is done with one goes on with the next.
constexpr std::size_t kPartsOfThread = 8;
constexpr int kMaxDepth = 64;  // bytes of a boundary

std::uint64_t size_before(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                          const std::string& key) {
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  rocksdb::Range range("", key);
  std::uint64_t size = 0;
  db.GetApproximateSizes(options, family, &range, 1, &size);
  return size;
}

// A key with about `wanted` bytes before it, found byte by byte from the engine's estimates.
std::string boundary_at(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::uint64_t wanted,
                        std::uint64_t tolerance) {
  std::string key;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    int low = 0, high = 256;  // the last byte with less than `wanted` before it
    std::uint64_t before = 0;
    while (high - low > 1) {
      int middle = (low + high) / 2;
      std::uint64_t size = size_before(db, family, key + static_cast<char>(middle));
      if (size <= wanted) {
        low = middle;
        before = size;
      } else {
        high = middle;
      }
    }
    key += static_cast<char>(low);
    if (before != 0 && wanted - before <= tolerance) break;
  }
  return key;
}

std::size_t load_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

// Where the parts after the first begin.
std::vector<std::string> boundaries(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family) {
  std::uint64_t total = size_before(db, family, "\xff");
  std::size_t parts = std::min<std::size_t>(kMaxLoadParts, load_threads() * kPartsOfThread);
  parts = std::min<std::size_t>(parts, total / kLeastPart);
  std::vector<std::string> found;
  for (std::size_t i = 1; i < parts; ++i) {
    std::string key = boundary_at(db, family, total / parts * i, total / parts / 16);
    if (found.empty() || key > found.back()) found.push_back(std::move(key));
  }
  return found;
}

}  // namespace

void RocksdbStore::load_part(std::size_t part, const std::string& begin, const std::string& end,
                             const Load& load) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // it is read once
  options.readahead_size = 2 * 1024 * 1024;
  rocksdb::Slice bound(end);
  if (!end.empty()) options.iterate_upper_bound = &bound;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, kv_));
  for (it->Seek(begin); it->Valid(); it->Next()) {
    auto record = format::view_record(it->key().ToStringView(), it->value().ToStringView());
    if (!record) must(rocksdb::Status::Corruption("malformed record", it->key()));
    load(part, *record);
  }
  must(it->status());
}

Revision RocksdbStore::attach(Load load, Observer& observer) {
  Turn turn(*this, Who::Other);  // nothing is written meanwhile
  CHECK(turn.held);
  CHECK(observer_ == nullptr);
  auto begins = boundaries(*db_, kv_);
  begins.insert(begins.begin(), "");
  std::atomic<std::size_t> next = 0;
  auto work = [&] {
    for (std::size_t part; (part = next.fetch_add(1)) < begins.size();) {
      load_part(part, begins[part], part + 1 < begins.size() ? begins[part + 1] : "", load);
    }
  };
  std::vector<std::jthread> others;
  while (others.size() + 1 < std::min(load_threads(), begins.size())) others.emplace_back(work);
  work();
  others.clear();
  opened_ = Clock::now();
  observer_ = &observer;
  return newest();
}

}  // namespace storage
