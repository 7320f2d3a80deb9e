// What a test of the server begins with: a server over a registry in memory. Fixtures derive from
// it and say ready() when they have made what they need.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "auth/rbac.h"
#include "json/text.h"
#include "registry/testing.h"
#include "server/server.h"

namespace server {

class InMemoryServer : protected registry::InMemoryRegistry {
 protected:
  ~InMemoryServer() { close(); }

  // The answer's body is read by the caller. "" is an administrator.
  http::Response open(std::string method, std::string target, const json::Value& body,
                      const std::string& accept = "application/json",
                      const std::string& user = "") {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.set("accept", accept);
    request.headers.set("content-type", "application/json");
    request.body = http::body_of(body.is_null() ? Bytes() : Bytes(json::print(body)));
    auto identity = std::make_shared<auth::User>();
    identity->name = user.empty() ? "admin" : user;
    if (user.empty()) identity->groups = {std::string(auth::kMasters)};
    return run(loop_, send(server_.direct(std::move(identity)), std::move(request)));
  }

 private:
  struct EveryCluster final : ClusterResolver {
    std::optional<std::string> resolve(std::string_view path) const override {
      return std::string(path);
    }
  };

  static Task<http::Response> send(std::shared_ptr<http::Transport> transport,
                                   http::Request request) {
    co_return co_await transport->send(std::move(request));
  }

 protected:
  std::unique_ptr<auth::Authorizer> rbac_ = auth::make_rbac(*cache_, {});
  auth::Authenticator authenticator_{{}, nullptr};
  EveryCluster clusters_;
  Server server_{
      {*registry_, authenticator_, *rbac_, registry::Flavour::Workspaces, &clusters_, "v1.32.0"}};
};

}  // namespace server
