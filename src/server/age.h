// Durations as kubectl shows them. Pure. Source: reference kube-apiserver.md 7.2.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace server {

// "5s", "3m20s", "4d2h"; "<invalid>" for times in the future.
std::string human_duration(Duration duration);
// The age of an RFC 3339 time; "<unknown>" if it is missing or malformed.
std::string age_of(std::string_view time, TimePoint now);

}  // namespace server
