// APIExports with their identity, and the APIExportEndpointSlices that say where a provider finds
// its consumers' objects. An export gets identity, addresses and its slice in the write that makes
// it. Source: reference kcp-apis.md 1.3, 1.5, 1.14.
#pragma once

#include <memory>

#include "controllers/api_sharing/context.h"

namespace controllers {

std::shared_ptr<registry::Rules> export_rules(const SharingContext& context);
std::shared_ptr<registry::Rules> slice_rules(const SharingContext& context);

// The slice that an export gets by itself; null if the export asks for none.
json::Value default_slice(const SharingContext& context, const std::string& cluster,
                          const json::Value& api_export);

}  // namespace controllers
