#include "server/newest.h"

namespace server {

bool may_be_stale(Reason reason) {
  switch (reason) {
    case Reason::NotFound:
    case Reason::AlreadyExists:
    case Reason::Conflict:
    case Reason::Forbidden:
    case Reason::Unauthorized:
    case Reason::Invalid:
    case Reason::MethodNotAllowed: return true;
    default: return false;
  }
}

}  // namespace server
