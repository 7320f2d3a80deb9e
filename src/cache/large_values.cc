#include "cache/large_values.h"

#include "json/scan.h"

namespace cache {
namespace {

// A reference costs some thirty bytes and an allocation, looking for an equal text some hundred
// nanoseconds: small values are not worth it.
constexpr std::size_t kLarge = 1024;

class Finder {
 public:
  Finder(std::string_view json, const object::Header& header) : json_(json), header_(header) {}

  std::vector<LargeValue> find() {
    bool ok = header_.metadata_end - header_.metadata_offset < kLarge || read_metadata();
    if (json_.size() - header_.metadata_end >= kLarge) ok = read_rest() && ok;
    return ok ? std::move(found_) : std::vector<LargeValue>();
  }

 private:
  bool read_metadata() {
    json::Scanner scan(json_.substr(header_.metadata_offset - 1));
    scan.members([&](std::string_view key) {
      if (key != "annotations") return scan.skip();
      scan.members([&](std::string_view) { add(scan.value()); });
    });
    return scan.ok();
  }

  // Our printer puts metadata in front of everything that can be large.
  bool read_rest() {
    json::Scanner scan(json_.substr(header_.metadata_end));
    while (scan.take(',')) {
      scan.string();
      if (!scan.take(':')) return false;
      read_value(scan);
    }
    return scan.ok() && scan.take('}');
  }

  void read_value(json::Scanner& scan) {
    if (!scan.is_next('{')) return add(scan.value());
    std::size_t outer = found_.size(), begin = header_.metadata_end + scan.at();
    found_.emplace_back();
    scan.members([&](std::string_view) { add(scan.value()); });
    std::size_t size = header_.metadata_end + scan.at() - begin;
    if (size < kLarge) return found_.resize(outer);
    found_[outer] = {piece(begin, size), found_.size() - outer - 1};
  }

  void add(std::string_view value) {
    if (value.size() < kLarge) return;
    found_.push_back({piece(static_cast<std::size_t>(value.data() - json_.data()), value.size())});
  }

  static object::Piece piece(std::size_t at, std::size_t size) {
    return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size)};
  }

  const std::string_view json_;
  const object::Header& header_;
  std::vector<LargeValue> found_;
};

}  // namespace

std::vector<LargeValue> large_values(std::string_view json, const object::Header& header) {
  if (json.size() < kLarge) return {};
  return Finder(json, header).find();
}

}  // namespace cache
