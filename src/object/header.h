// What the system must know about an object at rest without a tree of it: a Header, read by one
// scan over the JSON text. Pure, thread-safe. Source: reference kube-apiserver.md section 2.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "object/labels.h"

namespace object {

// Views into the text that was read, which must outlive it.
struct Header {
  std::string_view api_version;
  std::string_view kind;
  std::string_view name;
  std::string_view ns;
  std::string_view uid;
  std::vector<LabelsView::Label> labels;  // sorted by key
  std::vector<std::string_view> owner_uids;
  bool deleting = false;        // metadata.deletionTimestamp is set
  bool has_finalizers = false;  // metadata.finalizers is not empty
  // Offset just behind the '{' of metadata, where `"resourceVersion":"N",` is spliced in.
  std::size_t metadata_offset = 0;
  std::size_t metadata_end = 0;  // offset just behind its '}'
  // What has escapes in the text; the views above may point into it.
  std::list<std::string> unescaped;
};

// Reads the header of one object; stops scanning behind metadata where it can. Invalid text or a
// missing metadata object is an error.
Result<Header> read_header(std::string_view json);

// The text that goes in at metadata_offset to give an object that resourceVersion. `json` is the
// object's text without one.
std::string resource_version_text(std::string_view json, std::size_t metadata_offset,
                                  std::uint64_t revision);

}  // namespace object
