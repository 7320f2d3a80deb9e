// An OpenAPI document of many kinds as text, written kind by kind. Pure; not thread-safe.
#pragma once

#include <set>
#include <string>

#include "json/value.h"
#include "registry/kind.h"

namespace server {

class OpenApiText {
 public:
  enum class Form { V3, V2, V2Protobuf };

  explicit OpenApiText(Form form) : form_(form) {}

  void add(const registry::Kind& kind, const registry::Version& version);
  // The whole document; call once, last.
  std::string finish();

 private:
  void add_members(const json::Value& members, std::string& to);

  const Form form_;
  std::set<std::string, std::less<>> names_;  // of the members that are there
  std::string paths_, schemas_;
  std::string messages_;  // V2Protobuf: parts that a reader merges
};

}  // namespace server
