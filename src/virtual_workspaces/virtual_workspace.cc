#include "virtual_workspaces/virtual_workspace.h"

#include "base/error.h"
#include "base/strings.h"
#include "server/documents.h"
#include "server/limiter.h"
#include "server/request_info.h"

namespace virtual_workspaces {
namespace {

using Workspaces = std::vector<std::shared_ptr<VirtualWorkspace>>;

// The shard counts what is forwarded as the system's: whose it is, is known here.
constexpr std::size_t kMaxInFlight = 400;
constexpr std::size_t kMaxInFlightOfUser = 100;
constexpr std::size_t kMaxWatchesOfUser = 2000;

struct Limits {
  server::Limiter requests{kMaxInFlight, kMaxInFlightOfUser};
  server::Limiter watches{SIZE_MAX, kMaxWatchesOfUser};
};

Error unknown_path() {
  return {Reason::NotFound, "the server could not find the requested resource"};
}

constexpr std::string_view kServices = "/services/";

Task<> dispatch(std::shared_ptr<const Workspaces> workspaces, std::shared_ptr<Limits> limits,
                const auth::Authenticator& auth, http::Request request,
                http::ResponseWriter& response) {
  auth::UserPtr user = value_or_throw(auth.authenticate(request));
  bool watch = request.method == "GET" && server::Query(request.query()).flag("watch");
  bool system = user->in_group(auth::kMasters);
  server::Limiter::Slot slot(watch ? limits->watches : limits->requests, system ? "" : user->name);
  std::string path(request.path().substr(kServices.size()));
  std::string name = path.substr(0, path.find('/'));
  for (const auto& workspace : *workspaces) {
    if (workspace->name() != name || name.size() == path.size()) continue;
    std::string_view rest = std::string_view(path).substr(name.size() + 1);
    co_return co_await workspace->serve(std::move(request), rest, std::move(user), response);
  }
  throw unknown_path();
}

}  // namespace

http::Handler make_handler(Workspaces workspaces, const auth::Authenticator& authenticator) {
  auto shared = std::make_shared<const Workspaces>(std::move(workspaces));
  auto limits = std::make_shared<Limits>();
  return [shared, limits, &authenticator](http::Request request, http::ResponseWriter& response) {
    return dispatch(shared, limits, authenticator, std::move(request), response);
  };
}

std::optional<Target> parse_target(std::string_view path) {
  constexpr std::string_view kPrefix = "clusters/";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  std::string_view tail = path.substr(kPrefix.size());
  std::size_t slash = tail.find('/');
  Target target{percent_decode(tail.substr(0, slash)), "/"};
  if (slash != std::string_view::npos) target.rest = tail.substr(slash);
  if (target.cluster.empty() || target.cluster.contains('/')) return std::nullopt;
  return target;
}

Task<> Shard::pass(http::Request request, std::string target, auth::UserPtr user,
                   http::ResponseWriter& response) const {
  request.target = std::move(target);
  request.peer.trusted_identity = std::move(user);
  co_await handler_(std::move(request), response);
}

std::shared_ptr<http::Transport> Shard::transport(auth::UserPtr user) const {
  http::Peer peer;
  peer.address = "in-process";
  peer.trusted_identity = std::move(user);
  return http::direct_transport(handler_, std::move(peer));
}

Task<bool> answer_documents(const http::Request& request, std::string_view rest,
                            const std::vector<registry::KindPtr>& kinds, std::string_view prefix,
                            http::ResponseWriter& response) {
  // Rendered anew each time: clients ask rarely, and keep what they got by its ETag.
  server::Documents documents;
  server::DocumentSource source{[&] { return kinds; }, "", std::string(prefix)};
  co_return co_await documents.answer(request, percent_decode(rest), source, response);
}

}  // namespace virtual_workspaces
