// One HTTP/1.1 connection, server side.
#pragma once

#include <set>

#include "http/message.h"
#include "net/stream.h"

namespace http {

// Serves requests one after another until the peer closes, asks to close or misbehaves, or
// `draining` becomes true between two requests. While it waits for a request the stream is in
// `idle`, so that the server may close it when it stops.
Task<> serve_http1(net::Stream& stream, Peer peer, const Handler& handler, const bool& draining,
                   std::set<net::Stream*>& idle);

}  // namespace http
