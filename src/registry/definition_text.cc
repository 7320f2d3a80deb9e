#include "registry/definition_text.h"

namespace registry {
namespace {

// A cursor over JSON text that our own printer wrote. What is malformed makes it fail, and nothing
// is read beyond the end.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }

  // Calls `member(key)` for each member of the object here; it must move behind the value. Keys
  // with escapes are given as they are written.
  template <class F>
  void members(F member) {
    if (!take('{')) return skip();
    if (take('}')) return;
    do {
      std::string_view key = string();
      if (!take(':')) return fail();
      member(key);
    } while (ok_ && take(','));
    if (ok_ && !take('}')) fail();
  }

  template <class F>
  void elements(F element) {
    if (!take('[')) return skip();
    if (take(']')) return;
    do {
      element();
    } while (ok_ && take(','));
    if (ok_ && !take(']')) fail();
  }

  // Moves behind the value here and returns its text.
  std::string_view value() {
    skip_space();
    std::size_t first = at_;
    skip();
    return ok_ ? text_.substr(first, at_ - first) : std::string_view();
  }

 private:
  void fail() {
    ok_ = false;
    at_ = text_.size();
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool take(char expected) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }

  // Behind the next quote that no backslash precedes.
  std::string_view string() {
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

  void skip() {
    skip_space();
    if (at_ >= text_.size()) return fail();
    char c = text_[at_];
    if (c == '"') {
      string();
    } else if (c == '{' || c == '[') {
      skip_nested();
    } else {
      while (at_ < text_.size() && !is_end(text_[at_])) ++at_;
    }
  }

  void skip_nested() {
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

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool is_end(char c) { return c == ',' || c == '}' || c == ']' || is_space(c); }

  std::string_view text_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

class Splitter {
 public:
  Splitter(std::string_view json, SchemaPlace place) : json_(json), place_(place), cursor_(json) {}

  std::optional<DefinitionText> split() {
    cursor_.members([&](std::string_view key) {
      if (key == "spec") {
        read_spec();
      } else if (key == "status") {
        found_.status = cursor_.value();
      } else {
        cursor_.value();
      }
    });
    if (!cursor_.ok() || found_.spec.empty()) return std::nullopt;
    return std::move(found_);
  }

 private:
  void read_spec() {
    found_.spec.clear();
    found_.schemas.clear();
    copied_ = cursor_.at();
    cursor_.members([&](std::string_view key) {
      if (key != "versions") {
        cursor_.value();
        return;
      }
      cursor_.elements([&] { read_version(); });
    });
    if (cursor_.ok()) copy_to(cursor_.at());
  }

  void read_version() {
    cursor_.members([&](std::string_view key) {
      if (key != "schema") {
        cursor_.value();
      } else if (place_ == SchemaPlace::Bare) {
        read_schema();
      } else {
        cursor_.members([&](std::string_view inner) {
          if (inner == "openAPIV3Schema") {
            read_schema();
          } else {
            cursor_.value();
          }
        });
      }
    });
  }

  void read_schema() {
    std::string_view schema = cursor_.value();
    if (!cursor_.ok()) return;
    copy_to(static_cast<std::size_t>(schema.data() - json_.data()));
    found_.spec.append(std::to_string(found_.schemas.size()));
    found_.schemas.push_back(schema);
    copied_ = cursor_.at();
  }

  void copy_to(std::size_t end) { found_.spec.append(json_.substr(copied_, end - copied_)); }

  std::string_view json_;
  SchemaPlace place_;
  Cursor cursor_;
  std::size_t copied_ = 0;  // up to here the spec is copied or replaced
  DefinitionText found_;
};

}  // namespace

std::optional<DefinitionText> split_definition(std::string_view json, SchemaPlace place) {
  return Splitter(json, place).split();
}

}  // namespace registry
