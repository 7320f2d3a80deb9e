// The RocksDB engine's write-ahead log, in place of RocksDB's own: a row of files `N.journal`
// beside its tables. A record is durable once write() or finish() says so; RocksDB takes it into
// its memory after that, and forget() removes what RocksDB has brought into tables. Read and judged
// at a start by journal_reader.h; journal_format.h says how its bytes lie. Decision:
// docs/adr/0015-journal.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/journal_file.h"
#include "storage/journal_reader.h"

namespace storage {

inline constexpr std::uint64_t kJournalFileBytes = 16 * 1024 * 1024;

struct JournalOptions {
  std::string directory;
  std::uint64_t file_bytes = kJournalFileBytes;  // after which a new file is begun
  // An errno with which the writes fail that end now, 0: none. For tests.
  std::function<int()> failure = nullptr;
};

// One record at a time: begin() and finish(), or write(); nor take_back() or trim() meanwhile. The
// rest is thread-safe.
class Journal {
 public:
  // Goes on in a file of its own behind the `present` ones, of which what is up to `in_tables` is
  // forgotten. Throws std::system_error if that file cannot be made.
  Journal(JournalOptions options, std::vector<JournalFileInfo> present, std::uint64_t in_tables);

  std::uint64_t next() const { return next_; }  // the sequence of the next record

  // Blocks. 0 once the record is durable; otherwise an errno, and it is not there. After one for
  // which is_full() holds it may be tried again; after others it is not known what is on the disk.
  int write(std::string_view payload, Revision newest);

  // Begins without blocking; false: not now, use write(). finish() blocks until event_fd() can be
  // read, and gives what write() gives; EAGAIN: nothing was written, use write().
  bool begin(std::string_view payload, Revision newest);
  SharedDescriptor event_fd() const { return writer_.event_fd(); }
  int finish();

  // Takes the last record away, durably. An errno, or 0.
  int take_back();
  void trim() { file_->trim(); }  // of memory

  void forget(std::uint64_t sequence);  // removes files with no later records, but the one in use
  std::uint64_t bytes() const;          // of all files

  static bool is_full(int error);  // no space, or over a quota

 private:
  void stage(std::string_view payload, Revision newest);
  int ended(int error);
  void begin_file();

  JournalOptions options_;
  JournalRoomMaker maker_;
  AsyncWrite writer_;
  std::string salt_;  // of the file in use
  std::unique_ptr<JournalFile> file_;
  std::atomic<std::uint64_t> next_;

  mutable std::mutex mutex_;
  std::vector<JournalFileInfo> older_;   // guarded by mutex_
  std::uint64_t number_;                 // of the file in use
  std::atomic<std::uint64_t> size_ = 0;  // of it
};

}  // namespace storage
