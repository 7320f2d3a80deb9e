#include "http/pipe.h"

#include "base/error.h"

namespace http {
namespace {

constexpr std::size_t kKeptPieces = 4;      // room that an empty queue may keep
constexpr std::size_t kTakenAtOnce = 1024;  // from here on the room of what was taken is used again

}  // namespace

Bytes Pieces::pop() {
  Bytes piece = std::move(all_[first_++]);
  if (empty()) {
    clear();
  } else if (first_ >= kTakenAtOnce && first_ * 2 >= all_.size()) {
    all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return piece;
}

void Pieces::clear() {
  if (all_.capacity() > kKeptPieces) {
    std::vector<Bytes>().swap(all_);
  } else {
    all_.clear();
  }
  first_ = 0;
}

void Pipe::wake(std::optional<Resolver<Done>>& waiter) {
  if (auto one = std::exchange(waiter, std::nullopt)) one->resolve(Done{});
}

Task<> Pipe::write(Bytes piece) {
  while (queued_ >= high_water_ && !reader_gone_) {
    co_await wait_for([this](Resolver<Done> done) { writer_ = done; });
  }
  if (reader_gone_) throw Error(Reason::ServiceUnavailable, "the peer has gone");
  push(std::move(piece));
}

void Pipe::push(Bytes piece) {
  if (piece.empty() || reader_gone_) return;
  queued_ += piece.size();
  pieces_.push(std::move(piece));
  wake(reader_);
}

void Pipe::end() {
  ended_ = true;
  wake(reader_);
}

void Pipe::fail(std::string why) {
  if (ended_) return;
  failure_ = std::make_unique<std::string>(std::move(why));
  end();
}

std::optional<Bytes> Pipe::try_read() {
  if (pieces_.empty()) return {};
  Bytes piece = pieces_.pop();
  queued_ -= piece.size();
  if (queued_ < high_water_) wake(writer_);
  return piece;
}

void Pipe::consume(std::size_t count) {
  Bytes& front = pieces_.front();
  queued_ -= count;
  if (count == front.size()) {
    pieces_.pop();
  } else {
    front = front.slice(count);
  }
  if (queued_ < high_water_) wake(writer_);
}

Task<std::optional<Bytes>> Pipe::read() {
  while (pieces_.empty() && !ended_) {
    co_await wait_for([this](Resolver<Done> done) { reader_ = done; });
  }
  auto piece = try_read();
  if (!piece && failure_) throw Error::bad_request(*failure_);
  co_return piece;
}

void Pipe::close_reader() {
  reader_gone_ = true;
  pieces_.clear();
  queued_ = 0;
  wake(writer_);
}

}  // namespace http
