#include "object/header.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/text.h"

namespace object {
namespace {

// Walks over JSON text without making a tree. The text is what our own printer wrote, or close to
// it; anything malformed makes ok() false, and nothing is read beyond the end.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

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
      std::string key = string();
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

  std::string string() {
    std::string_view raw = raw_string();
    if (raw.find('\\') == std::string_view::npos) return std::string(raw);
    auto value = json::parse(fmt::format("\"{}\"", raw));
    if (!value) fail();
    return value ? value->str() : "";
  }

  // The string here, or "" after skipping a value of another kind (null).
  std::string string_or_skip() {
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
      while (at_ < text_.size() && !std::string_view(",]} \n\r\t").contains(text_[at_])) ++at_;
    }
  }

 private:
  void fail() {
    ok_ = false;
    at_ = text_.size();
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \n\r\t").contains(text_[at_])) ++at_;
  }

  std::string_view raw_string() {
    if (!take('"')) {
      fail();
      return {};
    }
    std::size_t first = at_;
    while (true) {
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ == std::string_view::npos) {
        fail();
        return {};
      }
      if (text_[at_] == '"') break;
      at_ += 2;
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
  std::size_t at_ = 0;
  bool ok_ = true;
};

void read_labels(Scanner& scan, Header& header) {
  if (!scan.is_next('{')) return scan.skip();
  scan.members([&](const std::string& key) {
    header.labels.emplace_back(key, scan.string_or_skip());
    return true;
  });
  std::ranges::sort(header.labels);
}

void read_owners(Scanner& scan, Header& header) {
  if (!scan.is_next('[')) return scan.skip();
  scan.elements([&] {
    if (!scan.is_next('{')) return scan.skip();
    scan.members([&](const std::string& key) {
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
  scan.members([&](const std::string& key) {
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
  Scanner scan(json);
  scan.members([&](const std::string& key) {
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

std::string with_resource_version(std::string_view json, const Header& header,
                                  std::uint64_t revision) {
  std::string_view head = json.substr(0, header.metadata_offset);
  std::string_view tail = json.substr(header.metadata_offset);
  std::string_view comma = tail.starts_with('}') ? "" : ",";
  std::string number = fmt::format_int(revision).str();
  std::string out;
  out.reserve(json.size() + number.size() + 22);
  out.append(head).append("\"resourceVersion\":\"").append(number).append("\"").append(comma);
  return out.append(tail);
}

}  // namespace object
