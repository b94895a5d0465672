#include "interfaces/security.hpp"

namespace patchbay {

void SecurityInterface::declare(OperationTable& table) {
  using namespace security;
  auto& module = security_;
  table.add(authenticate,
            [&module](Call& call, AuthenticateArgs args) { return module.authenticate(call, std::move(args)); });
  table.add(authorize, [&module](Call& call, AuthorizeArgs args) { return module.authorize(call, std::move(args)); });
  table.add(check_origin,
            [&module](Call& call, CheckOriginArgs args) { return module.check_origin(call, std::move(args)); });
  table.add(check_url, [&module](Call& call, CheckUrlArgs args) { return module.check_url(call, std::move(args)); });
  table.add(sanitize, [&module](Call& call, SanitizeArgs args) { return module.sanitize(call, std::move(args)); });
  table.add(sanitize_for_log,
            [&module](Call& call, SanitizeArgs args) { return module.sanitize_for_log(call, std::move(args)); });
  table.add(security::validate,
            [&module](Call& call, security::ValidateArgs args) { return module.validate(call, std::move(args)); });
  table.add(security::hash, [&module](Call& call, HashArgs args) { return module.hash(call, std::move(args)); });
  table.add(verify_hash,
            [&module](Call& call, VerifyHashArgs args) { return module.verify_hash(call, std::move(args)); });
  table.add(generate_correlation_id,
            [&module](Call& call, CorrelationIdArgs args) { return module.generate_correlation_id(call, args); });
  table.add(generate_token, [&module](Call& call, TokenArgs args) { return module.generate_token(call, args); });
  table.add(security::stats, [&module](Call& call, Nothing args) { return module.stats(call, args); });
}

}  // namespace patchbay
