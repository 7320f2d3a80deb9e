// What was acknowledged last, noted in a small file beside RocksDB's. A write whose record in the
// log is damaged at its very end looks the same whether power failed while it was written or it was
// damaged later; this note tells the two apart: it is written after each sync, without a sync of
// its own. A killed process leaves it exact. After a loss of power it may be old, never too new.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace storage {

// The revision noted in `directory`; 0 if the note is missing or damaged.
std::uint64_t read_acknowledged(const std::string& directory);
std::string acknowledged_path(const std::string& directory);

// Writes the note. Thread-safe. Failures are ignored: an old note only sees less.
class Acknowledged {
 public:
  explicit Acknowledged(const std::string& directory);
  ~Acknowledged();
  Acknowledged(const Acknowledged&) = delete;
  Acknowledged& operator=(const Acknowledged&) = delete;

  void set(std::uint64_t revision);
  void sync();  // if there is something new

 private:
  int fd_;
  std::mutex mutex_;
  bool changed_ = false;  // guarded by mutex_
};

}  // namespace storage
