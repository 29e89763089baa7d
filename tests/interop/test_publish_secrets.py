"""No secret is anywhere: not in logs at trace level, the ledger, records, reports or errors, even if servers repeat what we send."""

import base64
import json
import os
import subprocess
from urllib.parse import parse_qs, quote, quote_plus, unquote_plus

import pytest

from program import BINARY, SECONDS, Answer, Project, environment
from servers import WebServer
from small_api import SmallApi

SECRET = "53cr3t+of/us=\"and\\more&"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.t0k3n-bearer_of.us~"
WAYS = {
    "bearer": {"bearer": {"env": "OUR_TOKEN"}},
    "file": {"bearer": {"file": "../outside/token"}},
    "basic": {"basic": {"user": "altostac", "password": {"env": "OUR_SECRET"}}},
    "key": {"api_key": {"header": "X-Our-Key", "value": {"env": "OUR_SECRET"}}},
    "oauth2": {"oauth2_client_credentials": {"client_id": "altostac", "client_secret": {"env": "OUR_SECRET"}, "scope": "write", "audience": "stac"}},
}
# What the API does with writes. `stale` refuses the first token that it sees; `gate` refuses reading as well.
BEHAVIOURS = ("well", "stale", "401", "gate", "403", "400", "500", "html", "dropped")


