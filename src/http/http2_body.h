// The incoming body of an HTTP/2 stream.
#pragma once

#include "http/http2.h"

namespace http {

// Taking a piece opens the peer's window. `session` may be gone before this is: it is then closed.
class Http2Body final : public BodyReader {
 public:
  Http2Body(std::weak_ptr<Http2Session> session, Http2StreamPtr stream)
      : session_(std::move(session)), stream_(std::move(stream)) {}
  Task<std::optional<Bytes>> read() override {
    auto piece = co_await stream_->incoming.read();
    auto session = session_.lock();
    if (piece && session && !stream_->closed) session->consumed(*stream_, piece->size());
    co_return piece;
  }
  Headers trailers() const override { return stream_->trailers; }

 private:
  std::weak_ptr<Http2Session> session_;
  Http2StreamPtr stream_;
};

}  // namespace http
