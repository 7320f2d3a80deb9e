// Which names an APIBinding may still take in its workspace: resources have one owner there, and
// within a group no two kinds share a name. Source: reference kcp-apis.md 1.11.
#pragma once

#include <map>
#include <string>

#include "controllers/api_sharing/context.h"

namespace controllers {

// The names in use in one logical cluster at one moment, but for those of one binding.
class NamesInUse {
 public:
  NamesInUse(const SharingContext& context, const std::string& cluster, const json::Value& binding);

  // Who has the resource: "APIBinding "x"", ...; "" if nobody but the binding itself.
  std::string owner(const object::GroupResource& resource) const;
  // Why a schema's names cannot be taken; "" if they can.
  std::string conflict(const json::Value& schema) const;

 private:
  struct Use {
    registry::KindPtr kind;
    std::string owner;        // "APIBinding "x"", "CustomResourceDefinition "y.z""
    std::string export_name;  // " bound to root:a:x"; "" for others than bindings
  };
  std::map<object::GroupResource, Use> uses_;
};

}  // namespace controllers
