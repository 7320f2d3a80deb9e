// An object at rest: one block of memory with its JSON text, its key and what must be known about
// it without parsing. Large values that other objects have too are kept once for all of them, so a
// text may lie in several pieces. Immutable, shared, thread-safe. Source: reference
// kube-apiserver.md 2.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "cache/shared_text.h"
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

// An item's text in one piece: a view of the item's where it lies so, else a copy. The item must
// outlive it.
class WholeText {
 public:
  explicit WholeText(std::string_view view) : view_(view) {}
  explicit WholeText(std::string copy) : copy_(std::move(copy)) {}

  std::string_view view() const { return view_.data() ? view_ : std::string_view(copy_); }
  operator std::string_view() const { return view(); }  // NOLINT: a view of this
  friend bool operator==(const WholeText& a, const WholeText& b) { return a.view() == b.view(); }

 private:
  std::string_view view_;
  std::string copy_;
};

class Item {
 public:
  // The item for `json`, an object's text without a resourceVersion. Null if it is not an object
  // with metadata. A revision of 0 leaves the resourceVersion out.
  static ItemPtr make(KeyView key, std::string_view json, std::uint64_t revision);
  // The same object as if written at `revision` (not 0): for deletions and objects that leave a
  // filter.
  static ItemPtr at_revision(const Item& item, std::uint64_t revision);

  std::string_view cluster() const { return cluster_.in(text()); }
  std::string_view ns() const { return ns_.in(text()); }
  std::string_view name() const { return name_.in(text()); }
  KeyView key() const { return {cluster(), ns(), name()}; }

  // The JSON text, with metadata.resourceVersion, in one piece.
  WholeText json() const;
  std::size_t size() const { return size_; }  // of all of the text, wherever it lies
  // The text without copies: calls `visit` with one std::string_view after another.
  template <class F>
  void for_each_piece(F visit) const {
    std::string_view own = own_.in(text());
    std::size_t from = 0;
    for (const Part& part : parts()) {
      visit(own.substr(from, part.at - from));
      visit(part.text.view());
      from = part.at;
    }
    visit(own.substr(from));
  }
  bool is_whole() const { return part_count_ == 0; }  // there is one piece
  void append_to(std::string& text) const;
  // Whether `token`, all or a part of one string of JSON as it is written, is in the text.
  bool mentions(std::string_view token) const;

  std::uint64_t revision() const { return revision_; }  // its resourceVersion

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

 private:
  friend class ItemMaker;
  using Entry = object::LabelsView::Entry;
  using Piece = object::Piece;
  struct Part {  // of the JSON text that is kept elsewhere
    SharedText text;
    std::uint32_t at;  // in own_, where it belongs
  };

  Item() = default;
  Item& operator=(const Item&) = default;
  ~Item();
  // Memory for an item of `size` bytes, with an empty one in it.
  static std::shared_ptr<Item> allocate(std::size_t size, std::size_t parts);

  // The block: this, the parts, the labels' entries, the owners, the texts.
  const char* text() const { return reinterpret_cast<const char*>(this); }
  std::span<Part> parts() { return {reinterpret_cast<Part*>(this + 1), part_count_}; }
  std::span<const Part> parts() const {
    return {reinterpret_cast<const Part*>(this + 1), part_count_};
  }
  Entry* entries() { return reinterpret_cast<Entry*>(parts().data() + part_count_); }
  const Entry* entries() const {
    return reinterpret_cast<const Entry*>(parts().data() + part_count_);
  }
  Piece* owners() { return reinterpret_cast<Piece*>(entries() + label_count_); }
  const Piece* owners() const { return reinterpret_cast<const Piece*>(entries() + label_count_); }

  std::uint64_t revision_ = 0;
  Piece cluster_, ns_, name_, api_version_, kind_, uid_;
  Piece own_;                          // the JSON text without its parts
  std::uint32_t size_ = 0;             // with them
  std::uint32_t metadata_offset_ = 0;  // in both
  std::uint16_t part_count_ = 0;
  std::uint16_t label_count_ = 0;
  std::uint16_t owner_count_ = 0;
  bool deleting_ = false;
  bool has_finalizers_ = false;
};

// The item's text as bytes that keep it alive.
Bytes json_of(const ItemPtr& item);
// The same without copies, in as many pieces as it has.
std::vector<Bytes> pieces_of(const ItemPtr& item);
// `size` bytes of it from `offset` on; not copied where they lie in one piece.
Bytes slice_of(const ItemPtr& item, std::size_t offset, std::size_t size);

}  // namespace cache
