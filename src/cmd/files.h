// Small files of the root directory: written whole or not at all, readable by their owner only.
#pragma once

#include <optional>
#include <string>

namespace cmd {

std::optional<std::string> read_file(const std::string& path);
// Makes the folder if it is missing. Throws Error(ServiceUnavailable) with path and cause.
void write_file(const std::string& path, const std::string& content);

}  // namespace cmd
