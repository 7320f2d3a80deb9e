#include "server/openapi_text.h"

#include "json/text.h"
#include "server/openapi.h"
#include "server/openapi_protobuf.h"

namespace server {

// Two kinds may be called the same; the first is described.
void OpenApiText::add_members(const json::Value& members, std::string& to) {
  for (const json::Member& member : members.members()) {
    if (!names_.insert(member.key).second) continue;
    if (!to.empty()) to.push_back(',');
    json::print(json::Value(member.key), to);
    to.push_back(':');
    json::print(member.value, to);
  }
}

void OpenApiText::add(const registry::Kind& kind, const registry::Version& version) {
  if (form_ == Form::V3) {
    json::Value document = openapi_v3(kind, version);
    add_members(document["paths"], paths_);
    add_members(document.at("components", "schemas"), schemas_);
    return;
  }
  json::Value document = openapi_v2(kind, version);
  if (form_ == Form::V2) {
    add_members(document["paths"], paths_);
    add_members(document["definitions"], schemas_);
    return;
  }
  if (!names_.insert(std::string(kObjectMeta)).second) {
    document.edit("definitions").erase(kObjectMeta);
  }
  messages_.append(encode_openapi_v2(document));
}

std::string OpenApiText::finish() {
  if (form_ == Form::V2Protobuf) return std::move(messages_);
  bool v3 = form_ == Form::V3;
  std::string text = v3 ? R"({"openapi":"3.0.0")" : R"({"swagger":"2.0")";
  text.reserve(paths_.size() + schemas_.size() + 256);
  text.append(R"(,"info":{"title":"Kubernetes","version":"v1.32.0"},"paths":{)").append(paths_);
  paths_ = std::string();
  text.append(v3 ? R"(},"components":{"schemas":{)" : R"(},"definitions":{)").append(schemas_);
  text.append(v3 ? "}}}" : "}}");
  return text;
}

}  // namespace server
