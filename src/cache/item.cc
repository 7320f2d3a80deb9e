#include "cache/item.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "cache/large_values.h"
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
    find_shared();
  }

  ItemPtr make() {
    std::size_t parts = shared_.size() * sizeof(Item::Part);
    std::size_t entries = header_.labels.size() * sizeof(Item::Entry);
    std::size_t owners = header_.owner_uids.size() * sizeof(object::Piece);
    std::size_t texts = sizeof(Item) + parts + entries + owners;
    std::size_t whole = texts + size_of_extra() + json_.size() + version_.size();
    if (whole > UINT32_MAX || header_.labels.size() > UINT16_MAX ||
        header_.owner_uids.size() > UINT16_MAX) {
      return nullptr;
    }
    auto item = Item::allocate(whole - shared_bytes_, shared_.size());
    text_ = reinterpret_cast<char*>(item.get());
    extra_ = texts;
    json_at_ = texts + size_of_extra();
    fill_text(*item);
    fill(*item);
    return item;
  }

 private:
  struct Shared {
    std::size_t begin, end;  // in the JSON
    SharedText text;
  };
  static constexpr std::size_t kMaxShared = 64;  // of one item

  // What others have too. Nobody's secrets are compared with those of others.
  void find_shared() {
    if (header_.kind == "Secret") return;
    auto values = large_values(json_, header_);
    for (std::size_t i = 0; i < values.size() && shared_.size() < kMaxShared; ++i) {
      auto [at, size] = values[i].place;
      auto text = SharedTexts::global().share(json_.substr(at, size));
      if (!text) continue;
      shared_.push_back({at, at + size, std::move(text)});
      shared_bytes_ += size;
      i += values[i].inner;
    }
  }

  // Whether the piece lies in that part of the JSON that will be the item's own.
  bool is_in_json(std::string_view piece) const {
    if (piece.empty() || piece.data() < json_.data() ||
        piece.data() + piece.size() > json_.data() + json_.size()) {
      return false;
    }
    auto at = static_cast<std::size_t>(piece.data() - json_.data());
    return std::ranges::none_of(shared_,
                                [&](const Shared& one) { return at >= one.begin && at < one.end; });
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

  // Where something of the JSON comes to lie in the item's own text.
  std::size_t own_place(std::size_t at) const {
    std::size_t place = at >= header_.metadata_offset ? at + version_.size() : at;
    for (const Shared& one : shared_) place -= one.end <= at ? one.end - one.begin : 0;
    return place;
  }

  object::Piece place(std::string_view piece) {
    if (piece.empty()) return {};
    std::size_t at = extra_;
    if (is_in_json(piece)) {
      at = json_at_ + own_place(static_cast<std::size_t>(piece.data() - json_.data()));
    } else {
      std::memcpy(text_ + extra_, piece.data(), piece.size());
      extra_ += piece.size();
    }
    return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(piece.size())};
  }

  void fill_text(Item& item) {
    char* at = text_ + json_at_;
    auto append = [&](std::string_view text) {
      std::memcpy(at, text.data(), text.size());
      at += text.size();
    };
    std::size_t from = revision_ == 0 ? 0 : header_.metadata_offset;
    append(json_.substr(0, from));
    append(version_);
    auto* part = item.parts().data();
    for (Shared& one : shared_) {
      append(json_.substr(from, one.begin - from));
      auto place = static_cast<std::uint32_t>(at - text_ - static_cast<std::ptrdiff_t>(json_at_));
      new (part++) Item::Part{std::move(one.text), place};
      from = one.end;
    }
    append(json_.substr(from));
    item.part_count_ = static_cast<std::uint16_t>(shared_.size());
    std::size_t size = json_.size() + version_.size();
    item.own_ = {static_cast<std::uint32_t>(json_at_),
                 static_cast<std::uint32_t>(size - shared_bytes_)};
    item.size_ = static_cast<std::uint32_t>(size);
    item.metadata_offset_ = static_cast<std::uint32_t>(header_.metadata_offset);
  }

  void fill(Item& item) {
    item.revision_ = revision_;
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
    auto* entry = item.entries();
    for (const auto& [key, value] : header_.labels)
      new (entry++) Item::Entry{place(key), place(value)};
    auto* owner = reinterpret_cast<object::Piece*>(entry);
    for (std::string_view uid : header_.owner_uids) new (owner++) object::Piece(place(uid));
  }

  const KeyView key_;
  const std::string_view json_;
  const object::Header& header_;
  const std::uint64_t revision_;
  std::string version_;         // what is spliced in
  std::vector<Shared> shared_;  // in their order; none of them in front of metadata
  std::size_t shared_bytes_ = 0;
  char* text_ = nullptr;
  std::size_t extra_ = 0;  // where the next text goes that is not in the JSON
  std::size_t json_at_ = 0;
};

