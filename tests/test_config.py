import importlib.metadata
import os
import re
import tomllib
from pathlib import Path

import pytest
from stub_assistant import isolate

import assistant.config
from assistant.config import Settings, default_data_folder, load, provenance, resource, version
from assistant.errors import ConfigError

AZURE = {"ASSISTANT_ANSWER__API_VERSION": "2025-01-01"}
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def source(settings: Settings, name: str) -> str:
    return next(one.source for one in provenance(settings) if one.name == name)


def fault(config: Path | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(config, environ=environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Where values come from


def test_every_setting_has_its_value_in_config_toml() -> None:
    tables = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
    stated = {f"{section}.{key}" for section, table in tables.items() for key in table}
    shown = {one.name for one in provenance(load()) if not one.name.startswith("keys.")}
    assert stated == shown


def test_each_source_beats_the_one_below_it(folder: Path) -> None:
    steps = [("5", "default")]
    assert load().retrieval.top_k == 5
    home = write("home/.config/assistant/config.toml", "[retrieval]\ntop_k = 6\n").resolve()
    steps.append((str(load().retrieval.top_k), source(load(), "retrieval.top_k")))
    write("config.toml", "[retrieval]\ntop_k = 7\n")
    steps.append((str(load().retrieval.top_k), source(load(), "retrieval.top_k")))
    write(".env", "ASSISTANT_RETRIEVAL__TOP_K=8\n")
    steps.append((str(load().retrieval.top_k), source(load(), "retrieval.top_k")))
    environ = {"ASSISTANT_RETRIEVAL__TOP_K": "9"}
    with_env = load(environ=environ)
    steps.append((str(with_env.retrieval.top_k), source(with_env, "retrieval.top_k")))
    with_flag = load(environ=environ, flags={"retrieval.top_k": 10, "answer.model": None})
    steps.append((str(with_flag.retrieval.top_k), source(with_flag, "retrieval.top_k")))
    assert steps == [
        ("5", "default"),
        ("6", f"{home}:2"),
        ("7", "config.toml:2"),
        ("8", ".env ASSISTANT_RETRIEVAL__TOP_K"),
        ("9", "environment ASSISTANT_RETRIEVAL__TOP_K"),
        ("10", "flag"),
    ]


def test_a_chosen_file_takes_the_place_of_the_one_in_the_folder() -> None:
    write("config.toml", "[retrieval]\ntop_k = 7\ncandidates = 50\n")
    chosen = write("own.toml", "[retrieval]\ntop_k = 8\n")
    assert load(chosen).retrieval.candidates == 100
    assert load(environ={"ASSISTANT_CONFIG": "own.toml"}).retrieval.top_k == 8
    write(".env", "ASSISTANT_CONFIG=own.toml\n")
    assert load(environ={}).retrieval.top_k == 8


def test_in_a_checkout_one_s_own_file_beats_the_shipped_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("home/.config/assistant/config.toml", "[retrieval]\ntop_k = 6\n")
    monkeypatch.chdir(ROOT)
    assert load().retrieval.top_k == 6


def test_paths_are_relative_to_the_file_that_names_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load().corpus.paths == (ROOT / "corpus",)
    own = write("sub/own.toml", '[corpus]\npaths = ["papers", "~/more"]\n[data]\nfolder = "d"\n')
    settings = load(own)
    assert settings.corpus.paths == (folder / "sub" / "papers", folder / "home" / "more")
    assert settings.data.folder == folder / "sub" / "d"
    environ = {"ASSISTANT_CORPUS__PATHS": os.pathsep.join(["a", "/b"])}
    assert load(environ=environ).corpus.paths == (folder / "a", Path("/b"))
    assert load(flags={"corpus.paths": [Path("c")]}).corpus.paths == (folder / "c",)


def test_data_lies_in_the_platform_s_folder(folder: Path) -> None:
    assert load().data.folder == default_data_folder()
    assert folder / "home" in load().data.folder.parents


def test_without_any_home_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}[0])
    with pytest.raises(ConfigError, match="set ASSISTANT_DATA__FOLDER"):
        load()
    assert load(flags={"data.folder": "/d"}).data.folder == Path("/d")
    assert "no home folder" in fault(Path("~/own.toml"))


# What is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[retrieval]\n\ntopk = 3\n", ":3: unknown key 'topk' in [retrieval]: did you mean top_k?"),
        ("[retreival]\ntop_k = 3\n", ":1: unknown section [retreival]: did you mean retrieval?"),
        ("zzz = 1\n", "own.toml:1: unknown section [zzz]: known: answer, cache, corpus"),
        ("a = 1\ntop_k = 3\n", "own.toml:1: unknown section [a]"),
        ("retrieval = 3\n", "own.toml: retrieval is a section: write [retrieval] above its keys"),
        ("retrieval.topk = 3\n", "own.toml:1: unknown key 'topk'"),
        ("[retrieval]\ntop_k = 0\n", ":2: retrieval.top_k = 0: should be greater than or equal"),
        ("[retrieval]\ndense_weight = nan\n", ":2: retrieval.dense_weight = nan: should be"),
        ('[encoder]\nkind = "bert"\n', ":2: encoder.kind = 'bert': should be 'minilm' or 'openai'"),
        ('[answer]\nbase_url = "localhost:1"\n', ":2: answer.base_url = 'localhost:1': should"),
        ("[corpus]\npaths = []\n", "own.toml:2: corpus.paths = (): "),
        ("[corpus]\npaths = 3\n", "own.toml:2: corpus.paths = 3: "),
        ("[answer]\nmodel = 3\n", "own.toml:2: answer.model = 3: should be a valid string"),
        ("[data]\nfolder = 3\n", "own.toml:2: data.folder = 3: "),
        ("[answer\n", "own.toml: not a TOML file: "),
    ],
)
def test_a_bad_file_names_itself_the_line_and_what_is_allowed(text: str, message: str) -> None:
    assert message in fault(write("own.toml", text))


