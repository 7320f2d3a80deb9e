#include "glbc/projection.h"

#include "base/strings.h"
#include "glbc/keys.h"
#include "object/object.h"

namespace glbc {

using json::Value;

Value projection_of(const Value& ingress, const Value& record,
                    const std::optional<Value>& present) {
  Value projection = present.value_or(
      object::make("kuadrant.dev/v1", "DNSRecord", object::name(ingress), object::ns(ingress)));
  Value owners = Value::array({object::owner_reference(ingress, true)});
  if (projection.at("metadata", "ownerReferences") != owners) {
    projection.edit("metadata").set("ownerReferences", std::move(owners));
  }
  object::set_annotation(projection, kHost, object::annotation(record, kHost));
  projection.set("spec", Value::object({{"endpoints", record.at("spec", "endpoints")}}));
  return projection;
}

Value projection_with_status(const Value& projection, const Value& record,
                             const Candidates& candidates, TimePoint now) {
  Value told = projection;
  Value& status = told.edit("status");
  for (const char* member : {"zones", "health"}) {
    const Value& from = record.at("status", member);
    if (from.empty()) {
      status.erase(member);
    } else {
      status.set(member, from);
    }
  }
  if (is_observed(record)) status.set("observedGeneration", object::generation(projection));
  if (candidates.hostnames.empty()) {
    object::set_condition(told, {"HostnamesResolved", "True", "NoHostnames", ""}, now);
  } else {
    object::set_condition(
        told,
        {"HostnamesResolved", "False", "NotSupported",
         "load balancers that report a hostname are left out of DNS: " +
             join(candidates.hostnames, ", ") + "; let them report an IP address"},
        now);
  }
  return told;
}

}  // namespace glbc
