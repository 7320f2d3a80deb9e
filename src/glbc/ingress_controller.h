// From a tenant's Ingress to everything that makes it reachable: the managed host, the certificate,
// the addresses that are published, and moves between clusters. All decisions are kept in the
// control workspace; nothing that a tenant can write is trusted. Source: reference
// glbc.md 1.7, 7.3.
//
// Order: (1) the host is stored in the control DNSRecord, (2) the Ingress gets it, (3) the rest
// follows. See README.md.
#pragma once

#include <functional>
#include <memory>

#include "controller/controller.h"
#include "glbc/certificates.h"
#include "glbc/endpoints.h"
#include "glbc/prober.h"
#include "glbc/xid.h"

namespace glbc {

struct IngressSettings {
  std::string control_cluster;  // the logical cluster's name
  std::string domain;           // of managed hosts: "glbc.example.org"
  std::int64_t ttl = 60;
  // A record whose Ingress can not be seen, though nobody saw it being deleted, is kept this long:
  // a mistake with permissions must not take hosts away.
  Duration orphan_grace = 10min;
};

struct IngressParts {
  std::vector<controller::Source> sources;  // by the names in keys.h, the Ingresses first
  std::shared_ptr<const Issuer> issuer;
  std::shared_ptr<XidSource> xids;
  std::shared_ptr<Probes> probes;  // null: every address counts as healthy
  // Told when a record has been removed, whoever else watches records or not yet.
  std::function<void(const std::string& record)> on_removed;
};

class IngressController final : public controller::Controller {
 public:
  IngressController(IngressParts parts, IngressSettings settings)
      : parts_(std::move(parts)),
        settings_(std::move(settings)),
        certificates_(settings_.control_cluster, parts_.issuer) {}
  std::string_view name() const override { return "glbc-ingress"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  controller::Plan assign_host(const controller::World& world, const Owner& owner) const;
  controller::Plan keep(const controller::World& world, const json::Value& ingress,
                        const Owner& owner, const json::Value& record) const;
  controller::Plan finish(const controller::World& world, const json::Value& ingress,
                          const Owner& owner) const;
  controller::Plan collect(const controller::World& world, const controller::Key& key) const;

  void watch_addresses(const json::Value& record, const Candidates& candidates) const;
  void project(const controller::World& world, const json::Value& ingress,
               const json::Value& record, const Candidates& candidates,
               controller::Plan& plan) const;
  std::vector<json::Value> records_of(const controller::World& world, const Owner& owner) const;
  void remove_record(const controller::World& world, const json::Value& record,
                     controller::Plan& plan) const;

  IngressParts parts_;
  IngressSettings settings_;
  Certificates certificates_;
};

}  // namespace glbc
