#include "http/http1_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace http {
namespace {

constexpr std::size_t kMaxChunkLine = 1024;
constexpr std::size_t kMaxTrailers = 8192;

Error bad(std::string_view why) {
  return Error::bad_request("malformed HTTP: " + std::string(why));
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool is_target(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f;
  });
}

// How long the line at the start of `input` is at least, if its CRLF is at `end` or not there yet.
std::size_t line_length(std::string_view input, std::size_t end) {
  if (end != std::string_view::npos) return end;
  return input.ends_with('\r') ? input.size() - 1 : input.size();
}

// Takes the next line, which must end with CRLF, off `text`.
std::optional<std::string_view> take_line(std::string_view& text) {
  std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return {};
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  if (line.find_first_of("\r\n") != std::string_view::npos) return {};
  return line;
}

Result<Headers> parse_fields(std::string_view text) {
  Headers headers;
  while (true) {
    auto line = take_line(text);
    if (!line) return std::unexpected(bad("a line does not end with CRLF"));
    if (line->empty()) return headers;
    std::size_t colon = line->find(':');
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) {
      return std::unexpected(bad("a header field has no valid name"));
    }
    std::string_view value = trim(line->substr(colon + 1));
    if (!is_field_value(value)) {
      return std::unexpected(bad("a header field holds a control character"));
    }
    if (headers.all().size() >= kMaxHeaderFields) {
      return std::unexpected(bad("too many header fields"));
    }
    headers.add(line->substr(0, colon), value);
  }
}

// The single Content-Length, or nothing; different values are an error.
Result<std::optional<std::uint64_t>> content_length(const Headers& headers) {
  std::optional<std::uint64_t> length;
  for (const auto& [name, value] : headers.all()) {
    if (name != "content-length") continue;
    auto number = parse_u64(value);
    if (!number || value.size() > 18 || (length && *length != *number)) {
      return std::unexpected(bad("invalid Content-Length"));
    }
    length = number;
  }
  return length;
}

Result<BodyFraming> framing(const Headers& headers) {
  auto length = content_length(headers);
  if (!length) return std::unexpected(length.error());
  if (auto coding = headers.find("transfer-encoding")) {
    if (*length) return std::unexpected(bad("both Content-Length and Transfer-Encoding"));
    if (!equals_ignore_case(*coding, "chunked")) {
      return std::unexpected(bad("unsupported Transfer-Encoding"));
    }
    return BodyFraming{BodyFraming::Kind::Chunked, 0};
  }
  if (!*length) return BodyFraming{};
  return BodyFraming{**length ? BodyFraming::Kind::Length : BodyFraming::Kind::None, **length};
}

}  // namespace

Result<std::optional<std::size_t>> find_head_end(std::string_view buffer) {
  std::size_t end = buffer.substr(0, kMaxHeadBytes).find("\r\n\r\n");
  if (end != std::string_view::npos) return end + 4;
  if (buffer.size() >= kMaxHeadBytes) {
    return std::unexpected(Error(Reason::RequestEntityTooLarge, "the header is over 64 KiB"));
  }
  return std::nullopt;
}

Result<RequestHead> parse_request_head(std::string_view head) {
  auto line = take_line(head);
  if (!line) return std::unexpected(bad("no request line"));
  auto words = split(*line, ' ');
  if (words.size() != 3 || !is_token(words[0]) || !is_target(words[1])) {
    return std::unexpected(bad("invalid request line"));
  }
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") {
    return std::unexpected(bad("unsupported version"));
  }
  auto headers = parse_fields(head);
  if (!headers) return std::unexpected(headers.error());
  RequestHead result{std::string(words[0]), std::string(words[1]), words[2] == "HTTP/1.0",
                     std::move(*headers)};
  auto hosts = std::ranges::count_if(result.headers.all(),
                                     [](const auto& field) { return field.first == "host"; });
  if (hosts > 1 || (hosts == 0 && !result.http10)) {
    return std::unexpected(bad("there must be one Host header"));
  }
  return result;
}

