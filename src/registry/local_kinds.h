// The kinds that one logical cluster has beside the built-ins: what its APIBindings bind, and its
// own CustomResourceDefinitions, in this order of precedence. Thousands of clusters have one of
// these, and one cluster may have ten thousand kinds, so it is small and no change walks over all.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "registry/kind.h"

namespace registry {

struct ResourceView {
  std::string_view group;
  std::string_view resource;
  friend auto operator<=>(const ResourceView&, const ResourceView&) = default;
};
inline ResourceView resource_of(const Kind& kind) { return {kind.group, kind.plural}; }

// By group, then plural.
struct ByResource {
  using is_transparent = void;
  bool operator()(const KindPtr& a, const KindPtr& b) const {
    return resource_of(*a) < resource_of(*b);
  }
  bool operator()(const KindPtr& a, const ResourceView& b) const { return resource_of(*a) < b; }
  bool operator()(const ResourceView& a, const KindPtr& b) const { return a < resource_of(*b); }
};

class LocalKinds {
 public:
  using Kinds = std::vector<KindPtr>;

  // Puts a definition in the place of the one for its resource; null removes it.
  void set_crd(ResourceView resource, KindPtr kind);
  // What a binding binds; none removes it. Returns what it bound before.
  Kinds set_bound(const std::string& binding, Kinds kinds);

  KindPtr find(ResourceView resource) const;
  // Those with `name` as their kind or as a short name.
  Kinds named(std::string_view group, std::string_view name) const;
  // All of a group, or of all groups, by group then plural.
  Kinds list() const;
  Kinds list(std::string_view group) const;

  bool empty() const { return crds_.empty() && bound_.empty(); }

  // A digest over all, if it has been asked for since the last change. set_tag() is given what
  // stamp() was when list() was read; a change since then makes it void.
  const std::string& tag() const { return tag_; }
  std::uint64_t stamp() const { return stamp_; }
  void set_tag(std::uint64_t stamp, std::string tag) {
    if (stamp == stamp_) tag_ = std::move(tag);
  }
  static std::string tag_of(const Kinds& kinds);

  // Both by group then plural; of two for one resource that of `first`.
  static Kinds merge(std::span<const KindPtr> first, std::span<const KindPtr> second);

 private:
  // The kinds of clusters that have many, by a hash of group and name.
  using ByName = std::unordered_multimap<std::size_t, KindPtr>;
  void add_names(const KindPtr& kind);
  void drop_names(const KindPtr& kind);
  void index_if_many();
  void changed();
  Kinds bound(std::optional<std::string_view> group) const;

  std::set<KindPtr, ByResource> crds_;
  std::map<std::string, Kinds> bound_;  // by the name of the binding
  std::string tag_;
  std::uint64_t stamp_ = 0;  // another one after each change; never the same in two of these
  std::unique_ptr<ByName> by_name_;  // of crds_; null while they are few
};

}  // namespace registry
