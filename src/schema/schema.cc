#include "schema/schema.h"

#include <array>
#include <map>
#include <mutex>

#include "json/text.h"
#include "object/names.h"
#include "schema/digest.h"
#include "schema/node.h"

namespace schema {
namespace {

class CompiledSchema final : public Schema {
 public:
  CompiledSchema(NodePtr root, json::Value source, std::string digest)
      : root_(std::move(root)), source_(std::move(source)), digest_(std::move(digest)) {}

  std::vector<std::string> prune(json::Value& object) const override {
    std::vector<std::string> removed;
    prune_node(*root_, object, true, "", removed);
    return removed;
  }
  void apply_defaults(json::Value& object) const override { default_node(*root_, object); }
  std::vector<Cause> validate(const json::Value& object, const json::Value& before) const override {
    Validator validator;
    validator.check(*root_, object, before.is_null() ? nullptr : &before, "");
    return validator.take();
  }
  const json::Value& openapi_v3() const override { return source_; }
  const std::string& digest() const override { return digest_; }

  MergeRule merge_rule(const std::vector<std::string>& path) const override {
    // The root's metadata is the same for all kinds and stands in no schema.
    if (path.size() == 2 && path[0] == "metadata") {
      if (path[1] == "ownerReferences") return {"merge", "uid"};
      if (path[1] == "finalizers") return {"merge", ""};
    }
    const Node* node = root_.get();
    for (const std::string& name : path) {
      while (node && node->items) node = node->items.get();
      if (!node) break;
      const Node* child = node->find(name);
      node = child ? child : node->additional.get();
    }
    if (!node) return {};
    return {node->patch_strategy, node->patch_merge_key};
  }

 private:
  NodePtr root_;
  json::Value source_;
  std::string digest_;
};

// All schemas in use, by digest; those that nobody holds any more are dropped.
struct Known {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<const Schema>> schemas;  // guarded by mutex
  std::size_t sweep_at = 64;                                   // guarded by mutex
  // The last ones are kept for who needs them next: what judges a definition compiles its schema,
  // and who serves it then would have to do it again. Guarded by mutex.
  std::array<SchemaPtr, 8> recent;
  std::size_t next_recent = 0;  // guarded by mutex
};

Known& known() {
  static Known* all = new Known();
  return *all;
}

SchemaPtr find_known(const std::string& digest) {
  std::lock_guard lock(known().mutex);
  auto it = known().schemas.find(digest);
  return it == known().schemas.end() ? nullptr : it->second.lock();
}

SchemaPtr remember(SchemaPtr schema) {
  Known& all = known();
  std::lock_guard lock(all.mutex);
  auto& place = all.schemas[schema->digest()];
  if (auto other = place.lock()) return other;
  place = schema;
  all.recent[all.next_recent++ % all.recent.size()] = schema;
  if (all.schemas.size() > all.sweep_at) {
    std::erase_if(all.schemas, [](const auto& entry) { return entry.second.expired(); });
    all.sweep_at = 2 * all.schemas.size() + 64;
  }
  return schema;
}

}  // namespace

std::expected<SchemaPtr, std::vector<Cause>> compile(const json::Value& open_api_v3_schema,
                                                     std::string_view path) {
  std::string digest = sha256_hex(json::print(open_api_v3_schema));
  if (auto schema = find_known(digest)) return schema;
  Reading reading;
  check_structural(open_api_v3_schema, std::string(path), reading.causes);
  NodePtr root = read_node(open_api_v3_schema, std::string(path), 0, reading);
  if (!reading.causes.empty()) return std::unexpected(std::move(reading.causes));
  return remember(
      std::make_shared<CompiledSchema>(std::move(root), open_api_v3_schema, std::move(digest)));
}

SchemaPtr accept_all() {
  static const SchemaPtr all = *compile(
      json::Value::object({{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}),
      "");
  return all;
}

}  // namespace schema