Result<ResponseHead> parse_response_head(std::string_view head) {
  auto line = take_line(head);
  if (!line || !(line->starts_with("HTTP/1.1 ") || line->starts_with("HTTP/1.0 "))) {
    return std::unexpected(bad("invalid status line"));
  }
  auto status = parse_u64(line->substr(9, 3));
  if (!status || *status < 100 || *status > 599) return std::unexpected(bad("invalid status"));
  auto headers = parse_fields(head);
  if (!headers) return std::unexpected(headers.error());
  return ResponseHead{static_cast<int>(*status), std::move(*headers)};
}

Result<BodyFraming> request_framing(const Headers& headers) { return framing(headers); }

Result<BodyFraming> response_framing(const Headers& headers, int status, std::string_view method) {
  if (status < 200 || status == 204 || status == 304 || method == "HEAD") return BodyFraming{};
  auto result = framing(headers);
  if (result && result->kind == BodyFraming::Kind::None && !headers.find("content-length")) {
    result->kind = BodyFraming::Kind::UntilEnd;
  }
  return result;
}

BodyParser::BodyParser(BodyFraming framing) : left_(framing.length) {
  switch (framing.kind) {
    case BodyFraming::Kind::None: state_ = State::Done; break;
    case BodyFraming::Kind::Length: state_ = State::Length; break;
    case BodyFraming::Kind::Chunked: state_ = State::ChunkSize; break;
    default: state_ = State::UntilEnd; break;
  }
}

Result<BodyParser::Step> BodyParser::chunk_size(std::string_view input) {
  std::size_t end = input.find("\r\n");
  if (line_length(input, end) > kMaxChunkLine)
    return std::unexpected(bad("a chunk size line is too long"));
  if (end == std::string_view::npos) return Step{};
  // A bare LF would end the line for a laxer parser on the way here.
  if (!is_field_value(input.substr(0, end))) {
    return std::unexpected(bad("a chunk size line holds a control character"));
  }
  std::string_view text = trim(input.substr(0, std::min(end, input.find(';'))));
  std::uint64_t size = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size, 16);
  if (text.empty() || text.size() > 15 || error != std::errc() ||
      stop != text.data() + text.size()) {
    return std::unexpected(bad("invalid chunk size"));
  }
  left_ = size;
  state_ = size == 0 ? State::Trailers : State::ChunkData;
  return Step{end + 2, {}};
}

Result<BodyParser::Step> BodyParser::advance(std::string_view input) {
  switch (state_) {
    case State::Done: return Step{};
    case State::UntilEnd: return Step{input.size(), input};
    case State::Length:
    case State::ChunkData: {
      std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::Length ? State::Done : State::ChunkEnd;
      return Step{count, input.substr(0, count)};
    }
    case State::ChunkSize: return chunk_size(input);
    case State::ChunkEnd:
      if (input.size() < 2) return Step{};
      if (!input.starts_with("\r\n")) return std::unexpected(bad("a chunk has no end"));
      state_ = State::ChunkSize;
      return Step{2, {}};
    case State::Trailers: {
      std::size_t end = input.find("\r\n");
      if (trailer_bytes_ + line_length(input, end) > kMaxTrailers) {
        return std::unexpected(bad("trailers are too long"));
      }
      if (end == std::string_view::npos) return Step{};
      trailer_bytes_ += end + 2;
      if (!is_field_value(input.substr(0, end))) {
        return std::unexpected(bad("a trailer holds a control character"));
      }
      if (end == 0) state_ = State::Done;
      return Step{end + 2, {}};
    }
  }
  return Step{};
}

bool BodyParser::end_of_stream() {
  if (state_ == State::UntilEnd) state_ = State::Done;
  return done();
}

std::string print_head(int status, const Headers& headers) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  for (const auto& [name, value] : headers.all())
    out.append(name).append(": ").append(value).append("\r\n");
  return out + "\r\n";
}

std::string print_head(std::string_view method, std::string_view target, const Headers& headers) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", method, target);
  for (const auto& [name, value] : headers.all())
    out.append(name).append(": ").append(value).append("\r\n");
  return out + "\r\n";
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

}  // namespace http
