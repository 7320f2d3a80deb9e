// Writing to a file without a thread that waits: the kernel tells an eventfd when the data are on
// the disk. By Linux' asynchronous I/O (doc: io_submit(2)), for files that bypass the page cache;
// on others the kernel would write while it is called.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/loop.h"

namespace storage {

// Writes one piece at a time. Not thread-safe.
class AsyncWrite {
 public:
  AsyncWrite();
  ~AsyncWrite();
  AsyncWrite(const AsyncWrite&) = delete;
  AsyncWrite& operator=(const AsyncWrite&) = delete;

  // False: the kernel cannot, or not without blocking; nothing is written then. `data` must stay
  // until finish(), and like `bytes` and `offset` be a multiple of the file's block.
  bool begin(int fd, const char* data, std::size_t bytes, std::uint64_t offset);
  // Readable once finish() does not block. Kept by whoever waits for it.
  SharedDescriptor event_fd() const { return event_; }
  // Ends what begin() began: 0 once all of it is on the disk, otherwise an errno; EAGAIN: nothing
  // is written.
  int finish();

 private:
  void give_up();

  std::uint64_t context_ = 0;  // 0: the kernel has none for us, or not for such files
  SharedDescriptor event_;
  std::size_t bytes_ = 0;
};

}  // namespace storage
