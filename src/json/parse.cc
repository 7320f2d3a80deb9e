#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "json/text.h"
#include "json/utf8.h"

namespace json {
namespace {

// A recursive descent parser with a sticky first error; depth is bounded by the options.
class Parser {
 public:
  Parser(std::string_view text, const ParseOptions& options) : text_(text), options_(options) {}

  Result<Value> document() {
    skip_space();
    Value value = parse_value();
    skip_space();
    if (error_.empty() && at_ < text_.size()) fail("unexpected text after the value");
    if (!error_.empty()) {
      return std::unexpected(
          Error::bad_request(fmt::format("invalid JSON at byte {}: {}", error_at_, error_)));
    }
    return value;
  }

 private:
  void fail(std::string_view why) {
    if (!error_.empty()) return;
    error_ = why;
    error_at_ = at_;
    at_ = text_.size();  // nothing more is read
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool take(char expected) {
    if (peek() != expected || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  Value literal(std::string_view word, Value value) {
    if (!text_.substr(at_).starts_with(word)) {
      fail("expected a value");
      return {};
    }
    at_ += word.size();
    return value;
  }

  Value parse_value() {
    if (at_ >= text_.size()) {
      fail("unexpected end");
      return {};
    }
    switch (text_[at_]) {
      case '{': return parse_object();
      case '[': return parse_array();
      case '"': {
        ++at_;
        return Value(parse_string());
      }
      case 't': return literal("true", Value(true));
      case 'f': return literal("false", Value(false));
      case 'n': return literal("null", Value());
      default: return parse_number();
    }
  }

  bool enter() {
    if (++depth_ <= options_.max_depth) return true;
    fail(fmt::format("nested deeper than {} levels", options_.max_depth));
    return false;
  }

  Value parse_array() {
    ++at_;
    std::vector<Value> list;
    if (!enter()) return {};
    skip_space();
    if (!take(']')) {
      while (error_.empty()) {
        skip_space();
        list.push_back(parse_value());
        skip_space();
        if (take(',')) continue;
        if (!take(']')) fail("expected ',' or ']'");
        break;
      }
    }
    --depth_;
    return Value::array(std::move(list));
  }

  Value parse_object() {
    ++at_;
    Value object = Value::object();
    if (!enter()) return {};
    skip_space();
    if (!take('}')) {
      while (error_.empty()) {
        skip_space();
        parse_member(object);
        skip_space();
        if (take(',')) continue;
        if (!take('}')) fail("expected ',' or '}'");
        break;
      }
    }
    --depth_;
    return object;
  }

  void parse_member(Value& object) {
    if (!take('"')) return fail("expected a member name in quotes");
    std::string key = parse_string();
    skip_space();
    if (!take(':')) return fail("expected ':'");
    skip_space();
    bool track = options_.duplicates != nullptr;
    std::size_t path_length = path_.size();
    if (track) {
      if (!path_.empty()) path_ += '.';
      path_ += key;
      if (object.contains(key)) options_.duplicates->push_back(path_);
    }
    Value value = parse_value();
    path_.resize(path_length);
    object.set(key, std::move(value));
  }

  // Behind the opening quote, up to and over the closing one.
  std::string parse_string() {
    std::size_t first = at_;
    bool ascii = true;
    while (at_ < text_.size()) {
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        std::string_view raw = text_.substr(first, at_++ - first);
        return ascii ? std::string(raw) : valid_utf8(raw);
      }
      if (c == '\\') return parse_escaped(first);
      if (c < 0x20) break;
      ascii = ascii && c < 0x80;
      ++at_;
    }
    fail(at_ < text_.size() ? "control character in a string" : "unterminated string");
    return {};
  }

  std::string parse_escaped(std::size_t first) {
    std::string out(text_.substr(first, at_ - first));
    while (at_ < text_.size()) {
      auto c = static_cast<unsigned char>(text_[at_++]);
      if (c == '"') return valid_utf8(out);
      if (c < 0x20) {
        fail("control character in a string");
        return {};
      }
      if (c != '\\') {
        out += static_cast<char>(c);
      } else if (!parse_escape(out)) {
        return {};
      }
    }
    fail("unterminated string");
    return {};
  }

  bool parse_escape(std::string& out) {
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (c == 'u') {
      append_utf8(out, parse_code_point());
      return error_.empty();
    }
    std::size_t which = kFrom.find(c);
    if (c == '\0' || which == std::string_view::npos) {
      fail("invalid escape in a string");
      return false;
    }
    out += kTo[which];
    return true;
  }

  // Four hex digits behind "\u"; -1 if they are not there.
  int hex4(std::size_t at) const {
    if (at + 4 > text_.size()) return -1;
    int value = 0;
    auto [end, error] = std::from_chars(text_.data() + at, text_.data() + at + 4, value, 16);
    return error == std::errc() && end == text_.data() + at + 4 && text_[at] != '-' ? value : -1;
  }

  char32_t parse_code_point() {
    constexpr char32_t kReplacement = 0xFFFD;
    int high = hex4(at_);
    if (high < 0) {
      fail("invalid \\u escape in a string");
      return kReplacement;
    }
    at_ += 4;
    if (high < 0xD800 || high > 0xDFFF) return static_cast<char32_t>(high);
    if (high < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      int low = hex4(at_ + 2);
      if (low >= 0xDC00 && low <= 0xDFFF) {
        at_ += 6;
        return static_cast<char32_t>(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
      }
    }
    return kReplacement;  // half of a pair
  }

  std::size_t digits() {
    std::size_t first = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ - first;
  }

  Value parse_number() {
    std::size_t first = at_;
    take('-');
    bool leading_zero = peek() == '0';
    std::size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) {
      fail(whole == 0 ? "expected a value" : "number with a leading zero");
      return {};
    }
    bool integral = true;
    if (take('.')) {
      integral = false;
      if (digits() == 0) fail("number without digits behind the point");
    }
    if (take('e') || take('E')) {
      integral = false;
      if (!take('+')) take('-');
      if (digits() == 0) fail("number without an exponent");
    }
    if (!error_.empty()) return {};
    return convert(text_.substr(first, at_ - first), integral);
  }

  Value convert(std::string_view number, bool integral) {
    const char* end = number.data() + number.size();
    if (integral) {
      std::int64_t value = 0;
      if (std::from_chars(number.data(), end, value).ec == std::errc()) return Value(value);
      std::uint64_t large = 0;
      if (std::from_chars(number.data(), end, large).ec == std::errc()) return Value(large);
    }
    double value = 0;
    if (std::from_chars(number.data(), end, value).ec == std::errc() && std::isfinite(value)) {
      return Value(value);
    }
    // Too small for a double is zero, as in Go; too large is an error.
    if (number.find("e-") != std::string_view::npos ||
        number.find("E-") != std::string_view::npos) {
      return Value(0.0);
    }
    fail("number out of range");
    return {};
  }

  std::string_view text_;
  const ParseOptions& options_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::string path_;  // of the member being read, kept only when duplicates are wanted
  std::string error_;
  std::size_t error_at_ = 0;
};

}  // namespace

Result<Value> parse(std::string_view text, const ParseOptions& options) {
  return Parser(text, options).document();
}

}  // namespace json
