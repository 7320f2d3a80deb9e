// What an APIExport offers to its provider: the exported resources, the claimed ones, and always
// its own APIBindings. Pure over the kind table. Source: reference kcp-apis.md 3.3.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "object/selector.h"
#include "registry/kind.h"

namespace virtual_workspaces {

struct Offer {
  registry::KindPtr kind;
  std::string identity;  // behind "resource:" in the shard's URLs; "" = none
  // What objects must carry to be seen; nothing = all are.
  std::optional<object::LabelSelector::Requirement> filter;
  json::Value claim;  // the export's claim; null for what needs none
};

// `cluster` is the export's.
std::vector<Offer> offers_of(const registry::KindTable& kinds, const std::string& cluster,
                             const json::Value& api_export);
std::optional<Offer> find_offer(const registry::KindTable& kinds, const std::string& cluster,
                                const json::Value& api_export,
                                const object::GroupResource& resource);

// The offers' kinds for discovery, with the verbs that can be used.
std::vector<registry::KindPtr> offered_kinds(const std::vector<Offer>& offers);

}  // namespace virtual_workspaces
