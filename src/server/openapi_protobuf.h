// The OpenAPI v2 document in the protobuf form that kubectl and helm ask for. Pure.
// Source: the message openapi.v2.Document of gnostic; reference kube-apiserver.md 6.4.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace server {

// What a client names in Accept to get this form.
inline constexpr std::string_view kOpenApiV2Protobuf =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
// What the answer is called.
inline constexpr std::string_view kOpenApiV2ProtobufAnswer =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

// `document` as openapi_v2() makes it; members that it never has are not written.
std::string encode_openapi_v2(const json::Value& document);

}  // namespace server
