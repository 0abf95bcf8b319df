"""``./dev`` on machines that lack something, with stand-ins for the machine's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BORROWED = ("sh", "dirname", "cat", "cksum", "ls", "cp", "mkdir", "chmod")
PIP = """#!/bin/sh
echo "python $*" >>"$LOG"
exit 0
"""


class Machine:
    """A machine with only the programs that a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.log = folder, folder / "bin", folder / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in BORROWED:
            found = shutil.which(name)
            assert found is not None
            (self.bin / name).symlink_to(found)
        for name in ("dev", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, folder / name)
        self.give("id", "echo 1000")
        self.give("dpkg-query", "echo 'install ok installed'")

    def give(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def give_venv(self) -> None:
        tools = self.folder / ".venv" / "bin"
        tools.mkdir(parents=True)
        for name in ("python", "ruff", "mypy", "lint-imports", "offhook"):
            (tools / name).write_text(PIP)
            (tools / name).chmod(0o755)

    def give_servers(self) -> None:
        for name in ("chromium", "redis-server", "initdb", "smtpd"):
            self.give(name, "")

    def dev(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "LOG": str(self.log)}
        return subprocess.run(
            [str(self.bin / "sh"), str(self.folder / "dev"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def did(self, part: str) -> int:
        return sum(part in line for line in self.log.read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_who_is_not_root_is_told_what_to_install(machine: Machine) -> None:
    machine.give("apt-get", 'echo "apt-get $*" >>"$LOG"')
    result = machine.dev("test")
    assert result.returncode == 1
    assert "Please run: sudo apt-get install --no-install-recommends chromium" in result.stderr
    assert "redis-server" in result.stderr
    assert machine.did("apt-get") == 0


def test_root_gets_it_installed_without_questions(machine: Machine) -> None:
    machine.give_venv()
    machine.give("id", "echo 0")
    machine.give("apt-get", 'echo "$DEBIAN_FRONTEND $*" >>"$LOG"; [ "$1" = update ] || [ -e once ]')
    machine.give("smtpd", "")
    machine.give("initdb", "")
    assert machine.dev("test").returncode != 0
    assert machine.did("noninteractive update") == 1
    assert machine.did("noninteractive install -y -q --no-install-recommends chromium") == 2


def test_dependencies_are_installed_once_and_again_when_they_change(machine: Machine) -> None:
    machine.give_venv()
    assert machine.dev("check").returncode == 0
    assert machine.did("-c requirements.lock -e .[test]") == 1

    machine.dev("check")
    assert machine.did("-c requirements.lock") == 1

    with (machine.folder / "requirements.lock").open("a") as lock:
        lock.write("new==1\n")
    machine.dev("check")
    assert machine.did("-c requirements.lock") == 2


def test_run_starts_the_program_of_the_venv(machine: Machine) -> None:
    machine.give_venv()
    assert machine.dev("run", "--port", "0").returncode == 0
    assert machine.log.read_text().splitlines()[-1] == "python dev --port 0"


def test_arguments_of_test_go_to_pytest(machine: Machine) -> None:
    machine.give_venv()
    machine.give_servers()
    assert machine.dev("test", "-k", "two words").returncode == 0
    assert machine.did("python -m pytest -k two words") == 1


def test_a_failed_check_fails_the_run_but_the_tests_still_run(machine: Machine) -> None:
    machine.give_venv()
    machine.give_servers()
    (machine.folder / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 1\n")
    result = machine.dev("test")
    assert result.returncode == 1
    assert "These checks failed: mypy" in result.stderr
    assert machine.did("-m pytest") == 1


def test_an_old_python_is_not_used(machine: Machine) -> None:
    machine.give("python3", "exit 1")
    result = machine.dev("run")
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr


def test_a_python_without_venv_is_named(machine: Machine) -> None:
    code = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.11-venv ;; esac'
    machine.give("python3", code)
    machine.give("apt-get", "")
    result = machine.dev("run")
    assert result.returncode == 1
    assert "sudo apt-get install --no-install-recommends python3.11-venv" in result.stderr


def test_an_unknown_command_is_refused(machine: Machine) -> None:
    assert machine.dev("help").returncode == 0
    assert machine.dev("launch").returncode == 1


def test_continuous_integration_runs_the_tests_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "exec ./dev test" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert os.access(ROOT / "dev", os.X_OK)
