"""Names, versions and ids: nothing secret stays in them, and what is usual there is left as it is."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator

import pytest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, Report, Walker
from tests.detectors.redaction.plants import ALNUM, HEX, SECRET_KINDS, draw, secret

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"0123456789abcdef0123456789abcdef"))
FIELDS = (
    "service.name", "service.version", "deployment.environment.name", "gen_ai.request.model",
    "gen_ai.response.model", "gen_ai.provider.name", "gen_ai.response.id", "gen_ai.tool.call.id",
    "gen_ai.tool.name", "gen_ai.agent.id", "gen_ai.response.finish_reasons", "error.type",
    "exception.type", "server.address", "span.name", "langfuse.release", "event.name", "checkpoint_ns",
)  # fmt: skip
PERSONAL = (
    "ann.harbour@books.org", "4111 1111 1111 1111", "4111111111111111", "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819", "078-05-1120", "+44 20 7946 0958", "+1 (415) 555-2671", "(415) 555-2671",
    "01 76 08 37 40", "07700 900123", "529.982.247-25", "RSSMRA85T10A562S", "756.9217.0769.85",
)  # fmt: skip
ADDRESSES = ("165.165.185.178", "2001:db8:85a3::8a2e:370:7334")


def redacted(field: str, value: str) -> str:
    return Walker(REDACTOR, Report()).redact_str(field, value)


@pytest.mark.parametrize("field", FIELDS)
def test_no_secret_of_any_kind_stays(field: str) -> None:
    rng = random.Random(field)
    for kind in SECRET_KINDS:
        text, core = secret(kind, rng)
        once = redacted(field, f"shop {text}")
        assert core not in once, kind
        assert redacted(field, once) == once, kind


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", PERSONAL)
def test_what_points_to_a_person_and_has_a_form_of_its_own_is_removed(field: str, value: str) -> None:
    once = redacted(field, f"shop of {value}")
    assert value not in once
    assert redacted(field, once) == once


@pytest.mark.parametrize("field", ["service.name", "error.type", "gen_ai.response.id", "gen_ai.tool.name"])
@pytest.mark.parametrize("value", ADDRESSES)
def test_addresses_of_people_are_removed_where_no_machine_is_named(field: str, value: str) -> None:
    assert value not in redacted(field, f"refused by {value}")
    assert redacted("server.address", value) == value
    assert redacted("host.ip", value) == value


SERVICES = (
    "checkout", "checkout-4111", "checkout-v2", "shop.api", "shop_api_eu1", "orders-2024",
    "payments-5000", "svc-00042", "acme-4111-1111", "team7/assistant", "billing@eu-west-1", "cell-0042",
    "desk-20240806", "phone-assistant", "call-centre-24", "hp-printer-support", "secret-santa",
    "token-counter", "password-reset", "api-key-rotation", "credentials-service",
    "my-service-1234567890", "k8s/ns-7/app-12", "legacy-10.2.3.4", "support desk", "Käse-Bestellung",
    "注文サービス", "a1b2c3d4", "ml-7b-eval", "search_2.0", "claims-2023-Q4", "claims-1990-1999",
    "us-east-1a", "prod:blue", "user-profile", "session-router", "tenant-0017", "rag@2x",
    "visa-checker", "iban-validator", "card-4242",
)  # fmt: skip
MODELS = (
    "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4-0613", "gpt-4-1106-preview", "gpt-3.5-turbo-0125",
    "o1-2024-12-17", "claude-3-5-sonnet-20241022", "claude-3-opus-20240229",
    "anthropic.claude-3-haiku-20240307-v1:0", "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
    "gemini-1.5-pro-002", "gemini-2.0-flash-exp", "models/gemini-1.5-flash-001", "mistral-large-2407",
    "open-mixtral-8x22b", "meta-llama/Llama-3.1-8B-Instruct", "Meta-Llama-3-70B-Instruct-Q4_K_M.gguf",
    "llama3:8b-instruct-q4_0", "qwen2.5-coder:32b", "phi-3.5-mini-instruct", "text-embedding-3-large",
    "text-embedding-ada-002", "whisper-1", "whisper-large-v3", "dall-e-3", "command-r-08-2024",
    "deepseek-r1:671b", "deepseek-chat-v3-0324", "amazon.titan-text-premier-v1:0",
    "cohere.embed-english-v3", "ft:gpt-3.5-turbo-0125:acme:support:9xK2mPqR",
    "ft:gpt-4o-mini-2024-07-18:acme::A1b2C3d4",
    "bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
    "sentence-transformers/all-MiniLM-L6-v2", "BAAI/bge-large-en-v1.5", "bert-base-uncased",
    "ministral-8b-2410", "accounts/fireworks/models/llama-v3p1-405b-instruct",
    "azure/gpt-4o-2024-05-13", "grok-2-1212",
)  # fmt: skip
VERSIONS = (
    "1.2.3.4", "10.2.3.4", "122.0.6261.94", "120.0.0.0", "2024.08.06", "2024.11.27.1", "20240806-2",
    "v1.20.300.4", "1.2.3-rc.1+build.5", "7", "7-blue", "release-2024-08-06", "2024-08-06T09:30:00Z",
    "0.0.0", "main-4f2a91c", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "192.168.17.23", "165.165.185.178", "4f2a91c0d3b5e7f9a1c3e5f7091b3d5f7a9c1e3f", "1700000000",
    "1700000000123", "r4111", "4111", "build-4111111", "20241022093015", "2024w31.5",
    "3.11.7 (main, Aug  8 2024)", "5.10.0-28-amd64",
)  # fmt: skip
ERRORS = (
    "timeout", "rate_limit_exceeded", "429", "500", "TimeoutError", "openai.APIConnectionError",
    "AuthenticationError", "InvalidTokenError", "SecretNotFound", "KeyError",
    "json.decoder.JSONDecodeError", "ECONNRESET", "context_length_exceeded",
    "botocore.exceptions.ClientError:ThrottlingException", "HTTP 503",
    "java.net.SocketTimeoutException", "_OTHER", "PasswordExpired", "token_expired", "invalid_api_key",
    "content_filter", "E11000", "0x80070005", "ORA-12541",
)  # fmt: skip
PLACES = (
    "prod", "production-eu", "staging-2", "dev_ann", "eu-west-1", "canary-10", "blue/green", "test:42",
    "qa-2024", "preview-pr-4111", "10.0.0.7", "api.openai.com", "localhost:8080", "my-host.internal",
    "node-7.cluster.local",
)  # fmt: skip
TOOLS = (
    "get_weather", "search-web", "mcp__github__create_issue", "get_token", "reset_password",
    "lookup_card", "send_sms", "functions.run_sql", "python_3_11", "calculator2", "tool_use", "stop",
    "end_turn", "length", "tool_calls", "max_tokens", "chat gpt-4o-2024-08-06",
    "execute_tool get_weather", "POST /v1/chat/completions", "GET /orders/{id}", "HTTP GET",
    "invoke_agent planner", "RunnableSequence", "ChatOpenAI.chat", "retrieve top 10",
    "embeddings text-embedding-3-small",
)  # fmt: skip


def random_ids(seed: int) -> Iterator[str]:
    """Ids as providers and frameworks make them."""
    rng = random.Random(seed)

    def some(alphabet: str, n: int) -> str:
        return draw(rng, alphabet, n)

    for _ in range(40):
        yield f"chatcmpl-{some(ALNUM, 29)}"
        yield f"msg_01{some(ALNUM, 22)}"
        yield f"resp_{some(HEX, 48)}"
        yield f"call_{some(ALNUM, 24)}"
        yield f"toolu_01{some(ALNUM, 22)}"
        yield f"run-{uuid.UUID(int=rng.getrandbits(128), version=4)}"
        yield f"get_token:{uuid.UUID(int=rng.getrandbits(128))}|call:{uuid.UUID(int=rng.getrandbits(128))}"
        yield some(HEX, 32)
        yield f"req_{some(HEX, 16)}"
        yield f"fp_{some(HEX, 10)}"
        yield f"{rng.randrange(10**8, 10**9)}"
        yield f"cmpl-{rng.randrange(10**9, 10**10)}"


NAMES = {
    "service.name": SERVICES,
    "gen_ai.request.model": MODELS,
    "gen_ai.response.model": MODELS,
    "service.version": VERSIONS,
    "langfuse.release": VERSIONS,
    "error.type": ERRORS,
    "exception.type": ERRORS,
    "deployment.environment.name": PLACES,
    "server.address": PLACES,
    "gen_ai.tool.name": TOOLS,
    "span.name": (*TOOLS, *(f"chat {model}" for model in MODELS)),
    "gen_ai.response.finish_reasons": TOOLS,
    "gen_ai.response.id": tuple(random_ids(1)),
    "gen_ai.tool.call.id": tuple(random_ids(2)),
    "checkpoint_ns": tuple(random_ids(3)),
}


def test_a_thousand_usual_names_versions_and_ids_stay() -> None:
    cases = list(itertools.chain.from_iterable(((f, v) for v in values) for f, values in NAMES.items()))
    assert len(cases) > 1000
    changed = [(field, value, redacted(field, value)) for field, value in cases]
    assert [c for c in changed if c[1] != c[2]] == []


def test_usual_keys_of_attributes_stay() -> None:
    keys = [
        *FIELDS,
        "gen_ai.usage.input_tokens",
        "app.password_reset",
        "token.count",
        "llm.token_count.prompt",
    ]
    keys += [
        "http.request.header.authorization",
        "secret.manager.version",
        "user.id",
        "x-request-id",
        "api_key_id",
    ]
    walker = Walker(REDACTOR, Report())
    assert [walker.redact_key("attribute.key", key) for key in keys] == keys
