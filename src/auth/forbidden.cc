#include <fmt/format.h>

#include "auth/authorizer.h"
#include "base/strings.h"

namespace auth {

std::string forbidden_message(const Attributes& a, std::string_view reason) {
  std::string text;
  if (!a.resource_request) {
    text = fmt::format("User {} cannot {} path {}", quote(a.user->name), a.verb, quote(a.path));
  } else {
    std::string resource = a.subresource.empty() ? a.resource : a.resource + "/" + a.subresource;
    text = fmt::format("User {} cannot {} resource {} in API group {}", quote(a.user->name), a.verb,
                       quote(resource), quote(a.group));
    text +=
        a.ns.empty() ? " at the cluster scope" : fmt::format(" in the namespace {}", quote(a.ns));
  }
  if (!reason.empty()) text += ": " + std::string(reason);
  return text;
}

}  // namespace auth
