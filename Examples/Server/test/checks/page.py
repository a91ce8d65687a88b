"""The page at /, and what it asks. How it works in a browser is the matter of the folder page."""

import re

from checks.common import PASSKEY_MODEL, on_own_server, on_shared_server
from server import Server


def page(server):
    """The headers of the page, and its text."""
    connection = server.connect()
    connection.request("GET", "/")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, response.status
    return response.headers, text


@on_shared_server
def page_runs_only_its_own_script(server):
    headers, text = page(server)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'", policy
    assert policy["connect-src"] == "'self'"
    nonces = set(re.findall(r'nonce="(\w+)"', text))
    assert len(nonces) == 1 and policy["script-src"] == policy["style-src"] == f"'nonce-{nonces.pop()}'", policy
    assert policy["script-src"] not in page(server)[0]["Content-Security-Policy"], "a nonce is for one response"


@on_shared_server
def page_is_whole(server):
    """One document, in which everything has been put that belongs there, and nothing that comes from elsewhere."""
    _, text = page(server)
    for placeholder in ["NONCE", "STYLE", "SCRIPT"]:
        assert placeholder not in text, placeholder
    for part in ["<!doctype html>", "grid-template", "async function* stream", "const conversation", "loadInfo();"]:
        assert part in text, part
    assert set(re.findall(r"https?://[^'\"\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


@on_shared_server
def info(server):
    status, _, body = server.get("/info")
    assert status == 200, status
    assert body == {
        "model": server.model, "chat": True, "capacity": 2100, "trained_context": 8192, "answer_limit": 2000,
        "attention": {"mode": "plain"},
    }, body


@on_own_server
def info_of_self_extend(binary, _):
    with Server(binary, PASSKEY_MODEL, "--self-extend", "13:52", "--length", "1400") as server:
        _, _, body = server.get("/info")
        assert body["attention"] == {"mode": "self_extend", "group_size": 13, "neighbor_window": 52}, body
        assert body["trained_context"] == 256 and body["capacity"] == 1400 and body["chat"] is False, body
