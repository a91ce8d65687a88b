"""Who may use the server, and what its operator sees: keys, origins, the log, metrics."""

import json
import os
import re
import subprocess
import tempfile
import time

import openai

from checks.common import CHAT, ENDLESS, PASSKEY_MODEL, TEXT, client, on_own_server, on_shared_server, question
from server import Server, events

SMALL = {"prompt": "the pass key", "max_tokens": 4, "temperature": 0}


def ask(server, method, path, body=None, **headers):
    """Status, headers and body; underscores of headers' names stand for hyphens."""
    connection = server.connect()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data = json.dumps({"model": server.model, **body})
        headers = {"Content-Type": "application/json", **headers}
    connection.request(method, path, data, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, response.headers, text


@on_own_server
def keys(binary, _):
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
        file.write("from-a-file\n\n  second-of-it \n")
        file.flush()
        options = ["--api-key", "first", "--api-key", "second", "--api-key-file", file.name]
        with Server(binary, PASSKEY_MODEL, *options, env={**os.environ, "LONGLM_API_KEY": "from-outside"}) as server:
            for key in ["first", "second", "from-a-file", "second-of-it", "from-outside"]:
                status, _, text = ask(server, "POST", TEXT, SMALL, Authorization=f"Bearer {key}")
                assert status == 200, (key, text)
            assert ask(server, "GET", "/v1/models", Authorization="bearer  first ")[0] == 200
            wrong = ["Bearer wrong", "Bearer firs", "Bearer firstfirst", "Bearer ", "Bearer", "first", "Basic first", ""]
            for authorization in wrong:
                status, headers, text = ask(server, "POST", TEXT, SMALL, Authorization=authorization)
                error = json.loads(text)["error"]
                assert status == 401 and error["code"] == "invalid_api_key", (authorization, text)
                assert headers["WWW-Authenticate"] == "Bearer"
            for path in ["/v1/models", "/metrics", "/nowhere"]:
                assert ask(server, "GET", path)[0] == 401, path
            assert ask(server, "GET", "/health")[0] == 200
            # Names matter only where there are no keys.
            assert ask(server, "GET", "/v1/models", Authorization="Bearer first", Host="example.org")[0] == 200
            api = client(server)
            try:
                api.completions.create(model=server.model, **SMALL)
            except openai.AuthenticationError:
                pass
            else:
                raise AssertionError("a wrong key is an AuthenticationError")
            api.api_key = "second"
            assert api.completions.create(model=server.model, **SMALL).choices[0].text
    for options, words in [
        (["--api-key", ""], "--api-key"), (["--api-key", "with space"], "--api-key"),
        (["--api-key-file", "/nowhere"], "--api-key-file"), (["--api-key-file", "/dev/null"], "--api-key-file"),
        (["--cors", "example.org"], "--cors"), (["--cors", "https://example.org/path"], "--cors"),
        (["--log-level", "loud"], "log-level"), (["--log-format", "xml"], "log-format"),
    ]:
        result = subprocess.run(
            [binary, "--model", PASSKEY_MODEL, *options], capture_output=True, text=True, timeout=60)
        assert result.returncode == 64 and words in result.stderr, (options, result)


@on_shared_server
def names_of_the_server(server):
    """Without keys, a page of a browser must not reach the server by a name of its own."""
    for host, expected in [
        ("localhost", 200), ("127.0.0.1:1234", 200), ("[::1]:80", 200), ("LLM", 200), ("box.local", 200), ("::1", 200),
        ("model.svc.cluster.local:80", 200), ("example.org", 403), ("127.0.0.1.example.org", 403),
        ("evil.example.org:8080", 403), ("1.2.3", 403), ("127.0.0.1.", 403),
    ]:
        status, _, text = ask(server, "GET", "/v1/models", Host=host)
        assert status == expected, (host, status)
        assert status == 200 or json.loads(text)["error"]["code"] == "unknown_host"


@on_own_server
def origins(binary, _):
    def preflight(server, origin):
        return ask(
            server, "OPTIONS", CHAT, Origin=origin, Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="authorization,content-type,x-stainless-os")

    options = ["--cors", "https://a.example", "--cors", "http://localhost:3000", "--api-key", "key"]
    options += ["--allow-host", "example.org"]
    with Server(binary, PASSKEY_MODEL, *options) as server:
        for origin in ["https://a.example", "http://localhost:3000"]:
            status, headers, _ = preflight(server, origin)
            assert status == 204 and headers["Access-Control-Allow-Origin"] == origin
            assert "x-stainless-os" in headers["Access-Control-Allow-Headers"]
            assert "POST" in headers["Access-Control-Allow-Methods"] and headers["Vary"] == "Origin"
            for body, key, expected in [
                (SMALL, "key", 200), ({**SMALL, "stream": True}, "key", 200), (SMALL, "wrong", 401),
                ({**SMALL, "wrong": 1}, "key", 400),
            ]:
                status, headers, _ = ask(
                    server, "POST", TEXT, body, Origin=origin, Authorization=f"Bearer {key}")
                assert status == expected and headers["Access-Control-Allow-Origin"] == origin, headers
                assert "X-Request-Id" in headers["Access-Control-Expose-Headers"]
        for origin in ["https://b.example", "https://a.example.evil.example", "null"]:
            status, headers, _ = preflight(server, origin)
            assert headers["Access-Control-Allow-Origin"] is None and headers["Vary"] == "Origin"
    with Server(binary, PASSKEY_MODEL, "--cors", "*", "--allow-host", "Example.org") as server:
        assert preflight(server, "https://b.example")[1]["Access-Control-Allow-Origin"] == "*"
        assert ask(server, "GET", "/v1/models", Origin="null")[1]["Access-Control-Allow-Origin"] == "*"
        assert ask(server, "GET", "/v1/models", Host="example.org:80")[0] == 200
    with Server(binary, PASSKEY_MODEL) as server:
        assert preflight(server, "https://b.example")[1]["Access-Control-Allow-Origin"] is None


@on_shared_server
def request_ids(server):
    for path, body in [(TEXT, SMALL), (TEXT, {**SMALL, "stream": True}), (TEXT, {**SMALL, "wrong": 1}), ("/nowhere", {})]:
        sane = "trace-1:a_B.2"
        assert ask(server, "POST", path, body, X_Request_Id=sane)[1]["X-Request-Id"] == sane
        made = {ask(server, "POST", path, body, X_Request_Id=bad)[1]["X-Request-Id"] for bad in ["", "a b", "x" * 129, '"']}
        assert len(made) == 4 and all(re.fullmatch("req-[0-9a-f-]{36}", id) for id in made), made


def lines_of(binary, cached, *options):
    """The lines of the log of a few requests; `cached` gets the number that the answer to one of them names."""
    with tempfile.TemporaryFile("w+") as log:
        with Server(binary, PASSKEY_MODEL, "--log-level", "info", *options, stderr=log) as server:
            assert ask(server, "POST", TEXT, {**SMALL, "prompt": "secret words"}, X_Request_Id="whole")[0] == 200
            assert ask(server, "POST", TEXT, {**SMALL, "stream": True}, X_Request_Id="stream")[0] == 200
            assert ask(server, "POST", TEXT, {**SMALL, "stream": True}, X_Request_Id="again")[0] == 200
            several = {**SMALL, "prompt": [SMALL["prompt"]] * 2, "n": 2}
            status, _, text = ask(server, "POST", TEXT, several, X_Request_Id="several")
            cached.append(json.loads(text)["usage"]["prompt_tokens_details"]["cached_tokens"])
            assert ask(server, "POST", TEXT, {"prompt": {"secret": "words"}}, X_Request_Id="wrong")[0] == 400
            assert ask(server, "GET", '/no"where%0Aevil=1\\', X_Request_Id="odd")[0] == 404
            connection = server.open(TEXT, {**ENDLESS, "logit_bias": {"10": 100}, "max_tokens": 200})
            next(events(connection.getresponse()))
            connection.close()
            connection.sock = None
            assert server.wait_for(running=0, waiting=0)
            server.terminate()
        log.seek(0)
        return log.read().splitlines()


@on_own_server
def log_lines(binary, _):
    cached = []
    lines = lines_of(binary, cached)
    assert not any("secret" in line for line in lines), lines
    requests = [line for line in lines if " info server: request " in line]
    ends = {}
    for line in requests:
        fields = dict(re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))
        ends[fields["id"]] = fields
    assert len(requests) == len(ends) == 7, lines
    whole = ends["whole"]
    assert whole["status"] == "200" and whole["method"] == "POST" and whole["path"] == TEXT, whole
    assert int(whole["prompt"]) > 0 and int(whole["generated"]) == 4 and whole["end"] == "token_limit", whole
    assert 0 < float(whole["first"]) <= float(whole["total"]), whole
    assert ends["stream"]["cached"] == "0" and int(ends["again"]["cached"]) > 0, ends
    assert int(ends["several"]["cached"]) == cached[0] > 0, (ends["several"], cached)
    assert ends["wrong"]["status"] == "400" and "prompt" not in ends["wrong"], ends
    assert ends["odd"]["path"].startswith('"/no\\"where') and "evil" in ends["odd"]["path"], ends
    gone = [fields for name, fields in ends.items() if name.startswith("req-")]
    assert len(gone) == 1 and gone[0]["end"] == "connection_closed", gone

    objects = []
    for line in lines_of(binary, [], "--log-format", "json"):
        objects.append(json.loads(line))
        assert {"time", "level", "logger", "message"} <= objects[-1].keys()
    by_id = {each["id"]: each for each in objects if each["message"] == "request"}
    whole = by_id["whole"]
    assert whole["end"] == "token_limit" and whole["generated"] == 4 and whole["first"] > 0 and len(by_id) == 7, objects


