"""Try the hub's configuration with a small class, end to end.

    python -m exercises.hub.try_hub

For a throw-away machine: it must run as root, makes accounts (teacher, ada, ben, cyd) and starts a
JupyterHub whose login accepts anybody. It releases an exercise, lets each student fetch, edit and submit
it through their own server, collects and grades it as the teacher, and looks whether the feedback arrives.
"""

from __future__ import annotations

import csv
import json
import os
import pwd
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from exercises.make import as_text, student_copy
from exercises.source import BEGIN, END, Exercise, find

HERE = Path(__file__).resolve().parent
NAME = "02_lstm_step"
TEACHER, STUDENTS = "teacher", ("ada", "ben", "cyd")
ADDRESS = "http://127.0.0.1:8000"


def handed_in(exercise: Exercise, how: str) -> dict[str, Any]:
    """Return a notebook as a student hands it in: solved, with one mistake, or untouched."""
    notebook = student_copy(exercise)
    for cell in notebook["cells"]:
        number = int(cell["id"].partition("-")[2]) if cell["id"].startswith("task-") else 0
        if number and how != "untouched":
            text = exercise.solution(number)
            if how == "one mistake" and number == 2:
                text = exercise.part(2).mistakes[0].apply(text)
            text = text.replace(BEGIN, "# mine").replace(END, "# so far")
            cell["source"] = text.splitlines(keepends=True)
    return notebook


def run(command: str, user: str, folder: Path, **variables: str) -> str:
    """Run a command under an account of the machine, as a login shell of that account would."""
    account = pwd.getpwnam(user)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": account.pw_dir,
        "USER": user,
        "LOGNAME": user,
        **variables,
    }
    environment |= {"PYTHONPATH": str(HERE.parents[1]), "JUPYTER_CONFIG_PATH": str(HERE)}
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{user}: {command}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Hub:
    """A running hub, and requests to it under a token that may do everything."""

    def __init__(self, folder: Path, exchange: Path) -> None:
        self.token, self.folder = secrets.token_hex(16), folder
        config = folder / "jupyterhub_config.py"
        config.write_text(
            f"load_subconfig({str(HERE / 'jupyterhub_config.py')!r})\n"
            "c = get_config()\n"
            "c.JupyterHub.authenticator_class = 'dummy'\n"
            f"c.JupyterHub.services = [{{'name': 'trial', 'api_token': {self.token!r}}}]\n"
            "c.JupyterHub.load_roles = [{'name': 'trial', 'services': ['trial'],\n"
            "    'scopes': ['admin:users', 'admin:servers', 'access:servers']}]\n"
            f"c.Spawner.environment['HUB_EXCHANGE'] = {str(exchange)!r}\n",
            encoding="utf8",
        )
        environment = os.environ | {
            "HUB_STUDENTS": " ".join(STUDENTS),
            "HUB_TEACHERS": TEACHER,
            "PYTHONPATH": str(HERE.parents[1]),
        }
        self.log = (folder / "hub.log").open("w", encoding="utf8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=folder,
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.wait("/hub/api/", 200)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(ADDRESS + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf8", "replace")
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            return 0, str(error)

    def wait(self, path: str, wanted: int, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while (answer := self.ask("GET", path))[0] != wanted:
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"{path}: expected {wanted}, got {answer}; see {self.folder / 'hub.log'}")
            time.sleep(0.5)

    def start(self, user: str) -> None:
        self.must("POST", f"/hub/api/users/{user}/server", {}, 201, 202)
        self.wait(f"/user/{user}/api/status", 200)

    def must(self, method: str, path: str, body: Any, *wanted: int) -> Any:
        status, answer = self.ask(method, path, body)
        if status not in (wanted or (200,)):
            raise RuntimeError(f"{method} {path}: expected {wanted or (200,)}, got {status} {answer}")
        return answer

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def main() -> int:
    if os.geteuid() != 0:
        print("try_hub: must run as root, on a machine that may be thrown away.")
        return 2
    for user in (TEACHER, *STUDENTS):
        if subprocess.run(["id", user], capture_output=True, check=False).returncode:
            subprocess.run(["useradd", "--create-home", user], check=True)
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    folder.chmod(0o755)
    exchange, course = folder / "exchange", folder / "course"
    exchange.mkdir()
    exchange.chmod(0o2777)
    course.mkdir()
    shutil.chown(course, TEACHER, TEACHER)
    settings = f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
    variables = {"HUB_EXCHANGE": str(exchange)}

    def teach(command: str) -> str:
        said = run(command, TEACHER, course, **variables)
        print(f"teacher$ {command}")
        return said

    (course / "nbgrader_config.py").write_text(settings, encoding="utf8")
    teach(f"{sys.executable} -m exercises.make {NAME} --nbgrader .")
    teach(f"nbgrader generate_assignment {NAME} --create")
    teach(f"nbgrader release_assignment {NAME}")
    exercise = find(NAME)
    work = dict(zip(STUDENTS, ("solved", "one mistake", "untouched"), strict=True))
    hub = Hub(folder, exchange)
    try:
        about = {"course_id": "lstm", "assignment_id": NAME}
        for user, how in work.items():
            hub.start(user)
            listed = hub.must("GET", f"/user/{user}/assignments?course_id=lstm", None)
            assert [entry["assignment_id"] for entry in listed["value"]] == [NAME], listed
            hub.must("POST", f"/user/{user}/assignments/fetch", about)
            file = f"/user/{user}/api/contents/{NAME}/{NAME}.ipynb"
            fetched = hub.must("GET", file, None)["content"]
            assert [c["id"] for c in fetched["cells"]] == [c["id"] for c in student_copy(exercise)["cells"]]
            notebook = json.loads(as_text(handed_in(exercise, how)))
            hub.must("PUT", file, {"type": "notebook", "content": notebook})
            hub.must("POST", f"/user/{user}/assignments/submit", about)
            print(f"{user}: fetched, {how}, submitted")
        teach(f"nbgrader collect {NAME}")
        teach(f"{sys.executable} -m exercises.grade submitted --out scores.csv --gradebook gradebook.db")
        teach(f"nbgrader generate_feedback {NAME}")
        teach(f"nbgrader release_feedback {NAME}")
        teach("nbgrader export --to grades.csv")
        for user in STUDENTS:
            hub.must("POST", f"/user/{user}/assignments/fetch_feedback", about)
            pages = sorted(Path(pwd.getpwnam(user).pw_dir).glob(f"{NAME}/feedback/*/*.html"))
            assert pages, f"no feedback for {user}"
            print(f"{user}: {len(pages[0].read_text(encoding='utf8')) // 1000} kB of feedback")
    finally:
        hub.stop()
    with (course / "grades.csv").open(encoding="utf8") as file_:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file_)}
    print(rows)
    full = exercise.points
    assert rows == {"ada": full, "ben": full - exercise.part(2).points, "cyd": 0.0}, rows
    print("the hub's configuration works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
