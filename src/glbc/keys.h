// The names under which the load balancer keeps its state: annotations, labels, finalizers and the
// names of its objects. Pure, thread-safe. Source: reference glbc.md 1.5.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/client.h"
#include "controller/controller.h"
#include "json/value.h"

namespace glbc {

// On Ingresses; the host also on the DNSRecords.
inline constexpr const char* kHost = "kuadrant.dev/host.generated";
inline constexpr const char* kReplacedHosts = "kuadrant.dev/custom-hosts.replaced";
inline constexpr const char* kCertificateStatus = "kuadrant.dev/certificate-status";
inline constexpr const char* kFinalizer = "kuadrant.dev/cascade-cleanup";
inline constexpr std::string_view kMigration = "kuadrant.dev/glbc-migration";  // a soft finalizer
// A SyncTarget's key follows.
inline constexpr std::string_view kDeleteAt = "kuadrant.dev/glbc-delete-at-";

// On objects of the control workspace: the Ingress they are for, and the record's own state.
inline constexpr const char* kOwnerCluster = "kuadrant.dev/ingress-cluster";
inline constexpr const char* kOwnerNamespace = "kuadrant.dev/ingress-namespace";
inline constexpr const char* kOwnerName = "kuadrant.dev/ingress-name";
inline constexpr const char* kOwnerUid = "kuadrant.dev/ingress-uid";
inline constexpr const char* kLargestTtl = "kuadrant.dev/max-ttl";      // ever handed out, seconds
inline constexpr const char* kOrphanedAt = "kuadrant.dev/orphaned-at";  // unix seconds
inline constexpr const char* kOwnerLabel = "kuadrant.dev/owner";        // a hash of the owner's key

inline constexpr const char* kManagedLabel = "kuadrant.dev/hcg.managed";  // = "true": Secrets
inline constexpr const char* kIssuerLabel = "kuadrant.dev/issuer";        // the CA's Secret
inline constexpr const char* kAuthority = "glbc-ca";  // the built-in issuer and its Secret
inline constexpr const char* kControlNamespace = "glbc";

inline const client::Resource kIngresses{"networking.k8s.io", "v1", "ingresses", true};
inline const client::Resource kDnsRecords{"kuadrant.dev", "v1", "dnsrecords", true};
inline const client::Resource kSecrets{"", "v1", "secrets", true};

// Names of sources.
inline constexpr const char* kIngressSource = "ingresses";
inline constexpr const char* kProjectionSource = "dnsrecords";      // of the tenants
inline constexpr const char* kCopySource = "secrets";               // of the tenants
inline constexpr const char* kRecordSource = "control-dnsrecords";  // of the control workspace
inline constexpr const char* kLeafSource = "control-secrets";       // of the control workspace

// Which Ingress something is for. Names may be reused; the uid is not.
struct Owner {
  std::string cluster, ns, name, uid;

  // What its record and its certificate's Secret are called in the control workspace: fixed length,
  // never the same for two Ingresses.
  std::string control_name() const;
  std::string label() const;  // the same for all that had this cluster, namespace and name
  // Puts the owner on an object of the control workspace.
  void mark(json::Value& object) const;
  controller::Key key() const { return {kIngressSource, cluster, ns, name}; }
  friend bool operator==(const Owner&, const Owner&) = default;
};
Owner owner_for(const json::Value& ingress);
// Of an object of the control workspace; nothing if it is for no Ingress.
std::optional<Owner> find_owner(const json::Value& control_object);

// "hcg-tls-<ingress>": the certificate's Secret beside the Ingress. Shortened by a hash if needed.
std::string copy_name(std::string_view ingress);

// Whether a SyncTarget's key looks like one. Labels are the tenant's to write, and their names
// become parts of annotation names here.
bool is_target_key(std::string_view key);

// A whole number of seconds since 1970 as an annotation holds it; nothing if it is not one.
std::optional<TimePoint> parse_seconds(std::string_view text);
std::string print_seconds(TimePoint time);  // rounded up

}  // namespace glbc
