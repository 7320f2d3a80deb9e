#include "controllers/workspaces/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/accounts.h"
#include "base/random.h"
#include "controllers/api_sharing/context.h"
#include "json/text.h"
#include "object/names.h"
#include "tenancy/content.h"
#include "tenancy/path.h"

namespace controllers {
namespace {

constexpr int kMaxExtensions = 32;

bool is_system_name(std::string_view key) {
  return key.starts_with("internal.") || key.starts_with("kcp.io/") ||
         key.starts_with("tenancy.kcp.io/");
}

// Labels and annotations that say where something is and what it is stay as they are.
void keep_system_metadata(json::Value& object, const json::Value& before) {
  for (const char* field : {"labels", "annotations"}) {
    json::Value kept = json::Value::object();
    for (const json::Member& one : object.at("metadata", field).members()) {
      if (!is_system_name(one.key)) kept.set(one.key, one.value);
    }
    for (const json::Member& one : before.at("metadata", field).members()) {
      if (is_system_name(one.key)) kept.set(one.key, one.value);
    }
    if (kept == object.at("metadata", field)) continue;
    object.edit("metadata").set(field, std::move(kept));
  }
}

class WorkspaceRules final : public registry::Rules {
 public:
  WorkspaceRules(registry::Registry& registry, std::string server_url)
      : registry_(registry), server_url_(std::move(server_url)) {}

  void on_create(const registry::Call& call, json::Value& object) const override {
    json::Value& spec = object.edit("spec");
    for (const char* field : {"cluster", "URL"}) spec.erase(field);
    settle_type(call.cluster, object);
    object::add_finalizer(object, kWorkspaceFinalizer);
  }

  void on_update(const registry::Call&, json::Value& object,
                 const json::Value& before) const override {
    for (const char* field : {"cluster", "URL"}) {
      if (before["spec"].contains(field)) object.edit("spec").set(field, before["spec"][field]);
    }
    keep_system_metadata(object, before);
    // Only who has emptied the logical cluster lets go of it, and that is not done by an update.
    if (object::has_finalizer(before, kWorkspaceFinalizer)) {
      object::add_finalizer(object, kWorkspaceFinalizer);
    }
  }

  std::vector<Cause> validate(const registry::Call&, const json::Value& object,
                              const json::Value& before) const override {
    std::vector<Cause> causes;
    if (!tenancy::is_segment(object::name(object))) {
      causes.push_back(object::invalid_value(
          "metadata.name", object::name(object),
          "metadata.name in body should match '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'"));
    }
    if (!before.is_null() && before.at("spec", "type") != object.at("spec", "type")) {
      causes.push_back(object::invalid_value("spec.type", "object", "type is immutable"));
    }
    return causes;
  }

  std::vector<storage::Write> also_write(const registry::Call& call, json::Value& object,
                                         std::vector<storage::Compare>& compares) const override {
    if (call.verb != "create") return {};
    auto parent = logical_cluster(call.cluster);
    compares.push_back({cache::storage_key(kLogicalClusters, {call.cluster, "", "cluster"}),
                        storage::Revision{parent->revision()}});
    tenancy::NewCluster cluster = describe(call, object, *parent);
    object.edit("spec").set("cluster", cluster.name);
    object.edit("spec").set("URL", server_url_ + "/clusters/" + cluster.path);
    object::set_annotation(object, "internal.tenancy.kcp.io/cluster", cluster.name);
    object::set_label(object, "tenancy.kcp.io/phase", "Ready");
    object.edit("status", "phase") = "Ready";
    object::set_condition(object, {"WorkspaceScheduled", "True", "", ""}, cluster.now);
    object::set_condition(object, {"WorkspaceInitialized", "True", "", ""}, cluster.now);
    std::vector<storage::Write> writes;
    for (const tenancy::Content& one : tenancy::initial_content(cluster)) {
      cache::Key key{cluster.name, object::ns(one.object), object::name(one.object)};
      writes.push_back(
          {cache::storage_key({one.group, one.resource, ""}, key), registry_.encode(one.object)});
    }
    return writes;
  }

 private:
  inline static const cache::TableId kLogicalClusters{"core.kcp.io", "logicalclusters", ""};
  inline static const cache::TableId kTypes{"tenancy.kcp.io", "workspacetypes", ""};

  cache::ItemPtr logical_cluster(const std::string& cluster) const {
    auto item = registry_.objects().table(kLogicalClusters).find({cluster, "", "cluster"});
    if (!item || item->deleting()) {
      throw Error::forbidden("tenancy.kcp.io", "workspaces", "",
                             "workspaces can be made in a ready workspace only");
    }
    return item;
  }

