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
  if (writable_.load() && !stalled_->load()) return {.free_bytes = free};
  return {false,
          fmt::format("the disk of {} is full: reads go on, writes are refused; free some "
                      "space there or enlarge it ({} MiB are free, {} MiB are needed)",
                      options_.directory, free >> 20, (needed_bytes() + kRoomToGoOn) >> 20),
          free};
}

std::uint64_t RocksdbStore::free_bytes() const {
  if (options_.free_bytes) return options_.free_bytes();
  struct statvfs disk{};
  if (::statvfs(options_.directory.c_str(), &disk) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
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

bool RocksdbStore::recover_space() {
  if (writable_.load() && !stalled_->load()) return true;
  if (!has_space(kRoomToGoOn)) return refuse_writes();
  auto status = db_->Resume();
  // Busy: RocksDB looks for space every few seconds itself, and then recovers.
  if (is_full(status) || status.IsBusy()) return refuse_writes();
  must(status);
  *stalled_ = false;
  if (!writable_.exchange(true)) {
    log(LogLevel::Info, "storage", "the disk has space again; accepting writes",
        {{"directory", options_.directory}});
  }
  return true;
}

}  // namespace storage
