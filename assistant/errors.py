"""Every error a person can meet, and the exit code each one ends a command with.

AssistantError                1
├── UsageError                2   the call itself is wrong
├── ConfigError               4   a setting or a key is missing or bad
│   └── EncoderMismatch       4   the index was made by another encoder
├── CorpusError               1   a page or a record cannot be read
├── ProviderError             5   the model's server failed
│   ├── ProviderAuthError     5   it refuses the key
│   ├── ProviderRateLimit     5   it asks us to slow down
│   │   └── BudgetSpent       5   our own limit of tokens a day is reached
│   ├── ProviderTimeout       5   it took longer than the deadline
│   ├── ProviderUnreachable   5   nothing answers at its address
│   └── ProviderInterrupted   5   its reply broke off before the end
└── StoreError                6   the catalog or an index cannot be read or written
    ├── CatalogError          6   the catalog, the one source of truth, is damaged or too new
    ├── IndexMissing          6   nothing is indexed yet
    └── Locked                75  another process is writing

A message is one line: the thing, then its cure. Only the outermost functions of the command line,
the HTTP address and the page catch `AssistantError`.
"""


class AssistantError(Exception):
    """Base of every error that is shown to a person as one line."""

    exit_code = 1


class UsageError(AssistantError):
    """The question, file or option given cannot be used."""

    exit_code = 2


class ConfigError(AssistantError):
    """A setting is unknown, malformed or missing."""

    exit_code = 4


class EncoderMismatch(ConfigError):
    """Vectors of two encoders may never be compared."""


class CorpusError(AssistantError):
    """A page or record file cannot be read as papers."""


class ProviderError(AssistantError):
    """The model's server answered with a failure."""

    exit_code = 5


class ProviderAuthError(ProviderError):
    """The key is missing, wrong or not allowed to use the model."""


class ProviderRateLimit(ProviderError):
    """Too many requests, or the account's quota is spent."""


class BudgetSpent(ProviderRateLimit):
    """The tokens that may be spent in a day are spent."""


class ProviderTimeout(ProviderError):
    """The overall deadline passed."""


class ProviderUnreachable(ProviderError):
    """No connection could be made."""


class ProviderInterrupted(ProviderError):
    """The stream ended without its finish; what came before is partial."""


class StoreError(AssistantError):
    """The data folder, the catalog or an index cannot be used."""

    exit_code = 6


class CatalogError(StoreError):
    """The catalog is damaged, or was written by a newer version."""


class IndexMissing(StoreError):
    """Nothing has been indexed yet."""


class Locked(StoreError):
    """Another process holds the writer's lock."""

    exit_code = 75
