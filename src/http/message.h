// HTTP messages as handlers and callers see them, the same for HTTP/1.1, HTTP/2 and in-process
// calls. Everything here belongs to one loop; nothing is thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"

namespace http {

// Header fields in order of appearance. Names compare without case and are kept in lower case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  void add(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  void remove(std::string_view name);
  std::optional<std::string_view> find(std::string_view name) const;  // the first of that name
  std::string_view get(std::string_view name) const;                  // "" if missing
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A body that arrives in pieces.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece (never empty), or nothing at the end. Throws Error(BadRequest) if the peer
  // breaks off. Reading is what opens the flow-control window, so an unread body costs no memory.
  virtual Task<std::optional<Bytes>> read() = 0;
  // How many bytes are still to come, if that is known without waiting.
  virtual std::optional<std::uint64_t> known_size() const { return std::nullopt; }
  // What the peer sent behind the body (HTTP/2); known once read() has returned nothing.
  virtual Headers trailers() const { return {}; }
};

// A body that is already there.
std::unique_ptr<BodyReader> body_of(Bytes bytes);

// Reads to the end. Throws Error(RequestEntityTooLarge) beyond `limit` bytes.
Task<std::string> read_all(BodyReader& body, std::size_t limit);

// Who is on the other side of a connection.
struct Peer {
  std::string address;  // "127.0.0.1:4711"; "in-process" for direct calls
  // The client certificate in DER, verified against the server's client CA; empty if none was given
  // or it did not verify.
  std::string certificate_der;
  bool certificate_invalid = false;  // one was given and did not verify: answer 401
  std::string server_name;           // SNI, "" if none
  bool tls = false;
  // Set only on in-process calls: the identity is taken from here and not authenticated again.
  std::shared_ptr<const void> trusted_identity;
};

struct Request {
  std::string method;     // "GET"
  std::string target;     // "/api/v1/pods?watch=1", as sent: path still percent-encoded
  std::string authority;  // Host or :authority
  Headers headers;
  Peer peer;
  std::unique_ptr<BodyReader> body;  // never null; empty body if there is none

  std::string_view path() const;   // target up to '?'
  std::string_view query() const;  // behind '?', "" if none
};

// Where a handler writes its response. If the peer goes away, the handler's task is cancelled.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  // Sends status and headers; call once, before the first write(). Sent at once, not held back.
  virtual Task<> start(int status, Headers headers) = 0;
  // Queues one piece of the body, by reference; suspends while the peer's window or the queue
  // (256 KiB) is full. The bytes are flushed at the end of the loop's turn.
  virtual Task<> write(Bytes piece) = 0;
  // The same, unless it would suspend or fail: then false, and nothing has happened.
  virtual bool try_write(const Bytes&) { return false; }
  // Ends the response. A handler that returns without it resets the stream.
  virtual Task<> finish() = 0;
  virtual bool started() const = 0;
  // Bytes accepted by write() that the peer has not taken yet.
  virtual std::size_t queued() const = 0;

  // The whole response in one call.
  Task<> send(int status, Headers headers, Bytes body);
};

// Runs once per request, on the connection's loop. An Error that escapes is the caller's bug: the
// stream is reset and logged.
using Handler = std::function<Task<>(Request request, ResponseWriter& response)>;

struct Response {
  int status = 0;
  Headers headers;
  std::unique_ptr<BodyReader> body;
};

// Something that answers requests: an HTTP client bound to one server, or a Handler in this
// process.
class Transport {
 public:
  virtual ~Transport() = default;
  // Returns when the response headers are there; the body is read through Response::body.
  // Dropping the Response cancels the request. Throws Error(ServiceUnavailable) if the server
  // cannot be reached. Call on the loop that the Transport belongs to, or any loop if it says so.
  virtual Task<Response> send(Request request) = 0;
};

// Calls `handler` directly, on the caller's loop; the handler must be thread-safe if it is shared
// between loops. The handler's task is owned by the returned transport's scope on each loop.
std::shared_ptr<Transport> direct_transport(Handler handler, Peer peer);

}  // namespace http
