#include "virtual_workspaces/api_export.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/accounts.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/kind_table.h"
#include "server/request_info.h"
#include "sharing/claims.h"
#include "virtual_workspaces/api_export_access.h"
#include "virtual_workspaces/api_export_offer.h"

namespace virtual_workspaces {
namespace {

using json::Value;
using server::RequestInfo;

// How long a watch of something that the consumer does not serve stays open: the client looks again
// then, and by that time it may be served.
constexpr Duration kSilentWatch = 30s;

Error unknown_path() {
  return {Reason::NotFound, "the server could not find the requested resource"};
}

// "<cluster>/<export>/clusters/<target>/<rest>" taken apart.
struct Address {
  std::string cluster, name;
  std::string prefix;  // "/services/apiexport/.../clusters/<target>", as sent
  Target target;
};

Address parse_address(std::string_view path) {
  std::size_t first = path.find('/');
  std::size_t second = first == path.npos ? path.npos : path.find('/', first + 1);
  if (second == path.npos) throw unknown_path();
  auto target = parse_target(path.substr(second + 1));
  if (!target) throw unknown_path();
  std::string_view head = path;
  // The root of the view has no rest of its own.
  if (target->rest != "/" || path.ends_with('/')) head.remove_suffix(target->rest.size());
  return {percent_decode(path.substr(0, first)),
          percent_decode(path.substr(first + 1, second - first - 1)),
          "/services/apiexport/" + std::string(head), std::move(*target)};
}

bool is_collection(const RequestInfo& info) {
  return info.verb == "list" || info.verb == "watch" || info.verb == "deletecollection";
}

// The path on the shard, written anew from what was understood of the one that was sent.
std::string shard_path(const RequestInfo& info, const Offer& offer) {
  std::string path = info.group.empty() ? "/api/" + percent_encode(info.version)
                                        : fmt::format("/apis/{}/{}", percent_encode(info.group),
                                                      percent_encode(info.version));
  bool is_namespace = info.group.empty() && info.resource == "namespaces";
  if (!info.ns.empty() && !is_namespace) path += "/namespaces/" + percent_encode(info.ns);
  path += "/" + percent_encode(info.resource);
  if (!offer.identity.empty()) path += ":" + offer.identity;
  if (!is_collection(info) && !info.name.empty()) path += "/" + percent_encode(info.name);
  if (!info.subresource.empty()) path += "/" + percent_encode(info.subresource);
  return path;
}

// The query as sent, with the filter ANDed into its label selector.
std::string shard_query(std::string_view raw, const RequestInfo& info, const Offer& offer) {
  if (!offer.filter || !is_collection(info)) return std::string(raw);
  auto selector = value_or_throw(object::LabelSelector::parse(info.query.get("labelSelector")));
  selector.require(*offer.filter);
  std::string query = "labelSelector=" + percent_encode(selector.text());
  for (std::string_view pair : split(raw, '&')) {
    bool selects = percent_decode(pair.substr(0, pair.find('=')), true) == "labelSelector";
    if (!selects && !pair.empty()) query.append("&").append(pair);
  }
  return query;
}

// The system, but bound to what the consumer granted and known as the provider's user.
auth::UserPtr forwarded_user(const auth::UserPtr& provider, const Offer& offer,
                             const Value& claim) {
  auto user = std::make_shared<auth::User>(*auth::system_user("apiexport"));
  // A service account means somebody only together with the cluster that it is of.
  auto home = provider->extra.find(auth::kClusterExtra);
  if (home != provider->extra.end()) user->extra.insert(*home);
  user->extra[sharing::kProviderName] = {provider->name};
  user->extra[sharing::kProviderGroups] = provider->groups;
  if (!offer.filter || claim.is_null()) return user;
  user->extra[sharing::kRequiredLabel] = {offer.filter->key,
                                          sharing::claim_label_value(sharing::claim_of(claim))};
  user->extra[sharing::kRequiredSelector] = {json::print(claim["selector"])};
  return user;
}

class ApiExportWorkspace final : public VirtualWorkspace {
 public:
  ApiExportWorkspace(registry::Registry& registry, auth::Authorizer& authorizer, Shard shard)
      : registry_(registry), shard_(std::move(shard)), access_(registry.objects(), authorizer) {}

  std::string_view name() const override { return "apiexport"; }

  Task<> serve(http::Request request, std::string_view path, auth::UserPtr user,
               http::ResponseWriter& response) override {
    Address address = parse_address(path);
    RequestInfo info = server::parse_request(request.method, address.target.rest, request.query());
    co_await access_.check_content(user, address.cluster, address.name, info);
    Value api_export = find_export(address);
    if (!info.resource_request) {
      auto offers = offers_of(registry_.kinds(), address.cluster, api_export);
      bool answered = request.method == "GET" &&
                      co_await answer_documents(request, address.target.rest, offered_kinds(offers),
                                                address.prefix, response);
      if (!answered) throw unknown_path();
      co_return;
    }
    auto offer =
        find_offer(registry_.kinds(), address.cluster, api_export, {info.group, info.resource});
    if (!offer) throw unknown_path();
    check_offered(info, *offer);
    ExportRequest asked{address.cluster, api_export, address.target.cluster, info, user};
    if (address.target.cluster == "*") {
      co_await serve_all(std::move(request), asked, *offer, response);
    } else {
      co_await serve_one(std::move(request), asked, *offer, response);
    }
  }

