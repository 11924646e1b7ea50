"""Text -> how many tokens a model reads, by tiktoken's tables, without a network."""

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import ConfigError

if TYPE_CHECKING:
    from tiktoken import Encoding

_DEFAULT = "o200k_base"
# Those whose tables travel with llama-index; gpt-oss adds special tokens to o200k_base, no more.
_SHIPPED = {"cl100k_base": "cl100k_base", "o200k_base": "o200k_base", "o200k_harmony": "o200k_base"}


def count(text: str, model: str = "") -> int:
    """Tokens of `text`; a model that tiktoken does not know is counted as a recent one."""
    return len(_encoding(_name(model)).encode(text, disallowed_special=()))


def clip(text: str, budget: int, model: str = "") -> str:
    """The longest beginning of `text` that fits into `budget` tokens."""
    # No token is longer than 128 characters, so that a flood is never tokenised whole.
    text = text[: budget * 128]
    encoding = _encoding(_name(model))
    tokens = encoding.encode(text, disallowed_special=())
    if len(tokens) <= budget:
        return text
    # A cut inside a character decodes to a replacement mark.
    return encoding.decode(tokens[:budget]).rstrip("\ufffd")


def head_that_fits(texts: Sequence[str], budget: int, model: str = "") -> int:
    """How many of the first `texts` fit together into `budget` tokens."""
    left = budget
    for number, text in enumerate(texts):
        left -= count(text, model)
        if left < 0:
            return number
    return len(texts)


@cache
def _name(model: str) -> str:
    from tiktoken.model import encoding_name_for_model

    try:
        return _SHIPPED.get(encoding_name_for_model(model), _DEFAULT)
    except KeyError:
        return _DEFAULT


@cache
def _encoding(name: str) -> "Encoding":
    os.environ["TIKTOKEN_CACHE_DIR"] = str(_tables())
    import tiktoken

    return tiktoken.get_encoding(name)


def _tables() -> Path:
    # find_spec of the outer package runs none of llama_index.core, which takes seconds.
    spec = find_spec("llama_index")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "core" / "_static" / "tiktoken_cache"
        if folder.is_dir():
            return folder
    raise ConfigError("tiktoken's tables are missing: reinstall llama-index-core")
