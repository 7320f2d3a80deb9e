// The default engine: one directory on a local disk, nothing to set up. What waits is given
// revisions and written with one sync (group commit) by a committer thread, or while little is
// under way by the loop of the writer, which does not wait for the disk; then the observer is told,
// then the writers. Loops that commit must outlive their commits. History is kept for
// Options::history, also across a restart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "storage/store.h"

namespace rocksdb {
class Env;
}

namespace storage {

struct RocksdbOptions {
  std::string directory;        // made if it is missing
  Duration history = 5min;      // how far back watches and paged lists can go
  std::size_t max_batch = 512;  // transactions in one sync
  std::size_t cache_bytes = 16 * 1024 * 1024;
  std::size_t write_buffer_bytes = 32 * 1024 * 1024;
  // What is free on the directory's disk; null = ask the file system. For tests.
  std::function<std::uint64_t()> free_bytes = nullptr;
  // What tables are written through; null = the operating system. For tests.
  rocksdb::Env* env = nullptr;
  // An errno with which the writes of the journal fail that end now, 0: none. For tests.
  std::function<int()> journal_failure = nullptr;
};

// Writes are refused while less than this, and what is in memory only, is free, so that what was
// acknowledged can always be brought into its final place.
inline constexpr std::uint64_t kReservedBytes = 32 * 1024 * 1024;

// Throws Error(ServiceUnavailable) with one line that names cause and directory: it is in use by
// another process, its format is newer than this program, it is corrupt or not writable, the disk
// is full, something acknowledged is missing. No data is changed in these cases. A write that was
// torn by a loss of power, and so never acknowledged, is left out with a line in the log.
//
// The process ends with status 1 and one line in the log when a sync fails, or when corruption is
// found later. A full disk is survived: Health says so until there is space again.
std::unique_ptr<Store> open_rocksdb(RocksdbOptions options);

// Fills a new store, for restoring a backup. `directory` must be empty or missing; until finish()
// it cannot be opened. Throws Error(ServiceUnavailable) with directory and cause.
class RocksdbImport {
 public:
  explicit RocksdbImport(const std::string& directory);
  ~RocksdbImport();
  void add(const Record& record);  // each key once
  // The store goes on at `newest`, which is at least every record's, and knows no earlier history.
  void finish(Revision newest);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace storage
