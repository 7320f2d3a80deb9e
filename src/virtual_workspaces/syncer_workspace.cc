#include "virtual_workspaces/syncer_workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "apply/strategic_merge.h"
#include "base/error.h"
#include "base/strings.h"
#include "client/client.h"
#include "json/patch.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"
#include "placement/view.h"
#include "server/body.h"
#include "server/request_info.h"
#include "virtual_workspaces/syncer_stream.h"

namespace virtual_workspaces {
namespace {

using json::Value;
using placement::Part;

const cache::TableId kTargets{"workload.kcp.io", "synctargets", ""};
constexpr const char* kAlways[] = {"namespaces", "configmaps", "secrets"};
constexpr std::array kVerbs = {"get", "list", "watch", "update", "patch"};
constexpr std::size_t kMaxOffered = 256;
constexpr int kAttempts = 5;

Error unknown_path() {
  return {Reason::NotFound, "the server could not find the requested resource"};
}

Error not_allowed() {
  return {Reason::MethodNotAllowed,
          "the server does not allow this method on the requested resource"};
}

struct Address {
  std::string cluster, target, uid;  // the SyncTarget
  std::string prefix;                // all in front of `at.rest`
  Target at;
};

Address parse_address(std::string_view path) {
  Address address;
  std::size_t begin = 0;
  for (std::string* part : {&address.cluster, &address.target, &address.uid}) {
    std::size_t slash = path.find('/', begin);
    if (slash == std::string_view::npos) throw unknown_path();
    *part = percent_decode(path.substr(begin, slash - begin));
    if (part->empty()) throw unknown_path();
    begin = slash + 1;
  }
  auto at = parse_target(path.substr(begin));
  // Names only: paths of workspaces would tell which ones there are.
  if (!at || at->cluster.contains(':')) throw unknown_path();
  std::size_t end = path.find('/', path.find('/', begin) + 1);
  address.prefix = "/services/syncer/" + std::string(path.substr(0, end));
  address.at = std::move(*at);
  return address;
}

struct Offer {
  registry::KindPtr kind;
  std::vector<std::string> versions;  // empty = all of the kind's

  const registry::Version* find_version(std::string_view name) const {
    bool listed = versions.empty() || std::ranges::find(versions, name) != versions.end();
    const registry::Version* version = listed ? kind->find_version(name) : nullptr;
    return version && version->served ? version : nullptr;
  }
};

// Beside what every workspace has, only kinds bound from an export are offered: a SyncTarget's
// status cannot open a way to anything else.
std::vector<Offer> offers_of(const registry::KindTable& kinds, const Value& target) {
  std::vector<Offer> offers;
  for (const char* plural : kAlways) {
    if (auto kind = kinds.find("*", "", plural)) offers.push_back({std::move(kind), {}});
  }
  for (const Value& entry : target.at("status", "syncedResources").elements()) {
    std::string identity = entry["identityHash"].str();
    if (identity.empty() || entry["state"].as_string() == "Incompatible") continue;
    auto kind =
        kinds.find("*", entry["group"].as_string(), entry["resource"].as_string(), identity);
    if (!kind || offers.size() >= kMaxOffered) continue;
    Offer offer{std::move(kind), {}};
    for (const Value& version : entry["versions"].elements()) {
      offer.versions.push_back(version.str());
    }
    offers.push_back(std::move(offer));
  }
  return offers;
}

// For discovery: the kinds with the verbs and versions that are offered.
std::vector<registry::KindPtr> kinds_of(const std::vector<Offer>& offers) {
  std::vector<registry::KindPtr> kinds;
  for (const Offer& offer : offers) {
    auto kind = std::make_shared<registry::Kind>(*offer.kind);
    kind->verbs.assign(kVerbs.begin(), kVerbs.end());
    std::erase_if(kind->versions, [&](const registry::Version& version) {
      return !offer.find_version(version.name);
    });
    for (auto& version : kind->versions) version.scale.reset();
    if (!kind->versions.empty()) kinds.push_back(std::move(kind));
  }
  return kinds;
}

// One request for objects, understood.
struct Session {
  std::string key;  // of the SyncTarget
  server::RequestInfo info;
  registry::Call call;

