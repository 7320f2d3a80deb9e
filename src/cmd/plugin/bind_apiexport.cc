// kubectl kcp bind apiexport: an APIBinding with answers to what the export asks for.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/bind.h"
#include "cmd/plugin/claims.h"
#include "cmd/plugin/options.h"
#include "cmd/plugin/session.h"

namespace plugin {
namespace {

using json::Value;

struct Flags {
  std::string reference, name, timeout = "30s", workspace;
  std::vector<std::string> accept, reject;
  bool accept_all = false, reject_all = false;
  ExportName wanted;
  Duration patience{};
  ClaimFilter accepted, rejected;

  bool answers() const { return !accept.empty() || !reject.empty() || accept_all || reject_all; }
};

void settle(Flags& flags) {
  flags.wanted = value_or_throw(parse_export_name(flags.reference));
  flags.patience = value_or_throw(parse_duration("timeout", flags.timeout));
  if (flags.name.empty()) flags.name = flags.wanted.name;
  bool lists = !flags.accept.empty() || !flags.reject.empty();
  if ((flags.accept_all && flags.reject_all) || (lists && (flags.accept_all || flags.reject_all))) {
    throw Error(
        Reason::BadRequest,
        "--accept-all-permission-claims, --reject-all-permission-claims and lists of claims "
        "exclude each other");
  }
  flags.accepted.all = flags.accept_all;
  flags.rejected.all = flags.reject_all;
  for (const std::string& one : flags.accept) {
    flags.accepted.resources.push_back(value_or_throw(parse_group_resource(one)));
  }
  for (const std::string& one : flags.reject) {
    auto resource = value_or_throw(parse_group_resource(one));
    if (std::ranges::find(flags.accepted.resources, resource) != flags.accepted.resources.end()) {
      throw Error(Reason::BadRequest, "the claim on " + one + " is both accepted and rejected");
    }
    flags.rejected.resources.push_back(std::move(resource));
  }
}

bool parse(Flags& flags, const Arguments& arguments) {
  using Commas = Options::Commas;
  Options options(
      "kubectl kcp bind apiexport PATH:NAME [flags]",
      "Makes the APIs of an APIExport available in the current workspace.",
      "kubectl kcp bind apiexport root:provider:wildwest --accept-permission-claim configmaps");
  options.positional("the APIExport, PATH:NAME,", &flags.reference);
  options.add("name", 0, &flags.name, "name of the APIBinding (default: the export's)");
  options.add_list("accept-permission-claim", &flags.accept, Commas::Separate,
                   "resources the provider may touch, like configmaps or deployments.apps");
  options.add_list("reject-permission-claim", &flags.reject, Commas::Separate,
                   "resources it may not");
  options.add_switch("accept-all-permission-claims", &flags.accept_all, "all it asks for");
  options.add_switch("reject-all-permission-claims", &flags.reject_all, "none of it");
  options.add("timeout", 0, &flags.timeout, "how long to wait until it is bound");
  options.add("workspace", 'w', &flags.workspace, "workspace to work in, instead of the current");
  if (!options.parse(arguments)) return false;
  settle(flags);
  return true;
}

// Every resource on the command line must be one that the export asks for.
void check_asked_for(const Flags& flags, const Value& wanted) {
  for (const ClaimFilter* filter : {&flags.accepted, &flags.rejected}) {
    for (const auto& resource : filter->resources) {
      ClaimFilter one{{resource}, "", false};
      bool asked = std::ranges::any_of(wanted.elements(),
                                       [&](const Value& claim) { return one.means(claim); });
      if (asked) continue;
      std::vector<std::string> texts;
      for (const Value& claim : wanted.elements()) texts.push_back(claim_text(claim));
      throw Error(
          Reason::BadRequest,
          fmt::format("APIExport {} does not ask for {}; it asks for {}", flags.wanted.text(),
                      resource.text(), texts.empty() ? "nothing" : join(texts, ", ")));
    }
  }
}

Value answers_to(const Flags& flags, Value binding, const Value& wanted) {
  std::size_t matched = 0;
  for (auto [filter, answer] : {std::pair(&flags.accepted, Answer::Accepted),
                                std::pair(&flags.rejected, Answer::Rejected)}) {
    Value claims = answered_claims(binding, wanted, *filter, answer, &matched);
    if (!claims.empty()) binding.edit("spec").set("permissionClaims", std::move(claims));
  }
  return binding.at("spec", "permissionClaims");
}

// What the export asks for; nothing if this user may not read it.
Task<std::optional<Value>> claims_of_export(const Session& session, ExportName name) {
  client::Client provider = session.client.at(session.path_of(name.path));
  std::optional<Error> failure;
  std::optional<Value> found;
  try {
    found = co_await provider.find(kExports, "", name.name);
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() != Reason::Forbidden) throw *failure;
  if (!found) co_return std::nullopt;
  co_return found->at("spec", "permissionClaims");
}

}  // namespace

Task<int> bind_apiexport(net::IoLoop& loop, Arguments arguments) {
  Flags flags;
  if (!parse(flags, arguments)) co_return 0;
  Session session = open_session(loop, flags.workspace);
  Value binding = binding_to(flags.wanted, flags.name);
  // Without sight of the export, its claims are learned from the binding, and answered then.
  std::optional<Value> wanted = Value();
  if (flags.answers()) wanted = co_await claims_of_export(session, flags.wanted);
  if (wanted) {
    check_asked_for(flags, *wanted);
    Value claims = answers_to(flags, binding, *wanted);
    if (!claims.empty()) binding.edit("spec").set("permissionClaims", std::move(claims));
  }
  binding = co_await session.client.create(kBindings, std::move(binding));
  fmt::print("apibinding {} created. Waiting to successfully bind ...\n", flags.name);
  std::fflush(stdout);
  binding = co_await wait_until_bound(session.client, flags.name, flags.patience);
  if (!wanted) {
    const Value& asked = binding.at("status", "exportPermissionClaims");
    check_asked_for(flags, asked);
    Value patch = Value::object();
    patch.edit("spec").set("permissionClaims", answers_to(flags, binding, asked));
    co_await session.client.patch(kBindings, "", flags.name, client::PatchType::Merge,
                                  std::move(patch));
  }
  fmt::print("{} created and bound.\n", flags.name);
  co_return 0;
}

}  // namespace plugin
