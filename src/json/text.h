// JSON and YAML text to Value and back. Parsing is bounded in depth and reports where it failed.
// Pure, thread-safe. Source: RFC 8259; number and escape output as Go's encoding/json writes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace json {

struct ParseOptions {
  std::size_t max_depth = 1'000;  // so that code may walk a Value by recursion
  // If set, receives one path per repeated key ("spec.size"); the last value wins, as in Go.
  std::vector<std::string>* duplicates = nullptr;
};

// Errors are BadRequest with a message that names the byte offset.
Result<Value> parse(std::string_view text, const ParseOptions& options = {});

// Compact JSON. Members in insertion order; no HTML escapes.
std::string print(const Value& value);
void print(const Value& value, std::string& out);  // appends
std::string print_pretty(const Value& value);      // two spaces, as kubectl -o json

// One YAML document by the rules of sigs.k8s.io/yaml (YAML 1.1 core scalars as go-yaml resolves
// them, merge keys applied, duplicate keys reported). Anchors are expanded within a size bound.
Result<Value> parse_yaml(std::string_view text, const ParseOptions& options = {});
// All documents of a stream; empty documents are left out.
Result<std::vector<Value>> parse_yaml_stream(std::string_view text);
std::string print_yaml(const Value& value);

}  // namespace json
