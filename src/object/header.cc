#include "object/header.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/text.h"

namespace object {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Walks over JSON text without making a tree. The text is what our own printer wrote, or close to
// it; anything malformed makes ok() false, and nothing is read beyond the end.
class Scanner {
 public:
  Scanner(std::string_view text, std::list<std::string>& unescaped)
      : text_(text), unescaped_(&unescaped) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }

  bool take(char expected) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }

  // Calls `member(key)` for each member of the object here; it must consume the value and may
  // return false to stop early.
  template <class F>
  void members(F member) {
    if (!take('{')) return fail();
    if (take('}')) return;
    while (ok_) {
      std::string_view key = string();
      if (!take(':')) return fail();
      if (!member(key)) return;
      if (take(',')) continue;
      if (!take('}')) fail();
      return;
    }
  }

  template <class F>
  void elements(F element) {
    if (!take('[')) return fail();
    if (take(']')) return;
    while (ok_) {
      element();
      if (take(',')) continue;
      if (!take(']')) fail();
      return;
    }
  }

  std::string_view string() {
    std::string_view raw = raw_string();
    if (raw.find('\\') == std::string_view::npos) return raw;
    auto value = json::parse(fmt::format("\"{}\"", raw));
    if (!value) fail();
    return value ? unescaped_->emplace_back(value->str()) : std::string_view();
  }

  // The string here, or "" after skipping a value of another kind (null).
  std::string_view string_or_skip() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '"') return string();
    skip();
    return {};
  }

  bool is_next(char c) {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }

  void skip() {
    skip_space();
    if (at_ >= text_.size()) return fail();
    if (text_[at_] == '"') {
      raw_string();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      skip_nested();
    } else {
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' &&
             text_[at_] != ']' && text_[at_] != '}')
        ++at_;
    }
  }

 private:
  void fail() {
    ok_ = false;
    at_ = text_.size();
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string_view raw_string() {
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

  void skip_nested() {
    int depth = 0;
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '"') {
        raw_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return;
    }
    fail();
  }

  std::string_view text_;
  std::list<std::string>* unescaped_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

void read_labels(Scanner& scan, Header& header) {
  if (!scan.is_next('{')) return scan.skip();
  scan.members([&](std::string_view key) {
    header.labels.emplace_back(key, scan.string_or_skip());
    return true;
  });
  std::ranges::sort(header.labels);
}

void read_owners(Scanner& scan, Header& header) {
  if (!scan.is_next('[')) return scan.skip();
  scan.elements([&] {
    if (!scan.is_next('{')) return scan.skip();
    scan.members([&](std::string_view key) {
      if (key == "uid") {
        header.owner_uids.push_back(scan.string_or_skip());
      } else {
        scan.skip();
      }
      return true;
    });
  });
}

void read_metadata(Scanner& scan, Header& header) {
  Scanner start = scan;
  if (!start.take('{')) return scan.skip();
  header.metadata_offset = start.at();
  scan.members([&](std::string_view key) {
    if (key == "name") {
      header.name = scan.string_or_skip();
    } else if (key == "namespace") {
      header.ns = scan.string_or_skip();
    } else if (key == "uid") {
      header.uid = scan.string_or_skip();
    } else if (key == "labels") {
      read_labels(scan, header);
    } else if (key == "ownerReferences") {
      read_owners(scan, header);
    } else if (key == "deletionTimestamp") {
      header.deleting = !scan.string_or_skip().empty();
    } else if (key == "finalizers" && scan.is_next('[')) {
      scan.elements([&] {
        header.has_finalizers = true;
        scan.skip();
      });
    } else {
      scan.skip();
    }
    return true;
  });
}

}  // namespace

Result<Header> read_header(std::string_view json) {
  Header header;
  Scanner scan(json, header.unescaped);
  scan.members([&](std::string_view key) {
    if (key == "apiVersion") {
      header.api_version = scan.string_or_skip();
    } else if (key == "kind") {
      header.kind = scan.string_or_skip();
    } else if (key == "metadata") {
      read_metadata(scan, header);
    } else {
      scan.skip();
    }
    bool complete =
        header.metadata_offset != 0 && !header.kind.empty() && !header.api_version.empty();
    return !complete;
  });
  if (!scan.ok()) return std::unexpected(Error::bad_request("the object is not valid JSON"));
  if (header.metadata_offset == 0) {
    return std::unexpected(Error::bad_request("the object has no metadata"));
  }
  return header;
}

std::string resource_version_text(std::string_view json, std::size_t metadata_offset,
                                  std::uint64_t revision) {
  std::string_view comma = json.substr(metadata_offset).starts_with('}') ? "" : ",";
  return fmt::format(R"("resourceVersion":"{}"{})", revision, comma);
}

}  // namespace object
