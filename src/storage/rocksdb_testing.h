// For tests: a directory as a killed process leaves it, and files that fail.
#pragma once

#include <rocksdb/env.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/manual_loop.h"
#include "storage/rocksdb.h"

namespace storage {

std::string fresh_directory();  // a name that is not used
std::string read_whole(const std::string& path);
void write_whole(const std::string& path, const std::string& content);
std::vector<std::string> files_with(const std::string& directory, const std::string& extension);
std::string contents_of(const std::string& directory);  // names and sizes of what the engine keeps
void flip(const std::string& path, std::size_t offset, unsigned bit = 0);

// What open_rocksdb() throws, "" if it opens.
std::string open_error(const std::string& directory);

// A store with `count` transactions in its journal, key "k<i>" and a value of `bytes`, as it is
// when its process is killed after the last one was acknowledged. Removed at the end.
class KilledStore {
 public:
  enum class Room { Cut, Kept };  // the zeros ahead in the journal
  KilledStore(int count, std::size_t bytes, Room room = Room::Cut);
  ~KilledStore();
  const std::string& directory() const { return directory_; }
  std::string journal_file() const;
  int found() const;  // how many of the keys are there, opening it
  // The note of what was acknowledged, as if the last `count` writes had not been.
  void forget_acknowledgements(std::uint64_t count) const;

 private:
  std::string directory_;
  int count_;
};

// Files of the operating system, some of whose writes fail.
class FailingFiles final : public rocksdb::EnvWrapper {
 public:
  FailingFiles() : EnvWrapper(rocksdb::Env::Default()) {}
  std::atomic<bool> syncs_fail = false;  // of the journal
  std::atomic<bool> journal_is_full = false;
  std::atomic<bool> tables_are_full = false;  // appends to tables
  int journal_failure() const;                // for RocksdbOptions

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions& options) override;
};

}  // namespace storage
