#include <fmt/format.h>

#include "base/strings.h"
#include "json/patch.h"
#include "json/text.h"

namespace json {
namespace {

constexpr std::size_t kMaxCopied = 3 * 1024 * 1024;  // bytes that all "copy" operations may add
constexpr std::size_t kMaxShifted = 10'000'000;      // elements of arrays that may change places

Error malformed(std::string_view why) {
  return Error::bad_request("invalid JSON patch: " + std::string(why));
}

Error inapplicable(std::string why) { return {Reason::Invalid, std::move(why)}; }

Result<std::vector<std::string>> parse_pointer(std::string_view text) {
  std::vector<std::string> tokens;
  if (text.empty()) return tokens;
  if (text[0] != '/') return std::unexpected(malformed("path must start with '/'"));
  for (std::string_view part : split(text.substr(1), '/')) {
    std::string token;
    for (std::size_t i = 0; i < part.size(); ++i) {
      bool escape =
          part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1');
      token += escape ? (part[++i] == '1' ? '/' : '~') : part[i];
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The position that `token` names in an array of `size`; nothing if it is out of range.
std::optional<std::size_t> parse_index(std::string_view token, std::size_t size, bool may_append) {
  if (token == "-") return may_append ? std::optional(size) : std::nullopt;
  if (token.size() > 1 && token[0] == '0') return {};
  auto index = parse_u64(token);
  if (!index || *index > size || (*index == size && !may_append)) return {};
  return *index;
}

const Value* find(const Value& root, std::span<const std::string> path) {
  const Value* at = &root;
  for (const std::string& token : path) {
    if (at->is_object()) {
      at = at->find(token);
    } else if (at->is_array()) {
      auto index = parse_index(token, at->size(), false);
      at = index ? &(*at)[*index] : nullptr;
    } else {
      at = nullptr;
    }
    if (!at) return nullptr;
  }
  return at;
}

// The container of the last token of `path`, to be changed; the path to it must exist.
Value* edit_parent(Value& root, std::span<const std::string> path) {
  if (!find(root, path.first(path.size() - 1))) return nullptr;
  Value* at = &root;
  for (const std::string& token : path.first(path.size() - 1)) {
    at = at->is_object() ? &at->edit(token)
                         : &at->edit_element(*parse_index(token, at->size(), false));
  }
  return at;
}

class Operations {
 public:
  explicit Operations(Value& root) : root_(root) {}

  std::optional<Error> apply(const Value& operation) {
    std::string_view op = operation["op"].as_string();
    text_ = operation["path"].as_string();
    if (!operation["path"].is_string()) return malformed("an operation has no path");
    auto path = parse_pointer(text_);
    if (!path) return path.error();
    if (op == "remove") return remove(*path);
    if (op == "move" || op == "copy") return transfer(operation, *path, op == "move");
    if (!operation.contains("value")) return malformed(fmt::format("{} has no value", op));
    if (op == "add") return add(*path, operation["value"]);
    if (op == "replace") return replace(*path, operation["value"]);
    if (op == "test") return test(*path, operation["value"]);
    return malformed(fmt::format("unknown operation {}", quote(op)));
  }

 private:
  using Path = std::vector<std::string>;

  Error missing(std::string_view op) const {
    return inapplicable(
        fmt::format("{} operation does not apply: doc is missing path: \"{}\"", op, text_));
  }

  // Work that a short patch could make endless.
  std::optional<Error> shift(std::size_t elements) {
    shifted_ += elements;
    if (shifted_ <= kMaxShifted) return {};
    return Error(Reason::RequestEntityTooLarge,
                 "the JSON patch moves too many elements of arrays; send the arrays whole");
  }

  std::optional<Error> add(const Path& path, Value value) {
    if (path.empty()) {
      root_ = std::move(value);
      return {};
    }
    Value* parent = edit_parent(root_, path);
    if (!parent) return missing("add");
    if (parent->is_object()) {
      parent->set(path.back(), std::move(value));
      return {};
    }
    auto index = parent->is_array() ? parse_index(path.back(), parent->size(), true) : std::nullopt;
    if (!index) return missing("add");
    if (auto error = shift(parent->size() - *index)) return error;
    parent->insert(*index, std::move(value));
    return {};
  }

  std::optional<Error> remove(const Path& path) {
    if (path.empty()) return malformed("the whole document cannot be removed");
    if (!find(root_, path)) return missing("remove");
    Value* parent = edit_parent(root_, path);
    if (parent->is_object()) {
      parent->erase(path.back());
    } else {
      std::size_t index = *parse_index(path.back(), parent->size(), false);
      if (auto error = shift(parent->size() - index)) return error;
      parent->erase_element(index);
    }
    return {};
  }

  std::optional<Error> replace(const Path& path, Value value) {
    if (!find(root_, path)) return missing("replace");
    if (path.empty()) {
      root_ = std::move(value);
      return {};
    }
    Value* parent = edit_parent(root_, path);
    if (parent->is_object()) {
      parent->set(path.back(), std::move(value));
    } else {
      parent->edit_element(*parse_index(path.back(), parent->size(), false)) = std::move(value);
    }
    return {};
  }

  std::optional<Error> test(const Path& path, const Value& value) {
    const Value* present = find(root_, path);
    if ((present ? *present : Value()) == value) return {};
    return inapplicable(fmt::format("testing path {} failed", text_));
  }

  std::optional<Error> transfer(const Value& operation, const Path& path, bool move) {
    auto from = parse_pointer(operation["from"].as_string());
    if (!from || !operation["from"].is_string()) return malformed("from is missing or malformed");
    const Value* present = find(root_, *from);
    if (!present) {
      text_ = operation["from"].as_string();
      return missing(move ? "move" : "copy");
    }
    Value value = *present;
    if (move) {
      bool inside =
          path.size() > from->size() && std::equal(from->begin(), from->end(), path.begin());
      if (inside)
        return inapplicable("move operation does not apply: the target is inside the source");
      if (auto error = remove(*from)) return error;
    } else {
      copied_ += print(value).size();
      if (copied_ > kMaxCopied) return inapplicable("copy operations add more than 3 MiB");
    }
    return add(path, std::move(value));
  }

  Value& root_;
  std::string text_;  // the path of the present operation, for messages
  std::size_t copied_ = 0;
  std::size_t shifted_ = 0;
};

}  // namespace

Result<Value> apply_json_patch(Value target, const Value& patch, std::size_t max_operations) {
  if (!patch.is_array()) return std::unexpected(malformed("it must be an array of operations"));
  if (patch.size() > max_operations) {
    return std::unexpected(
        Error(Reason::RequestEntityTooLarge,
              fmt::format("The allowed maximum operations in a JSON patch is {}, got {}",
                          max_operations, patch.size())));
  }
  Operations operations(target);
  for (const Value& operation : patch.elements()) {
    if (auto error = operations.apply(operation)) return std::unexpected(std::move(*error));
  }
  return target;
}

}  // namespace json
