"""Processes of a measurement: their cores, their CPU time, and the share of a core that was available to them.

The measured server has core 0 to itself; the load generator, the store and the worker have core 1.
"""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
OTHER_CORE = 1
MIN_CORE_SHARE = 0.9
"""Available share of the core below which a round does not count."""
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
STOP_TIMEOUT_S = 30.0


def start(command: Sequence[str], log: Path, *, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process on the other core; it ends when this one does."""
    ends_with_us = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(OTHER_CORE)]
    with log.open("ab") as said:
        return subprocess.Popen(
            [*ends_with_us, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=log.parent,
        )


def stop(process: subprocess.Popen[bytes] | None) -> None:
    """Stop a process that was started here: SIGTERM, then SIGKILL."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until ``ready`` is true. Raises ``TimeoutError`` with ``what``."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue  # the thread has ended
        for child in children:
            found += family(int(child))
    return found


def command_of(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def pin(pids: Iterable[int], *cores: int) -> None:
    """Pin every thread of the processes to these cores."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:
                continue


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of the processes in seconds, ended threads included."""
    return sum(_times(pid) for pid in pids) * TICK_S


def user_seconds(pids: Iterable[int]) -> float:
    """User time of the processes in seconds, with the resolution of the kernel's ticks."""
    return sum(int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11]) for pid in pids) * TICK_S


def thread_nanoseconds(pids: Iterable[int]) -> int:
    """CPU time of the processes' current threads in nanoseconds."""
    threads = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads)


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of the processes; shared pages count once for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in pids)


def _times(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _taken(core: int) -> float:
    """Seconds of a core that programs used or the host withheld; interrupts do not count."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = (int(field) for field in fields[:8])
            return (user + nice + system + steal) * TICK_S
    raise LookupError(f"no core {core}")


@dataclass(frozen=True, slots=True)
class Spent:
    """Use of the two cores within a period."""

    wall: float
    cpu: float
    """Seconds of CPU time that the measured server used."""
    beside: float
    """Seconds of CPU time that its store and worker used on the other core."""
    others: float
    """Seconds of the server's core that programs outside the measurement used."""
    others_beside: float
    """The same of the other core."""

    @property
    def share(self) -> float:
        """The share of its core that was available to the server, used or not."""
        return _within(1 - self.others / self.wall)

    @property
    def share_beside(self) -> float:
        """The share of the other core that was available to load, store and worker."""
        return _within(1 - self.others_beside / self.wall)

    @property
    def busy(self) -> float:
        """CPU seconds of the server a second."""
        return self.cpu / self.wall


def _within(share: float) -> float:
    return max(0.0, min(1.0, share))


class Meter:
    """Measures from its creation to ``read``. ``pids`` run on the server's core, ``beside`` and the load on the other.

    With ``both`` the server runs on both cores, and other programs count half on each.
    """

    def __init__(self, pids: Sequence[int], beside: Sequence[int] = (), *, both: bool = False) -> None:
        self._pids, self._beside, self._both = pids, beside, both
        self._before, self._began = self._now(), time.perf_counter()

    def read(self, *, settled: float = 0.0) -> Spent:
        """The use since creation; ``settled`` seconds at the end do not count as time of load."""
        cpu, beside, load, core, other = (now - before for now, before in zip(self._now(), self._before, strict=True))
        wall = time.perf_counter() - self._began - settled
        foreign, foreign_beside = core - cpu, other - beside - load
        if self._both:
            foreign = foreign_beside = max(0.0, foreign + foreign_beside) / 2
        return Spent(wall, cpu, beside, max(0.0, foreign), max(0.0, foreign_beside))

    def _now(self) -> tuple[float, ...]:
        """Seconds of the server, of its store and worker, of the load, of the one core and of the other."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        load = time.process_time() + children.ru_utime + children.ru_stime
        return cpu_seconds(self._pids), cpu_seconds(self._beside), load, _taken(SERVER_CORE), _taken(OTHER_CORE)
