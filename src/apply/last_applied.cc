#include "apply/last_applied.h"

#include "json/text.h"
#include "object/object.h"

namespace apply {
namespace {

constexpr std::string_view kAnnotation = "kubectl.kubernetes.io/last-applied-configuration";
constexpr std::size_t kMaxAnnotations = 256 * 1024;

std::size_t size_of_annotations(const json::Value& object) {
  std::size_t size = 0;
  for (const json::Member& member : object.at("metadata", "annotations").members()) {
    size += member.key.size() + member.value.as_string().size();
  }
  return size;
}

}  // namespace

json::Value last_applied(const json::Value& object) {
  if (!object::has_annotation(object, kAnnotation)) return {};
  return json::parse(object::annotation(object, kAnnotation)).value_or(json::Value());
}

void renew_last_applied(json::Value& object, const json::Value& config) {
  if (!object::has_annotation(object, kAnnotation)) return;
  json::Value kept = config;
  object::remove_annotation(kept, kAnnotation);
  object::set_annotation(object, kAnnotation, json::print(kept) + "\n");
  if (size_of_annotations(object) > kMaxAnnotations) object::remove_annotation(object, kAnnotation);
}

}  // namespace apply