 private:
  Value find_export(const Address& address) const {
    auto item =
        registry_.objects().table(registry::kExportTable).find({address.cluster, "", address.name});
    auto object = item ? json::parse(item->json()) : Value();
    if (!item || !object || object->at("status", "identityHash").as_string().empty()) {
      throw unknown_path();
    }
    return std::move(*object);
  }

  static void check_offered(const RequestInfo& info, const Offer& offer) {
    const auto* version = offer.kind->find_version(info.version);
    const std::string& sub = info.subresource;
    bool known = version && version->served &&
                 (sub.empty() || (sub == "status" && version->has_status) ||
                  (sub == "scale" && version->scale.has_value()));
    bool same = info.identity.empty() || info.identity == offer.identity;
    if (!known || !same) throw unknown_path();
  }

  // Over all consumers: what they are is said by the identity and the labels.
  Task<> serve_all(http::Request request, const ExportRequest& asked, const Offer& offer,
                   http::ResponseWriter& response) {
    const RequestInfo& info = asked.info;
    if (info.verb != "list" && info.verb != "watch") {
      throw Error(Reason::MethodNotAllowed,
                  fmt::format("{} is not supported on resources of kind {} in the `*` logical "
                              "cluster",
                              info.verb, quote(info.resource)));
    }
    if (!offer.claim.is_null() && !sharing::has_verb(offer.claim["verbs"], info.verb)) {
      throw Error::forbidden(
          info.group, info.resource, "",
          fmt::format("the APIExport does not claim the verb {}", quote(info.verb)));
    }
    if (!info.ns.empty()) {
      throw Error::bad_request("a request to all logical clusters must be to all namespaces");
    }
    co_await access_.check_owners(asked, offer);
    co_await forward(std::move(request), asked, offer, auth::system_user("apiexport"), response);
  }

  Task<> serve_one(http::Request request, const ExportRequest& asked, const Offer& offer,
                   http::ResponseWriter& response) {
    Value claim = access_.check_consumer(asked, offer);
    co_await access_.check_owners(asked, offer);
    const RequestInfo& info = asked.info;
    const auto& kind = *offer.kind;
    bool served =
        registry_.kinds().find(asked.target, kind.group, kind.plural, offer.identity) != nullptr;
    if (!served && is_collection(info)) {
      co_return co_await answer_nothing(asked, offer, response);
    }
    if (!served) throw Error::not_found(kind.group, kind.plural, info.name);
    if (!is_collection(info) && info.verb != "create") check_visible(asked, offer);
    co_await forward(std::move(request), asked, offer, forwarded_user(asked.user, offer, claim),
                     response);
  }

  // An object without the label does not exist here. Writes are judged once more, by admission.
  void check_visible(const ExportRequest& asked, const Offer& offer) const {
    if (!offer.filter) return;
    const auto& kind = *offer.kind;
    object::LabelSelector selector;
    selector.require(*offer.filter);
    std::string ns = kind.namespaced ? asked.info.ns : "";
    auto item = registry_.objects().table(kind.table()).find({asked.target, ns, asked.info.name});
    if (item && selector.matches(item->labels())) return;
    throw Error::not_found(kind.group, kind.plural, asked.info.name);
  }

  Task<> forward(http::Request request, const ExportRequest& asked, const Offer& offer,
                 auth::UserPtr user, http::ResponseWriter& response) {
    std::string target = "/clusters/" + (asked.target == "*" ? "*" : percent_encode(asked.target)) +
                         shard_path(asked.info, offer);
    std::string query = shard_query(request.query(), asked.info, offer);
    if (!query.empty()) target.append("?").append(query);
    return shard_.pass(std::move(request), std::move(target), std::move(user), response);
  }

  // For a resource that the consumer has granted but does not serve: an empty list, a silent watch.
  Task<> answer_nothing(const ExportRequest& asked, const Offer& offer,
                        http::ResponseWriter& response) {
    http::Headers headers{{"content-type", "application/json"}};
    if (asked.info.verb == "watch") {
      co_await response.start(200, headers);
      co_await sleep_for(kSilentWatch);
      co_await response.finish();
      co_return;
    }
    std::string revision = std::to_string(registry_.objects().revision());
    Value list = Value::object({{"kind", offer.kind->list_kind},
                                {"apiVersion", offer.kind->api_version(asked.info.version)},
                                {"metadata", Value::object({{"resourceVersion", revision}})},
                                {"items", Value::array()}});
    co_await response.send(200, headers, Bytes(json::print(list)));
  }

  registry::Registry& registry_;
  Shard shard_;
  ExportAccess access_;
};

}  // namespace

std::shared_ptr<VirtualWorkspace> make_api_export_workspace(registry::Registry& registry,
                                                            auth::Authorizer& authorizer,
                                                            Shard shard) {
  return std::make_shared<ApiExportWorkspace>(registry, authorizer, std::move(shard));
}

}  // namespace virtual_workspaces
