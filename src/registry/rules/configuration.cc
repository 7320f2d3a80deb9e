// Secrets and config maps: keys, sizes, immutability, stringData.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "object/names.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

constexpr std::size_t kMaxData = 1048576;

bool is_config_key(std::string_view key) {
  return !key.empty() && key.size() <= 253 && std::ranges::all_of(key, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

void check_keys(const json::Value& map, std::string_view field, std::vector<Cause>& causes) {
  for (const json::Member& member : map.members()) {
    std::string path = fmt::format("{}[{}]", field, member.key);
    if (!is_config_key(member.key)) {
      causes.push_back(object::invalid_value(
          path, member.key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
          "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
          "'[-._a-zA-Z0-9]+')"));
    } else if (member.key == ".") {
      causes.push_back(object::invalid_value(path, member.key, "must not be '.'"));
    } else if (member.key.starts_with("..")) {
      causes.push_back(object::invalid_value(path, member.key, "must not start with '..'"));
    }
  }
}

std::size_t total_size(const json::Value& map) {
  std::size_t total = 0;
  for (const json::Member& member : map.members()) total += member.value.as_string().size();
  return total;
}

void check_immutable(const json::Value& object, const json::Value& before,
                     std::initializer_list<const char*> frozen, std::vector<Cause>& causes) {
  if (!before["immutable"].as_bool()) return;
  auto refuse = [&](const char* field) {
    causes.push_back(object::forbidden_value(field, "field is immutable when `immutable` is set"));
  };
  if (!object["immutable"].as_bool()) refuse("immutable");
  for (const char* field : frozen) {
    if (object[field] != before[field]) refuse(field);
  }
}

class ConfigMapRules final : public Rules {
 public:
  std::vector<Cause> validate(const Call&, const json::Value& object,
                              const json::Value& before) const override {
    std::vector<Cause> causes;
    check_keys(object["data"], "data", causes);
    check_keys(object["binaryData"], "binaryData", causes);
    for (const json::Member& member : object["binaryData"].members()) {
      if (object["data"].contains(member.key)) {
        causes.push_back(object::invalid_value(fmt::format("binaryData[{}]", member.key),
                                               member.key, "duplicate of key present in data"));
      }
    }
    if (total_size(object["data"]) + total_size(object["binaryData"]) > kMaxData) {
      causes.push_back({"FieldValueTooLong", "[]", "Too long: may not be more than 1048576 bytes"});
    }
    check_immutable(object, before, {"data", "binaryData"}, causes);
    return causes;
  }
};

class SecretRules final : public Rules {
 public:
  void on_create(const Call&, json::Value& object) const override { fold(object); }
  void on_update(const Call&, json::Value& object, const json::Value& before) const override {
    fold(object);
    if (object["type"].as_string().empty()) object.set("type", before["type"]);
  }
  std::vector<Cause> validate(const Call&, const json::Value& object,
                              const json::Value& before) const override {
    std::vector<Cause> causes;
    check_keys(object["data"], "data", causes);
    if (total_size(object["data"]) / 4 * 3 > kMaxData) {
      causes.push_back(
          {"FieldValueTooLong", "data", "Too long: may not be more than 1048576 bytes"});
    }
    if (!before.is_null() && before["type"] != object["type"]) {
      causes.push_back(object::invalid_value("type", object["type"], "field is immutable"));
    }
    check_immutable(object, before, {"data"}, causes);
    std::string_view type = object["type"].as_string();
    if (type == "kubernetes.io/tls") {
      for (const char* key : {"tls.crt", "tls.key"}) {
        if (!object["data"].contains(key)) {
          causes.push_back(object::required_value(fmt::format("data[{}]", key)));
        }
      }
    }
    return causes;
  }

 private:
  // stringData is for writing only: it overwrites data.
  static void fold(json::Value& object) {
    const json::Value texts = object["stringData"];
    for (const json::Member& member : texts.members()) {
      object.edit("data").set(member.key, base64_encode(member.value.as_string()));
    }
    object.erase("stringData");
  }
};

}  // namespace

std::shared_ptr<Rules> config_map_rules() { return std::make_shared<ConfigMapRules>(); }
std::shared_ptr<Rules> secret_rules() { return std::make_shared<SecretRules>(); }

}  // namespace registry
