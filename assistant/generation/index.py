"""The generation in use -> both its indexes, checked and open to be searched."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from assistant.catalog import Catalog
from assistant.damage import REBUILD
from assistant.errors import CatalogError, EncoderMismatch, IndexMissing, StoreError
from assistant.generation import seal
from assistant.generation.recent import Layers, Recent
from assistant.generation.remote import Remote
from assistant.generation.seal import Seal
from assistant.lexical import Lexical
from assistant.schema import EncoderIdentity
from assistant.store import Store

FORMAT = 2


class Server(NamedTuple):
    """A Chroma server that holds the vectors in place of the data folder."""

    url: str
    collection: str = "assistant"
    api_key: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """Both indexes of one generation, open to be searched."""

    store: Layers | Remote
    lexical: Lexical
    generation: str
    contents: str = ""
    """Stands for the words that it was made of; empty where that is not known."""

    @property
    def trouble(self) -> str:
        """What keeps it from finding all that it could; empty where nothing does."""
        away = self.store.trouble if isinstance(self.store, Remote) else ""
        return f"found by words alone: {away}" if away else ""

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_index(
    catalog: Catalog,
    folder: Path,
    identity: EncoderIdentity,
    server: Server | None = None,
    before: Index | None = None,
) -> Index:
    """The index in use, checked against its seal; it must have been made by this encoder.

    What it shares with the one open `before` is not opened again.
    """
    refuse_mismatch(catalog, identity)
    while True:
        name = catalog.meta("generation")
        if name is None:
            raise IndexMissing("nothing is indexed yet: run `assistant index`")
        try:
            return _belonging(catalog, opened(folder / "index" / name, identity, server, before))
        except StoreError:
            # A writer may have put a newer one in its place, and cleaned up, while we opened it.
            if catalog.meta("generation") == name:
                raise


def _belonging(catalog: Catalog, index: Index) -> Index:
    """The same, if it was made of what the catalog held then."""
    if index.contents not in ("", catalog.meta("contents")):
        index.close()
        raise StoreError(f"the index {index.generation} is of another catalog: {REBUILD}")
    return index


def refuse_mismatch(catalog: Catalog, identity: EncoderIdentity) -> None:
    """Raise if the index is of a newer version, or of another encoder."""
    version = int(catalog.meta("index_format") or 0)
    if version > FORMAT:
        raise CatalogError(
            f"the index of {catalog.path} was made by a newer assistant (format {version},"
            f" this one reads {FORMAT}): upgrade assistant"
        )
    made_by = catalog.meta("encoder")
    if made_by not in (None, str(identity)):
        raise EncoderMismatch(
            f"the index was made by {made_by}, not by {identity}: run `assistant index --rebuild`"
        )


def opened(
    folder: Path, identity: EncoderIdentity, server: Server | None, before: Index | None = None
) -> Index:
    """The generation in `folder`, each of its files checked."""
    known = seal.read(folder)
    if bool(server) is bool(known.vectors):
        raise seal.damaged(folder, "`store.url` was changed")
    vectors = folder.parent / known.vectors / "chroma"
    shared = before.store.shared(vectors) if before and isinstance(before.store, Layers) else None
    try:
        seal.check(folder, known, f"{known.vectors}/chroma/" if shared else None)
        return _checked(folder, known, shared or vectors, identity, server)
    except BaseException:
        if shared:
            shared.close()
        raise


def _checked(
    folder: Path,
    known: Seal,
    vectors: Store | Path,
    identity: EncoderIdentity,
    server: Server | None,
) -> Index:
    lexical = Lexical.open(folder / "lexical")
    if server:
        remote = Remote(lambda: connected(server, identity))
        return Index(remote, lexical, folder.name, known.contents)
    recent_ = Recent.load(folder)
    sealed = Store.open(vectors, identity) if isinstance(vectors, Path) else vectors
    index = Index(Layers(sealed, recent_), lexical, folder.name, known.contents)
    try:
        if (index.store.count(), lexical.count()) != (known.chunks, known.papers):
            raise seal.damaged(folder, "it does not hold all of its papers")
    except BaseException:
        if isinstance(vectors, Path):
            sealed.close()
        raise
    return index


def connected(server: Server, identity: EncoderIdentity) -> Store:
    """The server's own store for this encoder."""
    # A collection for each encoder, so that a change of encoder disturbs no other machine.
    name = f"{server.collection}-{identity.sha256[:8]}-{identity.dimension}"
    return Store.connect(server.url, name, identity, server.api_key)
