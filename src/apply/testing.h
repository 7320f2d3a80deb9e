// For tests of apply/: a kind with every way to merge.
#pragma once

#include <string_view>

#include "json/text.h"
#include "schema/node.h"
#include "schema/schema.h"

namespace apply {

inline constexpr std::string_view kMachineSchema = R"({"type":"object","properties":{
  "spec":{"type":"object","properties":{
    "size":{"type":"integer"},
    "name":{"type":"string"},
    "port":{"x-kubernetes-int-or-string":true},
    "nested":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}},
    "whole":{"type":"object","x-kubernetes-map-type":"atomic",
             "properties":{"x":{"type":"string"},"y":{"type":"string"}}},
    "labels":{"type":"object","additionalProperties":{"type":"string"}},
    "steps":{"type":"array","items":{"type":"string"}},
    "tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
    "parts":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
      "items":{"type":"object","required":["name"],"properties":{
        "name":{"type":"string"},"weight":{"type":"integer"},"color":{"type":"string"}}}},
    "ports":{"type":"array","x-kubernetes-list-type":"map",
      "x-kubernetes-list-map-keys":["port","protocol"],
      "items":{"type":"object","required":["port"],"properties":{
        "port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"},
        "name":{"type":"string"}}}},
    "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},
  "status":{"type":"object","properties":{"phase":{"type":"string"}}}}})";

inline schema::SchemaPtr machine_schema() {
  return schema::compile(*json::parse(kMachineSchema), "").value();
}

// {"apiVersion": "x.org/v1", "kind": "Machine", "metadata": {"name": "m"}, "spec": ...}
inline json::Value machine(std::string_view spec) {
  return json::Value::object({{"apiVersion", "x.org/v1"},
                              {"kind", "Machine"},
                              {"metadata", json::Value::object({{"name", "m"}})},
                              {"spec", *json::parse(spec)}});
}

}  // namespace apply
