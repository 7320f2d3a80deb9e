// What a tenant sees of DNS: a DNSRecord beside the Ingress, of the same name, that shows what is
// published. It is only shown: what the tenant writes there is overwritten and reaches nothing.
// Pure, thread-safe.
#pragma once

#include "base/clock.h"
#include "glbc/endpoints.h"
#include "json/value.h"

namespace glbc {

// The projection of the control `record`; `present` keeps what others put into its metadata.
json::Value projection_of(const json::Value& ingress, const json::Value& record,
                          const std::optional<json::Value>& present);

// `projection` with its status: what DNS answers, the addresses' health, and what is not done.
json::Value projection_with_status(const json::Value& projection, const json::Value& record,
                                   const Candidates& candidates, TimePoint now);

}  // namespace glbc
