#include "cmd/plugin/syncer_manifest.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"
#include "json/text.h"

namespace plugin {
namespace {

using json::Value;

constexpr const char* kRbac = "rbac.authorization.k8s.io/v1";
constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";

Value strings(std::initializer_list<const char*> list) {
  Value all = Value::array();
  for (const char* one : list) all.push_back(one);
  return all;
}

Value rule(const char* group, std::initializer_list<const char*> resources,
           std::initializer_list<const char*> verbs) {
  return Value::object({{"apiGroups", Value::array({group})},
                        {"resources", strings(resources)},
                        {"verbs", strings(verbs)}});
}

// One rule per API group for what is synced; secrets and config maps always are.
void add_synced_rules(Value& rules, const std::vector<object::GroupResource>& synced) {
  std::map<std::string, std::set<std::string>> by_group{{"", {"configmaps", "secrets"}}};
  for (const auto& one : synced) by_group[one.group].insert(one.resource);
  if (by_group[""].contains("pods")) {
    for (const char* sub :
         {"log", "exec", "attach", "binding", "portforward", "proxy", "ephemeralcontainers"}) {
      by_group[""].insert(std::string("pods/") + sub);
    }
  }
  for (const auto& [group, resources] : by_group) {
    Value list = Value::array();
    for (const std::string& one : resources) list.push_back(one);
    rules.push_back(Value::object({{"apiGroups", Value::array({group})},
                                   {"resources", std::move(list)},
                                   {"verbs", Value::array({"*"})}}));
  }
}

Value cluster_role(const SyncerManifest& manifest) {
  Value role = object::make(kRbac, "ClusterRole", manifest.syncer_id);
  Value rules = Value::array({
      rule("", {"namespaces"}, {"create", "get", "list", "watch", "patch", "delete"}),
      rule("", {"endpoints"}, {"get"}),
      rule("apiextensions.k8s.io", {"customresourcedefinitions"}, {"get", "watch", "list"}),
      rule("networking.k8s.io", {"networkpolicies"}, {"create", "list", "watch"}),
      rule("apiresource.kcp.io", {"apiresourceimports"}, {"create", "update", "list", "watch"}),
  });
  add_synced_rules(rules, manifest.synced);
  role.set("rules", std::move(rules));
  return role;
}

Value dns_role(const SyncerManifest& manifest, const std::string& name) {
  Value role = object::make(kRbac, "Role", name, manifest.ns);
  role.set(
      "rules",
      Value::array({
          rule("", {"serviceaccounts", "services"},
               {"create", "get", "list", "update", "delete", "watch"}),
          rule("apps", {"deployments"}, {"create", "get", "list", "update", "delete", "watch"}),
          rule(kRbacGroup, {"roles", "rolebindings"},
               {"create", "get", "list", "update", "delete", "watch"}),
          rule("", {"endpoints"}, {"get", "list", "watch"}),
      }));
  return role;
}

// `kind` is "ClusterRole" or "Role"; the binding has the role's name.
Value binding(const SyncerManifest& manifest, const char* kind, const std::string& name) {
  bool namespaced = std::string_view(kind) == "Role";
  Value object = object::make(kRbac, std::string(kind) + "Binding", name,
                              namespaced ? manifest.ns : std::string());
  object.set("roleRef", Value::object({{"apiGroup", kRbacGroup}, {"kind", kind}, {"name", name}}));
  object.set("subjects", Value::array({Value::object({{"kind", "ServiceAccount"},
                                                      {"name", manifest.syncer_id},
                                                      {"namespace", manifest.ns}})}));
  return object;
}

std::string kubeconfig_text(const SyncerManifest& manifest) {
  Value cluster = Value::object();
  if (!manifest.ca_pem.empty()) {
    cluster.set("certificate-authority-data", base64_encode(manifest.ca_pem));
  }
  if (manifest.insecure) cluster.set("insecure-skip-tls-verify", true);
  cluster.set("server", manifest.server);
  auto entry = [](const char* name, const char* field, Value content) {
    return Value::array({Value::object({{"name", name}, {field, std::move(content)}})});
  };
  Value context = Value::object({{"cluster", "default-cluster"},
                                 {"namespace", manifest.kcp_namespace},
                                 {"user", "default-user"}});
  return json::print_yaml(Value::object(
      {{"apiVersion", "v1"},
       {"kind", "Config"},
       {"clusters", entry("default-cluster", "cluster", std::move(cluster))},
       {"contexts", entry("default-context", "context", std::move(context))},
       {"current-context", "default-context"},
       {"users", entry("default-user", "user", Value::object({{"token", manifest.token}}))}}));
}

Value container(const SyncerManifest& manifest) {
  Value args = Value::array(
      {"--from-kubeconfig=/kcp/kubeconfig", "--sync-target-name=" + manifest.target_name,
       "--sync-target-uid=" + manifest.target_uid, "--from-cluster=" + manifest.target_cluster,
       "--api-import-poll-interval=" + manifest.api_import_poll_interval,
       "--downstream-namespace-clean-delay=" + manifest.namespace_clean_delay});
  for (const std::string& one : manifest.resources) args.push_back("--resources=" + one);
  args.push_back("--qps=" + manifest.qps);
  args.push_back("--burst=" + manifest.burst);
  if (!manifest.feature_gates.empty()) {
    args.push_back("--feature-gates=" + manifest.feature_gates);
  }
  args.push_back("--dns-image=" + manifest.image);
  Value ns = Value::object({{"fieldRef", Value::object({{"fieldPath", "metadata.namespace"}})}});
  Value env = Value::object({{"name", "NAMESPACE"}, {"valueFrom", std::move(ns)}});
  Value mount = Value::object({{"name", "kcp-config"}, {"mountPath", "/kcp/"}, {"readOnly", true}});
  return Value::object({{"name", "kcp-syncer"},
                        {"command", Value::array({"/ko-app/syncer"})},
                        {"args", std::move(args)},
                        {"env", Value::array({std::move(env)})},
                        {"image", manifest.image},
                        {"imagePullPolicy", "IfNotPresent"},
                        {"terminationMessagePolicy", "FallbackToLogsOnError"},
                        {"volumeMounts", Value::array({std::move(mount)})}});
}

Value deployment(const SyncerManifest& manifest) {
  Value object = object::make("apps/v1", "Deployment", manifest.syncer_id, manifest.ns);
  Value labels = Value::object({{"app", manifest.syncer_id}});
  Value secret = Value::object({{"secretName", manifest.syncer_id}, {"optional", false}});
  Value volume = Value::object({{"name", "kcp-config"}, {"secret", std::move(secret)}});
  Value pod = Value::object({{"containers", Value::array({container(manifest)})},
                             {"serviceAccountName", manifest.syncer_id},
                             {"volumes", Value::array({std::move(volume)})}});
  object.set(
      "spec",
      Value::object(
          {{"replicas", manifest.replicas},
           {"strategy", Value::object({{"type", "Recreate"}})},
           {"selector", Value::object({{"matchLabels", labels}})},
           {"template", Value::object({{"metadata", Value::object({{"labels", std::move(labels)}})},
                                       {"spec", std::move(pod)}})}}));
  return object;
}

}  // namespace

std::vector<Value> manifest_objects(const SyncerManifest& manifest) {
  const std::string& id = manifest.syncer_id;
  constexpr std::string_view kSyncerPrefix = "kcp-syncer-";
  std::string dns = "kcp-dns-" + id.substr(std::min(kSyncerPrefix.size(), id.size()));
  Value token = object::make("v1", "Secret", id + "-token", manifest.ns);
  object::set_annotation(token, "kubernetes.io/service-account.name", id);
  token.set("type", "kubernetes.io/service-account-token");
  Value config = object::make("v1", "Secret", id, manifest.ns);
  config.set("stringData", Value::object({{"kubeconfig", kubeconfig_text(manifest)}}));
  return {object::make("v1", "Namespace", manifest.ns),
          object::make("v1", "ServiceAccount", id, manifest.ns),
          std::move(token),
          cluster_role(manifest),
          binding(manifest, "ClusterRole", id),
          dns_role(manifest, dns),
          binding(manifest, "Role", dns),
          std::move(config),
          deployment(manifest)};
}

std::string manifest_text(const SyncerManifest& manifest) {
  std::string text;
  for (const Value& object : manifest_objects(manifest)) {
    text += "---\n" + json::print_yaml(object);
  }
  return text;
}

}  // namespace plugin
