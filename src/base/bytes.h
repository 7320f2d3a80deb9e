// Bytes: an immutable, shared run of bytes, or a slice of one. Copying shares; nothing is ever
// written through it. Thread-safe by immutability. This is how an object at rest, a framed watch
// event and a response body travel: one buffer, many readers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

class Bytes {
 public:
  Bytes() = default;
  // Takes over `text`.
  explicit Bytes(std::string text);
  // A view of bytes that `owner` keeps alive.
  Bytes(std::shared_ptr<const void> owner, std::string_view view);
  // Bytes with static lifetime (literals): no allocation.
  static Bytes literal(std::string_view text) { return Bytes(nullptr, text); }

  std::string_view view() const { return view_; }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  // The bytes [offset, offset + count) sharing this buffer; clamped to the end.
  Bytes slice(std::size_t offset, std::size_t count = std::string_view::npos) const;

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};
