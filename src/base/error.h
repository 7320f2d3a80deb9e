// The one error of the system. It carries what a Kubernetes Status carries, so the HTTP layer
// writes it out as it stands. Throw it when the current request or reconcile cannot go on; return
// it inside a Result from pure code that judges input. It is caught in three places: the request
// loop (server/), the reconcile loop (controller/) and the connection loop (http/).
// Source: Kubernetes API conventions, "Response Status Kind"; reference kube-apiserver.md 1.4.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

// The Status reasons that clients act on. Spelled on the wire as to_string() returns them.
enum class Reason {
  BadRequest,
  Unauthorized,
  Forbidden,
  NotFound,
  AlreadyExists,
  Conflict,
  Gone,
  Expired,
  Invalid,
  MethodNotAllowed,
  NotAcceptable,
  RequestEntityTooLarge,
  UnsupportedMediaType,
  TooManyRequests,
  InternalError,
  ServiceUnavailable,
  ServerTimeout,
  Timeout,
  InsufficientStorage,
  Unknown,  // 500 without a reason, as Kubernetes answers where it has none
};

int http_code(Reason reason);               // 404 for NotFound, 409 for Conflict, ...
std::string_view to_string(Reason reason);  // "NotFound"

// One entry of details.causes. `type` is a Kubernetes CauseType, e.g. "FieldValueInvalid".
struct Cause {
  std::string type;
  std::string field;    // "spec.replicas"
  std::string message;  // "Invalid value: -1: must be greater than or equal to 0"
};

class Error : public std::exception {
 public:
  // Which object the error is about; empty members are left out of the Status.
  struct Details {
    std::string group;
    std::string
        kind;  // by custom the plural resource name, e.g. "configmaps"; the kind for Invalid
    std::string name;
    std::string uid;
    int retry_after_seconds = 0;
  };

  Error(Reason reason, std::string message);
  Error(Reason reason, std::string message, Details details, std::vector<Cause> causes = {});

  // configmaps "a" not found. A non-core group is appended: widgets.example.org "a" not found.
  static Error not_found(std::string_view group, std::string_view resource, std::string_view name);
  static Error already_exists(std::string_view group, std::string_view resource,
                              std::string_view name);
  static Error conflict(std::string_view group, std::string_view resource, std::string_view name,
                        std::string_view why);
  // configmaps "a" is forbidden: <why>
  static Error forbidden(std::string_view group, std::string_view resource, std::string_view name,
                         std::string_view why);
  // Widget.example.org "a" is invalid: [cause, cause]
  static Error invalid(std::string_view group, std::string_view kind, std::string_view name,
                       std::vector<Cause> causes);
  static Error bad_request(std::string message);
  static Error internal(std::string message);

  Reason reason() const { return reason_; }
  int code() const { return http_code(reason_); }
  const std::string& message() const { return message_; }
  const Details& details() const { return details_; }
  const std::vector<Cause>& causes() const { return causes_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Reason reason_;
  std::string message_;
  Details details_;
  std::vector<Cause> causes_;
};
