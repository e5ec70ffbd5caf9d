"""What is there to deploy with, held to the Procfile, the settings and the files in the tree."""

import configparser
import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from honcho.environ import parse_procfile

from tests.support.deployment import PRODUCT
from tests.support.tools import ROOT
from tracker.config import Settings

PROCFILE: dict[str, str] = {
    name: re.sub(r"^env (\w+=\S+ )+", "", command)  # what only a shell can read
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items()
}
VARIABLES = {field.metadata["env"] for field in fields(Settings)}
UNITS = ROOT / "deploy" / "systemd"
INSTALLED = "/opt/tracker"
"""Where the units and docs/deploy.md have the product."""
ANALYZE = shutil.which("systemd-analyze")


class TestDockerfile:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()

    def of(self, instruction: str) -> list[str]:
        """Return the arguments of each line with *instruction*."""
        found = [line.split(" ", 1) for line in self.lines if line.startswith(f"{instruction} ")]
        return [arguments for _, arguments in found]

    def test_it_copies_what_is_there_and_nothing_of_ones_own(self) -> None:
        """What is not named is left out: history, data, secrets, tests, the .venv."""
        copied = [copy.split()[:-1] for copy in self.of("COPY") if "--from" not in copy]
        sources = {source for one in copied for source in one}
        assert all((ROOT / source).exists() for source in sources)
        assert {*PRODUCT, "requirements.txt", "constraints.txt"} - {"Procfile"} <= sources
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        patterns = [line for line in lines if line and not line.startswith("#")]
        assert patterns[0] == "*"
        assert {line[1:] for line in patterns if line.startswith("!")} == sources

    def test_it_runs_the_web_as_nobody_special_and_without_a_shell_so_that_term_arrives(
        self,
    ) -> None:
        assert self.of("CMD") == [str(shlex.split(PROCFILE["web"])).replace("'", '"')]
        assert "SHELL" not in "".join(self.of("ENTRYPOINT"))
        assert self.of("USER") == ["tracker"]
        assert self.lines.index("USER tracker") > self.lines.index("COPY worker worker")
        version = (ROOT / ".python-version").read_text().strip()
        assert all(image.startswith(f"python:{version}-slim") for image in self.of("FROM"))
        (health,) = self.of("HEALTHCHECK")
        assert "/healthz" in health
        compile(yaml.safe_load(health.partition("CMD ")[2])[2], "HEALTHCHECK", "exec")


class TestCompose:
    file: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services: dict[str, Any] = file["services"]

    def test_its_services_are_the_procfiles_and_wait_for_what_says_when_it_is_ready(self) -> None:
        ours = {name for name, one in self.services.items() if "build" in one}
        assert ours == set(PROCFILE)
        for name in ours:
            assert self.services[name]["command"] == shlex.split(PROCFILE[name])
        for service in self.services.values():
            for other, how in service.get("depends_on", {}).items():
                healthy = how["condition"] == "service_healthy"
                assert healthy == ("healthcheck" in self.services[other] and other != "release")

    def test_it_sets_what_is_a_setting_and_no_password_by_default(self) -> None:
        for name in PROCFILE:
            assert set(self.services[name]["environment"]) <= VARIABLES
        text = (ROOT / "compose.yaml").read_text()
        assert re.findall(r"\$\{(\w+)", text) == ["POSTGRES_PASSWORD"] * 2
        assert text.count("${POSTGRES_PASSWORD:?") == 2

    def test_it_comes_back_has_time_to_drain_and_is_reached_from_the_loopback_only(self) -> None:
        for name, service in self.services.items():
            assert service["restart"] == ("no" if name == "release" else "unless-stopped")
            if name in PROCFILE:
                assert service["stop_grace_period"] == "30s"
        published = [port for one in self.services.values() for port in one.get("ports", [])]
        assert published == ["127.0.0.1:8000:8000"]


