// Label and field selectors as they stand in query parameters and in objects. Pure, thread-safe;
// parsing is bounded. Source: reference kube-apiserver.md 3.4.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "object/labels.h"

namespace object {

class LabelSelector {
 public:
  enum class Operator { In, NotIn, Exists, DoesNotExist, GreaterThan, LessThan };
  struct Requirement {
    std::string key;
    Operator op = Operator::Exists;
    std::vector<std::string> values;  // sorted
  };

  LabelSelector() = default;                                  // matches everything
  static Result<LabelSelector> parse(std::string_view text);  // "a=b,c in (d,e),!f"
  // metav1.LabelSelector: {matchLabels, matchExpressions}. A null value matches nothing, an empty
  // object everything.
  static Result<LabelSelector> from_object(const json::Value& selector);
  static LabelSelector nothing();

  void require(Requirement requirement);
  bool matches(const Labels& labels) const;
  bool matches(const LabelsView& labels) const;
  bool matches_object(const json::Value& object) const;  // its metadata.labels
  bool matches_everything() const { return !nothing_ && requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }
  std::string text() const;  // canonical form, as sent to a server

 private:
  std::vector<Requirement> requirements_;
  bool nothing_ = false;
};

class FieldSelector {
 public:
  struct Requirement {
    std::string field;  // "metadata.name"
    std::string value;
    bool equal = true;
  };
  static Result<FieldSelector> parse(std::string_view text);  // "a=b,c!=d"
  bool matches(const std::function<std::string(std::string_view field)>& value_of) const;
  bool matches_everything() const { return requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  std::vector<Requirement> requirements_;
};

}  // namespace object
