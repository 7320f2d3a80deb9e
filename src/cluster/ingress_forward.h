// What a reverse proxy does to messages: hop-by-hop fields stay behind, X-Forwarded-* is added, and
// a request can be sent again as long as nothing of it can have been acted on. Loop-bound.
// Source: RFC 9110 7.6 and 9.2.2.
#pragma once

#include <memory>

#include "http/message.h"

namespace cluster {

// `headers` without those that concern one connection only.
http::Headers end_to_end(const http::Headers& headers);

// A request on its way to a backend, possibly more than once.
class ForwardedRequest {
 public:
  explicit ForwardedRequest(http::Request request);

  // Whether sending it (again) is safe: its body has not been touched, or it is idempotent and has
  // no body.
  bool can_be_sent() const;
  const http::Request& request() const { return request_; }
  // A copy to send. Copies share the body; only the newest may be read.
  http::Request make();

 private:
  struct SharedBody;
  class BodyView;

  http::Request request_;
  std::shared_ptr<SharedBody> body_;
};

}  // namespace cluster
