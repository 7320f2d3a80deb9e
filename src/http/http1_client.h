// One HTTP/1.1 connection, client side: one request at a time.
#pragma once

#include "http/message.h"
#include "net/stream.h"

namespace http {

struct Http1Connection {
  explicit Http1Connection(std::unique_ptr<net::Stream> over) : stream(std::move(over)) {}
  std::unique_ptr<net::Stream> stream;
  std::string input;
  bool reusable = false;  // the last exchange ended cleanly and the peer keeps the connection

  // Whether the peer has closed it, or sent what nobody asked for, while it was idle.
  bool stale();
};

// Sends the request and returns the response head; reads the body on demand. `give_back` is called
// when the body has been read to the end (reusable) or the response was dropped.
Task<Response> exchange_http1(std::shared_ptr<Http1Connection> connection, Request request,
                              std::function<void(std::shared_ptr<Http1Connection>)> give_back);

}  // namespace http
