// The operations of SECURITY, declared once.
#pragma once

#include "core/base/call.hpp"
#include "core/base/operation.hpp"

namespace patchbay::security {

// Who is calling? The surfaces ask once a request (or connection). Without any credential the answer is the anonymous
// principal with whatever scopes the configuration leaves it.
struct AuthenticateArgs {
  std::string token{};     // the bare token, or empty
  std::string header{};    // the Authorization field, or empty
  std::string peer{};      // address that failed logins are counted for
  bool forwarded = false;  // the request carried Forwarded or X-Forwarded-*: never anonymous rights
  bool who_only = false;   // typed callers: fill nothing but `who` and `expires`, which saves copying names and scopes
};
struct AuthenticateResult {
  std::string principal;
  std::vector<std::string> scopes;
  std::optional<std::string> expires_at;
  PrincipalPtr who{};                 // typed callers only
  std::optional<WallTime> expires{};  // typed callers only, also with who_only: when the credential ends, if it does
};
inline constexpr Operation<AuthenticateArgs, AuthenticateResult> authenticate{
    .name = "SECURITY.authenticate",
    .summary = "Find the principal behind a token or Authorization header.",
    .errors = codes(Code::unauthenticated, Code::rate_limited, Code::unavailable)};

// May this principal call that operation? `resource` is an entity, tested against a token's allow and deny lists.
struct AuthorizeArgs {
  std::string principal;  // "anonymous", "host", "token:<id>"
  std::string interface;
  std::string operation;
  std::string resource;
};
struct AuthorizeResult {
  bool allowed = false;
  std::string scope;   // what the operation asks for
  std::string reason;  // why not
};
inline constexpr Operation<AuthorizeArgs, AuthorizeResult> authorize{
    .name = "SECURITY.authorize",
    .summary = "Tell whether a principal may call an operation.",
    .errors = codes(Code::not_found, Code::forbidden),
    .example = R"({"principal":"anonymous","interface":"SYSTEM","operation":"health"})"};

struct CheckOriginArgs {
  std::string origin;
  std::string host;
};
struct CheckOriginResult {
  bool allowed = false;
};
inline constexpr Operation<CheckOriginArgs, CheckOriginResult> check_origin{
    .name = "SECURITY.check_origin", .summary = "Tell whether a web origin may call this gateway."};

// Purpose: "websocket" (ws, wss) or "http" (http, https). For a remote principal the address must be allowed by
// security.outgoing.allow; host code and the gateway go anywhere. The addresses found are the ones to connect to:
// looking the name up again could give others.
struct CheckUrlArgs {
  std::string url;
  std::string purpose = "http";
};
struct CheckUrlResult {
  std::string normalized;
  std::vector<std::string> addresses;
};
inline constexpr Operation<CheckUrlArgs, CheckUrlResult> check_url{
    .name = "SECURITY.check_url",
    .summary = "Check an outgoing url against the address policy and resolve it.",
    .errors = codes(Code::forbidden, Code::connect_failed),
    .reaches_out = true};

struct SanitizeArgs {
  RawJson data;
};
struct SanitizeResult {
  RawJson data;
};
inline constexpr Operation<SanitizeArgs, SanitizeResult> sanitize{
    .name = "SECURITY.sanitize",
    .summary = "Mask secrets in data and take control characters out of its texts.",
    .example = R"({"data":{"user":"anna","password":"x"}})"};
inline constexpr Operation<SanitizeArgs, SanitizeResult> sanitize_for_log{
    .name = "SECURITY.sanitize_for_log",
    .summary = "Make data fit for a log line: secrets masked, control characters escaped, long texts cut.",
    .example = R"({"data":{"user":"anna","password":"x"}})"};

struct ValidateArgs {
  RawJson value;
  RawJson schema;
};
struct SchemaProblem {
  std::string pointer, message;
};
struct ValidateResult {
  bool valid = true;
  std::vector<SchemaProblem> problems;
};
inline constexpr Operation<ValidateArgs, ValidateResult> validate{
    .name = "SECURITY.validate",
    .summary = "Check a value against a schema of the gateway's word list and name everything that is wrong.",
    .example = R"({"value":{"a":1},"schema":{"type":"object","properties":{"a":{"type":"integer"}}}})"};

struct HashArgs {
  std::string data;
  std::string algorithm = "sha256";
};
struct HashResult {
  std::string hash;
};
inline constexpr Operation<HashArgs, HashResult> hash{
    .name = "SECURITY.hash", .summary = "Hash a text; the answer is hexadecimal.", .example = R"({"data":"abc"})"};
struct VerifyHashArgs {
  std::string data;
  std::string hash;
  std::string algorithm = "sha256";
};
struct VerifyHashResult {
  bool match = false;
};
inline constexpr Operation<VerifyHashArgs, VerifyHashResult> verify_hash{
    .name = "SECURITY.verify_hash",
    .summary = "Tell whether a text has a hash, in constant time.",
    .example = R"({"data":"abc","hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})"};