std::shared_ptr<Item> Item::allocate(std::size_t size, std::size_t parts) {
  std::size_t words = (size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  if (parts == 0) {  // nothing to destroy: one allocation
    auto block = std::make_shared_for_overwrite<std::uint64_t[]>(words);
    auto* item = new (block.get()) Item();
    return {std::move(block), item};
  }
  return {new (::operator new(words * sizeof(std::uint64_t))) Item(), [](Item* item) {
            item->~Item();
            ::operator delete(item);
          }};
}

Item::~Item() { std::ranges::destroy(parts()); }

ItemPtr Item::make(KeyView key, std::string_view json, std::uint64_t revision) {
  auto header = object::read_header(json);
  if (!header) return nullptr;
  return ItemMaker(key, json, *header, revision).make();
}

// A copy of the block, in which what stands behind the resourceVersion has moved.
ItemPtr Item::at_revision(const Item& item, std::uint64_t revision) {
  std::string_view own = item.own_.in(item.text());
  std::size_t begin = item.metadata_offset_, end = begin;
  if (item.revision_ != 0) {
    // Our own splice is right behind the '{' of metadata: "resourceVersion":"N" and maybe a comma.
    end = own.find('"', begin + std::string_view("\"resourceVersion\":\"").size()) + 1;
    if (end < own.size() && own[end] == ',') ++end;
  }
  std::string version = object::resource_version_text(own.substr(end), 0, revision);
  auto growth = static_cast<std::uint32_t>(version.size() - (end - begin));  // modulo 2^32
  auto move = [growth](std::uint32_t& place, std::size_t first) {
    if (place >= first) place += growth;
  };

  auto copy =
      allocate(item.own_.at + own.size() + version.size() - (end - begin), item.part_count_);
  *copy = item;
  std::ranges::uninitialized_copy(item.parts(), copy->parts());
  auto* text = reinterpret_cast<char*>(copy.get());
  auto* entries = reinterpret_cast<char*>(copy->entries());
  std::memcpy(entries, item.entries(),
              item.own_.at + begin - static_cast<std::size_t>(entries - text));
  std::memcpy(text + item.own_.at + begin, version.data(), version.size());
  std::memcpy(text + item.own_.at + begin + version.size(), own.data() + end, own.size() - end);

  copy->revision_ = revision;
  copy->own_.size += growth;
  copy->size_ += growth;
  for (Part& part : copy->parts()) move(part.at, end);
  std::size_t behind = item.own_.at + end;
  for (Piece* piece : {&copy->cluster_, &copy->ns_, &copy->name_, &copy->api_version_, &copy->kind_,
                       &copy->uid_}) {
    move(piece->at, behind);
  }
  for (Entry& entry : std::span(copy->entries(), item.label_count_)) {
    move(entry.key.at, behind);
    move(entry.value.at, behind);
  }
  for (Piece& owner : std::span(copy->owners(), item.owner_count_)) move(owner.at, behind);
  return copy;
}

void Item::append_to(std::string& text) const {
  for_each_piece([&](std::string_view piece) { text.append(piece); });
}

WholeText Item::json() const {
  if (is_whole()) return WholeText(own_.in(text()));
  std::string copy;
  copy.reserve(size_);
  append_to(copy);
  return WholeText(std::move(copy));
}

// Pieces begin and end between tokens.
bool Item::mentions(std::string_view token) const {
  bool found = false;
  for_each_piece([&](std::string_view piece) { found = found || piece.contains(token); });
  return found;
}

bool Item::has_same_owners(const Item& other) const {
  if (owner_count() != other.owner_count()) return false;
  for (std::size_t i = 0; i < owner_count(); ++i) {
    if (owner_uid(i) != other.owner_uid(i)) return false;
  }
  return true;
}

Bytes json_of(const ItemPtr& item) {
  std::vector<Bytes> pieces = pieces_of(item);
  if (pieces.size() == 1) return std::move(pieces.front());
  std::string copy;
  copy.reserve(item->size());
  item->append_to(copy);
  return Bytes(std::move(copy));
}

Bytes slice_of(const ItemPtr& item, std::size_t offset, std::size_t size) {
  std::string_view found;
  std::size_t at = 0;
  item->for_each_piece([&](std::string_view piece) {
    bool has_it = offset >= at && offset + size <= at + piece.size();
    if (has_it) found = piece.substr(offset - at, size);
    at += piece.size();
  });
  return found.empty() ? json_of(item).slice(offset, size) : Bytes(item, found);
}

std::vector<Bytes> pieces_of(const ItemPtr& item) {
  std::vector<Bytes> pieces;
  item->for_each_piece([&](std::string_view piece) { pieces.emplace_back(item, piece); });
  return pieces;
}

}  // namespace cache
