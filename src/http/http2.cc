#include "http/http2.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "base/error.h"
#include "http/http1_parser.h"

namespace http {
namespace {

constexpr std::uint32_t kWindow = 256 * 1024;
constexpr std::uint32_t kMaxStreams = 100;
// What is written at once: with what TLS adds still one segment on a loopback, and one piece for
// a network card that cuts segments itself (64 KiB with the heads of IP and TCP).
constexpr std::size_t kGatherBytes = 65'280;
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kWorthCutting = 4096;  // less room than this is left, not filled with a part
constexpr Duration kCheckPeriod = 10s;
constexpr int kStalledChecks = 6;      // a stream with something due that does not move: a minute
constexpr int kServerIdleChecks = 30;  // a connection without streams: five minutes
constexpr int kClientIdleChecks = 9;

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Fields that HTTP/2 forbids are left out.
void append_fields(std::vector<nghttp2_nv>& fields, const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    if (name == "connection" || name == "transfer-encoding" || name == "keep-alive" ||
        name == "upgrade" || name == "proxy-connection" || name == "host") {
      continue;
    }
    fields.push_back(field(name, value));
  }
}

}  // namespace

// nghttp2's C callbacks. None of them calls back into nghttp2 or into users.
struct Http2Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  // Where that pseudo header of a request goes; null if it is not one.
  static std::string* part_of_line(Http2Stream& stream, std::string_view key) {
    if (!stream.line || !key.starts_with(':')) return nullptr;
    if (key == ":method") return &stream.line->method;
    if (key == ":path") return &stream.line->path;
    if (key == ":authority") return &stream.line->authority;
    return key == ":scheme" ? &stream.line->scheme : nullptr;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    bool request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (request) {
      auto stream = std::make_shared<Http2Stream>();
      stream->id = frame->hd.stream_id;
      stream->line = std::make_unique<Http2RequestLine>();
      self(user).streams_.emplace(stream->id, std::move(stream));
    }
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user) {
    Http2Stream* stream = self(user).find(frame->hd.stream_id);
    if (!stream) return 0;
    std::string_view key(reinterpret_cast<const char*>(name), name_length);
    std::string_view text(reinterpret_cast<const char*>(value), value_length);
    stream->header_bytes += key.size() + text.size() + 32;
    bool too_much =
        stream->header_bytes > kMaxHeadBytes ||
        stream->headers.all().size() + stream->trailers.all().size() >= kMaxHeaderFields;
    if (too_much) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
    if (stream->headers_complete)
      stream->trailers.add(key, text);
    else if (key == ":status")
      stream->status = std::atoi(std::string(text).c_str());
    else if (std::string* part = part_of_line(*stream, key))
      *part = text;
    else
      stream->headers.add(key, text);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    auto place = session.streams_.find(frame->hd.stream_id);
    if (place == session.streams_.end()) return 0;
    Http2StreamPtr stream = place->second;
    bool interim = stream->status >= 100 && stream->status < 200;
    if (frame->hd.type == NGHTTP2_HEADERS && interim) {
      stream->status = 0;
      return 0;
    }
    bool first = frame->hd.type == NGHTTP2_HEADERS && !stream->headers_complete;
    if (first) stream->headers_arrived();
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->incoming.end();
    if (first && session.side_ == Http2Session::Side::Server) session.on_request_(stream);
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t length, void* user) {
    if (Http2Stream* stream = self(user).find(id)) {
      stream->moved += length;
      stream->incoming.push(Bytes(std::string(reinterpret_cast<const char*>(data), length)));
    }
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    self(user).close_stream(id, code);
    return 0;
  }

  // The stream of a body; null once all are closed. nghttp2 drops its own when one is closed.
  static Http2Stream* stream_of(nghttp2_data_source* source, void* user) {
    return self(user).ended_ ? nullptr : static_cast<Http2Stream*>(source->ptr);
  }

  // How much of the outgoing body goes into the next DATA frame.
  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length,
                           std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    Http2Stream* stream = stream_of(source, user);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    std::size_t room = self(user).room();
    if (room >= kWorthCutting) length = std::min(length, room);
    std::size_t have = std::min(length, stream->outgoing.queued());
    if (have == 0 && !stream->outgoing.ended()) {
      stream->deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->outgoing.ended() && have == stream->outgoing.queued()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(have);
  }

  // Writes that frame: the header, then the bytes straight from the queued pieces.
  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                       std::size_t length, nghttp2_data_source* source, void* user) {
    Http2Session& session = self(user);
    Http2Stream* stream = stream_of(source, user);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (length > session.room() && !session.output_.empty()) return NGHTTP2_ERR_WOULDBLOCK;
    session.output_.append(reinterpret_cast<const char*>(header), kFrameHead);
    stream->moved += length;
    while (length > 0) {
      std::string_view piece = stream->outgoing.front().substr(0, length);
      session.output_.append(piece);
      length -= piece.size();
      stream->outgoing.consume(piece.size());
    }
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* all = nullptr;
    CHECK(nghttp2_session_callbacks_new(&all) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, on_close);
    nghttp2_session_callbacks_set_send_data_callback(all, send_data);
    return all;
  }
};