def test_a_key_in_a_file_is_refused_and_not_repeated() -> None:
    message = fault(write("own.toml", '[answer]\nopenai_api_key = "sk-canary"\n'))
    assert "secrets stand in no file: set OPENAI_API_KEY" in message
    assert "canary" not in message


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    message = fault(ASSISTANT_ANSWER__BASE_URL="http://me:canary@host/v1")
    assert "should hold no user name or password" in message
    assert "canary" not in message


def test_files_that_cannot_be_read_are_named(folder: Path) -> None:
    assert "nowhere.toml: No such file" in fault(Path("nowhere.toml"))
    assert "Is a directory" in fault(folder)
    binary = folder / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert "not a TOML file" in fault(binary)
    (folder / ".env").write_bytes(b"\xff\xfe=")
    assert ".env: cannot be read" in fault()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ASSISTANT_RETRIEVAL__TOPK", "3", "did you mean ASSISTANT_RETRIEVAL__TOP_K?"),
        ("ASSISTANT_XYZZY", "3", "unknown variable ASSISTANT_XYZZY: known: ASSISTANT_CONFIG"),
        ("ASSISTANT_RETRIEVAL__TOP_K", "x", "TOP_K: retrieval.top_k = 'x': should be a valid"),
    ],
)
def test_a_bad_variable_names_itself(name: str, value: str, message: str) -> None:
    assert message in fault(**{name: value})


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match=re.escape("flag: retrieval.zzz = 1: ")):
        load(flags={"retrieval.zzz": 1})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().retrieval.top_k = 3  # type: ignore[misc]


# Who answers


@pytest.mark.parametrize(
    ("environ", "mode", "model"),
    [
        ({}, "embedded", "embedded"),
        ({"OPENAI_API_KEY": ""}, "embedded", "embedded"),
        ({"OPENAI_API_KEY": "sk-1"}, "model", "gpt-5-mini"),
        ({"OPENAI_API_KEY": "sk-1", "ASSISTANT_ANSWER__MODEL": "m"}, "model", "m"),
        ({"OPENAI_API_KEY": "sk-1", "ASSISTANT_ANSWER__MODEL": "embedded"}, "embedded", "embedded"),
        ({"OPENAI_BASE_URL": "http://localhost:11434/v1"}, "model", ""),
        ({"ASSISTANT_ANSWER__MODEL": "m"}, "model", "m"),
        ({"AZURE_OPENAI_API_KEY": "k"}, "embedded", "embedded"),
        ({"AZURE_OPENAI_API_KEY": "k", **AZURE}, "model", "gpt-5-mini"),
    ],
)
def test_a_key_a_server_or_a_model_turns_quoting_into_writing(
    environ: dict[str, str], mode: str, model: str
) -> None:
    settings = load(environ=environ)
    assert (settings.mode, settings.answering_model) == (mode, model)


def test_keys_come_from_the_environment_and_are_shown_by_their_last_four() -> None:
    write(".env", "OPENAI_API_KEY=sk-canary-0123456789\nEMPTY\n")
    settings = load(environ={"AZURE_OPENAI_API_KEY": "short"})
    shown = {one.name: (one.value, one.source) for one in provenance(settings)}
    assert shown["keys.openai"] == ("…6789", ".env OPENAI_API_KEY")
    assert shown["keys.azure"] == ("…", "environment AZURE_OPENAI_API_KEY")
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk-canary-0123456789"
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()} {shown}"


def test_our_own_name_for_the_address_beats_the_common_one() -> None:
    environ = {"OPENAI_BASE_URL": "http://a/v1", "ASSISTANT_ANSWER__BASE_URL": "http://b/v1"}
    settings = load(environ=environ)
    assert (settings.answer.base_url, settings.encoder.base_url) == ("http://b/v1", "http://a/v1")


# What is shipped


def test_shipped_data_is_found_in_a_checkout_and_in_a_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert resource("prompts") == ROOT / "prompts"
    package = tmp_path / "assistant"
    (package / "data" / "prompts").mkdir(parents=True)
    (package / "config").mkdir()
    monkeypatch.setattr("assistant.config.resources.__file__", str(package / "config" / "r.py"))
    assert resource("prompts") == package / "data" / "prompts"
    with pytest.raises(ConfigError, match="corpus is missing from the installation"):
        resource("corpus")


def test_the_version_is_known_installed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert version() == stated["project"]["version"]

    def not_installed(_name: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", not_installed)
    assert version() == stated["project"]["version"]


def test_exported_names_are_there() -> None:
    assert all(hasattr(assistant.config, name) for name in assistant.config.__all__)
