// The files of apis/, embedded at build time (cmake/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace schema {

struct EmbeddedFile {
  std::string_view name;  // relative to apis/: "core_v1.yaml", "types/core_v1.yaml"
  std::string_view text;
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace schema
