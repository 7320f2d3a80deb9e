// The stream behind a watch, and errors as they come from a server.
#pragma once

#include "base/error.h"
#include "client/client.h"

namespace client {

// Reads the events of a watch response. An ERROR event is thrown as the Error it carries.
std::unique_ptr<Watch> make_watch(http::Response response);

Error error_from_status(const json::Value& status, int code);

}  // namespace client
