// Nobody grants what he does not have, by permission claims neither: to accept a claim takes the
// permissions that it gives to the provider. Thread-safe. Source: reference kcp-apis.md 1.6.
#pragma once

#include <memory>

#include "auth/authorizer.h"
#include "registry/registry.h"

namespace controllers {

// Judges APIBindings whose accepted claims are new or changed. A claim on roles or bindings takes
// the verbs "bind" and "escalate" too: what the provider writes is not checked for escalation.
std::shared_ptr<registry::Admission> claim_check(auth::Authorizer& authorizer);

}  // namespace controllers