  Part part() const { return info.subresource == "status" ? Part::Status : Part::Main; }
  std::string label() const { return std::string(placement::kStateLabel) + key; }
  client::Resource resource() const {
    std::string plural = call.kind->plural;
    if (!call.kind->identity.empty()) plural += ":" + call.kind->identity;
    return {call.kind->group, call.version->name, std::move(plural), call.kind->namespaced};
  }
};

void check_offered(const Session& session) {
  const server::RequestInfo& info = session.info;
  bool status = info.subresource == "status" && session.call.version->has_status;
  if (!info.subresource.empty() && !status) throw unknown_path();
  if (std::ranges::find(kVerbs, info.verb) == kVerbs.end()) throw not_allowed();
  if (info.query.has("dryRun")) throw Error::bad_request("dryRun is not offered here");
  bool collection = info.verb == "list" || info.verb == "watch";
  bool one = !info.name.empty() && session.call.cluster != "*";
  bool placed = !session.call.kind->namespaced || collection || !info.ns.empty();
  if (collection ? !info.name.empty() : !one) throw not_allowed();
  if (!placed) throw unknown_path();
}

class SyncerWorkspace final : public VirtualWorkspace {
 public:
  explicit SyncerWorkspace(SyncerOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "syncer"; }

  Task<> serve(http::Request request, std::string_view path, auth::UserPtr user,
               http::ResponseWriter& response) override {
    Address address = parse_address(path);
    co_await authorize(address, user);
    auto offers = offers_of(options_.registry.kinds(), find_target(address));
    auto info = server::parse_request(request.method, address.at.rest, request.query());
    if (!info.resource_request) {
      bool answered = co_await answer_documents(request, address.at.rest, kinds_of(offers),
                                                address.prefix, response);
      if (!answered) throw unknown_path();
      co_return;
    }
    Session session = open(address, std::move(info), offers, user);
    check_offered(session);
    if (session.info.verb == "list" || session.info.verb == "watch") {
      co_await collect(address, session, response);
    } else if (session.info.verb == "get") {
      co_await answer(show(session, find_stored(session)), response);
    } else {
      co_await write(session, request, response);
    }
  }

 private:
  Task<> authorize(const Address& address, const auth::UserPtr& user) {
    auth::Attributes attributes;
    attributes.user = user;
    attributes.verb = "sync";
    attributes.cluster = address.cluster;
    attributes.group = kTargets.group;
    attributes.version = "v1alpha1";
    attributes.resource = kTargets.resource;
    attributes.name = address.target;
    auto verdict = co_await options_.authorizer.authorize(attributes);
    if (verdict.decision == auth::Decision::Allow) co_return;
    throw Error::forbidden(kTargets.group, kTargets.resource, address.target,
                           auth::forbidden_message(attributes, verdict.reason));
  }

  // Null if it is not there, or another one of that name.
  cache::ItemPtr target_item(const Address& address) const {
    auto item =
        options_.registry.objects().table(kTargets).find({address.cluster, "", address.target});
    return item && item->uid() == address.uid ? item : nullptr;
  }

  Value find_target(const Address& address) const {
    auto item = target_item(address);
    if (!item) throw Error::not_found(kTargets.group, kTargets.resource, address.target);
    return value_or_throw(json::parse(item->json()));
  }

  static Session open(const Address& address, server::RequestInfo info,
                      const std::vector<Offer>& offers, const auth::UserPtr& user) {
    auto offer = std::ranges::find_if(offers, [&](const Offer& one) {
      bool same = one.kind->group == info.group && one.kind->plural == info.resource;
      return same && (info.identity.empty() || info.identity == one.kind->identity);
    });
    if (offer == offers.end()) throw unknown_path();
    Session session{placement::target_key(address.cluster, address.target), std::move(info), {}};
    registry::Call& call = session.call;
    call.cluster = address.at.cluster;
    call.kind = offer->kind;
    call.version = offer->find_version(session.info.version);
    if (!call.version) throw unknown_path();
    call.ns = call.kind->namespaced ? session.info.ns : "";
    call.name = session.info.name;
    call.subresource = session.info.subresource;
    call.verb = session.info.verb;
    call.user = user;
    return session;
  }

  Value show(const Session& session, const Value& stored) const {
    std::string cluster = object::annotation(stored, placement::kClusterAnnotation);
    return placement::view_of(stored, session.key, options_.url + "/clusters/" + cluster);
  }

  std::shared_ptr<http::Transport> shard() const {
    return options_.shard.transport(auth::system_user("syncer-workspace"));
  }

  // The object as it is stored, in the version asked for; NotFound if it is not this target's.
  Value find_stored(const Session& session) const {
    const registry::Call& call = session.call;
    auto item = options_.registry.objects()
                    .table(call.kind->table())
                    .find({call.cluster, call.ns, call.name});
    Value stored = item ? options_.registry.decode(*item, call) : Value();
    if (object::label(stored, session.label()) != placement::kSync) {
      throw Error::not_found(call.kind->group, call.kind->plural, call.name);
    }
    return stored;
  }

  static Task<> answer(const Value& object, http::ResponseWriter& response) {
    return response.send(
        200, {{"content-type", "application/json"}, {"cache-control", "no-cache, private"}},
        Bytes(json::print(object) + "\n"));
  }

