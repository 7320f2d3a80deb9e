#include "json/scan.h"

namespace json {

void Scanner::fail() {
  ok_ = false;
  at_ = text_.size();
}

std::string_view Scanner::string() {
  if (!take('"')) {
    fail();
    return {};
  }
  std::size_t first = at_;
  while (true) {
    at_ = text_.find('"', at_);
    if (at_ == std::string_view::npos) {
      fail();
      return {};
    }
    std::size_t escape = at_;
    while (escape > first && text_[escape - 1] == '\\') --escape;
    if ((at_ - escape) % 2 == 0) break;
    ++at_;
  }
  return text_.substr(first, at_++ - first);
}

std::string_view Scanner::value() {
  skip_space();
  std::size_t first = at_;
  skip();
  return ok_ ? text_.substr(first, at_ - first) : std::string_view();
}

void Scanner::skip() {
  skip_space();
  if (at_ >= text_.size()) return fail();
  char c = text_[at_];
  if (c == '"') {
    string();
  } else if (c == '{' || c == '[') {
    skip_nested();
  } else {
    auto ends = [](char one) { return one == ',' || one == '}' || one == ']' || is_space(one); };
    while (at_ < text_.size() && !ends(text_[at_])) ++at_;
  }
}

void Scanner::skip_nested() {
  std::size_t depth = 0;
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '"') {
      string();
      continue;
    }
    ++at_;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return;
  }
  fail();
}

}  // namespace json
