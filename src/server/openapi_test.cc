#include "server/openapi.h"

#include <gtest/gtest.h>

#include "json/text.h"
#include "server/openapi_protobuf.h"

namespace server {
namespace {

using json::Value;

registry::KindPtr widgets(std::string_view spec_schema) {
  std::string text = R"({"type":"object","properties":{"spec":)" + std::string(spec_schema) + "}}";
  auto kind = std::make_shared<registry::Kind>();
  kind->group = "example.org";
  kind->kind = "Widget";
  kind->plural = "widgets";
  kind->namespaced = true;
  registry::Version version;
  version.name = "v1";
  version.schema = *schema::compile(*json::parse(text), "");
  kind->versions.push_back(std::move(version));
  return kind;
}

Value in_v2(std::string_view spec_schema) {
  auto kind = widgets(spec_schema);
  return openapi_v2(*kind, kind->versions[0]);
}

Value spec_in_v2(std::string_view spec_schema) {
  Value document = in_v2(spec_schema);
  return document.at("definitions", "org.example.v1.Widget", "properties", "spec");
}

TEST(OpenApiV2, NamesKindsAndTheirFields) {
  Value document = in_v2(R"({"type":"object","required":["a"],
      "properties":{"a":{"type":"string","default":"x"}}})");

  const Value& widget = document.at("definitions", "org.example.v1.Widget");
  EXPECT_EQ(widget["x-kubernetes-group-version-kind"][0]["kind"].as_string(), "Widget");
  EXPECT_EQ(json::print(widget.at("properties", "metadata")),
            R"({"$ref":"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"})");
  EXPECT_EQ(json::print(widget.at("properties", "spec", "properties", "a")),
            R"({"type":"string"})");
  EXPECT_EQ(widget.at("properties", "spec", "required")[0].as_string(), "a");
  EXPECT_TRUE(document["definitions"].contains("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
}

TEST(OpenApiV2, PatchOffersFieldValidationSoThatClientsLeaveItToTheServer) {
  Value document = in_v2(R"({"type":"object"})");

  const Value& path =
      document["paths"]["/apis/example.org/v1/namespaces/{namespace}/widgets/{name}"];
  bool offered = false;
  for (const Value& parameter : path.at("patch", "parameters").elements()) {
    offered = offered || (parameter["name"].as_string() == "fieldValidation" &&
                          parameter["type"].as_string() == "string");
  }
  EXPECT_TRUE(offered);
  EXPECT_EQ(path.at("patch", "parameters")[0]["in"].as_string(), "body");
  EXPECT_EQ(path["parameters"][0]["name"].as_string(), "namespace");
}

TEST(OpenApiV2, LeavesOutWhatItCannotSay) {
  EXPECT_EQ(json::print(spec_in_v2(R"({"type":"object","nullable":true})")), "{}");
  EXPECT_EQ(json::print(spec_in_v2(R"({"x-kubernetes-int-or-string":true})")),
            R"({"x-kubernetes-int-or-string":true})");
  EXPECT_EQ(json::print(spec_in_v2(R"({"type":"object","x-kubernetes-preserve-unknown-fields":true,
                "properties":{"a":{"type":"string"}}})")),
            R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})");
}

TEST(OpenApiV2, ProtobufHasTheBytesThatTheMessageDefines) {
  Value document = *json::parse(R"({"swagger":"2.0","info":{"title":"T","version":"v"},
      "definitions":{"D":{"type":"object","required":["a"],
        "properties":{"a":{"type":"string"}},"x-n":[1]}}})");

  std::string bytes = encode_openapi_v2(document);

  using namespace std::string_view_literals;
  EXPECT_EQ(bytes,
            "\x0a\x03"
            "2.0"
            "\x12\x06\x0a\x01T\x12\x01v"
            "\x42\x00"
            "\x4a\x3b\x0a\x39"
            "\x0a\x01"
            "D"
            "\x12\x34"
            "\x9a\x01\x01"
            "a"
            "\xb2\x01\x08\x0a\x06"
            "object"
            "\xca\x01\x12\x0a\x10"
            "\x0a\x01"
            "a"
            "\x12\x0b\xb2\x01\x08\x0a\x06"
            "string"
            "\xfa\x01\x0d\x0a\x03x-n\x12\x06\x12\x04[1]\x0a"sv);
}

}  // namespace
}  // namespace server