void Http2Stream::headers_arrived() {
  headers_complete = true;
  if (auto one = std::exchange(waiting_for_headers, std::nullopt)) one->resolve(Done{});
}

Http2Session::Http2Session(Side side, net::Stream& stream,
                           std::function<void(Http2StreamPtr)> on_request)
    : side_(side), stream_(stream), on_request_(std::move(on_request)) {
  static nghttp2_session_callbacks* callbacks = Http2Callbacks::make();
  nghttp2_option* options = nullptr;
  CHECK(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, 1000);
  nghttp2_option_set_max_settings(options, 32);
  nghttp2_option_set_stream_reset_rate_limit(options, 1000, 100);
  auto make = side == Side::Server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  CHECK(make(&session_, callbacks, this, options) == 0);
  nghttp2_option_del(options);
  submit_settings();
}

Http2Session::~Http2Session() {
  close_all("the connection was closed");
  nghttp2_session_del(session_);
}

void Http2Session::submit_settings() {
  std::vector<nghttp2_settings_entry> settings{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeadBytes}};
  if (side_ == Side::Client) settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kMaxStreams * kWindow);
}

Http2Stream* Http2Session::find(std::int32_t id) {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

void Http2Session::wake_writer() {
  write_wanted_ = true;
  if (auto one = std::exchange(writer_, std::nullopt)) one->resolve(Done{});
}

void Http2Session::close_stream(std::int32_t id, std::uint32_t error_code) {
  auto node = streams_.extract(id);
  if (!node) return;
  Http2Stream& stream = *node.mapped();
  stream.closed = true;
  // What was not read counts against the connection's window, though nobody may ever read it.
  unread_of_closed_ += stream.incoming.queued();
  stream.incoming.fail(fmt::format("the stream was reset: {}", nghttp2_http2_strerror(error_code)));
  stream.outgoing.close_reader();
  stream.headers_arrived();
  if (error_code != NGHTTP2_NO_ERROR || !stream.outgoing.ended()) stream.task.cancel();
}

void Http2Session::close_all(const std::string& why) {
  ended_ = true;
  if (end_reason_.empty()) end_reason_ = why;
  while (!streams_.empty()) close_stream(streams_.begin()->first, NGHTTP2_CONNECT_ERROR);
  wake_writer();
}

Task<> Http2Session::run() {
  struct BreakOff {  // a cancelled connection tells those who wait for their responses
    Http2Session& session;
    ~BreakOff() { session.close_all("the connection was closed"); }
  } break_off{*this};
  co_await with_scope([this](Scope& scope) -> Task<> {
    scope.spawn("write", write_loop());
    scope.spawn("stalls", stall_loop());
    return read_loop();
  });
}

bool Http2Session::feed(std::string_view bytes) {
  ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) end_reason_ = nghttp2_strerror(static_cast<int>(taken));
  return taken >= 0;
}

Task<> Http2Session::read_loop() {
  bool more = true;
  std::string why = "the peer closed the connection";
  try {
    while (more && !ended_) {
      co_await stream_.readable();
      auto scratch = stream_.loop().scratch();
      auto got = stream_.try_read(scratch);
      more = !got.ended;
      if (got.bytes > 0 && !feed({scratch.data(), got.bytes})) more = false;
      wake_writer();
      bool idle = !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
      if (idle || (draining_ && streams_.empty())) more = false;
    }
  } catch (const Error& error) {
    why = error.message();
  }
  // A last GOAWAY tells a misbehaving peer why.
  gather();
  if (!output_.empty()) {
    try {
      co_await with_deadline(stream_.write(output_), 1s, "closing");
    } catch (const Error&) {
      why = "the connection broke";
    }
  }
  close_all(why);
  stream_.close();
}

