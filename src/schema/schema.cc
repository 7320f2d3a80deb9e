#include "schema/schema.h"

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "json/text.h"
#include "schema/compiled_forms.h"
#include "schema/digest.h"
#include "schema/walks.h"

namespace schema {
namespace {

constexpr std::size_t kMaxCompiledBytes = std::size_t{32} << 20;
constexpr std::size_t kBytesOfInstruction = 64;  // of a pattern, with what matching it builds
constexpr std::size_t kBytesOfText = 80;         // beside a node: its name, its list of children
constexpr std::string_view kAcceptAll =
    R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})";

CompiledForms& forms() {
  static auto* all = new CompiledForms(kMaxCompiledBytes);
  return *all;
}

std::atomic<std::uint64_t>& compilations() {
  static std::atomic<std::uint64_t> count = 0;
  return count;
}

struct Read {
  Form root;
  std::size_t bytes = 0;
  std::vector<Cause> causes;
};

Read read(const json::Value& source, std::string_view path) {
  Reading reading;
  check_structural(source, std::string(path), reading.causes);
  Form root = read_node(source, std::string(path), 0, reading);
  std::size_t bytes = reading.nodes * (sizeof(Node) + kBytesOfText) +
                      static_cast<std::size_t>(reading.instructions) * kBytesOfInstruction;
  return {std::move(root), bytes, std::move(reading.causes)};
}

class TextSchema final : public Schema {
 public:
  TextSchema(Bytes text, std::string digest) : text_(std::move(text)), digest_(std::move(digest)) {}
  ~TextSchema() override { forms().forget(this); }

  std::vector<std::string> prune(json::Value& object) const override {
    std::vector<std::string> removed;
    prune_node(*form(), object, true, "", removed);
    return removed;
  }
  void apply_defaults(json::Value& object) const override { default_node(*form(), object); }
  std::vector<Cause> validate(const json::Value& object, const json::Value& before) const override {
    Form root = form();
    Validator validator(root->lists_may_repeat);
    validator.check(*root, object, before.is_null() ? nullptr : &before, "");
    return validator.take();
  }
  json::Value openapi_v3() const override {
    json::Value source = parsed();
    source.erase(kMayRepeat);
    return source;
  }
  const std::string& digest() const override { return digest_; }
  Form root() const override { return form(); }
  MergeRule merge_rule(const std::vector<std::string>& path) const override;

  // The same text in another place.
  void keep(Bytes text) {
    std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  void keep(Read compiled) {
    sound_ = true;
    forms().add(this, std::move(compiled.root), compiled.bytes);
  }
  // Whether it is known to be structural.
  bool sound() const { return sound_; }
  void set_sound() { sound_ = true; }

 private:
  Bytes text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }

  json::Value parsed() const { return json::parse(text().view()).value_or(json::Value()); }

  Form form() const {
    if (Form known = forms().find(this)) return known;
    compilations().fetch_add(1, std::memory_order_relaxed);
    Read compiled = read(parsed(), "");
    if (!compiled.causes.empty()) compiled = read(*json::parse(kAcceptAll), "");
    return forms().add(this, std::move(compiled.root), compiled.bytes);
  }

  mutable std::mutex mutex_;
  Bytes text_;  // guarded by mutex_
  std::atomic<bool> sound_ = false;
  const std::string digest_;
};

Schema::MergeRule TextSchema::merge_rule(const std::vector<std::string>& path) const {
  // The root's metadata is the same for all kinds and stands in no schema.
  if (path.size() == 2 && path[0] == "metadata") {
    if (path[1] == "ownerReferences") return {"merge", "uid"};
    if (path[1] == "finalizers") return {"merge", ""};
  }
  Form root = form();
  const Node* node = root.get();
  for (const std::string& name : path) {
    while (node && node->items) node = node->items.get();
    if (!node) break;
    const Node* child = node->find(name);
    node = child ? child : node->additional.get();
  }
  if (!node) return {};
  return {node->patch_strategy, node->patch_merge_key};
}

using TextSchemaPtr = std::shared_ptr<TextSchema>;

// All schemas in use, by digest; those that nobody holds any more are dropped.
struct Known {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<TextSchema>> schemas;  // guarded by mutex
  std::size_t sweep_at = 64;                                           // guarded by mutex

  TextSchemaPtr find(const std::string& digest) {
    std::lock_guard lock(mutex);
    auto it = schemas.find(digest);
    return it == schemas.end() ? nullptr : it->second.lock();
  }

  // The schema that is there already or, if none is, `schema`.
  TextSchemaPtr add(TextSchemaPtr schema) {
    std::lock_guard lock(mutex);
    auto& place = schemas[schema->digest()];
    if (auto other = place.lock()) return other;
    place = schema;
    if (schemas.size() > sweep_at) {
      sweep();
      sweep_at = 2 * schemas.size() + 64;
    }
    return schema;
  }

  void sweep() {
    std::erase_if(schemas, [](const auto& entry) { return entry.second.expired(); });
  }
};

Known& known() {
  static Known* all = new Known();
  return *all;
}

}  // namespace

std::vector<Cause> check(const json::Value& open_api_v3_schema, std::string_view path) {
  auto schema = known().find(sha256_hex(json::print(open_api_v3_schema)));
  if (schema && schema->sound()) return {};
  auto causes = read(open_api_v3_schema, path).causes;
  if (schema && causes.empty()) schema->set_sound();
  return causes;
}

std::expected<SchemaPtr, std::vector<Cause>> compile(const json::Value& open_api_v3_schema,
                                                     std::string_view path) {
  std::string text = json::print(open_api_v3_schema);
  std::string digest = sha256_hex(text);
  auto present = known().find(digest);
  if (present && present->sound()) return present;
  compilations().fetch_add(1, std::memory_order_relaxed);
  Read compiled = read(open_api_v3_schema, path);
  if (!compiled.causes.empty()) return std::unexpected(std::move(compiled.causes));
  auto schema =
      known().add(std::make_shared<TextSchema>(Bytes(std::move(text)), std::move(digest)));
  schema->keep(std::move(compiled));
  return schema;
}

SchemaPtr stored_schema(Bytes text) {
  std::string digest = sha256_hex(text.view());
  auto schema = known().find(digest);
  if (!schema) schema = known().add(std::make_shared<TextSchema>(text, std::move(digest)));
  schema->keep(std::move(text));
  return schema;
}

SchemaPtr accept_all() {
  static const SchemaPtr all = stored_schema(Bytes::literal(kAcceptAll));
  return all;
}

Usage usage() {
  Usage now;
  {
    std::lock_guard lock(known().mutex);
    known().sweep();
    now.schemas = known().schemas.size();
  }
  now.compiled = forms().count();
  now.compiled_bytes = forms().bytes();
  now.compilations = compilations().load(std::memory_order_relaxed);
  return now;
}

}  // namespace schema