  static std::string query_of(const Session& session) {
    const server::Query& asked = session.info.query;
    auto labels = value_or_throw(object::LabelSelector::parse(asked.get("labelSelector")));
    labels.require(
        {session.label(), object::LabelSelector::Operator::In, {std::string(placement::kSync)}});
    std::string query = "?labelSelector=" + percent_encode(labels.text());
    for (const char* name : {"limit", "continue", "resourceVersion", "resourceVersionMatch",
                             "fieldSelector", "timeoutSeconds"}) {
      if (asked.has(name)) query += fmt::format("&{}={}", name, percent_encode(asked.get(name)));
    }
    for (const char* name : {"watch", "allowWatchBookmarks", "sendInitialEvents"}) {
      if (asked.flag(name)) query += fmt::format("&{}=true", name);
    }
    return query;
  }

  Task<> collect(const Address& address, const Session& session,
                 http::ResponseWriter& response) const {
    http::Request request;
    request.method = "GET";
    request.target = "/clusters/" + percent_encode(session.call.cluster) +
                     client::resource_path(session.resource(), session.call.ns, "") +
                     query_of(session);
    request.headers.set("accept", "application/json");
    request.body = http::body_of({});
    Rewrite rewrite = [this, &session](Value object) { return show(session, object); };
    auto transport = shard();
    http::Response from = co_await transport->send(std::move(request));
    if (session.info.verb == "watch") {
      // The objects of a SyncTarget that is deleted lose its label. Its syncer must not take that
      // for a wish to remove the copies: DNS still leads to them. Its watches end instead.
      auto is_open = [this, &address] { return target_item(address) != nullptr; };
      co_await send_rewritten_watch(std::move(from), rewrite, is_open, response);
    } else {
      co_await send_rewritten_list(std::move(from), rewrite, response);
    }
  }

  Task<> write(Session& session, http::Request& request, http::ResponseWriter& response) const {
    std::vector<std::string> warnings;
    Value body = co_await server::read_object(request, registry::FieldValidation::Ignore, warnings);
    std::string type(request.headers.get("content-type"));
    bool patch = session.info.verb == "patch";
    for (int attempt = 1;; ++attempt) {
      Value stored = find_stored(session);
      Value wanted = body;
      if (patch) {
        wanted = value_or_throw(patched(session, show(session, stored), body, type));
      } else {
        server::check_type(session.call, wanted);
      }
      if (object::name(wanted) != session.call.name) {
        throw Error::bad_request("metadata.name must be the name in the URL");
      }
      try {
        Value after = co_await store(session, stored, wanted);
        co_return co_await answer(show(session, after), response);
      } catch (const Error& error) {
        bool again = patch && error.reason() == Reason::Conflict && attempt < kAttempts;
        if (!again) throw;
      }
    }
  }

  static Result<Value> patched(const Session& session, const Value& view, const Value& patch,
                               std::string_view content_type) {
    std::string type = lower(trim(content_type.substr(0, content_type.find(';'))));
    if (type == "application/json-patch+json") return json::apply_json_patch(view, patch);
    if (!patch.is_object()) return std::unexpected(Error::bad_request("a patch must be an object"));
    if (type == "application/merge-patch+json") return json::apply_merge_patch(view, patch);
    if (type == "application/strategic-merge-patch+json" && session.call.kind->builtin) {
      return apply::strategic_merge(view, patch, *session.call.version->schema);
    }
    return std::unexpected(
        Error(Reason::UnsupportedMediaType,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json-patch+json, application/merge-patch+json"));
  }

  // The status goes first: if the rest is lost, the syncer still sees its old view and tries again.
  Task<Value> store(const Session& session, const Value& stored, const Value& wanted) const {
    Value after =
        value_or_throw(placement::apply_view(stored, wanted, session.key, session.part()));
    client::Client client(shard(), "/clusters/" + percent_encode(session.call.cluster));
    Value present = stored;
    if (session.call.version->has_status && after["status"] != stored["status"]) {
      Value with_status = stored;
      with_status.set("status", after["status"]);
      if (!after.contains("status")) with_status.erase("status");
      present = co_await client.update_status(session.resource(), std::move(with_status));
    }
    after.edit("metadata").set("resourceVersion", object::resource_version(present));
    auto rest = [](Value object) {
      object.erase("status");
      object.edit("metadata").erase("resourceVersion");
      return object;
    };
    if (rest(after) == rest(stored)) co_return present;
    co_return co_await client.update(session.resource(), std::move(after));
  }

  SyncerOptions options_;
};

}  // namespace

std::shared_ptr<VirtualWorkspace> make_syncer_workspace(SyncerOptions options) {
  return std::make_shared<SyncerWorkspace>(std::move(options));
}

}  // namespace virtual_workspaces
