// Claim labels on objects. Every write computes them; users can neither forge nor lose them. Writes
// that come through a provider's view are held to what the consumer granted. Source: reference
// kcp-apis.md 1.6, 3.4.
#pragma once

#include <memory>

#include "controllers/api_sharing/claim_index.h"
#include "registry/registry.h"

namespace controllers {

std::shared_ptr<registry::Admission> claim_labels(std::shared_ptr<const ClaimIndex> index);

// Writes all objects of a logical cluster whose claim labels are wrong once more, so that they
// become right. Objects that cannot be written are logged; returns how many those were.
Task<std::size_t> relabel_cluster(registry::Registry& registry, const ClaimIndex& index,
                                  std::string cluster);

}  // namespace controllers
