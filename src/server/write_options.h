// The query parameters of writes: dryRun, fieldManager, force. Each throws Invalid, about the
// options of the verb ("PatchOptions"), for a value that they may not have. Pure. Source: reference
// kube-apiserver.md 4.6 "managedFields entry".
#pragma once

#include <string>

#include "auth/user.h"
#include "http/message.h"
#include "server/request_info.h"

namespace server {

bool dry_run_of(const RequestInfo& info);

// The name under which a request owns the fields that it writes: fieldManager, else what the user
// agent calls itself, else "unknown"; "" for the system's own requests, which name neither.
std::string field_manager_of(const http::Request& request, const RequestInfo& info,
                             const auth::User& user);

// Of a patch: whether an apply takes what it conflicts with. Other patches may not say so.
bool force_of(const RequestInfo& info, bool is_apply);
// An apply must name its field manager.
void check_field_manager(const RequestInfo& info);

}  // namespace server
