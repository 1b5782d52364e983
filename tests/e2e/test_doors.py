"""`assaykit engine` with the doors of the extra `sdk`: what it prints, and how it ends."""

import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.children import child
from tests.e2e.listeners import LOOPBACK, STOP_S, listening_addresses
from tests.e2e.pipes import SERVER, START_S
from tests.e2e.processes import KEY, environment

pytestmark = pytest.mark.slow

ENGINE = [*SERVER, "engine"]
EVERY_DOOR = ["--port", "0", "--flight-port", "0", "--otlp-port", "0"]

WITHOUT_GRPC = """
import sys
sys.modules["grpc"] = None
from assaykit.cli import main
main(["engine", *sys.argv[1:]])
"""


@pytest.mark.parametrize("words", [["engine", "--port", "0"], ["serve", "--transport", "http", "--port", "0"]])
def test_a_process_that_has_just_said_where_it_is_ends_when_asked(tmp_path: Path, words: list[str]) -> None:
    with child(
        [*SERVER, *words], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "on http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
        assert process.stderr.read() == ""


def test_the_engine_ends_when_asked_while_a_client_is_sending(tmp_path: Path) -> None:
    flight: Any = importlib.import_module("pyarrow.flight")
    pa: Any = importlib.import_module("pyarrow")
    command = [*ENGINE, *EVERY_DOOR]
    with child(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = [process.stdout.readline() for _ in range(7)]
        assert [line.split()[0] for line in told] == ["assaykit", "store", "key", "REST", "Flight", "OTLP", "spans"]
        port = told[4].rpartition("=")[2].strip()
        client = flight.FlightClient(f"grpc+tcp://127.0.0.1:{port}")
        options = flight.FlightCallOptions(headers=[(b"auth-token-bin", KEY.encode())])
        descriptor = flight.FlightDescriptor.for_command(json.dumps({"createDataset": {"datasetName": "x"}}))
        batch = pa.record_batch({"q": ["x"]})
        writer, _ = client.do_put(descriptor, batch.schema, options=options)
        writer.write_batch(batch)
        # The client would go on for ever: the deadline is there for an engine that waits for it.
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
        assert process.stderr.read() == ""
    with pytest.raises(pa.ArrowException):
        writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sockets of a process in /proc")
def test_every_door_listens_on_loopback_alone(tmp_path: Path) -> None:
    with child([*ENGINE, *EVERY_DOOR], env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(7)]
        found = listening_addresses(process.pid)
        process.terminate()
        process.wait(STOP_S)
    assert told[-1].startswith("spans")
    # gRPC listens on the same address as IPv6 writes it.
    mapped = f"0000000000000000FFFF0000{LOOPBACK}"
    assert [address.partition(":")[0] for address in found] == [LOOPBACK, mapped, mapped]


FOREIGN_HOSTS = ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "evil.example:80", "[::2]", "127.1", ""]
FOREIGN_ORIGINS = [
    "null",
    "https://evil.example",
    "http://127.0.0.1.nip.io",
    "http://localhost.evil.example",
    "file://",
]
OUR_HOSTS = ["localhost", "LOCALHOST:1", "[::1]:80", "host.docker.internal:8765", "host.containers.internal"]


def test_a_foreign_host_or_page_is_refused_by_the_engine_even_with_the_key(tmp_path: Path) -> None:
    with child([*ENGINE, "--port", "0"], env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        at = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=at, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client:
            for method, path in (("GET", "/v2/spaces"), ("POST", "/v1/traces"), ("OPTIONS", "/x/status"), ("GET", "/")):
                for host in FOREIGN_HOSTS:
                    assert client.request(method, path, headers={"Host": host}).status_code == 421, (path, host)
                for origin in FOREIGN_ORIGINS:
                    answer = client.request(method, path, headers={"Origin": origin})
                    assert answer.status_code == 403, (path, origin)
                    assert "access-control-allow-origin" not in answer.headers
            for host in OUR_HOSTS:
                assert client.get("/v2/spaces", headers={"Host": host}).status_code == 200, host
            assert client.get("/v2/spaces", headers={"Origin": "http://localhost:3000"}).status_code == 200
            refused = client.get("/v2/spaces", headers={"Origin": "http://localhost:3000", "Authorization": "x"})
            assert refused.status_code == 401
        process.terminate()
        process.wait(STOP_S)


@pytest.mark.parametrize("flag", ["--flight-port", "--otlp-port"])
def test_without_the_extra_a_door_is_refused_in_one_sentence(tmp_path: Path, flag: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_GRPC, "--port", "0", flag, "0"],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=START_S,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"assaykit: {flag} needs pyarrow and grpcio, which are not installed. pip install 'assaykit[sdk]'\n"
    )


def test_the_lines_for_a_shell_lead_to_the_engine(tmp_path: Path) -> None:
    home = tmp_path / "a store's home"
    variables = environment(home, ARIZE_REGION="us-central-1a")
    del variables["ASSAYKIT_ENGINE_KEY"]
    line = f'eval "$({" ".join(ENGINE)} --env --otlp-port 4000)"; env'
    shown = subprocess.run(
        ["/bin/sh", "-c", line], env=variables, capture_output=True, check=True, encoding="utf-8", timeout=START_S
    ).stdout
    found = dict(part.split("=", 1) for part in shown.splitlines() if part.startswith(("ARIZE_", "OTEL_")))
    key = (home / "engine.key").read_text(encoding="utf-8").strip()
    assert found == {
        "ARIZE_API_KEY": key,
        "ARIZE_API_SCHEME": "http",
        "ARIZE_API_HOST": "127.0.0.1",
        "ARIZE_API_PORT": "8765",
        "ARIZE_FLIGHT_SCHEME": "grpc+tcp",
        "ARIZE_FLIGHT_HOST": "127.0.0.1",
        "ARIZE_FLIGHT_PORT": "8815",
        "ARIZE_OTLP_SCHEME": "http",
        "ARIZE_OTLP_HOST": "127.0.0.1",
        "ARIZE_OTLP_PORT": "4000",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:8765/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"authorization=Bearer%20{key}",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:8765/v1/logs",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"authorization=Bearer%20{key}",
    }


def test_the_lines_need_ports_that_are_known(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*ENGINE, "--env", "--port", "0"],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=START_S,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "A free port is not known before the engine listens." in ended.stderr


def test_an_engine_that_is_asked_for_no_door_imports_neither_pyarrow_nor_grpc(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "assaykit", "engine", "--port", "0"]
    # A pipe would be full before the engine listens.
    log = tmp_path / "imports.txt"
    with (
        log.open("w", encoding="utf-8") as errors,
        child(command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().startswith("assaykit engine on")
        process.terminate()
        process.wait(timeout=STOP_S)
    lines = log.read_text(encoding="utf-8").splitlines()
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "sqlalchemy" in imported
    assert not imported & {"pyarrow", "grpc"}
