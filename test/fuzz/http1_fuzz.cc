// The HTTP/1.1 parser: no input may crash it, make it read out of bounds or make no progress, and
// how the input is cut into pieces must not change what it says.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/http1_parser.h"

namespace {

struct Outcome {
  std::string body;
  bool failed = false;
  bool done = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Parses `input` as a body that arrives `step` bytes at a time.
Outcome parse_body(http::BodyFraming framing, std::string_view input, std::size_t step) {
  http::BodyParser parser(framing);
  Outcome outcome;
  std::string waiting;
  while (!parser.done()) {
    auto result = parser.advance(waiting);
    if (!result) {
      outcome.failed = true;
      return outcome;
    }
    CHECK(result->consumed <= waiting.size());
    outcome.body += result->body;
    bool progress = result->consumed > 0;
    waiting.erase(0, result->consumed);
    if (progress || parser.done()) continue;
    if (input.empty()) break;
    std::size_t count = std::min(step, input.size());
    waiting += input.substr(0, count);
    input.remove_prefix(count);
  }
  outcome.done = parser.done();
  return outcome;
}

void check_body(const Result<http::BodyFraming>& framing, std::string_view input) {
  if (!framing) return;
  Outcome whole = parse_body(*framing, input, input.size() + 1);
  Outcome bytewise = parse_body(*framing, input, 1);
  CHECK(whole.failed == bytewise.failed);
  CHECK(whole.failed || whole == bytewise);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  check_body(http::BodyFraming{http::BodyFraming::Kind::Chunked, 0}, input);
  auto end = http::find_head_end(input);
  if (!end || !*end) return 0;
  CHECK(**end <= input.size());
  std::string_view head = input.substr(0, **end);
  std::string_view rest = input.substr(**end);
  if (auto request = http::parse_request_head(head)) {
    for (const auto& [name, value] : request->headers.all()) {
      CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
      CHECK(!name.empty() && name.find_first_of(" :\t") == std::string::npos);
    }
    check_body(http::request_framing(request->headers), rest);
  }
  if (auto response = http::parse_response_head(head)) {
    check_body(http::response_framing(response->headers, response->status, "GET"), rest);
  }
  return 0;
}
