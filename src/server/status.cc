#include "server/status.h"

namespace server {

json::Value status_of(const Error& error) {
  json::Value status = json::Value::object({{"kind", "Status"},
                                            {"apiVersion", "v1"},
                                            {"metadata", json::Value::object()},
                                            {"status", "Failure"},
                                            {"message", error.message()}});
  if (error.reason() != Reason::Unknown) status.set("reason", to_string(error.reason()));
  const auto& from = error.details();
  json::Value details = json::Value::object();
  if (!from.name.empty()) details.set("name", from.name);
  if (!from.group.empty()) details.set("group", from.group);
  if (!from.kind.empty()) details.set("kind", from.kind);
  if (!from.uid.empty()) details.set("uid", from.uid);
  for (const Cause& cause : error.causes()) {
    json::Value one = json::Value::object({{"reason", cause.type}, {"message", cause.message}});
    if (!cause.field.empty()) one.set("field", cause.field);
    details.edit("causes").push_back(std::move(one));
  }
  if (from.retry_after_seconds > 0) details.set("retryAfterSeconds", from.retry_after_seconds);
  if (!details.empty()) status.set("details", std::move(details));
  status.set("code", error.code());
  return status;
}

}  // namespace server