std::size_t Http2Session::room() const {
  std::size_t taken = output_.size() + kFrameHead;
  return kGatherBytes - std::min(taken, kGatherBytes);
}

void Http2Session::gather() {
  output_.clear();
  std::size_t unread = std::exchange(unread_of_closed_, 0);
  if (unread > 0 && !ended_) nghttp2_session_consume_connection(session_, unread);
  while (output_.size() < kGatherBytes) {
    const std::uint8_t* data = nullptr;
    ssize_t length = nghttp2_session_mem_send(session_, &data);
    if (length <= 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
  }
}

Task<> Http2Session::write_loop() {
  while (!ended_) {
    write_wanted_ = false;
    gather();
    if (output_.empty()) {
      if (draining_ && streams_.empty()) break;
      if (!write_wanted_) {
        co_await wait_for([this](Resolver<Done> done) { writer_ = done; });
      }
      continue;
    }
    std::string bytes = std::move(output_);
    try {
      co_await stream_.write(bytes);
    } catch (const Error& error) {
      close_all(error.message());
    }
    output_ = std::move(bytes);  // keeps its capacity
  }
  stream_.close();
}

// Whether a peer owes something on this stream: to take what is queued or, to a server, the rest of
// the request. A watch without events owes nothing.
bool Http2Session::is_stalled(Http2Stream& stream) {
  bool awaits_body = side_ == Side::Server && !stream.incoming.ended() && stream.incoming.empty() &&
                     !stream.outgoing.ended();
  bool due = stream.outgoing.queued() > 0 || awaits_body;
  bool moved = stream.moved != std::exchange(stream.moved_at_check, stream.moved);
  stream.idle_checks = due && !moved ? stream.idle_checks + 1 : 0;
  return stream.idle_checks >= kStalledChecks;
}

Task<> Http2Session::stall_loop() {
  const int limit = side_ == Side::Server ? kServerIdleChecks : kClientIdleChecks;
  while (!ended_) {
    co_await sleep_for(kCheckPeriod);
    std::vector<Http2StreamPtr> stalled;
    for (auto& [id, stream] : streams_) {
      if (is_stalled(*stream)) stalled.push_back(stream);
    }
    for (auto& stream : stalled) {
      stream->task.cancel();
      reset(*stream);
    }
    if (output_.empty()) std::string().swap(output_);  // a connection that is idle holds nothing
    idle_checks_ = streams_.empty() ? idle_checks_ + 1 : 0;
    if (idle_checks_ >= limit) drain();
  }
}

void Http2Session::drain() {
  if (draining_) return;
  draining_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  wake_writer();
}

void Http2Session::respond(Http2Stream& stream, int status, const Headers& headers) {
  if (stream.closed) throw Error(Reason::ServiceUnavailable, "the peer has gone");
  std::string code = std::to_string(status);
  std::vector<nghttp2_nv> fields{field(":status", code)};
  append_fields(fields, headers);
  nghttp2_data_provider body{{.ptr = &stream}, Http2Callbacks::read_body};
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(), &body);
  wake_writer();
}

Http2StreamPtr Http2Session::request(std::string_view method, std::string_view scheme,
                                     std::string_view authority, std::string_view path,
                                     const Headers& headers) {
  std::vector<nghttp2_nv> fields{field(":method", method), field(":scheme", scheme),
                                 field(":authority", authority), field(":path", path)};
  append_fields(fields, headers);
  auto stream = std::make_shared<Http2Stream>();
  nghttp2_data_provider body{{.ptr = stream.get()}, Http2Callbacks::read_body};
  std::int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &body, nullptr);
  if (id < 0) throw Error(Reason::ServiceUnavailable, nghttp2_strerror(id));
  stream->id = id;
  streams_.emplace(id, stream);
  wake_writer();
  return stream;
}

void Http2Session::resume(Http2Stream& stream) {
  if (stream.closed) return;
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
  wake_writer();
}

void Http2Session::reset(Http2Stream& stream) {
  if (stream.closed || ended_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  wake_writer();
}

void Http2Session::consumed(Http2Stream& stream, std::size_t count) {
  if (ended_) return;
  nghttp2_session_consume(session_, stream.id, count);
  wake_writer();
}

bool Http2Session::usable() const {
  return !ended_ && !draining_ && nghttp2_session_check_request_allowed(session_) &&
         streams_.size() <
             nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace http