def unit(name: str) -> configparser.ConfigParser:
    """Return the unit *name*, whose options have been kept apart by case."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


class TestSystemd:
    services = tuple(f"tracker-{name}.service" for name in PROCFILE)

    def test_each_process_has_a_unit_that_runs_its_command_in_the_same_bounds(self) -> None:
        assert {path.name for path in UNITS.iterdir()} == {*self.services, "tracker.target"}
        bounds = set()
        for name, service in zip(PROCFILE, self.services, strict=True):
            command = unit(service)["Service"]["ExecStart"].removeprefix(f"{INSTALLED}/.venv/bin/")
            assert command.replace(" --bind 127.0.0.1:${PORT}", "") == PROCFILE[name]
            start = (UNITS / service).read_text().partition("StateDirectory=")[2]
            bounds.add(start.partition("\n[Install]")[0].strip())
        (common,) = bounds
        for option in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes"):
            assert option in common

    def test_they_come_back_and_a_database_that_comes_late_keeps_none_down(self) -> None:
        """What is required, and fails once, would take the others along for good."""
        for name in PROCFILE:
            options = unit(f"tracker-{name}.service")
            ordered = options["Unit"]["After"].split()
            wanted = options["Unit"]["Wants"].split()
            assert "Requires" not in options["Unit"]
            assert {"network-online.target"} <= set(wanted) <= set(ordered)
            assert ("tracker-release.service" in ordered) == (name != "release")
            assert options["Unit"]["StartLimitIntervalSec"] == "0"
            service = options["Service"]
            assert service["Restart"] == ("on-failure" if name == "release" else "always")
            if name != "release":
                assert service["KillMode"] == "mixed"
                assert int(service["TimeoutStopSec"]) >= 30, "it has time to drain"

    @pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze on the PATH")
    def test_systemd_finds_nothing_wrong(self, tmp_path: Path) -> None:
        """As far as can be told of commands that are not installed here."""
        for path in UNITS.iterdir():
            text = re.sub(rf"={INSTALLED}/\.venv/bin/\S+", "=/bin/true", path.read_text())
            (tmp_path / path.name).write_text(text)
        units = [str(path) for path in tmp_path.iterdir()]
        done = subprocess.run(
            [str(ANALYZE), "verify", *units], capture_output=True, text=True, check=False
        )
        assert "tracker" not in done.stderr, done.stderr


class TestTheGuide:
    text = (ROOT / "docs" / "deploy.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    commands = "\n".join(blocks)

    def test_each_block_is_shell_and_what_it_names_is_there(self) -> None:
        for block in self.blocks:
            subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        named = set(
            re.findall(r"(?<![~/a-z])(?:deploy|docs|tracker|worker)/[\w./*-]*[\w*]", self.text)
        )
        assert not [one for one in named if not list(ROOT.glob(one))]
        for link in re.findall(r"\]\(([\w./-]+)\)", self.text):
            assert (ROOT / "docs" / link).exists(), link
        headings = re.findall(r"^#+ (.+)$", self.text, re.MULTILINE)
        anchors = {heading.lower().replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([\w-]+)\)", self.text)) <= anchors

    def test_the_settings_and_services_that_it_names_are_there(self) -> None:
        named = set(re.findall(r"\b(?:TRACKER|COINGECKO|LOG)_[A-Z_]+\b", self.text))
        named |= set(re.findall(r"^([A-Z_]+)=", self.commands, re.MULTILINE))
        assert named - {"POSTGRES_PASSWORD"} <= VARIABLES
        named = set(re.findall(r"\btracker-[a-z]+\b", self.commands))
        assert named <= {path.stem for path in UNITS.iterdir()}

    def test_it_installs_where_the_units_look(self) -> None:
        site = (ROOT / "deploy" / "nginx.conf").read_text()
        assert site.count("server_name prices.example.org;") == 1, "which it changes"
        assert f"cd {INSTALLED}\n" in self.commands
        for path in UNITS.glob("*.service"):
            service = unit(path.name)["Service"]
            assert service["WorkingDirectory"] == INSTALLED
            assert service["EnvironmentFile"] in self.commands
            assert f"/var/lib/{service['StateDirectory']}/" in self.commands

    @pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync on the PATH")
    def test_the_code_arrives_readable_without_what_is_ones_own(self, tmp_path: Path) -> None:
        """And what the old code had and the new has not is gone; the host's .venv stays."""
        (command,) = set(re.findall(r"^sudo (rsync .*)$", self.commands, re.MULTILINE))
        for place in ("~/tracker", INSTALLED, "--chown=root:root"):
            assert place in command
        new, old = tmp_path / "new", tmp_path / "old"
        for file in ("wsgi.py", "tracker/a.py", ".env", ".git/HEAD", ".venv/new", "instance/db"):
            (new / file).parent.mkdir(parents=True, exist_ok=True)
            (new / file).touch(0o600)
        shutil.copy(ROOT / ".gitignore", new)
        for file in ("tracker/removed.py", ".venv/old"):
            (old / file).parent.mkdir(parents=True)
            (old / file).touch()
        command = command.replace("~/tracker", str(new)).replace(INSTALLED, str(old))
        command = command.replace("--chown=root:root", "")  # which is root's to do
        subprocess.run(["sh", "-c", command], check=True)
        files = {str(path.relative_to(old)) for path in old.rglob("*") if path.is_file()}
        assert files == {".gitignore", "wsgi.py", "tracker/a.py", ".venv/old"}
        assert (old / "wsgi.py").stat().st_mode & 0o777 == 0o644

    def test_the_way_back_has_the_settings_and_shows_them_to_nobody(self, tmp_path: Path) -> None:
        """What is an argument stands in ps and in sudo's log."""
        (line,) = re.findall(r"^sudo -u tracker (sh -c .*)$", self.commands, re.MULTILINE)
        assert "$(" not in line
        (tmp_path / "tracker.env").write_text("REDIS_URL=a\nDATABASE_URL='b://c:d$&#;@e/f?g=h i'\n")
        command = line.replace("/etc", str(tmp_path))
        command = re.sub(r"exec \S+ .*(?=')", "exec printenv REDIS_URL DATABASE_URL", command)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout == "a\nb://c:d$&#;@e/f?g=h i\n"
