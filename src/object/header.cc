#include "object/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "json/scan.h"
#include "json/text.h"

namespace object {
namespace {

using json::Scanner;

// Reads a Header. Strings without escapes are where they stand in the text.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view json) : scan_(json) {}

  Result<Header> read() {
    if (!scan_.is_next('{')) scan_.fail();
    members([&](std::string_view key) {
      if (key == "apiVersion") {
        header_.api_version = string_or_skip();
      } else if (key == "kind") {
        header_.kind = string_or_skip();
      } else if (key == "metadata") {
        read_metadata();
      } else {
        scan_.skip();
      }
      bool complete =
          header_.metadata_offset != 0 && !header_.kind.empty() && !header_.api_version.empty();
      return !complete;
    });
    if (!scan_.ok()) return std::unexpected(Error::bad_request("the object is not valid JSON"));
    if (header_.metadata_offset == 0) {
      return std::unexpected(Error::bad_request("the object has no metadata"));
    }
    return std::move(header_);
  }

 private:
  std::string_view unescape(std::string_view raw) {
    if (raw.find('\\') == std::string_view::npos) return raw;
    auto value = json::parse(fmt::format("\"{}\"", raw));
    if (!value) scan_.fail();
    return value ? header_.unescaped.emplace_back(value->str()) : std::string_view();
  }

  // The string here, or "" after skipping a value of another kind (null).
  std::string_view string_or_skip() {
    if (scan_.is_next('"')) return unescape(scan_.string());
    scan_.skip();
    return {};
  }

  template <class F>
  void members(F member) {
    scan_.members([&](std::string_view raw) { return member(unescape(raw)); });
  }

  void read_labels() {
    members([&](std::string_view key) { header_.labels.emplace_back(key, string_or_skip()); });
    std::ranges::sort(header_.labels);
  }

  void read_owners() {
    scan_.elements([&] {
      members([&](std::string_view key) {
        if (key == "uid") {
          header_.owner_uids.push_back(string_or_skip());
        } else {
          scan_.skip();
        }
      });
    });
  }

  void read_metadata() {
    Scanner start = scan_;
    if (!start.take('{')) return scan_.skip();
    header_.metadata_offset = start.at();
    members([&](std::string_view key) {
      if (key == "name") {
        header_.name = string_or_skip();
      } else if (key == "namespace") {
        header_.ns = string_or_skip();
      } else if (key == "uid") {
        header_.uid = string_or_skip();
      } else if (key == "labels") {
        read_labels();
      } else if (key == "ownerReferences") {
        read_owners();
      } else if (key == "deletionTimestamp") {
        header_.deleting = !string_or_skip().empty();
      } else if (key == "finalizers") {
        scan_.elements([&] {
          header_.has_finalizers = true;
          scan_.skip();
        });
      } else {
        scan_.skip();
      }
    });
    header_.metadata_end = scan_.at();
  }

  Scanner scan_;
  Header header_;
};

}  // namespace

Result<Header> read_header(std::string_view json) { return HeaderReader(json).read(); }

std::string resource_version_text(std::string_view json, std::size_t metadata_offset,
                                  std::uint64_t revision) {
  constexpr std::string_view kMember = R"("resourceVersion":")";
  std::array<char, kMember.size() + 22> text;  // twenty digits, a quote and a comma
  char* end = std::ranges::copy(kMember, text.begin()).out;
  end = std::to_chars(end, text.end(), revision).ptr;
  *end++ = '"';
  if (!json.substr(metadata_offset).starts_with('}')) *end++ = ',';
  return {text.begin(), end};
}

}  // namespace object
