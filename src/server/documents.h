// Discovery and OpenAPI over HTTP: rendered once per set of kinds, answered by ETag.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/task.h"
#include "http/message.h"
#include "server/discovery.h"

namespace server {

// What documents tell about.
struct DocumentSource {
  std::function<Kinds()> kinds;
  std::string tag;     // the same for the same kinds, and for those only
  std::string prefix;  // of the address that was asked, for URLs in documents: "/clusters/root"
};

// Thread-safe. Sources with one tag share the rendered documents; at most 256 are kept, and 64 MiB.
class Documents {
 public:
  // Answers if `path` (decoded, behind the prefix) is one of discovery's or OpenAPI's; false if it
  // is not.
  Task<bool> answer(const http::Request& request, const std::string& path,
                    const DocumentSource& source, http::ResponseWriter& response);

 private:
  struct Document {
    Bytes body;
    std::string etag;  // with quotes; "" = there is no such document
  };
  using Render = std::function<json::Value()>;
  static Document document_of(const json::Value& value);
  static Document document_of(std::string text);
  Document kept(const std::string& key, const std::function<Document()>& make);
  Document rendered(const std::string& key, const Render& render);
  Document discovery(const http::Request& request, const std::string& path,
                     const DocumentSource& source, std::string_view& type);
  Document openapi(const http::Request& request, const std::string& path,
                   const DocumentSource& source, std::string_view& type);
  json::Value openapi_index(const DocumentSource& source);
  static Task<> send(const http::Request& request, const Document& document, std::string_view type,
                     http::ResponseWriter& response);

  std::mutex mutex_;
  std::map<std::string, Document> documents_;  // guarded by mutex_
  std::size_t bytes_ = 0;                      // of their bodies; guarded by mutex_
};

}  // namespace server
