// A full disk, and a failing one. Writes are refused while little is free, so that RocksDB seldom
// meets a full disk; when it does, it is resumed once there is space.
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cstdlib>

#include "base/log.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

// Room that is there again before writes are accepted again: for the largest of them.
constexpr std::uint64_t kRoomToGoOn = kMaxTransactionBytes;
// So much does not go in so short a time.
constexpr std::uint64_t kMuch = std::uint64_t{4} << 30;
constexpr Duration kFresh = 500ms;
constexpr Duration kPause = 500ms;  // after a write that met a full disk

}  // namespace

bool is_full(const rocksdb::Status& status) {
  if (status.ok()) return false;
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace) return true;
  std::string text = status.ToString();
  return text.contains("No space left") || text.contains("Disk quota exceeded");
}

void stop_process(const std::string& directory, const rocksdb::Status& status) {
  bool corrupt = status.IsCorruption();
  log(LogLevel::Error, "storage",
      corrupt ? "the store is corrupt; stopping. Restore a backup with kcp restore"
              : "the disk failed; stopping. Nothing acknowledged is lost; check the disk, then "
                "start again",
      {{"directory", directory}, {"error", status.ToString()}});
  std::_Exit(1);
}

Health RocksdbStore::health() const {
  std::uint64_t free = free_bytes();
  if (writable_.load() && !background_->stalled.load()) return {.free_bytes = free};
  return {false,
          fmt::format("the disk of {} is full: reads go on, writes are refused; free some "
                      "space there or enlarge it ({} MiB are free, {} MiB are needed)",
                      options_.directory, free >> 20, (needed_bytes() + kRoomToGoOn) >> 20),
          free};
}

std::uint64_t RocksdbStore::free_bytes() const {
  if (options_.free_bytes) return options_.free_bytes();
  auto now = Clock::now();
  if (free_ > kMuch && now - free_asked_.load() < kFresh) return free_;
  struct statvfs disk{};
  if (::statvfs(options_.directory.c_str(), &disk) != 0) return UINT64_MAX;
  free_ = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  free_asked_ = now;
  return free_;
}

// The reserve, and room for all that is in memory only.
std::uint64_t RocksdbStore::needed_bytes() const {
  std::uint64_t in_memory = 0;
  db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &in_memory);
  return kReservedBytes + in_memory;
}

bool RocksdbStore::has_space(std::size_t batch_bytes) const {
  return free_bytes() >= needed_bytes() + batch_bytes;
}

bool RocksdbStore::refuse_writes() {
  if (writable_.exchange(false)) {
    log(LogLevel::Error, "storage", "the disk is full; refusing writes until there is space",
        {{"directory", options_.directory}});
  }
  return false;
}

bool RocksdbStore::met_full_disk() {
  full_ = Clock::now();
  return refuse_writes();
}

bool RocksdbStore::recover_space() {
  if (writable_.load() && !background_->stalled.load()) return true;
  // It may have met a limit that the file system does not tell: a quota.
  if (!has_space(kRoomToGoOn) || Clock::now() - full_.load() < kPause) return refuse_writes();
  auto status = db_->Resume();
  // Busy: RocksDB looks for space every few seconds itself, and then recovers.
  if (is_full(status) || status.IsBusy()) return refuse_writes();
  must(status);
  background_->stalled = false;
  if (!writable_.exchange(true)) {
    log(LogLevel::Info, "storage", "the disk has space again; accepting writes",
        {{"directory", options_.directory}});
  }
  return true;
}

}  // namespace storage