struct CorrelationIdArgs {
  std::uint32_t bytes = 16;
};
struct TokenArgs {
  std::uint32_t bytes = 32;
};
struct IdResult {
  std::string id;
};
inline constexpr Operation<CorrelationIdArgs, IdResult> generate_correlation_id{
    .name = "SECURITY.generate_correlation_id",
    .summary = "Make a random id, hexadecimal, from the kernel's generator.",
    .idempotent = false};
inline constexpr Operation<TokenArgs, IdResult> generate_token{
    .name = "SECURITY.generate_token",
    .summary = "Make a random token, URL-safe, from the kernel's generator.",
    .idempotent = false};

struct StatsResult {
  std::uint32_t tokens = 0, jwt_keys = 0;
  bool anonymous = false;
  std::vector<std::string> anonymous_scopes;
  std::uint32_t origins = 0, outgoing_allowed = 0;
  std::uint64_t accepted = 0, refused = 0, limited = 0;
  std::uint32_t watched_addresses = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "SECURITY.stats",
    .summary = "Show how many tokens there are, what anonymous callers may do and how logins went.",
    .scope = "metrics.read"};

}  // namespace patchbay::security

template <>
struct patchbay::Describe<patchbay::security::AuthenticateArgs> {
  static constexpr std::tuple fields{
      field("token", &security::AuthenticateArgs::token, "The bare token").optional().length(0, 8192),
      field("header", &security::AuthenticateArgs::header, "An Authorization header, instead of the token")
          .optional()
          .length(0, 8192),
      field("peer", &security::AuthenticateArgs::peer, "Address that failed attempts are counted for")
          .optional()
          .length(0, 64),
      field("forwarded", &security::AuthenticateArgs::forwarded, "Whether a proxy passed the request on").optional()};
};
template <>
struct patchbay::Describe<patchbay::security::AuthenticateResult> {
  static constexpr std::tuple fields{
      field("principal", &security::AuthenticateResult::principal, "Name of the principal"),
      field("scopes", &security::AuthenticateResult::scopes, "What it may do"),
      field("expires_at", &security::AuthenticateResult::expires_at, "ISO 8601, when the token ends")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckOriginArgs> {
  static constexpr std::tuple fields{
      field("origin", &security::CheckOriginArgs::origin, "The Origin field").length(1, 1024),
      field("host", &security::CheckOriginArgs::host, "The Host field of the same request").optional().length(0, 1024)};
};
template <>
struct patchbay::Describe<patchbay::security::CheckOriginResult> {
  static constexpr std::tuple fields{field("allowed", &security::CheckOriginResult::allowed, "Whether it may")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckUrlArgs> {
  static constexpr std::tuple fields{
      field("url", &security::CheckUrlArgs::url, "Absolute url").length(1, 4096),
      field("purpose", &security::CheckUrlArgs::purpose, "What it is for").optional().one_of("websocket", "http")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckUrlResult> {
  static constexpr std::tuple fields{
      field("normalized", &security::CheckUrlResult::normalized, "The url in normal form"),
      field("addresses", &security::CheckUrlResult::addresses, "What the name resolves to, all of them allowed")};
};
template <>
struct patchbay::Describe<patchbay::security::AuthorizeArgs> {
  static constexpr std::tuple fields{
      field("principal", &security::AuthorizeArgs::principal, "Name of the principal, such as token:kitchen")
          .length(1, 128),
      field("interface", &security::AuthorizeArgs::interface, "Interface, such as HUB").length(1, 64),
      field("operation", &security::AuthorizeArgs::operation, "Operation of it, such as publish").length(1, 64),
      field("resource", &security::AuthorizeArgs::resource, "Entity, tested against the token's lists")
          .optional()
          .length(0, 255)};
};
template <>
struct patchbay::Describe<patchbay::security::AuthorizeResult> {
  static constexpr std::tuple fields{
      field("allowed", &security::AuthorizeResult::allowed, "Whether it may"),
      field("scope", &security::AuthorizeResult::scope, "The scope that the operation asks for"),
      field("reason", &security::AuthorizeResult::reason, "Why not, or empty")};
};
template <>
struct patchbay::Describe<patchbay::security::SanitizeArgs> {
  static constexpr std::tuple fields{field("data", &security::SanitizeArgs::data, "Any JSON")};
};
template <>
struct patchbay::Describe<patchbay::security::SanitizeResult> {
  static constexpr std::tuple fields{field("data", &security::SanitizeResult::data, "The same, cleaned")};
};
template <>
struct patchbay::Describe<patchbay::security::ValidateArgs> {
  static constexpr std::tuple fields{
      field("value", &security::ValidateArgs::value, "Any JSON"),
      field("schema", &security::ValidateArgs::schema, "Schema, as operations carry it").type("object")};
};
template <>
struct patchbay::Describe<patchbay::security::SchemaProblem> {
  static constexpr std::tuple fields{
      field("pointer", &security::SchemaProblem::pointer, "JSON pointer into the value"),
      field("message", &security::SchemaProblem::message, "What is wrong, what would be right")};
};
template <>
struct patchbay::Describe<patchbay::security::ValidateResult> {
  static constexpr std::tuple fields{field("valid", &security::ValidateResult::valid, "Whether nothing is wrong"),
                                     field("problems", &security::ValidateResult::problems, "At most 100")};
};
template <>
struct patchbay::Describe<patchbay::security::HashArgs> {
  static constexpr std::tuple fields{field("data", &security::HashArgs::data, "Text to hash"),
                                     field("algorithm", &security::HashArgs::algorithm, "Hash function")
                                         .optional()
                                         .one_of("sha256", "sha384", "sha512")};
};
template <>
struct patchbay::Describe<patchbay::security::HashResult> {
  static constexpr std::tuple fields{field("hash", &security::HashResult::hash, "Hexadecimal, small letters")};
};
template <>
struct patchbay::Describe<patchbay::security::VerifyHashArgs> {
  static constexpr std::tuple fields{
      field("data", &security::VerifyHashArgs::data, "Text"),
      field("hash", &security::VerifyHashArgs::hash, "Hexadecimal hash to compare with").length(1, 128),
      field("algorithm", &security::VerifyHashArgs::algorithm, "Hash function")
          .optional()
          .one_of("sha256", "sha384", "sha512")};
};
template <>
struct patchbay::Describe<patchbay::security::VerifyHashResult> {
  static constexpr std::tuple fields{field("match", &security::VerifyHashResult::match, "Whether it is the hash")};
};
template <>
struct patchbay::Describe<patchbay::security::CorrelationIdArgs> {
  static constexpr std::tuple fields{
      field("bytes", &security::CorrelationIdArgs::bytes, "Random bytes").optional().range(8, 64)};
};
template <>
struct patchbay::Describe<patchbay::security::TokenArgs> {
  static constexpr std::tuple fields{
      field("bytes", &security::TokenArgs::bytes, "Random bytes").optional().range(16, 64)};
};
template <>
struct patchbay::Describe<patchbay::security::IdResult> {
  static constexpr std::tuple fields{field("id", &security::IdResult::id, "What was made")};
};
template <>
struct patchbay::Describe<patchbay::security::StatsResult> {
  static constexpr std::tuple fields{
      field("tokens", &security::StatsResult::tokens, "Configured tokens"),
      field("jwt_keys", &security::StatsResult::jwt_keys, "Keys that JSON Web Tokens are checked with"),
      field("anonymous", &security::StatsResult::anonymous, "Whether callers without a token have rights now"),
      field("anonymous_scopes", &security::StatsResult::anonymous_scopes, "What they may do"),
      field("origins", &security::StatsResult::origins, "Listed web origins"),
      field("outgoing_allowed", &security::StatsResult::outgoing_allowed, "Entries of security.outgoing.allow"),
      field("accepted", &security::StatsResult::accepted, "Tokens that were let in"),
      field("refused", &security::StatsResult::refused, "Attempts that failed"),
      field("limited", &security::StatsResult::limited, "Attempts that came too often"),
      field("watched_addresses", &security::StatsResult::watched_addresses,
            "Addresses with failed attempts in the last minute")};
};
