"""What schemathesis checks for us besides its own list: a 500 is a fault of the gateway, whatever the document says."""
import schemathesis


@schemathesis.check
def no_500(ctx, response, case):
    assert response.status_code != 500, f"500: {response.text[:500]}"
