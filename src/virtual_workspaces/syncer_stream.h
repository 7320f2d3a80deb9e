// Lists and watches on their way through: each object is replaced while the answer streams, so that
// no more than one object is held. Loop-bound.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "http/message.h"
#include "json/value.h"

namespace virtual_workspaces {

using Rewrite = std::function<json::Value(json::Value object)>;

// Sends a list's or a watch's answer on with each object rewritten. Errors (status >= 400) pass as
// they are; so do bookmarks and errors inside a watch. Throws Error if the answer is malformed.
Task<> send_rewritten_list(http::Response from, const Rewrite& rewrite, http::ResponseWriter& to);
// A watch ends before the first event for which `is_open` says no.
Task<> send_rewritten_watch(http::Response from, const Rewrite& rewrite,
                            const std::function<bool()>& is_open, http::ResponseWriter& to);

// Finds the objects in the text of a list, which arrives in pieces.
class ItemSplitter {
 public:
  struct Part {
    bool is_item = false;  // an object of the list; else text around them
    std::string text;
  };
  // What is complete after `piece`. Throws Error(InternalError) if an object is too large.
  std::vector<Part> feed(std::string_view piece);

 private:
  void feed_items(std::string_view text, std::vector<Part>& parts);

  enum class State { Head, Items, Tail } state_ = State::Head;
  std::string pending_;  // the head, or the object that has begun
  int depth_ = 0;        // of braces and brackets inside the object
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace virtual_workspaces
