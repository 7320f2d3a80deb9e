// The annotation in which client-side "kubectl apply" keeps what it applied last. Internal to
// apply/.
#pragma once

#include "json/value.h"

namespace apply {

// The configuration that the annotation holds; null if there is none that can be read.
json::Value last_applied(const json::Value& object);
// Puts `config` into the annotation of an object that has one, or drops it if it is too large.
void renew_last_applied(json::Value& object, const json::Value& config);

}  // namespace apply
