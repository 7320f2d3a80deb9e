// The built-in certificate authority: one Secret in the control workspace, renewed long before it
// ends, with the one before it in the bundle as long as that is valid. Source: reference glbc.md
// 1.10, 7.1.
#pragma once

#include <functional>

#include "glbc/certificates.h"

namespace glbc {

// The authority's Secret as it should be: what is there, or a new or renewed one.
json::Value kept_authority(const std::optional<json::Value>& present, TimePoint now);
// What clients are to trust: the present certificate and those before it, PEM.
std::string bundle_of(const json::Value& authority);

// Issues from the authority's Secret, which is among the control workspace's Secrets.
class AuthorityIssuer final : public Issuer {
 public:
  explicit AuthorityIssuer(std::string control_cluster)
      : control_cluster_(std::move(control_cluster)) {}
  std::string_view name() const override { return kAuthority; }
  std::optional<pki::KeyPair> issue(const controller::World& world, const std::string& host,
                                    controller::Plan& plan) const override;
  bool is_trusted(const controller::World& world,
                  const std::string& certificate_pem) const override;

 private:
  std::optional<json::Value> find_authority(const controller::World& world) const;

  std::string control_cluster_;
};

// Keeps the authority and tells `on_bundle` of it at the start and at every change.
class AuthorityController final : public controller::Controller {
 public:
  AuthorityController(controller::Source secrets, std::function<void(const std::string&)> on_bundle)
      : secrets_(std::move(secrets)), on_bundle_(std::move(on_bundle)) {}
  std::string_view name() const override { return "glbc-authority"; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& object) const override;

 private:
  controller::Source secrets_;
  std::function<void(const std::string&)> on_bundle_;
};

}  // namespace glbc
