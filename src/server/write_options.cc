#include "server/write_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace server {
namespace {

constexpr std::size_t kMaxBytes = 128;

[[noreturn]] void refuse(const RequestInfo& info, std::string type, std::string field,
                         std::string why) {
  std::string kind = info.verb.starts_with("delete") ? "DeleteOptions"
                     : info.verb == "create"         ? "CreateOptions"
                     : info.verb == "update"         ? "UpdateOptions"
                                                     : "PatchOptions";
  throw Error::invalid("meta.k8s.io", kind, "",
                       {{std::move(type), std::move(field), std::move(why)}});
}

bool is_printable(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

}  // namespace

bool dry_run_of(const RequestInfo& info) {
  bool reads = info.verb == "get" || info.verb == "list" || info.verb == "watch";
  std::string value = reads ? "" : info.query.get("dryRun");
  if (!value.empty() && value != "All") {
    refuse(info, "FieldValueNotSupported", "dryRun",
           "Unsupported value: [" + quote(value) + "]: supported values: \"All\"");
  }
  return !value.empty();
}

std::string field_manager_of(const http::Request& request, const RequestInfo& info,
                             const auth::User& user) {
  std::string name = info.query.get("fieldManager");
  if (!name.empty()) {
    if (name.size() > kMaxBytes) {
      refuse(info, "FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes");
    }
    auto bad = std::ranges::find_if_not(name, is_printable);
    if (bad != name.end()) {
      refuse(info, "FieldValueInvalid", "fieldManager",
             fmt::format("Invalid value: {}: invalid character U+{:04X} (at position {})",
                         quote(name), static_cast<unsigned char>(*bad), bad - name.begin()));
    }
    return name;
  }
  std::string_view agent = request.headers.get("user-agent");
  agent = agent.substr(0, agent.find('/'));
  for (char c : agent) {
    if (is_printable(c) && name.size() < kMaxBytes) name += c;
  }
  bool is_system = user.name.starts_with("system:") && user.in_group(auth::kMasters);
  return name.empty() && !is_system ? "unknown" : name;
}

bool force_of(const RequestInfo& info, bool is_apply) {
  if (!is_apply && info.query.has("force")) {
    refuse(info, "FieldValueForbidden", "force",
           "Forbidden: may not be specified for non-apply patch");
  }
  return info.query.flag("force");
}

void check_field_manager(const RequestInfo& info) {
  if (!info.query.get("fieldManager").empty()) return;
  refuse(info, "FieldValueRequired", "fieldManager", "Required value: is required for apply patch");
}

}  // namespace server
