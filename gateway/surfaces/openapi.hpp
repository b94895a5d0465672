// The operation table as documents: OpenAPI 3.1 for machines, Markdown for people. Both are made from the rows alone
// and stand in a fixed order, so that two of them can be compared.
//
//   std::string json = openapi_document(caller.table(), "1.0", "http://127.0.0.1:8765");
//   std::string text = operations_markdown(caller.table());
//
// Pure functions, any thread; some milliseconds for hundreds of operations, so keep the result while the table stays.
#pragma once

#include <string>
#include <string_view>

#include "core/base/operation_table.hpp"

namespace patchbay {

// One path an operation (POST /{tool}), one for each route of its own, GET for streams that read. An empty `server_url`
// means the address that the document came from.
std::string openapi_document(OperationTable const& table, std::string_view version, std::string_view server_url);

// One section an interface, one table row an operation.
std::string operations_markdown(OperationTable const& table);

// Our schema text as JSON Schema 2020-12, as OpenAPI 3.1 has it. `closed`: unknown members are refused (arguments).
std::string json_schema(Schema const& schema, bool closed);

}  // namespace patchbay
