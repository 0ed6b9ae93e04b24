"""Canonical names for what senders spell in many ways.

Providers: the well-known values of the GenAI conventions. Finish reasons and operations: docs/contracts.md.
"""

from __future__ import annotations

_PROVIDERS = {
    "openai": ("openai", "openai.chat", "openai.responses", "openai.completion", "openai.embedding",
               "openai.image", "openai.transcription", "openai.speech", "open_ai", "text-completion-openai",
               "openai_chat", "custom_openai"),
    "anthropic": ("anthropic", "anthropic.messages", "claude"),
    "aws.bedrock": ("aws.bedrock", "aws_bedrock", "bedrock", "amazon-bedrock", "amazon_bedrock", "aws",
                    "amazon.bedrock", "bedrock_converse"),
    "azure.ai.inference": ("azure.ai.inference", "az.ai.inference", "azure_ai", "azure ai inference"),
    "azure.ai.openai": ("azure.ai.openai", "az.ai.openai", "azure", "azure_openai", "azure.openai",
                        "azure-openai", "azure-openai.chat", "azure.chat", "azureopenai", "azure_text",
                        "azure-openai.responses", "azure.responses", "azureopenaichat"),
    "cohere": ("cohere", "cohere.chat", "cohere_chat"),
    "deepseek": ("deepseek", "deepseek.chat"),
    "gcp.gemini": ("gcp.gemini", "gemini", "google", "google.generative-ai", "google_ai_studio", "google-gla",
                   "google_genai", "google.generativeai", "google_generative_ai"),
    "gcp.gen_ai": ("gcp.gen_ai", "google.genai"),
    "gcp.vertex_ai": ("gcp.vertex_ai", "vertex_ai", "vertexai", "google.vertex", "google.vertex.chat",
                      "google-vertex", "vertex", "google_vertexai", "gcp.vertex.agent", "vertex_ai_beta",
                      "vertex ai", "vertex-ai"),
    "groq": ("groq", "groq.chat"),
    "ibm.watsonx.ai": ("ibm.watsonx.ai", "watsonx", "watsonx.ai", "watsonx_text"),
    "mistral_ai": ("mistral_ai", "mistralai", "mistral", "mistral.chat", "mistral-ai"),
    "moonshot_ai": ("moonshot_ai", "moonshot", "moonshotai"),
    "perplexity": ("perplexity", "perplexity.chat"),
    "x_ai": ("x_ai", "xai", "x-ai", "xai.chat", "grok"),
}  # fmt: skip
_PROVIDER = {spelling: name for name, spellings in _PROVIDERS.items() for spelling in spellings}

_APIS = frozenset(
    ("chat", "responses", "completion", "embedding", "image", "messages", "transcription", "speech")
)

_OPERATIONS = {
    "chat": ("chat", "generate_content", "llm", "generation", "message", "messages", "chat_completion",
             "chat.completions", "invoke_model", "converse", "generatetext", "streamtext", "generateobject",
             "streamobject", "chat_model", "messages.create", "message_create", "chat_completions",
             "acompletion", "anthropic_messages", "agenerate_content"),
    "completion": ("completion", "text_completion", "text.completions", "completions", "text_completions",
                   "atext_completion"),
    "responses": ("responses", "response", "aresponses"),
    "embedding": ("embedding", "embeddings", "embed", "embedmany", "embed_content", "aembedding"),
    "transcription": ("transcription", "speech_to_text", "audio_transcription", "transcribe",
                      "transcriptions", "audio.transcriptions", "stt", "translation", "atranscription"),
    "speech": ("speech", "text_to_speech", "audio_speech", "tts", "generatespeech", "audio", "aspeech"),
    "image": ("image", "image_generation", "generate_images", "images", "image_edit", "generateimage",
              "text_to_image", "imagesresponse", "aimage_generation", "aimage_edit"),
    "rerank": ("rerank", "reranker", "arerank"),
}  # fmt: skip
_OPERATION = {spelling: name for name, spellings in _OPERATIONS.items() for spelling in spellings}

