// Syncs one resource: spec down, status up. Pure but for what its plans hold. Source: reference
// tmc.md 3.6, 3.9.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controller/controller.h"
#include "syncer/downstream_copy.h"

namespace syncer {

inline constexpr const char* kUpstream = "upstream";
inline constexpr const char* kDownstream = "downstream";
inline constexpr const char* kNamespaces = "namespaces";  // downstream

// A source of objects downstream that are ours.
controller::Source downstream_source(const char* name, client::Resource resource,
                                     const Target& target,
                                     std::shared_ptr<client::Client> downstream);

class ObjectController final : public controller::Controller {
 public:
  struct Parts {
    Target target;
    controller::Source upstream;    // the primary source, called kUpstream
    controller::Source downstream;  // kDownstream
    controller::Source namespaces;  // kNamespaces
    // Told that a downstream namespace has perhaps lost its last object.
    std::function<void(const std::string& ns)> namespace_idle;
  };
  explicit ObjectController(Parts parts);

  std::string_view name() const override { return name_; }
  controller::Declaration declare() const override;
  controller::Plan reconcile(const controller::World& world, const controller::Key& key,
                             const std::optional<json::Value>& view) const override;

 private:
  // The keys of upstream objects that a downstream object or namespace belongs to.
  std::vector<controller::Key> owners_of(const controller::World& world,
                                         const json::Value& downstream) const;
  std::vector<controller::Key> content_of(const controller::World& world,
                                          const json::Value& ns) const;
  void sync(const controller::World& world, const controller::Key& key, const json::Value& view,
            controller::Plan& plan) const;
  void let_go(const controller::World& world, const controller::Key& key,
              const std::optional<json::Value>& view, controller::Plan& plan) const;
  void report(const json::Value& live, const controller::Key& key, const json::Value& view,
              controller::Plan& plan) const;
  void ensure_namespace(const controller::World& world, const placement::Locator& locator,
                        controller::Plan& plan) const;

  Parts parts_;
  std::string name_;
  std::string finalizer_;
};

}  // namespace syncer
