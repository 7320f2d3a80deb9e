// The default engine: one directory on a local disk, nothing to set up. One committer thread gives
// revisions, writes everything that waits with one sync (group commit), tells the observer, then
// the writers. History is kept for Options::history, also across a restart.
#pragma once

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
};

// Throws Error(ServiceUnavailable) with one line that names cause and directory: it is in use by
// another process, its format is newer than this program, it is corrupt or not writable. Nothing is
// changed in these cases.
std::unique_ptr<Store> open_rocksdb(RocksdbOptions options);

}  // namespace storage
