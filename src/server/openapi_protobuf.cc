#include "server/openapi_protobuf.h"

#include <bit>
#include <cstdint>

#include "json/text.h"

namespace server {
namespace {

using json::Value;

// One message being written. Empty texts and absent members are left out, as protobuf 3 does.
class Message {
 public:
  Message& text(int field, std::string_view value) {
    return value.empty() ? *this : bytes(field, value);
  }
  Message& texts(int field, const Value& values) {
    for (const Value& value : values.elements()) bytes(field, value.as_string());
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.out_); }
  Message& boolean(int field, bool value) { return value ? integer(field, 1) : *this; }
  Message& integer(int field, std::int64_t value) {
    if (value == 0) return *this;
    tag(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& number(int field, double value) {
    if (value == 0) return *this;
    tag(field, 1);
    auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) out_.push_back(static_cast<char>(bits >> shift));
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  Message& bytes(int field, std::string_view value) {
    tag(field, 2);
    varint(value.size());
    out_.append(value);
    return *this;
  }
  void tag(int field, int type) { varint(static_cast<std::uint64_t>(field << 3 | type)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }

  std::string out_;
};

// A value of any shape travels as YAML text, and JSON is YAML.
Message any(const Value& value) {
  Message message;
  message.text(2, json::print(value) + "\n");
  return message;
}

Message named(std::string_view name, const Message& value) {
  Message message;
  message.text(1, name).message(2, value);
  return message;
}

void add_extensions(const Value& source, int field, Message& to) {
  for (const auto& member : source.members()) {
    if (member.key.starts_with("x-")) to.message(field, named(member.key, any(member.value)));
  }
}

Message schema_of(const Value& source);

void add_limits(const Value& source, Message& to) {
  to.number(6, source["multipleOf"].as_double());
  to.number(7, source["maximum"].as_double());
  to.boolean(8, source["exclusiveMaximum"].as_bool());
  to.number(9, source["minimum"].as_double());
  to.boolean(10, source["exclusiveMinimum"].as_bool());
  to.integer(11, source["maxLength"].as_int()).integer(12, source["minLength"].as_int());
  to.text(13, source["pattern"].as_string());
  to.integer(14, source["maxItems"].as_int()).integer(15, source["minItems"].as_int());
  to.boolean(16, source["uniqueItems"].as_bool());
  to.integer(17, source["maxProperties"].as_int());
  to.integer(18, source["minProperties"].as_int());
}

void add_parts(const Value& source, Message& to) {
  if (const Value* additional = source.find("additionalProperties")) {
    Message item;
    if (additional->is_bool()) {
      item.boolean(2, additional->as_bool());
    } else {
      item.message(1, schema_of(*additional));
    }
    to.message(21, item);
  }
  if (const Value* type = source.find("type")) {
    Message item;
    to.message(22, item.text(1, type->as_string()));
  }
  if (const Value* items = source.find("items")) {
    Message item;
    to.message(23, item.message(1, schema_of(*items)));
  }
  if (const Value* properties = source.find("properties")) {
    Message all;
    for (const auto& member : properties->members()) {
      all.message(1, named(member.key, schema_of(member.value)));
    }
    to.message(25, all);
  }
}

Message schema_of(const Value& source) {
  Message schema;
  schema.text(1, source["$ref"].as_string()).text(2, source["format"].as_string());
  schema.text(3, source["title"].as_string()).text(4, source["description"].as_string());
  add_limits(source, schema);
  schema.texts(19, source["required"]);
  for (const Value& value : source["enum"].elements()) schema.message(20, any(value));
  add_parts(source, schema);
  add_extensions(source, 31, schema);
  return schema;
}

Message parameter_of(const Value& source) {
  Message parameter, item;
  if (source["in"].as_string() == "body") {
    Message body;
    body.text(2, source["name"].as_string()).text(3, "body");
    body.boolean(4, source["required"].as_bool()).message(5, schema_of(source["schema"]));
    parameter.message(1, body);
  } else {
    bool in_path = source["in"].as_string() == "path";
    Message plain, choice;
    plain.boolean(1, source["required"].as_bool()).text(2, source["in"].as_string());
    plain.text(4, source["name"].as_string()).text(in_path ? 5 : 6, source["type"].as_string());
    plain.boolean(in_path ? 19 : 20, source["uniqueItems"].as_bool());
    parameter.message(2, choice.message(in_path ? 4 : 3, plain));
  }
  return item.message(1, parameter), item;
}

Message response_of(const Value& source) {
  Message response, schema, value;
  response.text(1, source["description"].as_string());
  if (const Value* content = source.find("schema")) {
    response.message(2, schema.message(1, schema_of(*content)));
  }
  return value.message(1, response), value;
}

Message operation_of(const Value& source) {
  Message operation, responses;
  operation.text(5, source["operationId"].as_string());
  operation.texts(6, source["produces"]).texts(7, source["consumes"]);
  for (const Value& parameter : source["parameters"].elements()) {
    operation.message(8, parameter_of(parameter));
  }
  for (const auto& member : source["responses"].members()) {
    responses.message(1, named(member.key, response_of(member.value)));
  }
  operation.message(9, responses);
  add_extensions(source, 13, operation);
  return operation;
}

Message path_of(const Value& source) {
  struct Method {
    const char* name;
    int field;
  };
  constexpr Method kMethods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};
  Message path;
  for (const Method& method : kMethods) {
    if (const Value* found = source.find(method.name)) {
      path.message(method.field, operation_of(*found));
    }
  }
  for (const Value& parameter : source["parameters"].elements()) {
    path.message(9, parameter_of(parameter));
  }
  return path;
}

}  // namespace

std::string encode_openapi_v2(const json::Value& document) {
  Message all, info, paths, definitions;
  info.text(1, document.at("info", "title").as_string());
  info.text(2, document.at("info", "version").as_string());
  for (const auto& member : document["paths"].members()) {
    paths.message(2, named(member.key, path_of(member.value)));
  }
  for (const auto& member : document["definitions"].members()) {
    definitions.message(1, named(member.key, schema_of(member.value)));
  }
  all.text(1, document["swagger"].as_string()).message(2, info);
  return all.message(8, paths).message(9, definitions).take();
}

}  // namespace server
