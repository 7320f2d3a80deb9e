// One certificate per Ingress: its Secret in the control workspace, from an issuer, and the copy of
// it beside the Ingress. Pure but for keys that are made, thread-safe. Source: reference glbc.md
// 1.9, 1.19, 7.1.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controller/controller.h"
#include "glbc/keys.h"
#include "pki/certificate.h"

namespace glbc {

// Where certificates come from.
class Issuer {
 public:
  virtual ~Issuer() = default;
  virtual std::string_view name() const = 0;
  // A certificate for `host`, or nothing while it can not be had; then what brings it about (an
  // order at a certificate authority, a look later) is put into `plan`.
  virtual std::optional<pki::KeyPair> issue(const controller::World& world, const std::string& host,
                                            controller::Plan& plan) const = 0;
  // Whether clients that trust this issuer accept the certificate, its time and host aside.
  virtual bool is_trusted(const controller::World& world,
                          const std::string& certificate_pem) const = 0;
};

inline constexpr Duration kLeafLifetime = 90 * 24h;
inline constexpr Duration kRenewBefore = 15 * 24h;

// What a certificate's Secret holds; nothing if it is malformed.
std::optional<pki::KeyPair> find_pair(const json::Value& secret);

class Certificates {
 public:
  Certificates(std::string control_cluster, std::shared_ptr<const Issuer> issuer)
      : control_cluster_(std::move(control_cluster)), issuer_(std::move(issuer)) {}

  // Keeps the certificate of the Ingress: issues or renews it in the control workspace (writes in
  // `before`), keeps the copy as it should be (writes in `after`, because the tenant may make them
  // fail), and names the copy in the Ingress once it is there.
  void keep(const controller::World& world, json::Value& ingress, const Owner& owner,
            const std::string& host, controller::Plan& before, controller::Plan& after) const;
  void remove_copy(const controller::World& world, const Owner& owner,
                   controller::Plan& plan) const;

 private:
  std::optional<json::Value> keep_leaf(const controller::World& world, const Owner& owner,
                                       const std::string& host, controller::Plan& plan) const;
  bool is_current(const controller::World& world, const json::Value& leaf,
                  const std::string& host) const;

  std::string control_cluster_;
  std::shared_ptr<const Issuer> issuer_;
};

}  // namespace glbc
