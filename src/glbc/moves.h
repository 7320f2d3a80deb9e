// Moving an Ingress between clusters without losing a client: the soft finalizer that keeps the old
// copy, and the clock that lifts it once no resolver can remember the old address. The clock's
// state is on the control DNSRecord; the Ingress shows it. Pure, thread-safe. Source: reference
// glbc.md 1.13.
#pragma once

#include <optional>

#include "base/clock.h"
#include "glbc/endpoints.h"
#include "json/value.h"

namespace glbc {

// Sets soft finalizers and clocks on `ingress` and `record` for the keys of `candidates`.
// `present` is the record as it is stored: the clock of a key starts when the stored record names
// no address of it any more and DNS is known to answer that, or when no cluster remains that could
// take over. Returns when to look again.
std::optional<TimePoint> apply_moves(json::Value& ingress, json::Value& record,
                                     const json::Value& present, const Candidates& candidates,
                                     TimePoint now);

// Lifts everything: the Ingress is being deleted.
void lift_all(json::Value& ingress);

}  // namespace glbc
