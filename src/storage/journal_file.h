// One file of the journal while it is written: appends are durable one after the other, past the
// page cache where the file system can do that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/async_write.h"
#include "storage/journal_room.h"

namespace storage {

// Not thread-safe.
class JournalFile {
 public:
  // Makes the file, durably, with `header`. Throws std::system_error with the cause.
  JournalFile(std::string path, std::string_view header, JournalRoomMaker& maker);
  // Cut behind what was appended last.
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return position_; }  // of what was appended

  // What is appended next: two pieces, one behind the other.
  void stage(std::string_view first, std::string_view second);
  // Writes what was staged. Blocks; 0 once it is durable, otherwise an errno, and it is not
  // appended.
  int write();
  // The same without blocking; see AsyncWrite.
  bool begin(AsyncWrite& writer);
  int finish(AsyncWrite& writer);
  // After a write that failed: takes away, durably, what it has left. An errno, or 0.
  int clean_up();
  // The same with what was appended last, once.
  int take_back();
  void trim();  // gives back memory that large appends have taken

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  int create(std::string_view header, int flags);
  void resize_buffer(std::size_t bytes);
  void appended();
  std::uint64_t block_start() const;
  std::size_t staged_blocks() const;  // bytes of the blocks that what is staged touches

  std::string path_;
  int fd_ = -1;
  bool direct_ = false;
  JournalRoomMaker& maker_;
  std::shared_ptr<JournalRoom> room_;
  std::uint64_t position_ = 0;
  std::uint64_t before_ = 0;  // the position before the last append
  // From the start of the block in which position_ lies; aligned to it.
  std::unique_ptr<char, Free> buffer_;
  std::size_t capacity_ = 0;
  std::size_t staged_ = 0;  // bytes behind position_
};

}  // namespace storage
