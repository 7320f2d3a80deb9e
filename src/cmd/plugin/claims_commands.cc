// kubectl kcp claims: what providers ask for in this workspace, and the answers.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/claims.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/options.h"
#include "cmd/plugin/session.h"

namespace plugin {
namespace {

using json::Value;

constexpr const char* kSeeBindings = "kubectl get apibindings shows those of this workspace";

Task<int> get(net::IoLoop& loop, Arguments arguments) {
  std::string kind = take_verb(arguments), workspace;
  std::string name = take_verb(arguments);
  Options options("kubectl kcp claims get apibinding [NAME]",
                  "Shows what the providers behind this workspace's APIBindings ask for.",
                  "kubectl kcp claims get apibinding");
  options.add("workspace", 'w', &workspace, "workspace to work in, instead of the current");
  if (!options.parse(arguments)) co_return 0;
  if (kind != "apibinding" && kind != "apibindings") {
    throw Error(Reason::BadRequest, "say kubectl kcp claims get apibinding [NAME]");
  }
  Session session = open_session(loop, workspace);
  std::vector<std::vector<std::string>> rows{{"APIBINDING", "GROUP-RESOURCE", "VERBS", "STATUS"}};
  std::vector<Value> bindings;
  if (name.empty()) {
    bindings = (co_await session.client.list(kBindings, "", {})).items;
  } else {
    bindings.push_back(co_await get_object(session.client, kBindings, name, kSeeBindings));
  }
  for (const Value& binding : bindings) {
    for (auto& row : claim_rows(binding)) rows.push_back(std::move(row));
  }
  fmt::print("{}", table_text(rows));
  co_return 0;
}

struct AnswerFlags {
  std::string binding, identity_hash, workspace;
  std::vector<std::string> resources;
  bool all = false;
  ClaimFilter filter;
};

bool parse_answer(AnswerFlags& flags, const std::string& verb, const Arguments& arguments) {
  Options options("kubectl kcp claims " + verb + " APIBINDING (--resource R | --all)",
                  "Answers what the provider behind an APIBinding asks for.",
                  "kubectl kcp claims " + verb + " wildwest --resource configmaps");
  options.positional("the APIBinding's name", &flags.binding);
  options.add_list("resource", &flags.resources, Options::Commas::Separate,
                   "claims on this resource, like secrets or deployments.apps");
  options.add("identity-hash", 0, &flags.identity_hash, "claims on resources of this identity");
  options.add_switch("all", &flags.all, "all claims");
  options.add("workspace", 'w', &flags.workspace, "workspace to work in, instead of the current");
  if (!options.parse(arguments)) return false;
  if (flags.resources.empty() && flags.identity_hash.empty() && !flags.all) {
    throw Error(Reason::BadRequest,
                "say which claims: --resource, --identity-hash or --all; kubectl kcp claims get "
                "apibinding " +
                    flags.binding + " shows them");
  }
  flags.filter.identity_hash = flags.identity_hash;
  flags.filter.all = flags.all;
  for (const std::string& one : flags.resources) {
    flags.filter.resources.push_back(value_or_throw(parse_group_resource(one)));
  }
  return true;
}

Task<int> answer(net::IoLoop& loop, std::string verb, Arguments arguments) {
  AnswerFlags flags;
  if (!parse_answer(flags, verb, arguments)) co_return 0;
  Answer given = verb == "accept" ? Answer::Accepted : Answer::Rejected;
  Session session = open_session(loop, flags.workspace);
  Value binding = co_await get_object(session.client, kBindings, flags.binding, kSeeBindings);
  std::size_t matched = 0;
  Value claims = answered_claims(binding, binding.at("status", "exportPermissionClaims"),
                                 flags.filter, given, &matched);
  if (matched == 0) {
    throw Error(
        Reason::NotFound,
        fmt::format("APIBinding {0} has no such claim; kubectl kcp claims get apibinding {1} "
                    "shows them",
                    quote(flags.binding), flags.binding));
  }
  Value patch = Value::object();
  patch.edit("metadata").set("resourceVersion", object::resource_version(binding));
  patch.edit("spec").set("permissionClaims", claims);
  co_await session.client.patch(kBindings, "", flags.binding, client::PatchType::Merge,
                                std::move(patch));
  const char* done = given == Answer::Accepted ? "accepted" : "rejected";
  for (const Value& one : claims.elements()) {
    if (!flags.filter.means(one)) continue;
    if (flags.resources.empty() && !flags.identity_hash.empty()) {
      fmt::print("claim with identity hash {} on APIBinding {} is {}\n", quote(flags.identity_hash),
                 quote(flags.binding), done);
    } else {
      fmt::print("claim {} on APIBinding {} is {}\n", quote(claim_text(one)), quote(flags.binding),
                 done);
    }
  }
  co_return 0;
}

}  // namespace

Task<int> claims_command(net::IoLoop& loop, Arguments arguments) {
  std::string verb = take_verb(arguments);
  if (verb == "get") co_return co_await get(loop, std::move(arguments));
  if (verb == "accept" || verb == "reject") {
    co_return co_await answer(loop, verb, std::move(arguments));
  }
  co_return answer_without_verb(
      verb, arguments, "claims",
      "What providers of APIs may do with other objects of this workspace.\n\nUsage:\n"
      "  kubectl kcp claims get apibinding [NAME]   what is asked for, and the answers\n"
      "  kubectl kcp claims accept APIBINDING       yes\n"
      "  kubectl kcp claims reject APIBINDING       no\n\n"
      "Example:\n  kubectl kcp claims accept wildwest --resource configmaps\n");
}

}  // namespace plugin
