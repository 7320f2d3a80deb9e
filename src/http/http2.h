// One HTTP/2 connection, server or client side, over libnghttp2. Frames are gathered and written
// once per turn of the loop; request and response bodies flow through Pipes, so a slow reader holds
// back its stream only. Loop-bound. Source: RFC 9113.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/scope.h"
#include "http/message.h"
#include "http/pipe.h"
#include "net/stream.h"

struct nghttp2_session;

namespace http {

inline constexpr std::size_t kHighWaterBytes = 256 * 1024;

// What a request that came in begins with.
struct Http2RequestLine {
  std::string method, path, authority, scheme;
};

// One request and its response, in either direction. Shared by the session, the task that handles
// it and the body that its user holds. Small: a watch waits with one for an hour.
struct Http2Stream {
  std::int32_t id = 0;
  int status = 0;                          // of a response that came in
  std::unique_ptr<Http2RequestLine> line;  // until somebody handles the request
  Headers headers;
  Headers trailers;  // behind the incoming body
  std::size_t header_bytes = 0;
  bool headers_complete = false;
  bool closed = false;
  bool deferred = false;  // nghttp2 waits to be told that the outgoing body has more
  Pipe incoming{SIZE_MAX};
  Pipe outgoing{kHighWaterBytes};
  std::optional<Resolver<Done>> waiting_for_headers;
  TaskRef task;                      // the server's handler
  std::uint64_t moved = 0;           // bytes that went either way
  std::uint64_t moved_at_check = 0;  // and how many those were at the last look at stalls
  int idle_checks = 0;

  void headers_arrived();
};
using Http2StreamPtr = std::shared_ptr<Http2Stream>;

class Http2Session {
 public:
  enum class Side { Server, Client };
  // `on_request` is called for each complete request head (server side only), not re-entrantly.
  Http2Session(Side side, net::Stream& stream, std::function<void(Http2StreamPtr)> on_request);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Reads and writes until the connection ends; throws nothing but Cancelled. However it ends, all
  // open streams have broken off.
  Task<> run();
  // No new requests; those in flight go on. run() returns when the last has ended.
  void drain();

  // Server: starts a response; its body is stream->outgoing.
  void respond(Http2Stream& stream, int status, const Headers& headers);
  // Client: starts a request; its body is stream->outgoing.
  Http2StreamPtr request(std::string_view method, std::string_view scheme,
                         std::string_view authority, std::string_view path, const Headers& headers);
  // More is in stream.outgoing, or it has ended.
  void resume(Http2Stream& stream);
  void reset(Http2Stream& stream);
  // The user has taken `count` bytes of stream.incoming: lets the peer send more.
  void consumed(Http2Stream& stream, std::size_t count);

  bool usable() const;  // may take another request
  std::size_t open_streams() const { return streams_.size(); }
  const std::string& end_reason() const { return end_reason_; }

 private:
  friend struct Http2Callbacks;

  void submit_settings();
  Task<> read_loop();
  Task<> write_loop();
  Task<> stall_loop();
  bool is_stalled(Http2Stream& stream);
  bool feed(std::string_view bytes);
  std::size_t room() const;  // for the body of the next frame in output_
  void gather();
  void wake_writer();
  void close_stream(std::int32_t id, std::uint32_t error_code);
  void close_all(const std::string& why);
  Http2Stream* find(std::int32_t id);

  const Side side_;
  net::Stream& stream_;
  std::function<void(Http2StreamPtr)> on_request_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Http2StreamPtr> streams_;
  std::string output_;
  std::size_t unread_of_closed_ = 0;  // bytes to be given back to the connection's window
  std::optional<Resolver<Done>> writer_;
  bool write_wanted_ = true;
  bool draining_ = false;
  bool ended_ = false;
  std::string end_reason_;
  int idle_checks_ = 0;
};

}  // namespace http
