"""A server of somebody else's, as hooks see it: start, stop, restart and log of `smbtorture-py serve`.

Run as `python workbench_server.py FOLDER PORT start|stop|restart|log|identify`; the server's process id is in
FOLDER/pid.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

folder, port, action = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
pid_file, log = folder / "pid", folder / "server.log"


def stop() -> None:
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    pid_file.unlink()
    print(f"stopped {pid}")


def start() -> None:
    log.unlink(missing_ok=True)
    with log.open("ab") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "smbtorture_py.cli", "serve"),
                *("--listen", f"127.0.0.1:{port}", "--listen", f"127.0.0.2:{port}"),
                *("--user", "tester", "--password-env", "NAS_PASSWORD"),
            ],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    pid_file.write_text(str(server.pid))
    while b"ready" not in log.read_bytes() and server.poll() is None:
        time.sleep(0.05)
    print(f"started {server.pid}")


if action in ("stop", "restart"):
    stop()
if action in ("start", "restart"):
    start()
if action == "log":
    print(log.read_text())
if action == "identify":
    print("Workbench 7.4.2")
