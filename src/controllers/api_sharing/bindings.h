// APIBindings: what is bound, which claims are granted, and whether that is what the export offers
// now. All of it is decided anew in every write of a binding; to let a binding follow its export is
// to write it once more unchanged. Source: reference kcp-apis.md 1.6 to 1.12, 4.1 to 4.6.
#pragma once

#include <memory>

#include "auth/authorizer.h"
#include "controllers/api_sharing/context.h"
#include "controllers/content/reaper.h"

namespace controllers {

// On a binding that is being deleted while the objects of what it bound go in steps.
inline constexpr const char* kBindingFinalizer = "apis.kcp.io/apibinding-finalizer";
std::shared_ptr<Holder> binding_holder(const SharingContext& context);

std::shared_ptr<registry::Rules> binding_rules(const SharingContext& context);

// Refuses bindings and endpoint slices for exports that the user may not bind.
std::shared_ptr<registry::Admission> bind_check(const SharingContext& context,
                                                auth::Authorizer& authorizer);

// The claims of a binding that are accepted and (still) wanted by its export, as they appear in
// status.appliedPermissionClaims once all objects are labelled.
json::Value granted_claims(const json::Value& binding);

}  // namespace controllers
