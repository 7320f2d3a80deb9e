// Finishes what holds other objects and is being deleted: namespaces, custom resource definitions
// and API bindings whose content has finalizers or is too much for one transaction. Asks for the
// deletion of the content, and lets the holder go once nothing is left. Holders whose content is
// free go in one transaction and never come here. Level-triggered; one for all clusters.
// Source: reference kube-apiserver.md 5.10, 10.1; kcp-apis.md 1.12.
#pragma once

#include <memory>
#include <vector>

#include "base/task.h"
#include "controllers/place.h"
#include "registry/registry.h"

namespace controllers {

// One kind of holder.
class Holder {
 public:
  virtual ~Holder() = default;
  virtual const cache::TableId& table() const = 0;
  // What it holds, at most so many that one step can take them.
  virtual std::vector<Place> content(const cache::Key& key, const json::Value& object) const = 0;
  // Says on the object what is left (left not empty), or takes off what keeps it there.
  virtual void tell(json::Value& object, const std::vector<Place>& left, TimePoint now) const = 0;
};

std::shared_ptr<Holder> namespace_holder(registry::Registry& registry);
std::shared_ptr<Holder> definition_holder(registry::Registry& registry);

// Runs until cancelled.
Task<> reap_content(registry::Registry& registry, std::vector<std::shared_ptr<Holder>> holders);

}  // namespace controllers
