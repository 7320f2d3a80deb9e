// The Kubernetes API over HTTP: one handler for all logical clusters. The way of a request is
// handle() in server.cc, read top to bottom; the verbs are in handlers/.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "auth/authenticator.h"
#include "auth/authorizer.h"
#include "http/message.h"
#include "registry/make.h"
#include "registry/registry.h"

namespace server {

// Knows which logical cluster a workspace path means.
class ClusterResolver {
 public:
  virtual ~ClusterResolver() = default;
  // The name of the logical cluster at `path` ("root:a", or a name itself); nothing if there is
  // none that requests may reach.
  virtual std::optional<std::string> resolve(std::string_view path) const = 0;
  // The logical cluster called `name` for the system's components and administrators, who also
  // reach those that are being deleted: what is in them has to be let go of.
  virtual std::optional<std::string> resolve_for_system(std::string_view name) const {
    return resolve(name);
  }
};

struct Options {
  registry::Registry& registry;
  const auth::Authenticator& authenticator;
  auth::Authorizer& authorizer;
  registry::Flavour flavour = registry::Flavour::Workspaces;
  const ClusterResolver* clusters = nullptr;  // Workspaces only
  std::string version;                        // "v1.32.0+kcp-..."
  std::size_t max_in_flight = 400;            // requests that are not watches
  std::size_t max_in_flight_of_user = 100;    // of these; system:masters are not held back
  std::size_t max_watches_of_user = 2000;
};

class Server {
 public:
  explicit Server(Options options);
  ~Server();

  // Thread-safe; the server must outlive all calls.
  http::Handler handler();
  // Whatever starts with `prefix` goes to `mounted`, before authentication. Start-up only.
  void mount(std::string prefix, http::Handler mounted);
  // A named readiness check; "" = healthy, else why not. Start-up only; must be thread-safe.
  void add_check(std::string name, std::function<std::string()> check);

  void ready();  // until then readyz says no
  void stop();   // readyz says no and watches end; thread-safe

  // In-process calls with the identity of `user`, past authentication.
  std::shared_ptr<http::Transport> direct(auth::UserPtr user);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace server
