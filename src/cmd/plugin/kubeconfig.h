// The user's kubeconfig: which workspace is current and how to reach it. Everything that is not
// ours stays as it is. Source: reference kcp-tenancy.md 8.1.
#pragma once

#include <string>

#include "json/value.h"

namespace plugin {

inline constexpr const char* kCurrent = "workspace.kcp.io/current";
inline constexpr const char* kPrevious = "workspace.kcp.io/previous";

class Kubeconfig {
 public:
  // The first file of $KUBECONFIG, or ~/.kube/config. Throws Error if it is missing or malformed.
  static Kubeconfig load();
  explicit Kubeconfig(json::Value config, std::string path = {});

  // The current context's parts; null members if it is broken.
  std::string server_url() const;
  const json::Value& cluster() const;
  const json::Value& user() const;

  // Makes `url` the current server: entries kCurrent are written, what was current becomes
  // kPrevious.
  void switch_to(const std::string& url);
  // Exchanges current and previous. Throws Error if there is no previous one.
  void switch_back();
  void save() const;  // atomically

  const json::Value& value() const { return config_; }

 private:
  const json::Value& entry(const char* list, std::string_view name, const char* field) const;
  void put(const char* list, std::string_view name, const char* field, json::Value content);
  void remember_as(const char* name, const json::Value& cluster, const json::Value& context);

  json::Value config_;
  std::string path_;
};

}  // namespace plugin
