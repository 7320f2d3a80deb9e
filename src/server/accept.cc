#include "server/accept.h"

#include <map>
#include <optional>

#include "base/strings.h"

namespace server {
namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

std::optional<Form> form_of(std::string_view type, const Parameters& parameters) {
  bool json = type == "application/json" || type == "*/*" || type == "application/*";
  bool yaml = type == "application/yaml";
  if (!json && !yaml) return {};
  Form form;
  form.yaml = yaml;
  auto as = parameters.find("as");
  if (as == parameters.end()) return form;
  auto group = parameters.find("g"), version = parameters.find("v");
  bool meta = group != parameters.end() && group->second == "meta.k8s.io" &&
              version != parameters.end() && version->second == "v1";
  if (as->second == "Table" && meta) {
    form.kind = Form::Kind::Table;
  } else if (as->second.starts_with("PartialObjectMetadata") && meta) {
    form.kind = Form::Kind::Partial;
  } else if (as->second == "APIGroupDiscoveryList" && version != parameters.end() &&
             version->second == "v2") {
    form.aggregated_discovery = true;
  } else {
    return {};
  }
  return form;
}

}  // namespace

Result<Form> negotiate(std::string_view accept) {
  if (trim(accept).empty()) return Form{};
  for (std::string_view range : split(accept, ',')) {
    auto parts = split(range, ';');
    Parameters parameters;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      std::size_t equals = parts[i].find('=');
      if (equals == std::string_view::npos) continue;
      parameters.emplace(trim(parts[i].substr(0, equals)), trim(parts[i].substr(equals + 1)));
    }
    if (auto form = form_of(lower(trim(parts[0])), parameters)) return *form;
  }
  return std::unexpected(
      Error(Reason::NotAcceptable,
            "only the following media types are accepted: application/json, application/yaml"));
}

}  // namespace server
