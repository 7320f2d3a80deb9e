// An object at rest: one block of memory with its JSON text, its key and what must be known about
// it without parsing. Immutable, shared, thread-safe. Source: reference kube-apiserver.md 2.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "object/labels.h"

namespace cache {

// Where an object is in its table, without owning the text. `ns` is "" for cluster-scoped objects.
// Ordered as storage keys are, in which a '/' follows cluster and namespace: "a-b" before "a".
struct KeyView {
  std::string_view cluster;
  std::string_view ns;
  std::string_view name;

  friend bool operator==(const KeyView&, const KeyView&) = default;
  friend std::strong_ordering operator<=>(const KeyView& a, const KeyView& b);
};

struct Key {
  std::string cluster;
  std::string ns;
  std::string name;

  Key() = default;
  Key(std::string in_cluster, std::string in_ns, std::string named)
      : cluster(std::move(in_cluster)), ns(std::move(in_ns)), name(std::move(named)) {}
  Key(const KeyView& view)  // NOLINT: a copy
      : cluster(view.cluster), ns(view.ns), name(view.name) {}
  operator KeyView() const { return {cluster, ns, name}; }  // NOLINT: a view of this

  friend bool operator==(const Key&, const Key&) = default;
  friend std::strong_ordering operator<=>(const Key& a, const Key& b) {
    return KeyView(a) <=> KeyView(b);
  }
};

class Item;
using ItemPtr = std::shared_ptr<const Item>;

class Item {
 public:
  // The item for `json`, an object's text without a resourceVersion. Null if it is not an object
  // with metadata. A revision of 0 leaves the resourceVersion out.
  static ItemPtr make(KeyView key, std::string_view json, std::uint64_t revision);
  // The same object as if written at `revision`: for deletions and objects that leave a filter.
  static ItemPtr at_revision(const Item& item, std::uint64_t revision);

  std::string_view cluster() const { return cluster_.in(text()); }
  std::string_view ns() const { return ns_.in(text()); }
  std::string_view name() const { return name_.in(text()); }
  KeyView key() const { return {cluster(), ns(), name()}; }

  std::string_view json() const { return json_.in(text()); }  // with metadata.resourceVersion
  std::uint64_t revision() const { return revision_; }        // its resourceVersion
  std::size_t metadata_offset() const { return metadata_offset_; }

  std::string_view api_version() const { return api_version_.in(text()); }
  std::string_view kind() const { return kind_.in(text()); }
  std::string_view uid() const { return uid_.in(text()); }
  bool deleting() const { return deleting_; }  // metadata.deletionTimestamp is set
  bool has_finalizers() const { return has_finalizers_; }
  object::LabelsView labels() const { return {text(), {entries(), label_count_}}; }
  std::size_t owner_count() const { return owner_count_; }
  std::string_view owner_uid(std::size_t i) const { return owners()[i].in(text()); }
  bool has_same_owners(const Item& other) const;

  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

 private:
  friend class ItemMaker;
  using Entry = object::LabelsView::Entry;
  using Piece = object::Piece;

  Item() = default;

  // The block: this, the labels' entries, the owners, the texts.
  const char* text() const { return reinterpret_cast<const char*>(this); }
  const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
  const Piece* owners() const { return reinterpret_cast<const Piece*>(entries() + label_count_); }

  std::uint64_t revision_ = 0;
  Piece cluster_, ns_, name_, json_, api_version_, kind_, uid_;
  std::uint32_t metadata_offset_ = 0;  // in json()
  std::uint16_t label_count_ = 0;
  std::uint16_t owner_count_ = 0;
  bool deleting_ = false;
  bool has_finalizers_ = false;
};

// The item's text as bytes that keep it alive.
inline Bytes json_of(const ItemPtr& item) { return {item, item->json()}; }

}  // namespace cache
