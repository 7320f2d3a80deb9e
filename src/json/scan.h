// Walks over JSON text without making a tree, for the few places that need a few pieces of text
// that our own printer wrote. What is malformed makes ok() false, and nothing is read beyond the
// end; what is valid JSON is not promised to be more than that. Not thread-safe; copying one keeps
// a place to come back to.
#pragma once

#include <string_view>
#include <type_traits>

namespace json {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }
  void fail();

  // These three skip white space first.
  bool is_next(char c) {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char expected) {  // moves behind it if it is next
    if (!is_next(expected)) return false;
    ++at_;
    return true;
  }
  void skip();  // moves behind the value

  // The string here as it is written, without its quotes: escapes are left alone.
  std::string_view string();
  // Moves behind the value here and returns its text; "" if it is malformed.
  std::string_view value();

  // Calls `member(key)` for each member of the object here; it must move behind the value and may
  // return false to stop at once. Keys are as string() gives them. Another value is skipped.
  template <class F>
  void members(F member) {
    if (!take('{')) return skip();
    if (take('}')) return;
    do {
      std::string_view key = string();
      if (!take(':')) return fail();
      if constexpr (std::is_void_v<std::invoke_result_t<F, std::string_view>>) {
        member(key);
      } else if (!member(key)) {
        return;
      }
    } while (ok_ && take(','));
    if (ok_ && !take('}')) fail();
  }

  // The same for an array; `element()` must move behind the value.
  template <class F>
  void elements(F element) {
    if (!take('[')) return skip();
    if (take(']')) return;
    do {
      element();
    } while (ok_ && take(','));
    if (ok_ && !take(']')) fail();
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  void skip_nested();

  std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace json
