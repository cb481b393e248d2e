"""`unlearnkit lab`: JupyterLab on a copy of the lessons."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unlearnkit.cli.installation import require_module
from unlearnkit.errors import BadInput, require_integer, unknown_name
from unlearnkit.resources import notebooks_path

FOLDER = "unlearnkit-lessons"
HOST = "127.0.0.1"  # loopback: nobody else on the network reaches it
FIRST_PORT, PORTS_TRIED = 8888, 50
KERNEL = "python3"  # the kernel that the lessons ask for
STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, kill, and a terminal that was closed
# JupyterLab's news dialog would cover the first lesson; an address for news set to nothing does not stop it.
QUIET = {"@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}}


def add_command(commands: Any) -> None:
    """Add `lab` to the parser's commands."""
    parser = commands.add_parser(
        "lab",
        help="open the lessons in JupyterLab",
        description="Copy the lessons into a folder and open JupyterLab on it, on this machine only. "
        "A lesson that is there already is left as it is.",
    )
    parser.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="the lesson to open: 00-tour, or 00")
    parser.add_argument(
        "--dir", type=Path, default=Path(FOLDER), help=f"where the copies go (default: {FOLDER})"
    )
    parser.add_argument("--port", type=int, help=f"default: the first free one from {FIRST_PORT}")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Copy the lessons, serve them, and wait; the server's exit code."""
    lesson = find_lesson(chosen.notebook)
    port = _pick_port(chosen.port)
    require_module("jupyterlab", "jupyterlab")
    require_module("ipykernel", "ipykernel")
    folder = chosen.dir.resolve()
    kept = copy_lessons(folder)
    if kept:
        print(f"Kept as you left them: {', '.join(kept)}. For a fresh copy, name another --dir.")
    return _serve(folder, lesson, port=port, browser=not chosen.no_browser)


def find_lesson(asked: str | None) -> str | None:
    """The file name of a lesson, asked for as "00", "00-tour" or "00-tour.ipynb"; None for none.

    Raises
    ------
    UnknownName
        With the nearest lesson and all others.
    """
    if asked is None:
        return None
    files = {path.stem: path.name for path in sorted(notebooks_path().glob("*.ipynb"))}
    numbers = {stem.split("-")[0]: name for stem, name in files.items()}
    found = (files | numbers).get(asked.removesuffix(".ipynb"))
    if found is None:
        raise unknown_name("notebook", asked, files)
    return found


def copy_lessons(folder: Path) -> list[str]:
    """Copy what is not there yet; the names of files that are there and differ, which stay.

    Raises
    ------
    BadInput
        When the folder cannot be made or written.
    """
    kept = []
    try:
        for source, place in _copies(folder):
            if not _copy_new(source, place) and place.read_bytes() != source.read_bytes():
                kept.append(place.relative_to(folder).as_posix())
    except OSError as error:
        raise BadInput(
            f"--dir: {folder} cannot take the lessons ({error.strerror}: {error.filename}); "
            "name a folder that you may write to"
        ) from error
    return kept


def _copies(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(shipped file, its place in the folder); what Jupyter or Python leave beside them stays behind."""
    shipped = notebooks_path()
    for source in sorted(shipped.rglob("*")):
        inside = source.relative_to(shipped)
        if source.is_file() and not any(part.startswith((".", "__")) for part in inside.parts):
            yield source, folder / inside


def _copy_new(source: Path, place: Path) -> bool:
    """Copy unless something is there; a copy that fails half-way is taken back."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("xb") as file:
            try:
                file.write(source.read_bytes())
            except BaseException:
                place.unlink()
                raise
    except FileExistsError:
        return False
    return True


def _pick_port(asked: int | None) -> int:
    if asked is not None:
        require_integer("--port", asked, minimum=1, maximum=65535)
    candidates = [asked] if asked else range(FIRST_PORT, FIRST_PORT + PORTS_TRIED)
    for port in candidates:
        with socket.socket() as probe:
            # Else a port counts as taken for a minute after its last user, who is gone.
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return port
    taken = f"{asked} is" if asked else f"{FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are all"
    raise BadInput(f"--port: {taken} in use or not allowed; name another one")


def _serve(folder: Path, lesson: str | None, *, port: int, browser: bool) -> int:
    page = f"/lab/tree/{lesson}" if lesson else "/lab"
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="unlearnkit-lab-") as private:
        place = Path(private)
        config = _write_config(place, folder, page=page, port=port, token=token, browser=browser)
        with _started(config, place) as server:
            if _is_listening(server, port):
                print(f"JupyterLab on {folder}\n  http://{HOST}:{port}{page}?token={token}")
                print("Ctrl-C here stops it.", flush=True)
            return _wait(server)


def _write_config(place: Path, folder: Path, *, page: str, port: int, token: str, browser: bool) -> Path:
    """Settings of our own in a private folder, so that the user's environment is not written to.

    The token stands in a file and not on the command line, where other users could read it.
    """
    server = {
        "ip": HOST, "port": port, "port_retries": 0, "root_dir": str(folder), "default_url": page,
        "open_browser": browser, "allow_root": True, "allow_remote_access": False,
    }  # fmt: skip
    settings = {
        "ServerApp": server,
        "IdentityProvider": {"token": token},
        "PasswordIdentityProvider": {"hashed_password": ""},
        "LabApp": {"default_url": page, "workspaces_dir": str(place / "workspaces"), "log_level": "ERROR"},
    }
    # The kernel of this environment comes before any other that goes by the same name.
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": launch, "display_name": "Python 3 (unlearnkit)", "language": "python"}
    for path, content in {
        place / "config" / "labconfig" / "default_setting_overrides.json": QUIET,
        place / "share" / "kernels" / KERNEL / "kernel.json": kernel,
        place / "settings.json": settings,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return place / "settings.json"


@contextmanager
def _started(config: Path, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """JupyterLab of this environment; stopped when the block ends, however it ends.

    In a session of its own a Ctrl-C reaches it once, from us, and not a second time from the terminal.
    """
    environment = os.environ | {
        "JUPYTER_CONFIG_PATH": _prepended(place / "config", "JUPYTER_CONFIG_PATH"),
        "JUPYTER_PATH": _prepended(place / "share", "JUPYTER_PATH"),
    }
    command = [sys.executable, "-m", "jupyterlab", f"--config={config}", "--log-level=ERROR"]
    server = subprocess.Popen(command, env=environment, start_new_session=os.name == "posix")
    try:
        with _forwarded_signals(server):
            yield server
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


def _prepended(folder: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get(variable, "")]))


@contextmanager
def _forwarded_signals(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever would stop us stops the server, which then ends its kernels; Windows tells both itself."""
    names = STOPPING if os.name == "posix" else ()
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number in before:
        signal.signal(number, lambda *_: server.terminate())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_listening(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server takes connections; False if it ends before."""
    while server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.1)
    return False


def _wait(server: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            code = server.wait()
            return code if code >= 0 else 128 - code  # as a shell writes "ended by a signal"
        except KeyboardInterrupt:  # on Windows the console told the server as well: let it end
            continue
