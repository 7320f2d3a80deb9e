#include "bench/scanner.h"

#include <algorithm>
#include <utility>

namespace bench {
namespace {

constexpr int kListMetadata = 2;  // the depth of its members

}  // namespace

// Levels: a list is {items: [{metadata: {name}}]}, a table {rows: [{object: {metadata: {name}}}]},
// an event {object: {metadata: {name}}}.
Scanner::Scanner(Shape shape, std::function<void(const ScannedItem&)> on_item)
    : item_depth_(shape == Shape::Watch ? 1 : 3),
      member_depth_(shape == Shape::List    ? 4
                    : shape == Shape::Table ? 5
                                            : 3),
      is_watch_(shape == Shape::Watch),
      on_item_(std::move(on_item)),
      read_depth_(on_item_ ? member_depth_ : kListMetadata) {}

void Scanner::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (in_string_) {
      bytes.remove_prefix(take_string(bytes));
      continue;
    }
    switch (bytes.front()) {
      case '{': open(true); break;
      case '[': open(false); break;
      case '}':
      case ']': close(); break;
      case ',': expects_key_ = depth_ < 64 && (objects_ >> depth_ & 1) != 0; break;
      case ':': expects_key_ = false; break;
      case '"': begin_string(); break;
      default: break;
    }
    bytes.remove_prefix(1);
  }
}

void Scanner::open(bool is_object) {
  ++depth_;
  if (depth_ < 64) {
    std::uint64_t bit = std::uint64_t{1} << depth_;
    objects_ = is_object ? objects_ | bit : objects_ & ~bit;
  }
  expects_key_ = is_object;
  if (depth_ < kKept) keys_[depth_] = Key::Other;
  if (is_object && depth_ == item_depth_) item_.clear();
}

void Scanner::close() {
  if (depth_ == 0) return;
  bool is_item = depth_ == item_depth_ && (objects_ >> depth_ & 1) != 0 &&
                 (is_watch_ || keys_[1] == Key::Items || keys_[1] == Key::Rows);
  if (is_item) {
    ++items_;
    if (on_item_) on_item_(item_);
  }
  --depth_;
  expects_key_ = false;
}

// Called for every key: by length first, so that most are told apart by a few whole words.
Scanner::Key Scanner::key_of(std::string_view name) {
  switch (name.size()) {
    case 4:
      if (name == "data") return Key::Data;
      if (name == "name") return Key::Name;
      if (name == "rows") return Key::Rows;
      return name == "type" ? Key::Type : Key::Other;
    case 5:
      if (name == "items") return Key::Items;
      return name == "phase" ? Key::Phase : Key::Other;
    case 6: return name == "status" ? Key::Status : Key::Other;
    case 7:
      if (name == "payload") return Key::Payload;
      return name == "version" ? Key::Version : Key::Other;
    case 8:
      if (name == "continue") return Key::Continue;
      return name == "metadata" ? Key::Metadata : Key::Other;
    case 15: return name == "resourceVersion" ? Key::ResourceVersion : Key::Other;
    default: return Key::Other;
  }
}

std::string* Scanner::wanted() {
  if (depth_ >= kKept) return nullptr;
  Key key = keys_[depth_];
  if (depth_ == member_depth_) {
    Key parent = keys_[depth_ - 1];
    if (parent == Key::Metadata) {
      if (key == Key::Name) return &item_.name;
      return key == Key::ResourceVersion ? &item_.revision : nullptr;
    }
    if (parent == Key::Status && key == Key::Phase) return &item_.phase;
    return parent == Key::Data && key == Key::Version ? &item_.version : nullptr;
  }
  if (is_watch_) return depth_ == 1 && key == Key::Type ? &item_.type : nullptr;
  if (depth_ == kListMetadata && keys_[1] == Key::Metadata) {
    if (key == Key::ResourceVersion) return &list_revision_;
    if (key == Key::Continue) return &continue_token_;
  }
  return nullptr;
}

bool Scanner::counts_payload() const {
  return depth_ == member_depth_ && keys_[depth_] == Key::Payload && keys_[depth_ - 1] == Key::Data;
}

void Scanner::begin_string() {
  in_string_ = true;
  escaped_ = false;
  string_bytes_ = 0;
  is_key_ = expects_key_ && depth_ <= read_depth_;
  target_ = is_key_ ? &key_ : expects_key_ || depth_ > read_depth_ ? nullptr : wanted();
  if (target_) target_->clear();
}

// `last` is what take_string() has not put into the target: all of it, most of the time.
void Scanner::end_string(std::string_view last) {
  in_string_ = false;
  if (is_key_ && key_.empty()) {
    keys_[depth_] = key_of(last);
  } else if (target_) {
    target_->append(last);
    if (is_key_) keys_[depth_] = key_of(key_);
  } else if (!expects_key_ && counts_payload()) {
    item_.payload_bytes = string_bytes_;
  }
}

// Takes the rest of a string, or all that is there of it; returns how much that was.
std::size_t Scanner::take_string(std::string_view bytes) {
  std::size_t at = std::exchange(escaped_, false) ? 1 : 0;
  while (at < bytes.size()) {
    std::size_t end = std::min(bytes.find('"', at), bytes.size());
    std::size_t slash = end;  // the first of those in front of the end
    while (slash > at && bytes[slash - 1] == '\\') --slash;
    bool is_escaped = (end - slash) % 2 != 0;
    at = end;
    if (end == bytes.size()) escaped_ = is_escaped;
    if (!is_escaped) break;
    at = std::min(end + 1, bytes.size());
  }
  string_bytes_ += at;
  if (at == bytes.size()) {
    if (target_) target_->append(bytes);
    return at;
  }
  end_string(bytes.substr(0, at));
  return at + 1;
}

std::string_view find_text(std::string_view json, std::string_view member) {
  std::string pattern = "\"" + std::string(member) + "\":\"";
  std::size_t at = json.find(pattern);
  if (at == std::string_view::npos) return {};
  at += pattern.size();
  std::size_t end = json.find('"', at);
  return end == std::string_view::npos ? std::string_view() : json.substr(at, end - at);
}

}  // namespace bench
