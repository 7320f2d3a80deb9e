#include "object/selector.h"

#include <algorithm>

#include "base/strings.h"
#include "object/names.h"

namespace object {
namespace {

using Requirement = LabelSelector::Requirement;
using Operator = LabelSelector::Operator;

constexpr std::size_t kMaxRequirements = 1000;

Error unparsable(std::string_view text, std::string_view why) {
  return Error::bad_request("unable to parse requirement: " + std::string(why) + " in " +
                            quote(text));
}

// The tokens of a label selector: words and the operators = == != in-lists, !, <, >, ",".
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::string_view next() {
    skip_space();
    std::size_t first = at_;
    if (at_ >= text_.size()) return {};
    if (is_symbol(text_[at_])) {
      ++at_;
      bool pair =
          at_ < text_.size() && text_[at_] == '=' && (text_[first] == '=' || text_[first] == '!');
      if (pair) ++at_;
    } else {
      while (at_ < text_.size() && !is_symbol(text_[at_]) && !is_space(text_[at_])) ++at_;
    }
    return text_.substr(first, at_ - first);
  }

  std::string_view peek() {
    std::size_t before = at_;
    std::string_view token = next();
    at_ = before;
    return token;
  }

  static bool is_word(std::string_view token) { return !token.empty() && !is_symbol(token[0]); }

 private:
  static bool is_symbol(char c) { return std::string_view("=!(),<>").contains(c); }
  static bool is_space(char c) { return std::string_view(" \t\r\n").contains(c); }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "(a,b)" behind in or notin. An empty element is the empty value.
Result<std::vector<std::string>> parse_values(Lexer& lexer, std::string_view text) {
  if (lexer.next() != "(") return std::unexpected(unparsable(text, "expected '('"));
  std::vector<std::string> values;
  bool value_seen = false;
  while (true) {
    std::string_view token = lexer.next();
    if (Lexer::is_word(token)) {
      if (value_seen) return std::unexpected(unparsable(text, "expected ',' or ')'"));
      values.emplace_back(token);
      value_seen = true;
    } else if (token == "," || token == ")") {
      if (!value_seen) values.emplace_back();
      if (token == ")") return values;
      value_seen = false;
    } else {
      return std::unexpected(unparsable(text, "expected ',' or ')'"));
    }
  }
}

Result<Requirement> parse_requirement(Lexer& lexer, std::string_view text) {
  Requirement requirement;
  std::string_view token = lexer.next();
  bool negated = token == "!";
  if (negated) token = lexer.next();
  if (!Lexer::is_word(token)) return std::unexpected(unparsable(text, "expected a label key"));
  requirement.key = token;
  if (negated) {
    requirement.op = Operator::DoesNotExist;
    return requirement;
  }
  std::string_view op = lexer.peek();
  if (op.empty() || op == ",") return requirement;
  lexer.next();
  if (op == "in" || op == "notin") {
    requirement.op = op == "in" ? Operator::In : Operator::NotIn;
    auto values = parse_values(lexer, text);
    if (!values) return std::unexpected(values.error());
    requirement.values = std::move(*values);
    return requirement;
  }
  if (op == "=" || op == "==") {
    requirement.op = Operator::In;
  } else if (op == "!=") {
    requirement.op = Operator::NotIn;
  } else if (op == ">" || op == "<") {
    requirement.op = op == ">" ? Operator::GreaterThan : Operator::LessThan;
  } else {
    return std::unexpected(unparsable(text, "expected an operator"));
  }
  std::string_view value = lexer.peek();
  if (Lexer::is_word(value)) lexer.next();
  requirement.values.emplace_back(Lexer::is_word(value) ? value : "");
  return requirement;
}

std::optional<Error> judge(const Requirement& requirement, std::string_view text) {
  auto refuse = [&](const std::vector<std::string>& why) {
    return Error::bad_request("unable to parse requirement: " + why.front() + " in " + quote(text));
  };
  if (auto why = check_qualified_name(requirement.key); !why.empty()) return refuse(why);
  for (const std::string& value : requirement.values) {
    if (requirement.op == Operator::GreaterThan || requirement.op == Operator::LessThan) {
      if (!parse_i64(value))
        return refuse({"for 'Gt', 'Lt' operators, the value must be an integer"});
    } else if (auto why = check_label_value(value); !why.empty()) {
      return refuse(why);
    }
  }
  return {};
}

bool holds(const Requirement& requirement, std::optional<std::string_view> value) {
  auto listed = [&] { return std::ranges::binary_search(requirement.values, *value); };
  switch (requirement.op) {
    case Operator::Exists: return value.has_value();
    case Operator::DoesNotExist: return !value;
    case Operator::In: return value && listed();
    case Operator::NotIn: return !value || !listed();
    case Operator::GreaterThan:
    case Operator::LessThan: {
      auto number = value ? parse_i64(*value) : std::nullopt;
      auto bound = parse_i64(requirement.values.front());
      if (!number || !bound) return false;
      return requirement.op == Operator::GreaterThan ? *number > *bound : *number < *bound;
    }
  }
  return false;
}

std::string print_requirement(const Requirement& requirement) {
  switch (requirement.op) {
    case Operator::Exists: return requirement.key;
    case Operator::DoesNotExist: return "!" + requirement.key;
    case Operator::GreaterThan: return requirement.key + ">" + requirement.values.front();
    case Operator::LessThan: return requirement.key + "<" + requirement.values.front();
    default: break;
  }
  bool in = requirement.op == Operator::In;
  if (requirement.values.size() == 1) {
    return requirement.key + (in ? "=" : "!=") + requirement.values.front();
  }
  return requirement.key + (in ? " in (" : " notin (") + join(requirement.values, ",") + ")";
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector selector;
  Lexer lexer(text);
  if (lexer.peek().empty()) return selector;
  while (true) {
    auto requirement = parse_requirement(lexer, text);
    if (!requirement) return std::unexpected(requirement.error());
    if (auto error = judge(*requirement, text)) return std::unexpected(*error);
    selector.require(std::move(*requirement));
    std::string_view separator = lexer.next();
    if (separator.empty()) return selector;
    if (separator != ",") return std::unexpected(unparsable(text, "expected ','"));
    if (selector.requirements_.size() > kMaxRequirements) {
      return std::unexpected(unparsable(text.substr(0, 100), "more than 1000 requirements"));
    }
  }
}

Result<LabelSelector> LabelSelector::from_object(const json::Value& object) {
  if (object.is_null()) return nothing();
  LabelSelector selector;
  for (const json::Member& member : object["matchLabels"].members()) {
    selector.require({member.key, Operator::In, {member.value.str()}});
  }
  for (const json::Value& one : object["matchExpressions"].elements()) {
    Requirement requirement{one["key"].str(), Operator::In, {}};
    std::string_view op = one["operator"].as_string();
    if (op == "NotIn")
      requirement.op = Operator::NotIn;
    else if (op == "Exists")
      requirement.op = Operator::Exists;
    else if (op == "DoesNotExist")
      requirement.op = Operator::DoesNotExist;
    else if (op != "In") {
      return std::unexpected(
          Error::bad_request(quote(op) + " is not a valid label selector operator"));
    }
    for (const json::Value& value : one["values"].elements()) {
      requirement.values.push_back(value.str());
    }
    if (auto error = judge(requirement, requirement.key)) return std::unexpected(*error);
    selector.require(std::move(requirement));
  }
  return selector;
}

LabelSelector LabelSelector::nothing() {
  LabelSelector selector;
  selector.nothing_ = true;
  return selector;
}

void LabelSelector::require(Requirement requirement) {
  std::ranges::sort(requirement.values);
  requirements_.push_back(std::move(requirement));
}

bool LabelSelector::matches(const Labels& labels) const {
  if (nothing_) return false;
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    return holds(requirement, find_label(labels, requirement.key));
  });
}

