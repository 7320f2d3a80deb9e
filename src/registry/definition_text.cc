#include "registry/definition_text.h"

#include "json/scan.h"

namespace registry {
namespace {

class Splitter {
 public:
  Splitter(std::string_view json, SchemaPlace place) : json_(json), place_(place), cursor_(json) {}

  std::optional<DefinitionText> split() {
    cursor_.members([&](std::string_view key) {
      if (key == "spec") {
        read_spec();
      } else if (key == "status") {
        found_.status = cursor_.value();
      } else {
        cursor_.value();
      }
    });
    if (!cursor_.ok() || found_.spec.empty()) return std::nullopt;
    return std::move(found_);
  }

 private:
  void read_spec() {
    found_.spec.clear();
    found_.schemas.clear();
    copied_ = cursor_.at();
    cursor_.members([&](std::string_view key) {
      if (key != "versions") {
        cursor_.value();
        return;
      }
      cursor_.elements([&] { read_version(); });
    });
    if (cursor_.ok()) copy_to(cursor_.at());
  }

  void read_version() {
    cursor_.members([&](std::string_view key) {
      if (key != "schema") {
        cursor_.value();
      } else if (place_ == SchemaPlace::Bare) {
        read_schema();
      } else {
        cursor_.members([&](std::string_view inner) {
          if (inner == "openAPIV3Schema") {
            read_schema();
          } else {
            cursor_.value();
          }
        });
      }
    });
  }

  void read_schema() {
    std::string_view schema = cursor_.value();
    if (!cursor_.ok()) return;
    copy_to(static_cast<std::size_t>(schema.data() - json_.data()));
    found_.spec.append(std::to_string(found_.schemas.size()));
    found_.schemas.push_back(schema);
    copied_ = cursor_.at();
  }

  void copy_to(std::size_t end) { found_.spec.append(json_.substr(copied_, end - copied_)); }

  std::string_view json_;
  SchemaPlace place_;
  json::Scanner cursor_;
  std::size_t copied_ = 0;  // up to here the spec is copied or replaced
  DefinitionText found_;
};

}  // namespace

std::optional<DefinitionText> split_definition(std::string_view json, SchemaPlace place) {
  return Splitter(json, place).split();
}

}  // namespace registry
