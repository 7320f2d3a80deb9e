// Request bodies as trees.
#pragma once

#include "base/task.h"
#include "http/message.h"
#include "json/value.h"
#include "registry/registry.h"

namespace server {

inline constexpr std::size_t kMaxBodyBytes = 3 * 1024 * 1024;

// Reads and parses a JSON, YAML or protobuf body. Repeated keys become warnings or, with strict
// field validation, an error. An empty body is null.
Task<json::Value> read_object(http::Request& request, registry::FieldValidation validation,
                              std::vector<std::string>& warnings);

// The same for a configuration to apply, whose errors Kubernetes words in another way.
Task<json::Value> read_config(http::Request& request, registry::FieldValidation validation,
                              std::vector<std::string>& warnings);

// Checks that a body is an object of the call's kind and version, filling in what is missing.
void check_type(const registry::Call& call, json::Value& object);

}  // namespace server