  tenancy::NewCluster describe(const registry::Call& call, const json::Value& object,
                               const cache::Item& parent) const {
    auto parent_object = value_or_throw(json::parse(parent.json()));
    tenancy::NewCluster cluster;
    cluster.name = tenancy::cluster_name_from(random_bytes(32));
    cluster.path =
        tenancy::join_path(object::annotation(parent_object, "kcp.io/path"), object::name(object));
    cluster.type_path = object.at("spec", "type", "path").str();
    cluster.type_name = object.at("spec", "type", "name").str();
    cluster.server_url = server_url_;
    bool system = call.user->in_group(auth::kMasters);
    cluster.creator = system ? "" : auth::global_name(*call.user);
    cluster.owner = json::Value::object({{"apiVersion", "tenancy.kcp.io/v1alpha1"},
                                         {"resource", "workspaces"},
                                         {"name", object::name(object)},
                                         {"cluster", call.cluster},
                                         {"uid", object::uid(object)}});
    cluster.now = registry_.clock().now();
    return cluster;
  }

  json::Value find_type(const std::string& path, const std::string& name) const {
    if (path != tenancy::kRoot) return {};  // types of other workspaces are not shared yet
    auto item = registry_.objects().table(kTypes).find({std::string(tenancy::kRoot), "", name});
    if (!item) return {};
    return value_or_throw(json::parse(item->json()));
  }

  // The type and every name that it answers to through what it extends.
  std::optional<tenancy::TypeInUse> type_in_use(const std::string& path,
                                                const std::string& name) const {
    tenancy::TypeInUse result{find_type(path, name), {tenancy::join_path(path, name)}};
    if (result.type.is_null()) return {};
    std::vector<json::Value> open{result.type};
    for (int left = kMaxExtensions; !open.empty() && left > 0; --left) {
      json::Value type = open.back();
      open.pop_back();
      for (const json::Value& base : type.at("spec", "extend", "with").elements()) {
        std::string alias = tenancy::join_path(base["path"].as_string(), base["name"].as_string());
        if (std::ranges::find(result.aliases, alias) != result.aliases.end()) continue;
        result.aliases.push_back(alias);
        open.push_back(find_type(base["path"].str(), base["name"].str()));
      }
    }
    return result;
  }

  void settle_type(const std::string& parent_cluster, json::Value& object) const {
    auto parent_object = value_or_throw(json::parse(logical_cluster(parent_cluster)->json()));
    auto [parent_path, parent_name] =
        tenancy::split_path(object::annotation(parent_object, "internal.tenancy.kcp.io/type"));
    auto parent = type_in_use(parent_path, parent_name);
    json::Value& wanted = object.edit("spec", "type");
    if (wanted["name"].as_string().empty()) {
      const json::Value& fallback =
          parent ? parent->type.at("spec", "defaultChildWorkspaceType") : json::Value();
      wanted.set("name", fallback["name"].as_string("universal"));
      wanted.set("path", fallback["path"].as_string(tenancy::kRoot));
    }
    if (wanted["path"].as_string().empty()) wanted.set("path", tenancy::kRoot);
    std::string path = wanted["path"].str(), name = wanted["name"].str();
    auto child = type_in_use(path, name);
    if (!child) {
      throw Error::forbidden(
          "tenancy.kcp.io", "workspaces", object::name(object),
          fmt::format("workspace type {} does not exist", tenancy::join_path(path, name)));
    }
    std::string why = parent ? tenancy::why_not_allowed(*parent, *child) : "";
    if (!why.empty()) {
      throw Error::forbidden("tenancy.kcp.io", "workspaces", object::name(object), why);
    }
  }

  registry::Registry& registry_;
  const std::string server_url_;
};

class LogicalClusterRules final : public registry::Rules {
 public:
  void on_create(const registry::Call&, json::Value& object) const override {
    throw Error::forbidden("core.kcp.io", "logicalclusters", object::name(object),
                           "a logical cluster is made by making a workspace");
  }
  // Everybody who administers a workspace may label it; what it is and whose stays.
  void on_update(const registry::Call& call, json::Value& object,
                 const json::Value& before) const override {
    if (is_by_system(call)) return;
    keep_system_metadata(object, before);
    for (const char* field : {"spec", "status"}) {
      if (before.contains(field)) {
        object.set(field, before[field]);
      } else {
        object.erase(field);
      }
    }
  }
  void on_delete(const registry::Call&, json::Value& object) const override {
    if (object.at("spec", "directlyDeletable").as_bool()) return;
    throw Error::forbidden("core.kcp.io", "logicalclusters", object::name(object),
                           "a logical cluster is deleted by deleting its workspace");
  }
};

}  // namespace

std::shared_ptr<registry::Rules> workspace_rules(registry::Registry& registry,
                                                 std::string server_url) {
  return std::make_shared<WorkspaceRules>(registry, std::move(server_url));
}

std::shared_ptr<registry::Rules> logical_cluster_rules() {
  return std::make_shared<LogicalClusterRules>();
}

}  // namespace controllers
