// Discovery and OpenAPI over HTTP: rendered once per set of kinds, answered by ETag.
#pragma once

#include <functional>
#include <string>

#include "base/task.h"
#include "http/message.h"
#include "server/discovery.h"
#include "server/document_store.h"
#include "server/openapi_text.h"

namespace server {

// What documents tell about.
struct DocumentSource {
  std::function<Kinds()> kinds;
  std::string tag;     // the same for the same kinds, and for those only
  std::string prefix;  // of the address that was asked, for URLs in documents: "/clusters/root"
  // Those of one group; null = they are looked for among all.
  std::function<Kinds(const std::string& group)> kinds_of = nullptr;
};

// Thread-safe. Sources with one tag share the rendered documents, and those of OpenAPI are shared
// by all who serve the same in that group and version. What is kept is bounded.
class Documents {
 public:
  Documents() : store_(DocumentStore::Bounds{}) {}

  // Answers if `path` (decoded, behind the prefix) is one of discovery's or OpenAPI's; false if it
  // is not.
  Task<bool> answer(const http::Request& request, const std::string& path,
                    const DocumentSource& source, http::ResponseWriter& response);

 private:
  using Render = std::function<json::Value()>;
  Document rendered(const std::string& key, const Render& render);
  Document discovery(const http::Request& request, const std::string& path,
                     const DocumentSource& source, std::string_view& type);

  Task<bool> answer_openapi(const http::Request& request, const std::string& path,
                            const DocumentSource& source, http::ResponseWriter& response);
  Task<bool> answer_openapi_v2(const http::Request& request, const DocumentSource& source,
                               http::ResponseWriter& response);
  Task<bool> answer_openapi_v3(const http::Request& request, const object::GroupVersion& at,
                               const DocumentSource& source, http::ResponseWriter& response);
  // The document of `parts`, whose digest is known, unless the client has it.
  Task<> send_openapi(const http::Request& request, OpenApiText::Form form, std::string digest,
                      std::vector<GroupVersionKinds> parts, http::Headers headers,
                      http::ResponseWriter& response);

  DocumentStore store_;
};

}  // namespace server
