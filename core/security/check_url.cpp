// SECURITY.check_url: the address policy, applied to a name and to every address that it has.
#include <spdlog/fmt/fmt.h>

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>

#include "core/runtime/waiter.hpp"
#include "core/security/security.hpp"

namespace patchbay::security {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view key_hint = "list it under security.outgoing.allow (host[:port], *.domain or a network)";

bool is_plugin(Principal const& principal) { return principal.name.starts_with("plugin:"); }

// What a plugin may reach: its scopes "outgoing:<entry>", entries as in security.outgoing.allow, "*" for everywhere.
// One without such a scope goes where the operation that it was granted leads.
struct PluginGrants {
  explicit PluginGrants(Principal const& principal) {
    std::vector<std::string> entries;
    bool listed = false;
    for (auto const& scope : principal.scopes) {
      if (!scope.starts_with("outgoing:")) continue;
      listed = true;
      if (scope == "outgoing:*")
        everywhere = true;
      else
        entries.push_back(scope.substr(9));
    }
    if (!listed && (principal.unrestricted || principal.is_admin())) everywhere = true;
    policy = AddressPolicy{entries};
  }
  bool everywhere = false;
  AddressPolicy policy;
};

}  // namespace

Task<Result<std::vector<ip::address>>> Security::resolve(Call& call, std::string host) {
  if (resolve_for_test_) co_return resolve_for_test_(host);
  // The lookup itself cannot be called off, so it is left behind when the call ends first: it owns what it touches.
  struct Lookup {
    explicit Lookup(Executor executor) : resolver(executor) {}
    ip::basic_resolver<ip::tcp, Executor> resolver;
    Waiter answered;
    boost::system::error_code error;
    std::vector<ip::address> found;
    bool done = false;
  };
  auto executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(executor);
  lookup->resolver.async_resolve(host, "", [lookup](boost::system::error_code error, auto const& results) {
    std::set<ip::address> seen;
    for (auto const& entry : results) {
      auto const address = entry.endpoint().address();
      if (seen.insert(address).second) lookup->found.push_back(address);
    }
    lookup->error = error;
    lookup->done = true;
    lookup->answered.notify();
  });
  auto waiting = lookup->answered.wait(call.deadline(), use_task);
  auto const why = co_await std::move(waiting);
  if (!lookup->done) {
    if (why == Waiter::Why::cancelled)
      co_return Error{Code::cancelled, "the call was cancelled while a name was looked up"};
    co_return Error{Code::deadline_exceeded, fmt::format("the name {} was not resolved within the time", host), "/url"};
  }
  if (lookup->error || lookup->found.empty())
    co_return Error{Code::connect_failed,
                    fmt::format("the name {} cannot be resolved: {}", host, lookup->error.message()), "/url"};
  co_return lookup->found;
}

std::optional<Error> Security::refuse_url(Principal const& principal, OutgoingUrl const& url) const {
  if (is_plugin(principal)) {
    PluginGrants const grants{principal};
    if (grants.everywhere || !grants.policy.empty()) return std::nullopt;
    return Error{Code::forbidden,
                 fmt::format("{} has no grant to reach {}:{}; add \"outgoing:{}:{}\" to its grants", principal.name,
                             url.host, url.port, url.host, url.port),
                 "/url"};
  }
  if (principal.unrestricted || !principal.is_remote) return std::nullopt;
  if (now().outgoing.empty())
    return Error{Code::forbidden, fmt::format("no address may be named from outside; to allow this one {}", key_hint),
                 "/url"};
  return std::nullopt;
}

Task<Result<CheckUrlResult>> Security::check_url(Call& call, CheckUrlArgs args) {
  auto url = parse_outgoing(args.url, args.purpose);
  if (!url) co_return url.error();
  auto const principal = call.principal_ptr();
  if (auto refused = refuse_url(*principal, *url)) co_return *refused;
  bool const plugin = is_plugin(*principal);
  bool const free = !plugin && (principal->unrestricted || !principal->is_remote);
  PluginGrants const grants{*principal};
  // The policy in force now, not one that comes while the name is looked up.
  auto const& policy = plugin ? grants.policy : now().outgoing;
  bool const named = free || (plugin && grants.everywhere) || policy.name_allowed(url->host, url->port);

  CheckUrlResult out;
  out.normalized = url->normalized;
  std::vector<ip::address> addresses;
  if (url->literal) {
    addresses.push_back(*url->literal);
  } else {
    auto looking = resolve(call, url->host);
    auto found = co_await std::move(looking);
    if (!found) co_return found.error();
    addresses = std::move(*found);
  }
  for (auto const& address : addresses) {
    if (!free && never_allowed(address))
      co_return Error{Code::forbidden,
                      fmt::format("{} leads to {}, a {} address that is never called", url->host, address.to_string(),
                                  special_kind(address)),
                      "/url"};
    if (named || policy.address_allowed(address)) {
      out.addresses.push_back(address.to_string());
      continue;
    }
    auto const kind = special_kind(address);
    // Where it leads is told only to those who may know the network.
    co_return Error{
        Code::forbidden,
        kind.empty() || url->literal
            ? fmt::format("{}{} is not allowed; {}", url->host, kind.empty() ? "" : fmt::format(" ({})", kind),
                          plugin ? "add an outgoing: grant for it" : key_hint)
            : fmt::format("{} leads to a {} address, which is not allowed; {}", url->host, kind,
                          plugin ? "add an outgoing: grant for it" : key_hint),
        "/url"};
  }
  co_return out;
}

}  // namespace patchbay::security