def samples_of(server):
    """The metrics as a dictionary, and their types."""
    status, headers, text = ask(server, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples, types = {}, {}
    for line in text.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types, "a metric stands in one place"
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, value = line.rsplit(" ", 1)
            assert name not in samples, name
            samples[name] = float(value)
    return samples, types


def samples_at_rest(server):
    """The metrics once the only exchange in flight is the one that asks for them. The engine forgets a client that has
    gone before the server has ended the exchange."""
    deadline = time.monotonic() + 60
    while True:
        samples, types = samples_of(server)
        if samples["longlm_http_requests_in_flight"] == 1 or time.monotonic() > deadline:
            return samples, types
        time.sleep(0.02)


@on_own_server
def metrics(binary, _):
    options = ["--self-extend", "100:50", "--length", "16384", "--memory-limit", "2000000000", "--max-tokens", "16000"]
    with Server(binary, PASSKEY_MODEL, *options) as server:
        before, _ = samples_of(server)
        for stream in [False, True, True]:
            assert ask(server, "POST", TEXT, {**SMALL, "stream": stream})[0] == 200
        for path in ["/nowhere/1", "/nowhere/2", '/"\\']:
            assert ask(server, "GET", path)[0] == 404
        assert ask(server, "POST", TEXT, {**SMALL, "wrong": 1})[0] == 400
        connection = server.open(TEXT, {**ENDLESS, "logit_bias": {"10": 100}, "max_tokens": 10000})
        next(events(connection.getresponse()))
        during, types = samples_of(server)
        connection.close()
        connection.sock = None
        assert server.wait_for(running=0, waiting=0)
        after, _ = samples_at_rest(server)

        def requests(samples, endpoint, method, status):
            labels = f'endpoint="{endpoint}",method="{method}",status="{status}"'
            return samples.get(f"longlm_http_requests_total{{{labels}}}", 0)

        assert requests(after, TEXT, "POST", 200) == 4 and requests(after, TEXT, "POST", 400) == 1, after
        assert requests(after, "other", "other", 404) == 3, "addresses of clients' making have no labels"
        assert requests(after, "/metrics", "GET", 200) >= 2 and requests(after, "/health", "GET", 200) >= 1
        assert during["longlm_http_requests_in_flight"] == 2 and after["longlm_http_requests_in_flight"] == 1
        assert during["longlm_requests_running"] == 1 and after["longlm_requests_running"] == 0
        assert after["longlm_requests_waiting"] == 0 and after["longlm_memory_limit_bytes"] == 2e9
        assert after["longlm_memory_reserved_bytes"] > 0 and after["longlm_kept_conversations"] > 0
        for name, growth in [
            ("longlm_generated_tokens_total", 13), ("longlm_prompt_tokens_read_total", 10),
            ("longlm_prompt_tokens_reused_total", 1), ("longlm_passes_total", 13), ("longlm_pass_rows_total", 20),
        ]:
            assert after[name] - before[name] >= growth and types[name] == "counter", (name, before, after)
        assert after["longlm_pass_seconds_total"] > 0
        for name in ["longlm_time_to_first_token_seconds", "longlm_time_between_tokens_seconds"]:
            assert types[name] == "histogram"
            buckets = [value for key, value in after.items() if key.startswith(name + "_bucket")]
            assert buckets == sorted(buckets) and buckets[-1] == after[name + "_count"] >= 4, buckets
            assert 0 < after[name + "_sum"] < 60
        assert after["longlm_time_to_first_token_seconds_count"] == 4
        assert after[f'longlm_http_request_duration_seconds_count{{endpoint="{TEXT}"}}'] == 5
        assert after["process_resident_memory_bytes"] > 1e7 and after["process_open_fds"] > 3
        assert after["process_start_time_seconds"] > 1.7e9 and after["process_max_fds"] >= after["process_open_fds"]
        assert after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"] > 0


@on_own_server
def warnings(binary, _):
    """An address that others can reach, and no key."""
    for options, expected in [(["--host", "0.0.0.0"], True), (["--host", "0.0.0.0", "--api-key", "key"], False), ([], False)]:
        with tempfile.TemporaryFile("w+") as log:
            with Server(binary, PASSKEY_MODEL, *options, stderr=log):
                pass
            log.seek(0)
            assert ("--api-key" in log.read()) == expected, options
