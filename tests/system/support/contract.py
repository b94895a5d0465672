"""Holds every answer that a system test gets against what /openapi.json promises for it.

    contract = Contract(document)
    contract.check("system_health", 200, body)    # AssertionError naming the operation, the status and the place

Validators are compiled once for each operation and status.
"""
import jsonschema_rs


class Contract:
    def __init__(self, document: dict):
        self._document = document
        self._validators: dict[tuple[str, int], object] = {}
        self.operations = {operation["operationId"]: operation
                           for path in document["paths"].values()
                           for operation in path.values() if isinstance(operation, dict) and "operationId" in operation}

    def check(self, operation: str, status: int, body) -> None:
        if operation not in self.operations:
            return  # a name that does not exist: the test looks at the 404 itself
        validator = self._validator(operation, status)
        if validator is None:
            return
        errors = [f"{'/'.join(map(str, error.instance_path)) or 'the whole'}: {error.message[:300]}"
                  for error in validator.iter_errors(body)]
        assert not errors, f"{operation} answered {status} with something it does not promise: {errors[:5]}"

    def _validator(self, operation: str, status: int):
        key = (operation, status)
        if key not in self._validators:
            self._validators[key] = self._compile(operation, status)
        return self._validators[key]

    def _compile(self, operation: str, status: int):
        responses = self.operations[operation]["responses"]
        answer = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default")
        assert answer is not None, f"{operation} answered {status}, which it does not document; it documents {sorted(responses)}"
        answer = self._resolve(answer)
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return None
        # References point into the document, so the document is the schema's root.
        return jsonschema_rs.Draft202012Validator({**schema, "components": self._document.get("components", {})})

    def _resolve(self, node: dict) -> dict:
        while "$ref" in node:
            target = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node
