// Room ahead in a journal file: zeros are written before their turn comes, so that a commit finds
// size and blocks of the file as they will be and has nothing to write but the data. Where it
// cannot be made, the file grows as it is written.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace storage {

inline constexpr std::uint64_t kJournalRoomBytes = 1024 * 1024;  // that are kept ahead

// The room of one file. Thread-safe between the one who writes and the one who fills.
class JournalRoom {
 public:
  // Of a new file, to be opened at `path` again: its zeros do not go the way of the data.
  explicit JournalRoom(const std::string& path);
  ~JournalRoom();
  JournalRoom(const JournalRoom&) = delete;
  JournalRoom& operator=(const JournalRoom&) = delete;

  // Whether what is written up to `end` falls on zeros. If not, waits until none are on their way:
  // they must not come after the data.
  bool reaches(std::uint64_t end) const { return end <= filled_; }
  void wait_for_zeros(std::uint64_t end);
  // The data reach to `end`. True if more room should be made.
  bool advance(std::uint64_t end);

  void fill();   // blocks
  void close();  // no more room, and none that counts; waits for zeros on their way

 private:
  bool fill_step();
  bool write_zeros(std::uint64_t from) const;

  const int fd_;
  std::atomic<std::uint64_t> position_ = 0;
  std::atomic<std::uint64_t> filled_ = 0;
  std::atomic<bool> asked_ = false;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool filling_ = false;   // guarded by mutex_
  bool given_up_ = false;  // guarded by mutex_
};

// The thread that makes room.
class JournalRoomMaker {
 public:
  JournalRoomMaker();
  void ask(std::shared_ptr<JournalRoom> room);

 private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::shared_ptr<JournalRoom>> queue_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace storage