class Parrot(SmallApi):
    """Repeats who we say that we are: plain, in JSON, in base64, percent-encoded; other forms each time, for messages are cut. It gives tokens, too."""

    def __init__(self):
        super().__init__()
        self.behaviour, self.token_behaviour, self.given, self.refused, self.said = "well", "well", [], set(), 0

    def repeated(self, request):
        said = [value for name, value in request.headers.items() if name.lower() in ("authorization", "x-our-key")]
        told = [*said, *(part for value in said for part in value.split(" "))]
        told += [base64.b64decode(text.split()[1]).decode() for text in told if text.startswith("Basic ")]
        if request.pieces == ["token"]:
            told += [request.body.decode()]
            told += [value for values in parse_qs(request.body.decode()).values() for value in values]
            told += [unquote_plus(text.partition(":")[2]) for text in told if text.startswith("altostac:")]
        told = sorted(text for text in set(told) if len(text) > 12)
        forms = [*told, *(json.dumps(text)[1:-1] for text in told), *(quote(text) for text in told), *(quote_plus(text) for text in told)]
        forms += [encode(f"{'x' * pad}{text}".encode()).decode() for text in told for pad in range(3) for encode in (base64.b64encode, base64.urlsafe_b64encode)]
        self.said += 1
        turn = self.said * 5 % max(len(forms), 1)
        return " | ".join(forms[turn:] + forms[:turn])

    def knows(self, request):
        ours = {f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"altostac:{SECRET}".encode()).decode(), *(f"Bearer {token}" for token in self.given)}
        return request.headers.get("Authorization") in ours or request.headers.get("X-Our-Key") == SECRET

    def handle(self, request):
        if request.pieces == ["token"]:
            return self.token(request)
        behaviour, told = self.behaviour, self.repeated(request)
        if behaviour == "gate" or request.writes and (behaviour == "401" or not self.knows(request)):
            return 401, {"detail": told}
        if not request.writes or behaviour == "well" or not request.pieces[2:3]:
            return super().handle(request)
        sent = request.headers.get("Authorization")
        if behaviour == "stale":
            if self.given and sent in (self.refused or {sent}):
                self.refused.add(sent)
                return 401, {"detail": told}
            return super().handle(request)
        if behaviour == "dropped":
            return None, b""
        if behaviour == "html":
            return 502, f"<html>{told}</html>".encode(), {"Content-Type": "text/html", "Retry-After": "0"}
        return int(behaviour), {"code": "Error", "description": {"told": told}}

    def token(self, request):
        told = self.repeated(request)
        if self.token_behaviour == "well":
            self.given.append(f"{TOKEN}{len(self.given)}")
            return 200, {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": 300, "told": told}
        if self.token_behaviour == "html":
            return 200, f"<html>{told}</html>".encode()
        status = {"refused": 401, "bad": 400, "away": 503}[self.token_behaviour]
        return status, {"error": "invalid_client", "error_description": told}, {"Retry-After": "0"}


def forms(secret):
    """All that shows it: plain, escaped, and the part of base64 that is its own wherever it begins."""
    found = {secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            padded = b"\0" * offset + secret.encode()
            found.add(encode(padded).decode()[-(-offset * 8 // 6):len(padded) * 8 // 6])
    return found


@pytest.fixture(scope="module")
def parrot():
    with Parrot() as found:
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The fixture, built; its secrets are in the environment, and in a file outside."""
    folder = tmp_path_factory.mktemp("secrets")
    project = Project.of_fixture(folder / "project")
    project.build()
    (folder / "outside").mkdir()
    (folder / "outside/token").write_text(TOKEN + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUR_TOKEN", TOKEN)
        patch.setenv("OUR_SECRET", SECRET)
        yield project


def way_of(name, api):
    way = json.loads(json.dumps(WAYS[name]))
    if name == "oauth2":
        way["oauth2_client_credentials"]["token_url"] = f"{api}/token"
    return way


def logged(project, *arguments):
    """One run with all its logs."""
    done = subprocess.run([BINARY, arguments[0], project.folder / project.name, *arguments[1:]], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS, env=environment() | {"ALTOSTAC_LOG": "trace", "RUST_LOG": "trace", "RUST_BACKTRACE": "1"})
    assert "panicked at" not in done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def shown(project, answers, secrets):
    """Where which form of a secret stands: in what the program said, or in any file of the project."""
    places = {f"output {number}": (answer.stdout + answer.stderr).encode() for number, answer in enumerate(answers)}
    for folder, _, names in os.walk(project.folder):
        places |= {os.path.join(folder, name): open(os.path.join(folder, name), "rb").read() for name in names if not name.endswith(".nc")}
    assert any(name.endswith("ledger.sqlite") for name in places)
    return [(place, form) for place, content in places.items() for secret in secrets for form in forms(secret) if form.encode() in content]


@pytest.mark.parametrize("name", WAYS)
def test_no_secret_is_shown(project, parrot, name):
    project.edit(publish={"api": parrot.url, "auth": way_of(name, parrot.url)})
    answers = []
    # What is not answered is asked again and again, which takes its time: twice is enough.
    for behaviour in BEHAVIOURS if name in ("basic", "oauth2") else BEHAVIOURS[:-1]:
        parrot.behaviour = behaviour
        parrot.records.clear()
        parrot.refused.clear()
        parrot.given.clear()
        answers.append(logged(project, "publish", "--json"))
        expected = {"well": 0, "stale": 0}.get(behaviour, 1)
        answers[-1].expect(expected)
        if behaviour not in ("well", "stale", "gate"):
            [*failed] = [record for record in answers[-1].json["records"] if record["status"] == "failed"]
            assert failed and all(record["message"] for record in failed)
    parrot.behaviour = "well"
    answers.append(logged(project, "status", "--json"))
    answers.append(logged(project, "publish", "--dry-run"))
    assert any("(hidden)" in answer.stdout for answer in answers), "the parrot was not heard"
    assert shown(project, answers, [SECRET, TOKEN]) == []


def test_no_secret_is_shown_when_there_is_no_token(project, parrot):
    project.edit(publish={"api": parrot.url, "auth": way_of("oauth2", parrot.url)})
    answers = []
    for behaviour in ("refused", "refused", "refused", "bad", "bad", "away", "html"):
        parrot.behaviour, parrot.token_behaviour = "well", behaviour
        parrot.records.clear()
        parrot.asked.clear()
        answers.append(logged(project, "publish", "--json").expect(1))
        assert "token" in answers[-1].stderr and not parrot.records and parrot.asked["GET"] == 0
    parrot.token_behaviour = "well"
    assert any("(hidden)" in answer.stderr for answer in answers), "the parrot was not heard"
    assert shown(project, answers, [SECRET, TOKEN]) == []


def test_credentials_go_nowhere_else(project, parrot):
    project.edit(publish={"api": "http://localhost:1", "auth": way_of("basic", "")})
    parrot.behaviour = "401"
    answer = logged(project, "publish", "--to", parrot.url, "--json").expect(1)
    assert "publish.auth is for http://localhost:1/: nothing of it is sent" in answer.stderr
    assert "(hidden)" not in answer.stdout and "Basic" not in answer.stdout
    parrot.behaviour = "well"


def test_secrets_in_the_recipe_and_over_plain_http_are_refused(project):
    project.edit(publish={"api": "https://stac.invalid", "auth": {"bearer": TOKEN}})
    answer = project.run("publish").expect(2)
    assert "publish.auth.bearer stands in the recipe" in answer.stderr and "{env: NAME} or {file: path}" in answer.stderr
    assert TOKEN not in answer.stderr
    project.edit(publish={"api": "http://stac.invalid", "auth": WAYS["bearer"]},
                 public_urls=[{"from": name, "to": f"https://data.invalid/{name}"} for name in ("archive", "published")])
    answer = project.run("publish").expect(2)
    assert "plain http" in answer.stderr and TOKEN not in answer.stderr
    project.edit(public_urls=[])


@pytest.mark.parametrize("name", WAYS)
def test_no_secret_is_shown_over_http_2(project, parrot, tmp_path, name):
    """Its frames and compressed headers are logged by a library of their own."""
    web = WebServer(tmp_path, upstream=parrot.url, http2=True)
    try:
        api, answers = f"{web.tls_url}/upstream", []
        project.edit(publish={"api": api, "auth": way_of(name, api), "ca": str(web.authority)})
        for behaviour in ("well", "stale", "401", "400"):
            parrot.behaviour = behaviour
            parrot.records.clear()
            parrot.refused.clear()
            parrot.given.clear()
            answers.append(logged(project, "publish", "--json").expect(0 if behaviour in ("well", "stale") else 1))
        # What came before was its own look whether nginx answers.
        assert {asked.protocol for asked in web.requests() if asked.target.startswith("/upstream")} == {"HTTP/2.0"}
        for answer in answers:
            assert "h2::codec::framed_write: send frame=Headers" in answer.stderr and "h2::hpack::decoder" in answer.stderr, "HTTP/2 was not logged"
        assert any("(hidden)" in answer.stdout for answer in answers), "the parrot was not heard"
        assert shown(project, answers, [SECRET, TOKEN]) == []
    finally:
        parrot.behaviour = "well"
        web.stop()


def test_an_authority_of_our_own(project, parrot, tmp_path):
    """API and token endpoint behind TLS, below a path that the API does not know of."""
    web = WebServer(tmp_path, upstream=parrot.url)
    try:
        api = f"{web.tls_url}/upstream"
        parrot.behaviour = "stale"
        parrot.records.clear()
        parrot.refused.clear()
        parrot.given.clear()
        publish = {"api": api, "auth": way_of("oauth2", api)}
        project.edit(publish=publish)
        answer = project.run("publish").expect(1)
        assert "certificate" in answer.stderr and not parrot.records
        (project.folder.parent / "nothing.pem").write_text("nothing")
        project.edit(publish=publish | {"ca": "../nothing.pem"})
        assert "it holds no certificates (PEM)" in project.run("publish").expect(2).stderr
        project.edit(publish=publish | {"ca": str(web.authority)})
        answer = logged(project, "publish", "--json").expect(0)
        assert {record["status"] for record in answer.json["records"]} == {"created"} and len(parrot.records) == 4
        assert shown(project, [answer], [SECRET, TOKEN]) == []
    finally:
        parrot.behaviour = "well"
        web.stop()
