#include "base/error.h"

#include "base/strings.h"

namespace {

struct ReasonRow {
  Reason reason;
  int code;
  std::string_view text;
};

constexpr ReasonRow kReasons[] = {
    {Reason::BadRequest, 400, "BadRequest"},
    {Reason::Unauthorized, 401, "Unauthorized"},
    {Reason::Forbidden, 403, "Forbidden"},
    {Reason::NotFound, 404, "NotFound"},
    {Reason::AlreadyExists, 409, "AlreadyExists"},
    {Reason::Conflict, 409, "Conflict"},
    {Reason::Gone, 410, "Gone"},
    {Reason::Expired, 410, "Expired"},
    {Reason::Invalid, 422, "Invalid"},
    {Reason::MethodNotAllowed, 405, "MethodNotAllowed"},
    {Reason::NotAcceptable, 406, "NotAcceptable"},
    {Reason::RequestEntityTooLarge, 413, "RequestEntityTooLarge"},
    {Reason::UnsupportedMediaType, 415, "UnsupportedMediaType"},
    {Reason::TooManyRequests, 429, "TooManyRequests"},
    {Reason::InternalError, 500, "InternalError"},
    {Reason::ServiceUnavailable, 503, "ServiceUnavailable"},
    {Reason::ServerTimeout, 500, "ServerTimeout"},
    {Reason::Timeout, 504, "Timeout"},
    {Reason::InsufficientStorage, 507, "InsufficientStorage"},
    {Reason::Unknown, 500, ""},
};

const ReasonRow& row_of(Reason reason) {
  for (const ReasonRow& row : kReasons) {
    if (row.reason == reason) return row;
  }
  return kReasons[14];
}

std::string qualified(std::string_view group, std::string_view resource) {
  std::string text(resource);
  if (!group.empty()) text.append(".").append(group);
  return text;
}

std::string join_causes(const std::vector<Cause>& causes) {
  auto one = [](const Cause& cause) {
    return cause.field.empty() ? cause.message : cause.field + ": " + cause.message;
  };
  if (causes.size() == 1) return one(causes.front());
  std::string text = "[";
  for (const Cause& cause : causes) {
    if (text.size() > 1) text += ", ";
    text += one(cause);
  }
  return text + "]";
}

}  // namespace

int http_code(Reason reason) { return row_of(reason).code; }
std::string_view to_string(Reason reason) { return row_of(reason).text; }

Error::Error(Reason reason, std::string message) : reason_(reason), message_(std::move(message)) {}

Error::Error(Reason reason, std::string message, Details details, std::vector<Cause> causes)
    : reason_(reason),
      message_(std::move(message)),
      details_(std::move(details)),
      causes_(std::move(causes)) {}

Error Error::not_found(std::string_view group, std::string_view resource, std::string_view name) {
  return {Reason::NotFound, qualified(group, resource) + " " + quote(name) + " not found",
          Details{std::string(group), std::string(resource), std::string(name), {}, 0}};
}

Error Error::already_exists(std::string_view group, std::string_view resource,
                            std::string_view name) {
  return {Reason::AlreadyExists, qualified(group, resource) + " " + quote(name) + " already exists",
          Details{std::string(group), std::string(resource), std::string(name), {}, 0}};
}

Error Error::conflict(std::string_view group, std::string_view resource, std::string_view name,
                      std::string_view why) {
  return {Reason::Conflict,
          "Operation cannot be fulfilled on " + qualified(group, resource) + " " + quote(name) +
              ": " + std::string(why),
          Details{std::string(group), std::string(resource), std::string(name), {}, 0}};
}

Error Error::forbidden(std::string_view group, std::string_view resource, std::string_view name,
                       std::string_view why) {
  std::string subject = qualified(group, resource);
  if (!name.empty()) subject += " " + quote(name);
  return {Reason::Forbidden, subject + " is forbidden: " + std::string(why),
          Details{std::string(group), std::string(resource), std::string(name), {}, 0}};
}

Error Error::invalid(std::string_view group, std::string_view kind, std::string_view name,
                     std::vector<Cause> causes) {
  std::string message =
      qualified(group, kind) + " " + quote(name) + " is invalid: " + join_causes(causes);
  return {Reason::Invalid, std::move(message),
          Details{std::string(group), std::string(kind), std::string(name), {}, 0},
          std::move(causes)};
}

Error Error::bad_request(std::string message) { return {Reason::BadRequest, std::move(message)}; }

Error Error::internal(std::string message) {
  return {Reason::InternalError, "Internal error occurred: " + std::move(message)};
}
