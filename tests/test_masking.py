import pytest
from hypothesis import given
from hypothesis import strategies as some

from nnsweep import text as masking
from nnsweep.text import has_credentials, is_secret_name, mask_secrets, strip_credentials

SCHEMES = some.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "mssql+pyodbc"])
USERS = some.from_regex(r"[a-z_.%+-]{0,12}", fullmatch=True)
PASSWORDS = some.from_regex(r"[0-9A-Z#$%&!*:/@?]{6,20}", fullmatch=True)
TEXTS = some.text(some.characters(exclude_characters="0123456789", exclude_categories=["Lu", "Cs"]), max_size=400)


@given(SCHEMES, USERS, PASSWORDS, TEXTS, TEXTS)
def test_no_password_survives(scheme: str, user: str, password: str, before: str, after: str):
    said = mask_secrets(f"{before} {scheme}://{user}:{password}@host/db {after}")
    assert f"{scheme}://***@host/db" in said
    assert password not in said


@given(some.lists(PASSWORDS, min_size=2, max_size=6), some.sampled_from([" ", ", ", "\n", "' '"]))
def test_no_password_survives_among_many(passwords: list[str], between: str):
    said = mask_secrets(between.join(f"http://me:{password}@host" for password in passwords))
    assert said == between.join(["http://***@host"] * len(passwords))


def test_no_password_survives_in_a_very_long_message():
    address = "mysql+pymysql://me:p/a:s@s@host/db"
    said = mask_secrets(f"{'a' * 200_000} {f'<p>{address}</p> ' * 2000}")
    assert "p/a" not in said
    assert said.count("mysql+pymysql://***@host/db") == 2000


@pytest.mark.parametrize(
    "name", ["password", "sslpassword", "api_key", "X-Amz-Credential", "Token", "client_secret", "pwd"]
)
def test_a_secret_in_a_query_is_hidden(name: str):
    said = mask_secrets(f"postgresql://host/db?a=1&{name}=hush&b=2 and more")
    assert said == f"postgresql://host/db?a=1&{name}=***&b=2 and more"


def test_address_without_credentials_leads_to_the_same_place():
    assert strip_credentials("https://me:se@cret@host:80/a?b=c") == "https://host:80/a?b=c"
    assert strip_credentials("http://host/a@b") == "http://host/a@b"


def test_a_token_without_a_user_is_hidden():
    assert mask_secrets("https://token@host") == "https://***@host"


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/me@work/mlflow.db",
        "http://127.0.0.1:5000/mlflow",
        "https://host/me@example.org",
        "ask me@example.org",
        "http://127.0.0.1:5000/#/experiments/1/runs?a=b&viewStateShareKey=3d9247cdc36b96fb",
        "",
    ],
)
def test_what_is_not_a_credential_stays(text: str):
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    ("written", "hidden"),
    [
        ("password=hush", "password=***"),
        ("db.password: hush, host: here", "db.password: ***, host: here"),
        ("{'api_key': 'hush hush', 'seed': 1}", "{'api_key': ***, 'seed': 1}"),
        ('client_secret="hush"', "client_secret=***"),
        ("AWS_SECRET_ACCESS_KEY=hush and more", "AWS_SECRET_ACCESS_KEY=*** and more"),
        ("passphrase=hush\nnext line", "passphrase=***\nnext line"),
    ],
)
def test_what_is_given_to_a_telling_name_is_hidden(written: str, hidden: str):
    assert mask_secrets(written) == hidden


@pytest.mark.parametrize(
    "key",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2_" * 6,
        "glpat-" + "x" * 20,
        "sk-" + "Ab1" * 12,
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    ],
)
def test_key_shaped_like_a_known_services_is_hidden_anywhere(key: str):
    assert mask_secrets(f"the service said: {key} is unknown") == "the service said: *** is unknown"


def test_environment_secrets_are_hidden_and_the_longest_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_TOKEN", "open-sesame")
    monkeypatch.setenv("SOME_PASSWORD", "open-sesame-twice")
    monkeypatch.setenv("NOT_TELLING", "remains")
    assert mask_secrets("open-sesame-twice, open-sesame, remains") == "***, ***, remains"


def test_short_secrets_and_the_working_folder_stay_readable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_PASSWORD", "a")
    monkeypatch.setenv("PWD", "/study/folder")
    assert mask_secrets("a table in /study/folder") == "a table in /study/folder"


@given(SCHEMES, USERS, PASSWORDS, TEXTS)
def test_masking_twice_is_masking_once(scheme: str, user: str, password: str, text: str):
    once = mask_secrets(f"{text} {scheme}://{user}:{password}@host/db?password={password}")
    assert mask_secrets(once) == once


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True), ("api-key", True), ("authKey", True), ("HF_TOKEN", True), ("credentials", True),
        ("nnsweep.key", False), ("seed", False), ("keyboard", False), ("HOME", False), ("", False),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(name: str, secret: bool):
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("https://me:hush@host", True),
        ("https://token@host/mlflow", True),
        ("postgresql://host/db?password=hush", True),
        ("https://host/mlflow", False),
        ("sqlite:////home/me@work/mlflow.db", False),
        ("None", False),
    ],
)
def test_an_address_with_credentials_is_known(address: str, has: bool):
    assert has_credentials(address) is has
    assert not has or "hush" not in mask_secrets(address)


PIECES = (
    *("api", "access", "signing", "key", "KEY", "passw", "Pwd", "token", "creden", "tial", "\u017fecret", "AKIA"),
    *("gh", "ghp_", "sk-", "xoxb-", "eyJ", "0123456789ABCDEFGHIJ", "://", "@", "?", "&", "=", ": ", "_", "-", "\n"),
)  # fmt: skip


@given(some.lists(some.sampled_from(PIECES), max_size=12).map("".join))
def test_looking_only_where_a_secret_may_be_misses_none(text: str):
    said = masking._USER.sub("://***@", text)
    said = masking._QUERY.sub(r"\1***", said)
    said = masking._TELLING.sub(lambda found: found[1] + "***", said)
    assert mask_secrets(text) == masking._SHAPES.sub("***", said)
