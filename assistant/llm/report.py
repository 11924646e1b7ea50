"""A model's server -> what `doctor` tells of it."""

from difflib import get_close_matches
from typing import NamedTuple

from assistant.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
)
from assistant.llm.client import OpenAILLM
from assistant.llm.faults import plain


class ServerReport(NamedTuple):
    """Whether a question would reach its model."""

    reachable: bool
    key_accepted: bool
    model_present: bool | None
    """None where the server does not tell."""
    problem: str = ""
    """Empty, or one line with the cure."""


def check_server(llm: OpenAILLM) -> ServerReport:
    """Whether the server answers, takes the key and has the model; raises no ProviderError."""
    try:
        names = llm.list_models()
    except (ProviderUnreachable, ProviderTimeout) as error:
        return ServerReport(False, False, None, str(error))
    except ProviderAuthError as error:
        return ServerReport(True, False, None, str(error))
    except ProviderError as error:
        return ServerReport(True, True, None, str(error))
    # Azure lists models, but is asked for deployments.
    if llm.api_version:
        return ServerReport(True, True, None)
    if names and (not llm.model or {llm.model, f"{llm.model}:latest"} & set(names)):
        return ServerReport(True, True, True)
    near = get_close_matches(llm.model, names, n=3, cutoff=0.4) or names[:3]
    cure = f"choose one of {', '.join(near)} with `--model`" if near else "load one there"
    missing = f"does not list {llm.model!r}" if llm.model else "offers no model"
    problem = plain(f"the server at {llm.server.host} {missing}: {cure}")
    return ServerReport(True, True, False, problem)
