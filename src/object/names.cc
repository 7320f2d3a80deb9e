#include "object/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "json/text.h"

namespace object {
namespace {

constexpr std::string_view kLabelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kNameFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_alphanumeric(char c) { return is_lower(c) || is_digit(c); }
bool is_alphanumeric(char c) { return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

bool is_dns1123_label(std::string_view text) {
  return !text.empty() && is_lower_alphanumeric(text.front()) &&
         is_lower_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

// Each is looked up whenever one of them changes.
constexpr std::size_t kMaxOwners = 1000;

bool is_dns1123_subdomain(std::string_view text) {
  return std::ranges::all_of(split(text, '.'), is_dns1123_label);
}

// What stands behind the optional prefix of a label key; also the form of a label's value.
bool is_name_part(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::ranges::all_of(
             text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::string too_long(std::size_t limit) {
  return fmt::format("must be no more than {} characters", limit);
}

std::string regex_note(std::string_view rule, std::string_view examples, std::string_view format) {
  return fmt::format("{} (e.g. {}, regex used for validation is '{}')", rule, examples, format);
}

void check_map(const json::Value& map, std::string_view path, bool are_labels,
               std::vector<Cause>& causes) {
  std::size_t total = 0;
  for (const json::Member& member : map.members()) {
    std::string key = are_labels ? member.key : lower(member.key);
    for (const std::string& why : check_qualified_name(key)) {
      causes.push_back(invalid_value(path, member.key, why));
    }
    if (are_labels) {
      for (const std::string& why : check_label_value(member.value.as_string())) {
        causes.push_back(invalid_value(path, member.value, why));
      }
    }
    total += member.key.size() + member.value.as_string().size();
  }
  if (!are_labels && total > 262'144) {
    causes.push_back(
        {"FieldValueTooLong", std::string(path), "Too long: may not be more than 262144 bytes"});
  }
}

void check_owners(const json::Value& owners, std::vector<Cause>& causes) {
  if (owners.size() > kMaxOwners) {
    causes.push_back(
        {"FieldValueTooMany", "metadata.ownerReferences",
         fmt::format("Too many: {}: must have at most {} items", owners.size(), kMaxOwners)});
    return;
  }
  const json::Value* controller = nullptr;
  std::size_t index = 0;
  for (const json::Value& owner : owners.elements()) {
    std::string path = fmt::format("metadata.ownerReferences[{}]", index++);
    for (const char* member : {"apiVersion", "kind", "name", "uid"}) {
      if (owner[member].as_string().empty()) {
        causes.push_back(
            invalid_value(path + "." + member, owner[member].as_string(), "must not be empty"));
      }
    }
    if (!owner["controller"].as_bool()) continue;
    if (controller) {
      causes.push_back(invalid_value(
          "metadata.ownerReferences", owners,
          fmt::format("Only one reference can have Controller set to true. Found \"true\" in "
                      "references for {}/{} and {}/{}",
                      (*controller)["kind"].str(), (*controller)["name"].str(), owner["kind"].str(),
                      owner["name"].str())));
    }
    controller = &owner;
  }
}

void check_finalizers(const json::Value& finalizers, std::vector<Cause>& causes) {
  bool orphan = false, foreground = false;
  for (const json::Value& one : finalizers.elements()) {
    orphan = orphan || one.as_string() == "orphan";
    foreground = foreground || one.as_string() == "foregroundDeletion";
    for (const std::string& why : check_qualified_name(one.as_string())) {
      causes.push_back(invalid_value("metadata.finalizers", one, why));
    }
  }
  if (orphan && foreground) {
    causes.push_back(invalid_value("metadata.finalizers", finalizers,
                                   "finalizer orphan and foregroundDeletion cannot be both set"));
  }
}

}  // namespace

std::vector<std::string> check_dns1123_label(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > 63) why.push_back(too_long(63));
  if (is_dns1123_label(text)) return why;
  if (is_dns1123_subdomain(text)) {
    why.emplace_back("must not contain dots");
  } else {
    why.push_back(regex_note(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character",
        "'my-name',  or '123-abc'", kLabelFormat));
  }
  return why;
}

std::vector<std::string> check_dns1123_subdomain(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > 253) why.push_back(too_long(253));
  if (!is_dns1123_subdomain(text)) {
    why.push_back(regex_note(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
        "or '.', and must start and end with an alphanumeric character",
        "'example.com'", fmt::format("{0}(\\.{0})*", kLabelFormat)));
  }
  return why;
}

std::vector<std::string> check_dns1035_label(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > 63) why.push_back(too_long(63));
  if (!is_dns1123_label(text) || !is_lower(text.front())) {
    why.push_back(regex_note(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
        "an alphabetic character, and end with an alphanumeric character",
        "'my-name',  or 'abc-123'", "[a-z]([-a-z0-9]*[a-z0-9])?"));
  }
  return why;
}

std::vector<std::string> check_path_segment(std::string_view text) {
  if (text == "." || text == "..") return {fmt::format("may not be '{}'", text)};
  std::vector<std::string> why;
  for (char c : {'/', '%'}) {
    if (text.contains(c)) why.push_back(fmt::format("may not contain '{}'", c));
  }
  return why;
}

std::vector<std::string> check_qualified_name(std::string_view text) {
  std::vector<std::string> why;
  auto parts = split(text, '/');
  constexpr std::string_view kRule =
      "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
      "alphanumeric character";
  std::string note = regex_note(kRule, "'MyName',  or 'my.name',  or '123-abc'", kNameFormat);
  if (parts.size() > 2) {
    why.push_back("a qualified name " + note +
                  " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
    return why;
  }
  if (parts.size() == 2) {
    if (parts[0].empty())
      why.emplace_back("prefix part must be non-empty");
    else
      for (const auto& one : check_dns1123_subdomain(parts[0])) why.push_back("prefix part " + one);
  }
  std::string_view name = parts.back();
  if (name.empty()) {
    why.emplace_back("name part must be non-empty");
  } else if (name.size() > 63) {
    why.push_back("name part " + too_long(63));
  }
  if (!is_name_part(name)) why.push_back("name part " + note);
  return why;
}

std::vector<std::string> check_label_value(std::string_view text) {
  std::vector<std::string> why;
  if (text.size() > 63) why.push_back(too_long(63));
  if (!text.empty() && !is_name_part(text)) {
    why.push_back(regex_note(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character",
        "'MyValue',  or 'my_value',  or '12345'", fmt::format("({})?", kNameFormat)));
  }
  return why;
}

std::vector<Cause> check_metadata(const json::Value& metadata, bool namespaced,
                                  std::vector<std::string> (*check_name)(std::string_view)) {
  std::vector<Cause> causes;
  std::string_view name = metadata["name"].as_string();
  if (name.empty()) {
    causes.push_back(required_value("metadata.name", "name or generateName is required"));
  } else {
    for (const std::string& why : check_name(name)) {
      causes.push_back(invalid_value("metadata.name", name, why));
    }
    for (const std::string& why : check_path_segment(name)) {
      causes.push_back(invalid_value("metadata.name", name, why));
    }
  }
  std::string_view ns = metadata["namespace"].as_string();
  if (namespaced) {
    if (ns.empty())
      causes.push_back(required_value("metadata.namespace"));
    else
      for (const auto& why : check_dns1123_label(ns)) {
        causes.push_back(invalid_value("metadata.namespace", ns, why));
      }
  } else if (!ns.empty()) {
    causes.push_back(forbidden_value("metadata.namespace", "not allowed on this type"));
  }
  check_map(metadata["labels"], "metadata.labels", true, causes);
  check_map(metadata["annotations"], "metadata.annotations", false, causes);
  check_owners(metadata["ownerReferences"], causes);
  check_finalizers(metadata["finalizers"], causes);
  return causes;
}

std::vector<Cause> check_metadata_update(const json::Value& before, const json::Value& after) {
  std::vector<Cause> causes;
  for (const char* member : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                             "deletionGracePeriodSeconds"}) {
    if (before[member] != after[member]) {
      causes.push_back(
          invalid_value(std::string("metadata.") + member, after[member], "field is immutable"));
    }
  }
  if (after["generation"].as_int() < before["generation"].as_int()) {
    causes.push_back(
        invalid_value("metadata.generation", after["generation"], "must not be decremented"));
  }
  if (!before["deletionTimestamp"].is_null()) {
    std::vector<std::string> added;
    for (const json::Value& one : after["finalizers"].elements()) {
      auto present = before["finalizers"].elements();
      if (std::ranges::find(present, one) == present.end()) added.push_back(quote(one.as_string()));
    }
    if (!added.empty()) {
      causes.push_back(forbidden_value(
          "metadata.finalizers",
          "no new finalizers can be added if the object is being deleted, found new finalizers "
          "[]string{" +
              join(added, ", ") + "}"));
    }
  }
  return causes;
}

Cause invalid_value(std::string_view field, const json::Value& value, std::string_view why) {
  return {"FieldValueInvalid", std::string(field),
          fmt::format("Invalid value: {}: {}", json::print(value), why)};
}

Cause required_value(std::string_view field, std::string_view why) {
  return {"FieldValueRequired", std::string(field),
          why.empty() ? "Required value" : fmt::format("Required value: {}", why)};
}

Cause forbidden_value(std::string_view field, std::string_view why) {
  return {"FieldValueForbidden", std::string(field), fmt::format("Forbidden: {}", why)};
}

Cause duplicate_value(std::string_view field, const json::Value& value) {
  return {"FieldValueDuplicate", std::string(field),
          fmt::format("Duplicate value: {}", json::print(value))};
}

Cause unsupported_value(std::string_view field, const json::Value& value,
                        const std::vector<std::string>& supported) {
  std::vector<std::string> quoted;
  for (const std::string& one : supported) quoted.push_back(quote(one));
  return {"FieldValueNotSupported", std::string(field),
          fmt::format("Unsupported value: {}: supported values: {}", json::print(value),
                      join(quoted, ", "))};
}

}  // namespace object
