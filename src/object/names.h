// Names, labels, annotations and quantities: validation with the exact texts of Kubernetes.
// Pure, thread-safe. Source: reference kube-apiserver.md 2.2, 2.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace object {

// Each returns the messages of what is wrong; empty if valid.
std::vector<std::string> check_dns1123_label(std::string_view text);
std::vector<std::string> check_dns1123_subdomain(std::string_view text);
std::vector<std::string> check_dns1035_label(std::string_view text);
std::vector<std::string> check_path_segment(std::string_view text);  // no '/', '%', not "." or ".."
std::vector<std::string> check_qualified_name(std::string_view text);
std::vector<std::string> check_label_value(std::string_view text);

// Validation common to all objects: name, namespace, labels, annotations (256 KiB in all),
// finalizers, owner references. `check_name` judges metadata.name.
std::vector<Cause> check_metadata(const json::Value& metadata, bool namespaced,
                                  std::vector<std::string> (*check_name)(std::string_view));
// Update rules: immutable name, uid, creationTimestamp, deletion fields, monotonic generation, no
// new finalizers while deleting.
std::vector<Cause> check_metadata_update(const json::Value& before, const json::Value& after);

// The causes that Kubernetes writes: type and message for a bad, missing or forbidden field.
Cause invalid_value(std::string_view field, const json::Value& value, std::string_view why);
Cause required_value(std::string_view field, std::string_view why = {});
Cause forbidden_value(std::string_view field, std::string_view why);
Cause duplicate_value(std::string_view field, const json::Value& value);
Cause unsupported_value(std::string_view field, const json::Value& value,
                        const std::vector<std::string>& supported);

// A resource quantity ("100m", "1Gi", "1e3") as an exact number of nano-units where it fits.
struct Quantity {
  __int128 nanos = 0;
  std::string text;  // canonical
};
Result<Quantity> parse_quantity(std::string_view text);

}  // namespace object
