// Pipe: a bounded queue of byte pieces between one writer and one reader on the same loop. The body
// of an in-process call, the incoming body of an HTTP/2 stream, and the outgoing one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"

namespace http {

// A queue that holds no memory while it is empty: most pipes are, most of the time.
class Pieces {
 public:
  bool empty() const { return first_ == all_.size(); }
  const Bytes& front() const { return all_[first_]; }
  Bytes& front() { return all_[first_]; }
  void push(Bytes piece) { all_.push_back(std::move(piece)); }
  Bytes pop();
  void clear();

 private:
  std::vector<Bytes> all_;
  std::size_t first_ = 0;  // those before have been taken
};

class Pipe {
 public:
  explicit Pipe(std::size_t high_water) : high_water_(high_water) {}

  // Queues a piece; suspends while more than the high-water mark is queued. Throws
  // Error(ServiceUnavailable) once the reader has gone.
  Task<> write(Bytes piece);
  // Queues without waiting, for writers that are held back otherwise.
  void push(Bytes piece);
  void end();                  // after the last piece
  void fail(std::string why);  // the reader gets Error(BadRequest) behind what is queued

  // The next piece, or nothing at the end.
  Task<std::optional<Bytes>> read();
  // Without waiting: the next piece if there is one.
  std::optional<Bytes> try_read();
  // What is next ("" if nothing), and taking `count` bytes of it: for framing.
  std::string_view front() const { return pieces_.empty() ? "" : pieces_.front().view(); }
  void consume(std::size_t count);  // at most front().size()
  void close_reader();              // writers fail from now on; what is queued is dropped

  bool has_room() const {
    return queued_ < high_water_ && !reader_gone_;
  }  // write() would not wait
  bool ended() const { return ended_; }
  bool empty() const { return pieces_.empty(); }
  std::size_t queued() const { return queued_; }

 private:
  void wake(std::optional<Resolver<Done>>& waiter);

  const std::size_t high_water_;
  Pieces pieces_;
  std::size_t queued_ = 0;
  bool ended_ = false;
  bool reader_gone_ = false;
  std::unique_ptr<std::string> failure_;  // null = none
  std::optional<Resolver<Done>> reader_;
  std::optional<Resolver<Done>> writer_;
};

}  // namespace http