_FINISH_REASONS = {
    "stop": ("stop", "end_turn", "completed", "complete", "stop_sequence", "eos", "eos_token", "finish",
             "finished", "end", "finish_reason_stop", "success", "done", "normal"),
    "length": ("length", "max_tokens", "max_output_tokens", "model_length", "incomplete", "token_limit",
               "model_context_window_exceeded", "context_length", "finish_reason_max_tokens"),
    "tool_call": ("tool_call", "tool_calls", "tool_use", "function_call", "tool-calls", "tool_execution"),
    "content_filter": ("content_filter", "content-filter", "content_filtered", "safety", "refusal",
                       "recitation", "blocklist", "prohibited_content", "spii", "image_safety",
                       "guardrail_intervened", "blocked", "image_prohibited_content", "error_toxic"),
    "error": ("error", "failed", "cancelled", "canceled", "malformed_function_call", "network_error",
              "unexpected_tool_call", "malformed_model_output", "malformed_tool_use", "aborted"),
}  # fmt: skip
_FINISH_REASON = {spelling: name for name, spellings in _FINISH_REASONS.items() for spelling in spellings}

_GIVEN_UP = frozenset(("cancelled", "canceled", "aborted"))
"""Finish reasons of calls that somebody ended: no answer, and no failure."""

OTHER_REASON = "other"
"""Canonical name of a finish reason nobody has listed; the raw one is kept beside it."""

_HTTP_STATUS = {
    "BadRequestError": 400, "AuthenticationError": 401, "PermissionDeniedError": 403, "NotFoundError": 404,
    "RequestTooLargeError": 413, "ConflictError": 409, "UnprocessableEntityError": 422,
    "RateLimitError": 429, "ServiceUnavailableError": 503, "DeadlineExceededError": 504,
    "OverloadedError": 529, "TooManyRequestsError": 429, "UnauthorizedError": 401, "ForbiddenError": 403,
    "ValidationException": 400, "AccessDeniedException": 403, "ResourceNotFoundException": 404,
    "ThrottlingException": 429, "ServiceQuotaExceededException": 400, "ModelErrorException": 424,
    "ModelTimeoutException": 408, "ModelNotReadyException": 429, "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}  # fmt: skip
"""What the exceptions of providers' SDKs (and Bedrock's error codes) stand for, where each stands for one
status."""


def provider(raw: str | None) -> str | None:
    """Canonical provider; an unknown one is custom and kept in lower case."""
    if not raw:
        return None
    lowered = raw.strip().lower()
    head, _, api = lowered.rpartition(".")
    if lowered not in _PROVIDER and api in _APIS:  # Vercel names the API too: togetherai.chat
        lowered = head
    return _PROVIDER.get(lowered, lowered) or None


def is_provider(raw: str) -> bool:
    """Whether this is a known spelling of a provider."""
    return raw.strip().lower() in _PROVIDER


def operation(raw: str | None) -> str | None:
    """Canonical operation; an unknown one is kept in lower case."""
    if not raw:
        return None
    lowered = raw.strip().lower()
    if lowered.startswith("ai."):  # Vercel: ai.generateText.doGenerate
        lowered = lowered.split(".")[1]
    return _OPERATION.get(lowered, lowered) or None


def finish_reason(raw: str) -> str:
    """Canonical finish reason, or `OTHER_REASON`."""
    lowered = raw.strip().lower()
    known = _FINISH_REASON.get(lowered)
    if known is None and "." in lowered:  # FinishReason.STOP
        known = _FINISH_REASON.get(lowered.rsplit(".", 1)[1])
    return known or OTHER_REASON


def is_failure(raw: str) -> bool:
    """Whether a finish reason says that the call failed."""
    return finish_reason(raw) == "error" and raw.strip().lower().rsplit(".", 1)[-1] not in _GIVEN_UP


def http_status_of(error_type: str | None) -> int | None:
    """HTTP status an error type stands for, if it stands for exactly one."""
    if not error_type:
        return None
    name = error_type.rsplit(".", 1)[-1]
    if name.isascii() and name.isdigit() and len(name) == 3 and name[0] in "12345":
        return int(name)
    return _HTTP_STATUS.get(name)
