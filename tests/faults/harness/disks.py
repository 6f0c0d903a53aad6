"""Disks: small ones that are full soon, or can be made read-only, and that only a study's processes see."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A disk in memory, mounted on a folder for one process and those that join it."""

    folder: Path
    process: int

    @property
    def real(self) -> Path:
        """Where its files can be opened by everybody."""
        return Path(f"/proc/{self.process}/root") / self.folder.relative_to("/")

    def remount(self, options: str) -> None:
        """Make it larger, read-only, or writable again."""
        enter = ["nsenter", "-t", str(self.process), "-m"]
        subprocess.run([*enter, "mount", "-o", f"remount,{options}", str(self.folder)], check=True)


@contextlib.contextmanager
def disk(folder: Path, n_bytes: int) -> Iterator[Disk]:
    """Have a disk of so many bytes while the block lasts."""
    script = f'mount -t tmpfs -o size={n_bytes} tmpfs "$0" && echo ready && exec sleep 3600'
    keeper = subprocess.Popen(["unshare", "-m", "sh", "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    assert keeper.stdout is not None
    try:
        if keeper.stdout.readline() != "ready\n":
            raise PermissionError("no disk can be mounted")
        yield Disk(folder, keeper.pid)
    finally:
        keeper.kill()
        keeper.wait()
        keeper.stdout.close()


def why_not(folder: Path) -> str:
    """Say why disks cannot be mounted here; empty if they can."""
    try:
        with disk(folder, 65536):
            return ""
    except (OSError, PermissionError) as error:
        return f"a disk of our own needs root and mount namespaces ({error})"
