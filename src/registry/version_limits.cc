#include "registry/version_limits.h"

#include <fmt/format.h>

namespace registry {
namespace {

constexpr std::size_t kMaxVersions = 100;
constexpr std::size_t kMaxColumns = 100;
constexpr std::size_t kMaxSelectableFields = 8;

void check_count(const json::Value& list, const std::string& path, std::size_t most,
                 std::vector<Cause>& causes) {
  if (list.size() <= most) return;
  causes.push_back({"FieldValueTooMany", path,
                    fmt::format("Too many: {}: must have at most {} items", list.size(), most)});
}

}  // namespace

std::vector<Cause> check_version_counts(const json::Value& versions) {
  std::vector<Cause> causes;
  check_count(versions, "spec.versions", kMaxVersions, causes);
  if (!causes.empty()) return causes;
  std::size_t index = 0;
  for (const json::Value& version : versions.elements()) {
    std::string path = fmt::format("spec.versions[{}].", index++);
    check_count(version["additionalPrinterColumns"], path + "additionalPrinterColumns", kMaxColumns,
                causes);
    check_count(version["selectableFields"], path + "selectableFields", kMaxSelectableFields,
                causes);
  }
  return causes;
}

}  // namespace registry