bool LabelSelector::matches(const LabelsView& labels) const {
  if (nothing_) return false;
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    return holds(requirement, labels.find(requirement.key));
  });
}

bool LabelSelector::matches_object(const json::Value& object) const {
  if (nothing_) return false;
  const json::Value& labels = object.at("metadata", "labels");
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    const json::Value* value = labels.find(requirement.key);
    std::string text = value ? value->str() : "";
    return holds(requirement, value ? std::optional<std::string_view>(text) : std::nullopt);
  });
}

std::string LabelSelector::text() const {
  std::vector<std::string> parts;
  for (const Requirement& requirement : requirements_) {
    parts.push_back(print_requirement(requirement));
  }
  return join(parts, ",");
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector selector;
  if (trim(text).empty()) return selector;
  for (std::string_view part : split(text, ',')) {
    if (part.empty()) continue;
    std::size_t at = part.find('=');
    bool equal = at != std::string_view::npos && (at == 0 || part[at - 1] != '!');
    if (at == std::string_view::npos || selector.requirements_.size() > kMaxRequirements) {
      return std::unexpected(Error::bad_request("invalid field selector: " + std::string(text)));
    }
    std::string_view field = trim(part.substr(0, equal ? at : at - 1));
    std::string_view value = part.substr(at + 1);
    if (equal && value.starts_with('=')) value.remove_prefix(1);
    selector.requirements_.push_back({std::string(field), std::string(value), equal});
  }
  return selector;
}

bool FieldSelector::matches(
    const std::function<std::string(std::string_view field)>& value_of) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    return (value_of(requirement.field) == requirement.value) == requirement.equal;
  });
}

}  // namespace object
