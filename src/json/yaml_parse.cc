#include <fmt/format.h>
#include <yaml.h>

#include <map>
#include <memory>

#include "base/check.h"
#include "base/strings.h"
#include "json/text.h"
#include "json/utf8.h"
#include "json/yaml_scalar.h"

namespace json {
namespace {

constexpr std::size_t kMaxNodes = 2'000'000;  // after the expansion of aliases

struct Event {
  yaml_event_t raw{};
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&raw); }
};

std::string_view text_of(const yaml_char_t* text) {
  return text ? reinterpret_cast<const char*>(text) : "";
}

// Turns libyaml's events into values. The first error sticks and ends reading.
class Reader {
 public:
  Reader(std::string_view text, const ParseOptions& options) : options_(options) {
    CHECK(yaml_parser_initialize(&parser_));
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { yaml_parser_delete(&parser_); }

  // The next document, or nothing at the end of the stream or after an error.
  std::optional<Value> document() {
    while (true) {
      auto event = next();
      if (!event || event->raw.type == YAML_STREAM_END_EVENT) return {};
      if (event->raw.type != YAML_DOCUMENT_START_EVENT) continue;
      anchors_.clear();
      Value value = node();
      next();  // the end of the document
      if (!error_.empty()) return {};
      return value;
    }
  }

  std::optional<Error> error() const {
    if (error_.empty()) return {};
    return Error::bad_request("invalid YAML: " + error_);
  }

 private:
  struct Anchor {
    Value value;
    std::size_t nodes;
  };

  void fail(std::string why, std::size_t line) {
    if (error_.empty()) error_ = fmt::format("line {}: {}", line + 1, why);
  }

  std::unique_ptr<Event> next() {
    if (!error_.empty()) return nullptr;
    auto event = std::make_unique<Event>();
    if (!yaml_parser_parse(&parser_, &event->raw)) {
      fail(parser_.problem ? parser_.problem : "malformed", parser_.problem_mark.line);
      return nullptr;
    }
    return event;
  }

  Value node() {
    auto event = next();
    return event ? node(event->raw) : Value();
  }

  Value node(const yaml_event_t& event) {
    std::size_t before = nodes_;
    if (++nodes_ > kMaxNodes) fail("too many nodes", event.start_mark.line);
    if (event.type == YAML_ALIAS_EVENT) return alias(event);
    if (++depth_ > options_.max_depth) fail("nested too deeply", event.start_mark.line);
    Value value;
    const yaml_char_t* anchor = nullptr;
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        anchor = event.data.scalar.anchor;
        value = scalar(event);
        break;
      case YAML_SEQUENCE_START_EVENT:
        anchor = event.data.sequence_start.anchor;
        value = sequence();
        break;
      case YAML_MAPPING_START_EVENT:
        anchor = event.data.mapping_start.anchor;
        value = mapping();
        break;
      default: fail("unexpected content", event.start_mark.line);
    }
    --depth_;
    if (anchor) anchors_[std::string(text_of(anchor))] = {value, nodes_ - before};
    return value;
  }

  Value alias(const yaml_event_t& event) {
    auto it = anchors_.find(text_of(event.data.alias.anchor));
    if (it == anchors_.end()) {
      fail("unknown anchor", event.start_mark.line);
      return {};
    }
    nodes_ += it->second.nodes;
    if (nodes_ > kMaxNodes) fail("aliases expand to too many nodes", event.start_mark.line);
    return it->second.value;
  }

  Value scalar(const yaml_event_t& event) {
    const auto& raw = event.data.scalar;
    std::string_view text(reinterpret_cast<const char*>(raw.value), raw.length);
    std::string_view tag = text_of(raw.tag);
    if (tag == YAML_STR_TAG) return valid_utf8(text);
    if (raw.style != YAML_PLAIN_SCALAR_STYLE && tag.empty()) return valid_utf8(text);
    Value value = resolve_yaml_scalar(text);
    return value.is_string() ? Value(valid_utf8(text)) : value;
  }

  Value sequence() {
    std::vector<Value> list;
    while (auto event = next()) {
      if (event->raw.type == YAML_SEQUENCE_END_EVENT) break;
      list.push_back(node(event->raw));
    }
    return Value::array(std::move(list));
  }

  // A mapping's key as JSON needs it: text.
  std::string key_text(const Value& key, std::size_t line) {
    if (key.is_string()) return key.str();
    if (key.is_array() || key.is_object()) {
      fail("a key must be a scalar", line);
      return {};
    }
    return print(key);
  }

  Value mapping() {
    Value object = Value::object();
    std::vector<Value> merged;
    while (auto event = next()) {
      if (event->raw.type == YAML_MAPPING_END_EVENT) break;
      std::size_t line = event->raw.start_mark.line;
      bool plain = event->raw.type == YAML_SCALAR_EVENT &&
                   event->raw.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
      std::string key = key_text(node(event->raw), line);
      std::size_t path_length = path_.size();
      path_ += path_.empty() ? key : "." + key;
      Value value = node();
      if (plain && key == "<<") {
        merged.push_back(std::move(value));
      } else {
        if (object.contains(key)) duplicate(key, line);
        object.set(key, std::move(value));
      }
      path_.resize(path_length);
    }
    for (const Value& source : merged) merge(object, source);
    return object;
  }

  void duplicate(const std::string& key, std::size_t line) {
    if (options_.duplicates) {
      options_.duplicates->push_back(path_);
    } else {
      fail(fmt::format("key {} already set in map", quote(key)), line);
    }
  }

  static void merge(Value& object, const Value& source) {
    for (const Value& one : source.elements()) merge(object, one);
    for (const Member& member : source.members()) {
      if (!object.contains(member.key)) object.set(member.key, member.value);
    }
  }

  const ParseOptions& options_;
  yaml_parser_t parser_{};
  std::map<std::string, Anchor, std::less<>> anchors_;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
  std::string path_;
  std::string error_;
};

}  // namespace

Result<Value> parse_yaml(std::string_view text, const ParseOptions& options) {
  Reader reader(text, options);
  auto value = reader.document();
  if (auto error = reader.error()) return std::unexpected(*error);
  return value.value_or(Value());
}

Result<std::vector<Value>> parse_yaml_stream(std::string_view text) {
  ParseOptions options;
  Reader reader(text, options);
  std::vector<Value> documents;
  while (auto value = reader.document()) {
    if (!value->is_null()) documents.push_back(std::move(*value));
  }
  if (auto error = reader.error()) return std::unexpected(*error);
  return documents;
}

}  // namespace json
