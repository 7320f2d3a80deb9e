#include "controllers/system_call.h"

namespace controllers {

registry::Call system_call(registry::Registry& registry, const Place& place, const char* verb,
                           std::string_view component) {
  registry::Call call;
  call.cluster = place.key.cluster;
  call.kind = registry.kinds().find(place.key.cluster, place.table.group, place.table.resource,
                                    place.table.identity);
  if (call.kind) call.version = &call.kind->storage_version();
  call.ns = place.key.ns;
  call.name = place.key.name;
  call.verb = verb;
  call.user = auth::system_user(component);
  return call;
}

}  // namespace controllers
