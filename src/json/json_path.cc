#include "base/strings.h"
#include "json/patch.h"
#include "json/text.h"

namespace json {
namespace {

constexpr std::size_t kMaxMatches = 10'000;

Error malformed(std::string_view text) {
  return Error::bad_request("invalid JSONPath: " + std::string(text));
}

// Where a bracket that opened before `from` closes, quotes respected; npos if it does not.
std::size_t closing_bracket(std::string_view text, std::size_t from) {
  char quote_char = '\0';
  for (std::size_t i = from; i < text.size(); ++i) {
    char c = text[i];
    if (quote_char) {
      if (c == '\\')
        ++i;
      else if (c == quote_char)
        quote_char = '\0';
    } else if (c == '\'' || c == '"') {
      quote_char = c;
    } else if (c == ']') {
      return i;
    }
  }
  return std::string_view::npos;
}

// 'a.b' or "a.b" without its quotes and escapes; nothing if it is not quoted.
std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || (text[0] != '\'' && text[0] != '"') || text.back() != text[0]) return {};
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

Value parse_operand(std::string_view text) {
  if (auto quoted = unquote(text)) return Value(*quoted);
  auto value = parse(text);
  return value ? *value : Value(text);
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.starts_with('{') && rest.ends_with('}')) rest = rest.substr(1, rest.size() - 2);
  if (rest.starts_with('$')) rest.remove_prefix(1);
  if (!rest.empty() && rest[0] != '.' && rest[0] != '[') return std::unexpected(malformed(text));
  JsonPath path;
  while (!rest.empty()) {
    Step step;
    if (rest[0] == '.') {
      rest.remove_prefix(1);
      std::size_t end = 0;
      for (; end < rest.size() && rest[end] != '.' && rest[end] != '['; ++end) {
        if (rest[end] == '\\' && end + 1 < rest.size()) ++end;
        step.name += rest[end];
      }
      rest.remove_prefix(end);
      if (step.name.empty()) {
        if (rest.empty() && path.steps_.empty()) break;  // "." is the root
        if (rest.starts_with('[')) continue;             // ".[0]"
        return std::unexpected(malformed(text));
      }
      if (step.name == "*") step.kind = Step::Kind::All;
    } else {
      std::size_t end = closing_bracket(rest, 1);
      if (end == std::string_view::npos) return std::unexpected(malformed(text));
      std::string_view inner = trim(rest.substr(1, end - 1));
      rest.remove_prefix(end + 1);
      if (!rest.empty() && rest[0] != '.' && rest[0] != '[') {
        return std::unexpected(malformed(text));
      }
      if (inner == "*") {
        step.kind = Step::Kind::All;
      } else if (auto index = parse_i64(inner)) {
        step.kind = Step::Kind::Index;
        step.index = *index;
      } else if (auto name = unquote(inner)) {
        step.name = *name;
      } else if (inner.starts_with("?(") && inner.ends_with(')')) {
        inner = inner.substr(2, inner.size() - 3);
        std::size_t at = inner.find("==");
        if (at == std::string_view::npos) at = inner.find("!=");
        std::string_view left = trim(inner.substr(0, at));
        if (at == std::string_view::npos || !left.starts_with("@.")) {
          return std::unexpected(malformed(text));
        }
        step.kind = Step::Kind::Filter;
        step.name = left.substr(2);
        step.operation = inner.substr(at, 2);
        step.operand = parse_operand(trim(inner.substr(at + 2)));
      } else {
        return std::unexpected(malformed(text));
      }
    }
    path.steps_.push_back(std::move(step));
  }
  return path;
}

std::vector<Value> JsonPath::find_all(const Value& root) const {
  std::vector<Value> found{root};
  for (const Step& step : steps_) {
    std::vector<Value> next;
    auto add = [&](const Value& value) {
      if (next.size() < kMaxMatches) next.push_back(value);
    };
    for (const Value& at : found) {
      if (step.kind == Step::Kind::Member) {
        if (const Value* member = at.find(step.name)) add(*member);
      } else if (step.kind == Step::Kind::Index) {
        auto size = static_cast<std::int64_t>(at.elements().size());
        std::int64_t index = step.index < 0 ? step.index + size : step.index;
        if (index >= 0 && index < size) add(at[static_cast<std::size_t>(index)]);
      } else if (step.kind == Step::Kind::All) {
        for (const Value& one : at.elements()) add(one);
        for (const Member& one : at.members()) add(one.value);
      } else {
        for (const Value& one : at.elements()) {
          const Value* left = &one;
          for (std::string_view name : split(step.name, '.')) left = &(*left)[name];
          if ((*left == step.operand) == (step.operation == "==")) add(one);
        }
      }
    }
    found = std::move(next);
  }
  return found;
}

Value JsonPath::find_first(const Value& root) const {
  auto found = find_all(root);
  return found.empty() ? Value() : found.front();
}

}  // namespace json
