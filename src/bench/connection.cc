#include "bench/connection.h"

#include <algorithm>

#include "base/child_task.h"
#include "base/error.h"

namespace bench {
namespace {

constexpr std::uint32_t kConnectionWindow = 1U << 30;
constexpr std::uint32_t kDefaultWindow = 65'535;  // until settings say otherwise
constexpr std::uint16_t kTableSize = 1, kEnablePush = 2, kMaxStreams = 3, kInitialWindow = 4,
                        kMaxFrameSize = 5;

// Runs by itself; whoever wants it to end closes the connection.
void start_task(Loop& loop, Task<> task) {
  auto child = std::make_shared<task_detail::Child<void>>();
  child->on_done = [] {};
  task_detail::start(loop, std::move(child), std::move(task));
}

}  // namespace

std::string Address::authority() const { return net::Endpoint{host, port}.text(); }

Connection::Connection(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {
  output_ = wire::kPreface;
  std::string settings;
  wire::append_setting(settings, kTableSize, 0);  // parse_status() relies on it
  wire::append_setting(settings, kEnablePush, 0);
  wire::append_setting(settings, kInitialWindow, Exchange::kWindow);
  wire::append_frame_head(output_, settings.size(), wire::kSettings, 0, 0);
  output_ += settings;
  append_window_update(0, kConnectionWindow - kDefaultWindow);
}

Connection::~Connection() = default;

Task<std::shared_ptr<Connection>> Connection::open(net::IoLoop& loop, Address address) {
  auto descriptor = co_await net::connect_tcp(loop, {address.host, address.port});
  auto stream = co_await net::tls_stream(std::move(descriptor), address.tls);
  if (stream->tls().alpn != "h2") {
    throw Error(Reason::ServiceUnavailable, address.authority() + " does not speak HTTP/2");
  }
  std::shared_ptr<Connection> self(new Connection(std::move(stream)));
  start_task(loop, read_all(self));
  start_task(loop, write_all(self));
  struct CloseUnlessOpen {
    Connection* connection;
    ~CloseUnlessOpen() {
      if (connection) connection->close();
    }
  } guard{self.get()};
  co_await with_deadline(wait_for_settings(self), 10s, "the server sends no settings");
  if (self->ended_) {
    throw Error(Reason::ServiceUnavailable, address.authority() + " closed the connection");
  }
  guard.connection = nullptr;
  co_return self;
}

Task<> Connection::wait_for_settings(std::shared_ptr<Connection> self) {
  if (self->has_settings_ || self->ended_) co_return;
  co_await wait_for([&](Resolver<Done> done) { self->settings_waiter_ = done; });
}

void Connection::close() {
  if (std::exchange(ended_, true)) return;
  streams_.clear();
  blocked_.clear();
  stream_->close();
  wake_writer();
}

std::size_t Connection::room() const {
  if (!usable() || streams_.size() >= max_streams_) return 0;
  return max_streams_ - streams_.size();
}

std::uint32_t Connection::send(std::string_view block, std::string_view body, Exchange& exchange) {
  std::uint32_t id = std::exchange(next_stream_, next_stream_ + 2);
  Stream& stream = streams_[id];
  stream.exchange = &exchange;
  stream.window = peer_window_;
  int flags = wire::kEndHeaders | (body.empty() ? wire::kEndStream : 0);
  wire::append_frame_head(output_, block.size(), wire::kHeaders, flags, id);
  output_ += block;
  if (exchange.window > Exchange::kWindow) {
    append_window_update(id, exchange.window - Exchange::kWindow);
  }
  if (!body.empty()) {
    stream.body = body;
    send_body(id, stream);
    if (!stream.body.empty()) blocked_.push_back(id);
  }
  wake_writer();
  return id;
}

void Connection::cancel(std::uint32_t id) {
  if (streams_.erase(id) == 0) return;
  wire::append_frame_head(output_, 4, wire::kRstStream, 0, id);
  wire::append_u32(output_, 8);  // CANCEL
  wake_writer();
}

// Sends what the windows let through.
void Connection::send_body(std::uint32_t id, Stream& stream) {
  std::size_t sent = 0;
  while (sent < stream.body.size()) {
    std::int64_t most = std::min<std::int64_t>({stream.window, window_, peer_frame_});
    if (most <= 0) break;
    std::string_view piece =
        std::string_view(stream.body).substr(sent, static_cast<std::size_t>(most));
    sent += piece.size();
    int flags = sent == stream.body.size() ? wire::kEndStream : 0;
    wire::append_frame_head(output_, piece.size(), wire::kData, flags, id);
    output_ += piece;
    stream.window -= static_cast<std::int64_t>(piece.size());
    window_ -= static_cast<std::int64_t>(piece.size());
  }
  stream.body.erase(0, sent);
}

void Connection::send_bodies() {
  std::size_t waiting = blocked_.size();
  for (std::size_t i = 0; i < waiting; ++i) {
    std::uint32_t id = blocked_.front();
    blocked_.pop_front();
    auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    send_body(id, found->second);
    if (!found->second.body.empty()) blocked_.push_back(id);
  }
  if (!output_.empty()) wake_writer();
}

void Connection::wake_writer() {
  if (auto one = std::exchange(writer_, std::nullopt)) one->resolve(Done{});
}

Task<> Connection::write_all(std::shared_ptr<Connection> self) {
  try {
    while (!self->ended_) {
      co_await flush(self);
      if (self->ended_) break;
      co_await wait_for([&](Resolver<Done> done) { self->writer_ = done; });
    }
  } catch (const Error&) {
    self->fail();
  }
}

// Writes all that is to be written, unless somebody is at it.
Task<> Connection::flush(std::shared_ptr<Connection> self) {
  if (self->writing_) co_return;
  struct Writing {
    bool& flag;
    explicit Writing(bool& of) : flag(of) { flag = true; }
    ~Writing() { flag = false; }
  } writing(self->writing_);
  while (!self->ended_ && !self->output_.empty()) {
    std::string bytes = std::exchange(self->output_, {});
    co_await self->stream_->write(bytes);
    bytes.clear();
    if (self->output_.empty()) self->output_ = std::move(bytes);  // keeps the memory
  }
}

Task<> Connection::read_all(std::shared_ptr<Connection> self) {
  std::size_t unbroken = 0;  // bytes that were there one after another
  try {
    while (!self->ended_) {
      std::span<char> space = self->stream_->loop().scratch();
      auto got = self->stream_->try_read(space);
      if (got.ended) break;
      if (got.bytes == 0) {
        unbroken = 0;
        co_await self->stream_->readable();
        continue;
      }
      self->bytes_received_ += got.bytes;
      if (!self->reader_.feed({space.data(), got.bytes}, *self)) break;
      // A reader that always finds something to read must not keep the server waiting for windows.
      unbroken += got.bytes;
      if (unbroken < Exchange::kWindow / 2 || self->output_.empty()) continue;
      unbroken = 0;
      co_await flush(self);
    }
  } catch (const Error&) {
    // fail() below is what all ways out have in common.
  }
  self->fail();
}

void Connection::fail() {
  if (ended_) return;
  ended_ = true;
  stream_->close();
  wake_writer();
  if (auto one = std::exchange(settings_waiter_, std::nullopt)) one->resolve(Done{});
  auto streams = std::exchange(streams_, {});
  for (auto& [id, stream] : streams) stream.exchange->on_end(false);
}

void Connection::end(std::uint32_t id, bool complete) {
  auto node = streams_.extract(id);
  if (node) node.mapped().exchange->on_end(complete);
}

void Connection::open_window(std::uint32_t id, std::uint32_t& taken, std::uint32_t window) {
  if (taken < window / 2) return;
  append_window_update(id, std::exchange(taken, 0));
  wake_writer();
}

void Connection::append_window_update(std::uint32_t id, std::uint32_t more) {
  wire::append_frame_head(output_, 4, wire::kWindowUpdate, 0, id);
  wire::append_u32(output_, more);
}

void Connection::on_data(const wire::FrameReader::Frame& frame, std::string_view piece,
                         bool is_last) {
  auto bytes = static_cast<std::uint32_t>(piece.size());
  taken_ += bytes;
  open_window(0, taken_, kConnectionWindow);
  auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.taken += bytes;
  if (!stream.exchange->stalled) open_window(frame.stream, stream.taken, stream.exchange->window);
  if (!piece.empty()) stream.exchange->on_data(piece);  // may end it
  if (is_last && (frame.flags & wire::kEndStream) != 0) end(frame.stream, true);
}

void Connection::on_frame(const wire::FrameReader::Frame& frame, std::string_view payload) {
  switch (frame.type) {
    case wire::kData: {  // padded
      std::size_t pad = payload.empty() ? 0 : static_cast<unsigned char>(payload[0]);
      if (pad + 1 > payload.size()) return fail();
      taken_ += static_cast<std::uint32_t>(pad + 1);
      on_data(frame, payload.substr(1, payload.size() - 1 - pad), true);
      break;
    }
    case wire::kHeaders:
    case wire::kContinuation: on_headers(frame, payload); break;
    case wire::kRstStream: end(frame.stream, false); break;
    case wire::kSettings:
      if ((frame.flags & wire::kAck) == 0) take_settings(payload);
      break;
    case wire::kPing:
      if ((frame.flags & wire::kAck) == 0) {
        wire::append_frame_head(output_, payload.size(), wire::kPing, wire::kAck, 0);
        output_ += payload;
        wake_writer();
      }
      break;
    case wire::kGoAway: going_away_ = true; break;
    case wire::kWindowUpdate: update_window(frame.stream, payload); break;
    default: break;
  }
}

void Connection::update_window(std::uint32_t id, std::string_view payload) {
  if (payload.size() < 4) return fail();
  std::int64_t more = wire::read_u32(payload) & 0x7fffffff;
  if (id == 0) {
    window_ += more;
  } else if (auto found = streams_.find(id); found != streams_.end()) {
    found->second.window += more;
  }
  send_bodies();
}

void Connection::take_settings(std::string_view payload) {
  for (; payload.size() >= 6; payload.remove_prefix(6)) {
    int name = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    std::uint32_t value = wire::read_u32(payload.substr(2));
    if (name == kMaxStreams) max_streams_ = value;
    if (name == kMaxFrameSize) peer_frame_ = std::min<std::uint32_t>(value, 1U << 20);
    if (name == kInitialWindow) {
      for (auto& [id, stream] : streams_) stream.window += std::int64_t{value} - peer_window_;
      peer_window_ = value;
    }
  }
  wire::append_frame_head(output_, 0, wire::kSettings, wire::kAck, 0);
  wake_writer();
  has_settings_ = true;
  if (auto one = std::exchange(settings_waiter_, std::nullopt)) one->resolve(Done{});
  send_bodies();
}

void Connection::on_headers(const wire::FrameReader::Frame& frame, std::string_view payload) {
  if (frame.type == wire::kHeaders) {
    std::size_t pad = 0;
    if ((frame.flags & wire::kPadded) != 0 && !payload.empty()) {
      pad = static_cast<unsigned char>(payload[0]);
      payload.remove_prefix(1);
    }
    if ((frame.flags & wire::kPriority) != 0)
      payload.remove_prefix(std::min<std::size_t>(5, payload.size()));
    if (pad > payload.size()) return fail();
    payload.remove_suffix(pad);
    block_.clear();
    block_flags_ = frame.flags;
  }
  bool whole = (frame.flags & wire::kEndHeaders) != 0;
  bool is_last = (block_flags_ & wire::kEndStream) != 0;
  if (whole && block_.empty()) return take_head(frame.stream, payload, is_last);
  block_ += payload;
  if (block_.size() > 1U << 20) return fail();
  if (whole) take_head(frame.stream, std::exchange(block_, {}), is_last);
}

void Connection::take_head(std::uint32_t id, std::string_view block, bool is_last) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (!found->second.has_head) {  // otherwise they are trailers
    auto status = wire::parse_status(block);
    if (!status) return fail();
    found->second.has_head = *status >= 200;
    if (*status >= 200) found->second.exchange->on_head(*status);
  }
  if (is_last) end(id, true);
}

}  // namespace bench
