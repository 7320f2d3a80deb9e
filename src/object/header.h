// What the system must know about an object at rest without a tree of it: a Header, read by one
// scan over the JSON text. Pure, thread-safe. Source: reference kube-apiserver.md section 2.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace object {

struct Header {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string ns;
  std::string uid;
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  std::vector<std::string> owner_uids;
  bool deleting = false;        // metadata.deletionTimestamp is set
  bool has_finalizers = false;  // metadata.finalizers is not empty
  // Offset just behind the '{' of metadata, where `"resourceVersion":"N",` is spliced in.
  std::size_t metadata_offset = 0;
};

// Reads the header of one object; stops scanning behind metadata where it can. Invalid text or a
// missing metadata object is an error.
Result<Header> read_header(std::string_view json);

// `json` (without a resourceVersion) with that resourceVersion spliced in.
std::string with_resource_version(std::string_view json, const Header& header,
                                  std::uint64_t revision);

}  // namespace object
