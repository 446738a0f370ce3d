"""The words that logs, metrics, problem bodies, policy tests and scripts rely on: they are public."""

from corsproxy.cors.vocabulary import (
    CORS_RESPONSE_FIELDS,
    FORBIDDEN_METHODS,
    FORBIDDEN_REQUEST_FIELDS,
    NORMALISED_METHODS,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_FIELDS,
    Action,
    Kind,
    Reason,
)


def test_reasons() -> None:
    assert " ".join(Reason) == (
        "no_origin same_origin origin_allowed origin_not_allowed origin_null origin_malformed no_rule_for_path "
        "method_not_allowed method_case header_not_allowed authorization_not_listed client_sends_response_header "
        "credentials_not_allowed websocket_origin_not_allowed ambiguous_path backend_cors_conflict backend_redirect "
        "upstream_refused upstream_timeout upstream_closed upstream_invalid queue_full body_too_large head_too_large "
        "bad_request client_timeout"
    )


def test_kinds_and_actions() -> None:
    assert " ".join(Kind) == "not_cors same_origin preflight actual websocket"
    assert " ".join(Action) == "forward answer refuse"


def test_the_lists_of_the_standard() -> None:
    assert b" ".join(sorted(SAFELISTED_METHODS)) == b"GET HEAD POST"
    assert b" ".join(sorted(FORBIDDEN_METHODS)) == b"CONNECT TRACE TRACK"
    assert b" ".join(sorted(NORMALISED_METHODS)) == b"DELETE GET HEAD OPTIONS POST PUT"
    assert b" ".join(sorted(SAFELISTED_REQUEST_FIELDS)) == b"accept accept-language content-language range"
    assert b" ".join(sorted(FORBIDDEN_REQUEST_FIELDS)) == (
        b"accept-charset accept-encoding access-control-request-headers access-control-request-method connection "
        b"content-length cookie cookie2 date dnt expect host keep-alive origin referer set-cookie te trailer "
        b"transfer-encoding upgrade via"
    )
    assert b" ".join(sorted(CORS_RESPONSE_FIELDS)) == (
        b"access-control-allow-credentials access-control-allow-headers access-control-allow-methods "
        b"access-control-allow-origin access-control-allow-private-network access-control-expose-headers "
        b"access-control-max-age"
    )
