"""`unlearnkit lab`: copies of the lessons, in a JupyterLab that only this machine and this user reach."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from unlearnkit.cli import lab, main
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.resources import notebooks_path

LESSON = "00-tour.ipynb"


# Which lesson


@pytest.mark.parametrize("asked", ["00", "00-tour", LESSON])
def test_a_lesson_is_found_by_number_name_or_file(asked):
    assert lab.find_lesson(asked) == LESSON


def test_no_lesson_need_be_named():
    assert lab.find_lesson(None) is None


def test_an_unknown_lesson_gets_the_nearest():
    with pytest.raises(
        UnknownName, match=r'notebook: "00-tuor" is not known; did you mean "00-tour"\? Known: '
    ):
        lab.find_lesson("00-tuor")


# The copies


def test_a_new_folder_gets_every_lesson(tmp_path):
    assert lab.copy_lessons(tmp_path / "new" / "folder") == []
    for source in notebooks_path().glob("*.ipynb"):
        assert (tmp_path / "new" / "folder" / source.name).read_bytes() == source.read_bytes()


def test_what_the_user_changed_stays_and_is_named(tmp_path):
    lab.copy_lessons(tmp_path)
    (tmp_path / LESSON).write_text("mine", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine too", encoding="utf-8")
    assert lab.copy_lessons(tmp_path) == [LESSON]
    assert (tmp_path / LESSON).read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine too"


def test_an_unchanged_copy_is_not_worth_a_word(tmp_path):
    lab.copy_lessons(tmp_path)
    assert lab.copy_lessons(tmp_path) == []


def test_what_jupyter_leaves_behind_is_no_lesson(tmp_path, monkeypatch):
    shipped = tmp_path / "shipped"
    for name in (LESSON, "solutions/a.py", ".ipynb_checkpoints/b.ipynb", "solutions/__pycache__/a.pyc"):
        (shipped / name).parent.mkdir(parents=True, exist_ok=True)
        (shipped / name).write_text("{}", encoding="utf-8")
    monkeypatch.setattr(lab, "notebooks_path", lambda: shipped)
    lab.copy_lessons(tmp_path / "copy")
    files = {
        p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*") if p.is_file()
    }
    assert files == {LESSON, "solutions/a.py"}


def test_a_copy_that_fails_is_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", _disk_full)
    with pytest.raises(BadInput, match=r"^--dir: .* cannot take the lessons"):
        lab.copy_lessons(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere.ipynb"
    (tmp_path / "lessons").mkdir()
    try:
        (tmp_path / "lessons" / LESSON).symlink_to(elsewhere)
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(BadInput, match="cannot take the lessons"):
        lab.copy_lessons(tmp_path / "lessons")
    assert not elsewhere.exists()


# What is refused, before anything is started


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["00-tuor"], 'did you mean "00-tour"'),
        (["--port", "0"], "--port must be an integer, 1 or above, 65535 or below, not 0."),
        (["--dir", "taken"], "cannot take the lessons"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--no-browser", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_port_in_use_is_refused_before_copying(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["lab", "--no-browser", "--dir", str(tmp_path / "new"), "--port", str(port)]) == 2
    assert f"--port: {port} is in use or not allowed; name another one" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_without_jupyterlab_one_line_brings_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    assert main(["lab", "--no-browser", "--dir", str(tmp_path / "new")]) == 2
    told = capsys.readouterr().err
    assert f"jupyterlab is not installed in this environment; run: {sys.executable} -m pip install" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "new").exists()


# The server


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, token, process, folders) of a running lab, for a user who has switched every lock off."""
    home = tmp_path_factory.mktemp("home")
    careless = {"ServerApp": {"ip": "0.0.0.0", "token": ""}, "IdentityProvider": {"token": ""}}
    for name in ("jupyter_config", "jupyter_server_config", "jupyter_lab_config"):
        (home / "config").mkdir(exist_ok=True)
        (home / "config" / f"{name}.json").write_text(json.dumps(careless), encoding="utf-8")
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "TMPDIR": home / "tmp",
    }
    (home / "tmp").mkdir()
    command = [sys.executable, "-m", "unlearnkit", "lab", "00", "--no-browser", "--dir", home / "lessons"]
    with subprocess.Popen(
        command, env=os.environ | {k: str(v) for k, v in folders.items()}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            address, _, token = lines[1].strip().partition("?token=")
            yield address, token, process, folders
        finally:
            process.kill() if process.poll() is None else None


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for another process")
class TestServer:
    """In order: the last test stops the server."""

    def test_the_address_opens_the_lesson(self, served):
        address, token, _, _ = served
        assert address.startswith("http://127.0.0.1:")
        assert address.endswith(f"/lab/tree/{LESSON}")
        assert len(token) >= 32
        assert _get(f"{address}?token={token}")[0] == 200

    def test_the_token_is_needed_and_enough(self, served):
        address, token, _, _ = served
        contents = address.replace(f"/lab/tree/{LESSON}", "/api/contents")
        assert _get(contents)[0] == 403
        assert _get(f"{contents}?token=wrong")[0] == 403
        status, body = _get(f"{contents}?token={token}")
        assert status == 200
        assert LESSON in [entry["name"] for entry in json.loads(body)["content"]]

    def test_it_listens_on_loopback_only(self, served):
        port = int(served[0].split(":")[2].split("/")[0])
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", port))  # free: a server on 0.0.0.0 would hold it too

    def test_the_news_dialog_is_off(self, served):
        settings = _api(served, "lab/api/settings/@jupyterlab/apputils-extension:notification")
        defaults = {name: entry["default"] for name, entry in settings["schema"]["properties"].items()}
        assert defaults["fetchNews"] == "false"
        assert defaults["checkForUpdates"] is False

    def test_lessons_run_in_this_environment(self, served):
        kernel = _api(served, "api/kernelspecs")["kernelspecs"]["python3"]["spec"]
        assert kernel["argv"][0] == sys.executable

    def test_the_token_is_not_on_the_command_line(self, served):
        _, token, _, folders = served
        (private,) = folders["TMPDIR"].glob("unlearnkit-lab-*")
        assert private.stat().st_mode & 0o077 == 0
        lines = Path("/proc").glob("[0-9]*/cmdline")
        assert not [path for path in lines if token in _text(path)]

    def test_ctrl_c_ends_it_and_leaves_nothing(self, served):
        address, _, process, folders = served
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        with pytest.raises(urllib.error.URLError):
            _get(address)
        assert list(folders["TMPDIR"].iterdir()) == []
        assert not (folders["JUPYTER_CONFIG_DIR"] / "lab").exists()  # no settings, no layout


def _get(address):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def _api(served, path):
    address, token = served[0], served[1]
    root = address.partition("/lab/")[0]
    return json.loads(_get(f"{root}/{path}?token={token}")[1])


def _text(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has just ended
        return ""


def _disk_full(path):
    raise OSError(28, "No space left on device", str(path))
