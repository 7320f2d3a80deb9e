// HTTP/1.1 framing without I/O: heads of requests and responses, and bodies by length, in chunks or
// up to the end. Strict, because leniency is how requests are smuggled. Bounded. Source: RFC 9112.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace http {

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxHeaderFields = 200;

struct RequestHead {
  std::string method;
  std::string target;
  bool http10 = false;
  Headers headers;
};

struct ResponseHead {
  int status = 0;
  Headers headers;
};

// Where the head in `buffer` ends (behind its empty line); nothing if it is not complete. A head
// over kMaxHeadBytes is an error.
Result<std::optional<std::size_t>> find_head_end(std::string_view buffer);
Result<RequestHead> parse_request_head(std::string_view head);
Result<ResponseHead> parse_response_head(std::string_view head);

// How a message's body is delimited.
struct BodyFraming {
  enum class Kind { None, Length, Chunked, UntilEnd } kind = Kind::None;
  std::uint64_t length = 0;
};
Result<BodyFraming> request_framing(const Headers& headers);
Result<BodyFraming> response_framing(const Headers& headers, int status, std::string_view method);

// Takes a body out of a byte stream, piece by piece.
class BodyParser {
 public:
  explicit BodyParser(BodyFraming framing);

  // Looks at `input`; returns how many bytes of it were consumed, and the body bytes among them.
  struct Step {
    std::size_t consumed = 0;
    std::string_view body;  // within `input`
  };
  Result<Step> advance(std::string_view input);
  bool done() const { return state_ == State::Done; }
  // The stream ended: whether that is a proper end of this body.
  bool end_of_stream();

 private:
  enum class State { Length, ChunkSize, ChunkData, ChunkEnd, Trailers, UntilEnd, Done };
  Result<Step> chunk_size(std::string_view input);

  State state_;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

std::string print_head(int status, const Headers& headers);
std::string print_head(std::string_view method, std::string_view target, const Headers& headers);
std::string_view reason_phrase(int status);

}  // namespace http
