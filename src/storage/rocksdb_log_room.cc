#include "storage/rocksdb_log_room.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace storage {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::size_t kStep = 128 * 1024;  // a commit that comes meanwhile waits for no more

// The room of one file. The committer writes up to position_; the zeros reach to filled_.
class Room {
 public:
  explicit Room(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
    given_up_ = fd_ < 0;
  }
  ~Room() {
    if (fd_ >= 0) ::close(fd_);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // Before `bytes` are appended. True if more room should be made.
  bool take(std::size_t bytes) {
    std::uint64_t end = position_ + bytes;
    if (end > filled_) {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, [this] { return !filling_; });  // zeros must not come after the data
      if (end > filled_) filled_ = end;
    }
    position_ = end;
    return filled_ - end < kLogRoomBytes / 2 && !asked_.exchange(true);
  }

  void fill() {
    asked_ = false;
    while (fill_step()) {
    }
  }

  // No more room; the file ends with what was appended.
  void close() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return !filling_; });
    if (!given_up_ && filled_ > position_ && ::ftruncate(fd_, static_cast<off_t>(position_)) != 0) {
      // The zeros stay: they only take room.
    }
    given_up_ = true;
  }

 private:
  bool fill_step() {
    std::uint64_t from = 0;
    {
      std::lock_guard lock(mutex_);
      if (given_up_ || filled_ - position_ >= kLogRoomBytes) return false;
      from = filled_;
      filling_ = true;
    }
    bool done = write_zeros(from) && ::fdatasync(fd_) == 0;
    std::lock_guard lock(mutex_);
    filling_ = false;
    if (done) filled_ = from + kStep;
    given_up_ = given_up_ || !done;
    idle_.notify_all();
    return done;
  }

  bool write_zeros(std::uint64_t from) const {
    static const std::string zeros(kStep, '\0');
    for (std::size_t have = 0; have < kStep;) {
      ssize_t count =
          ::pwrite(fd_, zeros.data() + have, kStep - have, static_cast<off_t>(from + have));
      if (count <= 0) return false;
      have += static_cast<std::size_t>(count);
    }
    return true;
  }

  const int fd_;
  std::atomic<std::uint64_t> position_ = 0;  // <= filled_
  std::atomic<std::uint64_t> filled_ = 0;
  std::atomic<bool> asked_ = false;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool filling_ = false;   // guarded by mutex_
  bool given_up_ = false;  // guarded by mutex_
};

// The thread that makes room.
class Filler {
 public:
  Filler() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void ask(std::shared_ptr<Room> room) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(room));
    ready_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    while (true) {
      std::shared_ptr<Room> room;
      {
        std::unique_lock lock(mutex_);
        if (!ready_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
        room = std::move(queue_.front());
        queue_.pop_front();
      }
      room->fill();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::shared_ptr<Room>> queue_;  // guarded by mutex_
  std::jthread thread_;
};

class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Room> room,
          std::shared_ptr<Filler> filler)
      : FSWritableFileOwnerWrapper(std::move(file)),
        room_(std::move(room)),
        filler_(std::move(filler)) {
    take(0);
  }
  ~LogFile() override { room_->close(); }

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* context) override {
    take(data.size());
    return target()->Append(data, options, context);
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* context) override {
    take(data.size());
    return target()->Append(data, options, verification, context);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    room_->close();
    return target()->Close(options, context);
  }
  // RocksDB's own way to allocate ahead, which leaves the blocks to be changed by each write.
  void SetPreallocationBlockSize(std::size_t) override {}
  void PrepareWrite(std::size_t, std::size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  void take(std::size_t bytes) {
    if (room_->take(bytes)) filler_->ask(room_);
  }

  std::shared_ptr<Room> room_;
  std::shared_ptr<Filler> filler_;
};

class LogFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit LogFiles(const std::shared_ptr<rocksdb::FileSystem>& base) : FileSystemWrapper(base) {}
  const char* Name() const override { return "LogFiles"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* context) override {
    IOStatus status = target()->NewWritableFile(path, options, result, context);
    if (!status.ok() || !path.ends_with(".log")) return status;
    *result = std::make_unique<LogFile>(std::move(*result), std::make_shared<Room>(path), filler_);
    return status;
  }

 private:
  std::shared_ptr<Filler> filler_ = std::make_shared<Filler>();
};

}  // namespace

std::unique_ptr<rocksdb::Env> env_with_log_room(rocksdb::Env* base) {
  auto files = base ? base->GetFileSystem() : rocksdb::FileSystem::Default();
  return rocksdb::NewCompositeEnv(std::make_shared<LogFiles>(files));
}

}  // namespace storage
