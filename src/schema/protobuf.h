// Kubernetes' protobuf encoding of built-in kinds and options, to a tree. Driven by the field
// numbers in apis/types. Bounded; pure; thread-safe. Source: reference kube-apiserver.md 1.3, 14.2.
#pragma once

#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace schema {

// A whole body: the magic "k8s\0" and an envelope with apiVersion, kind and the object. BadRequest
// if it is malformed or of a kind that has no protobuf form here.
Result<json::Value> decode_protobuf(std::string_view bytes);

}  // namespace schema
