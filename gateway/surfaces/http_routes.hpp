// RouteIndex: from a path to what answers there: an operation by its tool name, a route of an operation's own, a page.
// And the arguments that stand in path and query, as JSON typed by the operation's schema.
//
//   routes.use(caller.table());                         // rebuilt only when the table is another one
//   auto target = routes.find(Method::post, "/echo_say");
//   if (target.kind == Target::Kind::wrong_method) ...405, Allow: target.allow
//
// One per shard; what it returns borrows the table, the index and the path.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/operation_table.hpp"
#include "gateway/surfaces/http_head.hpp"
#include "gateway/surfaces/pages.hpp"

namespace patchbay::http {

struct Target {
  enum class Kind : std::uint8_t { none, wrong_method, operation, page, redirect };
  Kind kind = Kind::none;
  Row const* row = nullptr;
  Page const* page = nullptr;
  bool bare = false;          // the data without the envelope
  bool raw = false;           // the data names its own content type and body
  bool body_is_args = true;   // else path and query are
  bool is_own_route = false;  // not /{tool}
  bool is_liveness = false;   // answers also without credentials, wherever we listen
  std::string_view allow{};   // the methods of this path
  std::vector<std::pair<std::string_view, std::string_view>> parameters{};  // from the path, still escaped

  bool found() const { return kind != Kind::none; }
};

class RouteIndex {
 public:
  void use(OperationTable const& table) {
    if (&table != table_) build(table);
  }
  Target find(Method method, std::string_view path) const;
  // A path that a browser shows as a page.
  static bool is_page(std::string_view path);

 private:
  struct Own {
    Row const* row;
    std::string method;
    bool bare, raw;
  };
  struct Path {
    std::vector<Own> own;
    std::string allow;
  };
  struct Pattern {
    std::vector<std::string> segments;  // "{name}" or a fixed word
    Path path;
  };
  void build(OperationTable const& table);
  static void pick(Path const& path, Method method, Target& target);

  OperationTable const* table_ = nullptr;
  std::unordered_map<std::string, Path> exact_;
  std::vector<Pattern> patterns_;
};

// Percent-decoding; nothing when malformed. `plus_is_space` as in a query.
std::optional<std::string> decoded(std::string_view text, bool plus_is_space);

// The arguments of a call whose path parameters and query carry them (and, for a route with a body, the body too) as
// one JSON object. A value reads as the type that the schema asks for; one that cannot is passed on as a string, for
// the validator to say what would be right. Errors: invalid_argument.
Result<std::string> arguments_of(Schema const& schema, Target const& target, std::string_view query,
                                 std::string_view body);

}  // namespace patchbay::http
