// Tables: how kubectl get shows objects. Pure. Source: reference kube-apiserver.md section 7.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "json/value.h"
#include "registry/kind.h"

namespace server {

// What of the object each row carries: the includeObject parameter.
enum class IncludeObject { None, Metadata, Object };
Result<IncludeObject> parse_include_object(std::string_view text);  // "" = Metadata

json::Value column_definitions(const registry::Version& version);
json::Value table_row(const registry::Version& version, const json::Value& object,
                      IncludeObject include, TimePoint now);
// A Table with no rows yet.
json::Value empty_table(std::string_view resource_version);

// The metadata of `object` as a PartialObjectMetadata.
json::Value partial_object(const json::Value& object);

}  // namespace server
