// Virtual workspaces: APIs below /services/<name>/ that show what is stored in logical clusters in
// another way: filtered, joined, transformed. Each is one class; what they share is here.
// Thread-safe. Source: reference kcp-apis.md 3.1.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "auth/user.h"
#include "base/task.h"
#include "http/message.h"
#include "registry/kind.h"

namespace virtual_workspaces {

class VirtualWorkspace {
 public:
  virtual ~VirtualWorkspace() = default;
  virtual std::string_view name() const = 0;  // "apiexport"
  // Answers one request. `path` is what stands behind "/services/<name>/", as sent, without query.
  // Throws Error, which the server answers as a Status; NotFound if the address is not one of its.
  virtual Task<> serve(http::Request request, std::string_view path, auth::UserPtr user,
                       http::ResponseWriter& response) = 0;
};

// Authenticates and hands requests to the virtual workspace that their path names. Mount it at
// "/services/". The authenticator must outlive the handler.
http::Handler make_handler(std::vector<std::shared_ptr<VirtualWorkspace>> workspaces,
                           const auth::Authenticator& authenticator);

// The tail of an address, ".../clusters/<c>/<rest>", taken apart: "<c>" is "*" or a logical cluster
// name. Nothing if `path` does not begin with "clusters/".
struct Target {
  std::string cluster;
  std::string rest;  // "/apis/apps/v1/deployments", as sent
};
std::optional<Target> parse_target(std::string_view path);

// The shard's own API, called with any identity: what virtual workspaces forward to.
class Shard {
 public:
  explicit Shard(http::Handler handler) : handler_(std::move(handler)) {}

  // Sends `request` on as it is, but to `target` ("/clusters/<c>/apis/...?query") and as `user`;
  // the answer streams through untouched.
  Task<> pass(http::Request request, std::string target, auth::UserPtr user,
              http::ResponseWriter& response) const;
  // For requests whose answer is read or changed on the way.
  std::shared_ptr<http::Transport> transport(auth::UserPtr user) const;

 private:
  http::Handler handler_;
};

// Answers discovery (/api, /apis, groups, versions; legacy and aggregated) and OpenAPI v3 for these
// kinds. `prefix` is the address in front of `rest`, for URLs in documents. False if `rest` is not
// one of these documents' paths.
Task<bool> answer_documents(const http::Request& request, std::string_view rest,
                            const std::vector<registry::KindPtr>& kinds, std::string_view prefix,
                            http::ResponseWriter& response);

}  // namespace virtual_workspaces
