// The default engine: one directory on a local disk, nothing to set up. One committer thread gives
// revisions, writes everything that waits with one sync (group commit), tells the observer, then
// the writers. History is kept for Options::history, also across a restart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "storage/store.h"

namespace storage {

struct RocksdbOptions {
  std::string directory;        // made if it is missing
  Duration history = 5min;      // how far back watches and paged lists can go
  std::size_t max_batch = 512;  // transactions in one sync
  std::size_t cache_bytes = 16 * 1024 * 1024;
  std::size_t write_buffer_bytes = 32 * 1024 * 1024;
  // What is free on the directory's disk; null = ask the file system. For tests.
  std::function<std::uint64_t()> free_bytes = nullptr;
};

// Writes are refused while less than this, and what is in memory only, is free: the engine itself
// must never meet a full disk, because it does not survive one.
inline constexpr std::uint64_t kReservedBytes = 32 * 1024 * 1024;

// Throws Error(ServiceUnavailable) with one line that names cause and directory: it is in use by
// another process, its format is newer than this program, it is corrupt or not writable, the disk
// is full. Nothing is changed in these cases.
std::unique_ptr<Store> open_rocksdb(RocksdbOptions options);

}  // namespace storage
