#include "registry/local_kinds.h"

#include <algorithm>
#include <atomic>

#include "schema/digest.h"

namespace registry {
namespace {

constexpr std::size_t kMany = 64;  // from here on names are found by an index

std::size_t hash_of(std::string_view group, std::string_view name) {
  std::hash<std::string_view> hash;
  return hash(group) * 31 + hash(name);
}

bool has_name(const Kind& kind, std::string_view group, std::string_view name) {
  return kind.group == group && (kind.kind == name || kind.has_short_name(name));
}

}  // namespace

void LocalKinds::add_names(const KindPtr& kind) {
  by_name_->emplace(hash_of(kind->group, kind->kind), kind);
  for (const std::string& name : kind->short_names) {
    by_name_->emplace(hash_of(kind->group, name), kind);
  }
}

void LocalKinds::drop_names(const KindPtr& kind) {
  auto drop = [&](std::string_view name) {
    auto [first, last] = by_name_->equal_range(hash_of(kind->group, name));
    while (first != last) first = first->second == kind ? by_name_->erase(first) : std::next(first);
  };
  drop(kind->kind);
  for (const std::string& name : kind->short_names) drop(name);
}

void LocalKinds::index_if_many() {
  if (crds_.size() < kMany) return by_name_.reset();
  if (by_name_) return;
  by_name_ = std::make_unique<ByName>();
  for (const KindPtr& kind : crds_) add_names(kind);
}

void LocalKinds::changed() {
  static std::atomic<std::uint64_t> last = 0;
  tag_.clear();
  stamp_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void LocalKinds::set_crd(ResourceView resource, KindPtr kind) {
  changed();
  auto present = crds_.find(resource);
  if (present != crds_.end()) {
    if (by_name_) drop_names(*present);
    crds_.erase(present);
  }
  if (kind) {
    if (by_name_) add_names(kind);
    crds_.insert(std::move(kind));
  }
  index_if_many();
}

LocalKinds::Kinds LocalKinds::set_bound(const std::string& binding, Kinds kinds) {
  changed();
  auto present = bound_.find(binding);
  if (present == bound_.end()) {
    if (!kinds.empty()) bound_.emplace(binding, std::move(kinds));
    return {};
  }
  std::swap(present->second, kinds);
  if (present->second.empty()) bound_.erase(present);
  return kinds;
}

KindPtr LocalKinds::find(ResourceView resource) const {
  for (const auto& [binding, kinds] : bound_) {
    for (const KindPtr& kind : kinds) {
      if (resource_of(*kind) == resource) return kind;
    }
  }
  auto crd = crds_.find(resource);
  return crd == crds_.end() ? nullptr : *crd;
}

LocalKinds::Kinds LocalKinds::named(std::string_view group, std::string_view name) const {
  Kinds found;
  for (const auto& [binding, kinds] : bound_) {
    std::ranges::copy_if(kinds, std::back_inserter(found),
                         [&](const KindPtr& kind) { return has_name(*kind, group, name); });
  }
  auto add = [&](const KindPtr& kind) {
    if (has_name(*kind, group, name) && std::ranges::find(found, kind) == found.end())
      found.push_back(kind);
  };
  if (by_name_) {
    auto [first, last] = by_name_->equal_range(hash_of(group, name));
    for (; first != last; ++first) add(first->second);
  } else {
    for (const KindPtr& kind : crds_) add(kind);
  }
  std::ranges::sort(found, ByResource());
  return found;
}

LocalKinds::Kinds LocalKinds::merge(std::span<const KindPtr> first,
                                    std::span<const KindPtr> second) {
  Kinds merged;
  merged.reserve(first.size() + second.size());
  std::ranges::merge(first, second, std::back_inserter(merged), ByResource());
  auto rest =
      std::ranges::unique(merged, {}, [](const KindPtr& kind) { return resource_of(*kind); });
  merged.erase(rest.begin(), rest.end());
  return merged;
}

LocalKinds::Kinds LocalKinds::bound(std::optional<std::string_view> group) const {
  std::set<KindPtr, ByResource> found;
  for (const auto& [binding, kinds] : bound_) {
    for (const KindPtr& kind : kinds) {
      if (!group || kind->group == *group) found.insert(kind);
    }
  }
  return {found.begin(), found.end()};
}

LocalKinds::Kinds LocalKinds::list() const {
  return merge(bound({}), Kinds(crds_.begin(), crds_.end()));
}

LocalKinds::Kinds LocalKinds::list(std::string_view group) const {
  Kinds crds;
  auto crd = crds_.lower_bound(ResourceView{group, ""});
  for (; crd != crds_.end() && (*crd)->group == group; ++crd) crds.push_back(*crd);
  return merge(bound(group), crds);
}

std::string LocalKinds::tag_of(const Kinds& kinds) {
  std::string text;
  for (const KindPtr& kind : kinds) text.append(kind->digest).append(",");
  return schema::sha256_hex(text);
}

}  // namespace registry
