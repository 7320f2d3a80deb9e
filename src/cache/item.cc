#include "cache/item.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "object/header.h"

namespace cache {
namespace {

// As if a '/' stood behind both.
std::strong_ordering compare_segments(std::string_view a, std::string_view b) {
  std::size_t common = std::min(a.size(), b.size());
  if (int order = a.compare(0, common, b.substr(0, common)); order != 0) return order <=> 0;
  if (a.size() == b.size()) return std::strong_ordering::equal;
  bool a_ends = a.size() == common;
  char next = a_ends ? b[common] : a[common];
  // A segment with a '/' in it stands behind all others that begin like it: an end of a range.
  bool shorter_first = next >= '/';
  return a_ends == shorter_first ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace

std::strong_ordering operator<=>(const KeyView& a, const KeyView& b) {
  if (auto order = compare_segments(a.cluster, b.cluster); order != 0) return order;
  if (auto order = compare_segments(a.ns, b.ns); order != 0) return order;
  return a.name <=> b.name;
}

// Lays out the block of one item. Pieces of the JSON text are referred to where they stand; what
// does not stand there as it is meant is put in front of it.
class ItemMaker {
 public:
  ItemMaker(KeyView key, std::string_view json, const object::Header& header,
            std::uint64_t revision)
      : key_(key), json_(json), header_(header), revision_(revision) {
    if (revision != 0) {
      version_ = object::resource_version_text(json, header.metadata_offset, revision);
    }
  }

  ItemPtr make() {
    std::size_t entries = header_.labels.size() * sizeof(Item::Entry);
    std::size_t owners = header_.owner_uids.size() * sizeof(object::Piece);
    std::size_t texts = sizeof(Item) + entries + owners;
    std::size_t size = texts + size_of_extra() + json_.size() + version_.size();
    if (size > UINT32_MAX || header_.labels.size() > UINT16_MAX ||
        header_.owner_uids.size() > UINT16_MAX) {
      return nullptr;
    }
    auto block = std::make_shared_for_overwrite<std::uint64_t[]>((size + 7) / 8);  // aligned
    text_ = reinterpret_cast<char*>(block.get());
    extra_ = texts;
    json_at_ = texts + size_of_extra();
    auto* item = new (block.get()) Item();
    fill(*item);
    return {std::move(block), item};
  }

 private:
  bool is_in_json(std::string_view piece) const {
    return !piece.empty() && piece.data() >= json_.data() &&
           piece.data() + piece.size() <= json_.data() + json_.size();
  }
  std::string_view name() const {
    bool same = key_.name.empty() || header_.name == key_.name;
    return same ? header_.name : key_.name;
  }
  std::string_view ns() const { return header_.ns == key_.ns ? header_.ns : key_.ns; }

  template <class F>
  void for_each_piece(F visit) const {
    for (std::string_view one :
         {key_.cluster, ns(), name(), header_.api_version, header_.kind, header_.uid}) {
      visit(one);
    }
    for (const auto& [key, value] : header_.labels) {
      visit(key);
      visit(value);
    }
    for (std::string_view uid : header_.owner_uids) visit(uid);
  }

  std::size_t size_of_extra() const {
    std::size_t size = 0;
    for_each_piece([&](std::string_view one) { size += is_in_json(one) ? 0 : one.size(); });
    return size;
  }

  object::Piece place(std::string_view piece) {
    if (piece.empty()) return {};
    std::size_t at = extra_;
    if (is_in_json(piece)) {
      at = static_cast<std::size_t>(piece.data() - json_.data());
      if (at >= header_.metadata_offset) at += version_.size();
      at += json_at_;
    } else {
      std::memcpy(text_ + extra_, piece.data(), piece.size());
      extra_ += piece.size();
    }
    return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(piece.size())};
  }

  void fill(Item& item) {
    std::size_t head = revision_ == 0 ? json_.size() : header_.metadata_offset;
    char* at = text_ + json_at_;
    std::memcpy(at, json_.data(), head);
    std::memcpy(at + head, version_.data(), version_.size());
    std::memcpy(at + head + version_.size(), json_.data() + head, json_.size() - head);

    item.revision_ = revision_;
    item.json_ = {static_cast<std::uint32_t>(json_at_),
                  static_cast<std::uint32_t>(json_.size() + version_.size())};
    item.metadata_offset_ = static_cast<std::uint32_t>(header_.metadata_offset);
    item.cluster_ = place(key_.cluster);
    item.ns_ = place(ns());
    item.name_ = place(name());
    item.api_version_ = place(header_.api_version);
    item.kind_ = place(header_.kind);
    item.uid_ = place(header_.uid);
    item.deleting_ = header_.deleting;
    item.has_finalizers_ = header_.has_finalizers;
    item.label_count_ = static_cast<std::uint16_t>(header_.labels.size());
    item.owner_count_ = static_cast<std::uint16_t>(header_.owner_uids.size());
    auto* entry = reinterpret_cast<Item::Entry*>(&item + 1);
    for (const auto& [key, value] : header_.labels)
      new (entry++) Item::Entry{place(key), place(value)};
    auto* owner = reinterpret_cast<object::Piece*>(entry);
    for (std::string_view uid : header_.owner_uids) new (owner++) object::Piece(place(uid));
  }

  const KeyView key_;
  const std::string_view json_;
  const object::Header& header_;
  const std::uint64_t revision_;
  std::string version_;  // what is spliced in
  char* text_ = nullptr;
  std::size_t extra_ = 0;  // where the next text goes that is not in the JSON
  std::size_t json_at_ = 0;
};

ItemPtr Item::make(KeyView key, std::string_view json, std::uint64_t revision) {
  auto header = object::read_header(json);
  if (!header) return nullptr;
  return ItemMaker(key, json, *header, revision).make();
}

ItemPtr Item::at_revision(const Item& item, std::uint64_t revision) {
  // Our own splice is right behind the '{' of metadata: "resourceVersion":"N" and maybe a comma.
  std::string_view text = item.json();
  std::size_t begin = item.metadata_offset();
  std::size_t end = text.find('"', begin + std::string_view("\"resourceVersion\":\"").size()) + 1;
  if (end < text.size() && text[end] == ',') ++end;
  std::string plain(text.substr(0, begin));
  plain += text.substr(end);
  return make(item.key(), plain, revision);
}

bool Item::has_same_owners(const Item& other) const {
  if (owner_count() != other.owner_count()) return false;
  for (std::size_t i = 0; i < owner_count(); ++i) {
    if (owner_uid(i) != other.owner_uid(i)) return false;
  }
  return true;
}

}  // namespace cache
