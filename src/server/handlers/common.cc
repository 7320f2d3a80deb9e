#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "json/patch.h"
#include "json/text.h"
#include "server/body.h"
#include "server/handlers/handlers.h"
#include "server/scale.h"

namespace server {
namespace {

// The value of a field that selectors may name, read from an item.
std::string field_value(const cache::Item& item, std::string_view field) {
  if (field == "metadata.name") return std::string(item.name());
  if (field == "metadata.namespace") return std::string(item.ns());
  auto object = json::parse(item.json());
  auto path = json::JsonPath::parse("." + std::string(field));
  if (!object || !path) return {};
  json::Value value = path->find_first(*object);
  if (value.is_null()) return {};
  return value.is_string() ? value.str() : json::print(value);
}

void check_fields(const registry::Call& call, const object::FieldSelector& selector) {
  const auto& known = call.version->selectable_fields;
  for (const auto& requirement : selector.requirements()) {
    bool common = requirement.field == "metadata.name" || requirement.field == "metadata.namespace";
    if (common || std::ranges::find(known, requirement.field) != known.end()) continue;
    throw Error::bad_request(fmt::format("field label not supported: {}", requirement.field));
  }
}

}  // namespace

http::Headers headers_for(const Exchange& exchange, std::string_view content_type) {
  http::Headers headers{{"content-type", content_type}, {"cache-control", "no-cache, private"}};
  for (const std::string& warning : exchange.warnings) {
    headers.add("warning", "299 - " + quote(warning));
  }
  return headers;
}

std::vector<Bytes> pieces_of(const registry::Call& call, const cache::ItemPtr& item) {
  std::vector<Bytes> pieces = cache::pieces_of(item);
  std::string wanted = call.kind->api_version(call.version->name);
  if (item->api_version() == wanted) return pieces;
  // Our encoder writes apiVersion first.
  std::string stored = fmt::format(R"({{"apiVersion":"{}")", item->api_version());
  if (!pieces.front().view().starts_with(stored)) return pieces;
  pieces.front() = pieces.front().slice(stored.size());
  pieces.emplace(pieces.begin(), fmt::format(R"({{"apiVersion":"{}")", wanted));
  return pieces;
}

Task<> send_json(Exchange& exchange, int status, const json::Value& value) {
  bool yaml = exchange.form.yaml;
  Bytes body(yaml ? json::print_yaml(value) : json::print(value));
  return exchange.response.send(
      status, headers_for(exchange, yaml ? "application/yaml" : "application/json"),
      std::move(body));
}

Task<> send_item(Exchange& exchange, int status, cache::ItemPtr item) {
  if (exchange.form.kind == Form::Kind::Object && !exchange.form.yaml) {
    auto pieces = pieces_of(exchange.call, item);
    if (pieces.size() == 1) {
      co_await exchange.response.send(status, headers_for(exchange), pieces.front());
      co_return;
    }
    std::string body;
    for (const Bytes& piece : pieces) body += piece.view();
    co_await exchange.response.send(status, headers_for(exchange), Bytes(std::move(body)));
    co_return;
  }
  json::Value object = exchange.registry.decode(*item, exchange.call);
  if (exchange.form.kind == Form::Kind::Partial) {
    object = partial_object(object);
  } else if (exchange.form.kind == Form::Kind::Table) {
    auto include = value_or_throw(parse_include_object(exchange.info.query.get("includeObject")));
    json::Value table = empty_table(std::to_string(item->revision()));
    table.set("columnDefinitions", column_definitions(*exchange.call.version));
    table.edit("rows").push_back(
        table_row(*exchange.call.version, object, include, exchange.registry.clock().now()));
    object = std::move(table);
  }
  co_await send_json(exchange, status, object);
}

Task<> send_written(Exchange& exchange, registry::Written written) {
  exchange.warnings.insert(exchange.warnings.end(), written.warnings.begin(),
                           written.warnings.end());
  const registry::Call& call = exchange.call;
  int status = written.created ? 201 : 200;
  if (call.subresource != "scale") {
    co_return co_await send_item(exchange, status, std::move(written.item));
  }
  json::Value after = exchange.registry.decode(*written.item, call);
  co_await send_json(exchange, status, scale_of(*call.version->scale, after));
}

cache::Filter filter_of(const Exchange& exchange) {
  const Query& query = exchange.info.query;
  cache::Filter filter;
  if (exchange.call.cluster != "*") filter.cluster = exchange.call.cluster;
  filter.ns = exchange.call.ns;
  filter.labels = value_or_throw(object::LabelSelector::parse(query.get("labelSelector")));
  auto fields = value_or_throw(object::FieldSelector::parse(query.get("fieldSelector")));
  check_fields(exchange.call, fields);
  if (!fields.matches_everything()) {
    filter.matches = [fields](const cache::Item& item) {
      return fields.matches([&](std::string_view field) { return field_value(item, field); });
    };
    for (const auto& requirement : fields.requirements()) {
      if (requirement.field == "metadata.name" && requirement.equal)
        filter.name = requirement.value;
    }
  }
  return filter;
}

Task<registry::DeleteOptions> read_delete_options(Exchange& exchange) {
  json::Value body =
      co_await read_object(exchange.request, registry::FieldValidation::Ignore, exchange.warnings);
  const Query& query = exchange.info.query;
  registry::DeleteOptions options;
  if (body["gracePeriodSeconds"].is_number()) {
    options.grace_period_seconds = body["gracePeriodSeconds"].as_int();
  } else if (auto grace = parse_i64(query.get("gracePeriodSeconds"))) {
    options.grace_period_seconds = *grace;
  }
  options.propagation_policy = body["propagationPolicy"].str();
  if (options.propagation_policy.empty())
    options.propagation_policy = query.get("propagationPolicy");
  const std::string& policy = options.propagation_policy;
  if (!policy.empty() && policy != "Foreground" && policy != "Background" && policy != "Orphan") {
    throw Error::invalid("meta.k8s.io", "DeleteOptions", "",
                         {{"FieldValueNotSupported", "propagationPolicy",
                           fmt::format("Unsupported value: {}: supported values: \"Foreground\", "
                                       "\"Background\", \"Orphan\", \"nil\"",
                                       quote(policy))}});
  }
  options.precondition_uid = body.at("preconditions", "uid").str();
  options.precondition_resource_version = body.at("preconditions", "resourceVersion").str();
  if (!body["dryRun"].empty()) exchange.call.dry_run = true;
  co_return options;
}

}  // namespace server
