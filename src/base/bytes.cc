#include "base/bytes.h"

Bytes::Bytes(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  view_ = *owner;
  owner_ = std::move(owner);
}

Bytes::Bytes(std::shared_ptr<const void> owner, std::string_view view)
    : owner_(std::move(owner)), view_(view) {}

Bytes Bytes::slice(std::size_t offset, std::size_t count) const {
  if (offset > view_.size()) offset = view_.size();
  return Bytes(owner_, view_.substr(offset, count));
}
