"""Which device computes, and how many processes train together, decided in one place."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from relook.errors import ResourceError, UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def choose_device(wanted: str = "auto") -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:n" into a device; "auto" takes a GPU where there is one.

    Raises:
        UsageError: the text names no kind of device that relook knows.
        ResourceError: a GPU was asked for and there is none.
    """
    kind, _, number = wanted.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise UsageError(f"--device {wanted!r} is not known; use auto, cpu, cuda or cuda:0")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        count = torch.cuda.device_count()
        if int(number or 0) >= count:
            raise ResourceError(f"--device {wanted}: this machine shows {count} CUDA devices; use --device cpu or auto")
        compute_exactly()
    return torch.device(f"{kind}:{number}" if number else kind)


def compute_exactly() -> None:
    """Let GPUs compute in float32 what is float32."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that there was no memory: torch and its libraries say so in many ways, OpenCV by a number."""
    if isinstance(error, RuntimeError):
        return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _NO_MEMORY)
    return isinstance(error, MemoryError) or (type(error).__module__ == "cv2" and getattr(error, "code", 0) == -4)


_NO_MEMORY = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_NO_DEVICE = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS")


def lack(error: BaseException) -> str:
    """Say what an error is for want of, memory or a device that works, and what to do; nothing for other errors."""
    if is_out_of_memory(error):
        return "out of memory; close other programs, or use a machine or device with more"
    if isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_DEVICE):
        said = str(error).splitlines()[0]
        return f"the device failed ({said}); check its driver and what else runs on it, or continue with --device cpu"
    return ""


@contextmanager
def resource_errors(doing: str) -> Iterator[None]:
    """Turn what is raised for want of memory or of a device into an error for the user that says what was being done.

    Raises:
        ResourceError: so it was.
    """
    try:
        yield
    except Exception as error:
        if not (said := lack(error)):
            raise
        raise ResourceError(f"{doing}: {said}") from error


def release_memory() -> None:
    """Return memory that is only kept in reserve to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe_device(device: torch.device) -> tuple[str, int | None]:
    """Return a device's name and, of a GPU, its memory in bytes; compute a little on it.

    Raises:
        RuntimeError: the device does not compute.
    """
    ones = torch.ones(8, 8, device=device)
    if float((ones @ ones).sum()) != 8**3:
        raise RuntimeError("it computes wrongly")
    if device.type != "cuda":
        return f"CPU, {os.cpu_count()} cores", None
    found = torch.cuda.get_device_properties(device)
    return found.name, found.total_memory


def require_processes(processes: int, device: torch.device) -> None:
    """Refuse a number of processes that a device cannot have.

    Raises:
        UsageError: a certain GPU was asked for and several processes; these take one each.
        ResourceError: there are not so many GPUs.
    """
    if processes > 1 and device.index is not None:
        raise UsageError(f"--device {device} is one GPU and --processes {processes} take one each; use --device cuda")
    if processes > 1 and device.type == "cuda" and processes > torch.cuda.device_count():
        raise ResourceError(f"--processes {processes}: this machine shows {torch.cuda.device_count()} CUDA devices")


PATIENCE_SECONDS = 300.0
"""So long does a member wait for another, at the start and in every sum, before it gives up."""
_MEETING = "RELOOK_CREW"
"""The variable that names the file at which the members of a crew find each other."""
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
"""The interface that leads to this machine alone; without it gloo takes the one that the machine's name leads to."""


class Crew:
    """The processes that train one look together, through Lightning Fabric; one process is a crew of one.

    Every member runs the same program on its own share of each batch and comes to the same decisions; only the first writes
    files. Gradients are averaged by hand, not by a wrapper around the nets: penalties differentiate twice, and both nets are
    called in parts.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric

    @property
    def device(self) -> torch.device:
        return self.fabric.device

    @property
    def rank(self) -> int:
        return self.fabric.global_rank

    @property
    def size(self) -> int:
        return self.fabric.world_size

    @property
    def leads(self) -> bool:
        """True for the one member that writes files."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of a tensor over the crew, the same bits for every member."""
        if self.size == 1:
            return values
        averaged = self.fabric.all_reduce(values.clone(), reduce_op="mean")
        assert isinstance(averaged, Tensor)
        return averaged

    def agree(self, value: float) -> float:
        """Return the first member's value to every member."""
        if self.size == 1:
            return value
        mine = torch.tensor(value if self.leads else 0.0, dtype=torch.float64, device=self.device)
        return float(self.mean(mine)) * self.size

    def least(self, value: float) -> float:
        """Return the least value of any member to every member."""
        if self.size == 1:
            return value
        mine = torch.tensor(value, dtype=torch.float64, device=self.device)
        found = self.fabric.all_reduce(mine, reduce_op="min")
        assert isinstance(found, Tensor)
        return float(found)

    @torch.no_grad()
    def average_gradients(self, parameters: list[Tensor]) -> Tensor:
        """Put the crew's mean gradient in place of each parameter's own; return its norm."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        if self.size > 1:
            parts = flat.split([gradient.numel() for gradient in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        return flat.norm()


def alone(device: torch.device) -> Crew:
    """Return a crew of one on a device."""
    from lightning_fabric import Fabric  # late: takes seconds to import, and only training needs it

    kind = "cuda" if device.type == "cuda" else "cpu"
    fabric = Fabric(accelerator=kind, devices=[device.index or 0] if kind == "cuda" else 1)
    fabric.launch()
    return Crew(fabric)


def join_crew(kind: str) -> Crew:
    """Take one's place in a crew whose members were started with the variables that `leading_crew` sets.

    Args:
        kind: "cpu" (gloo) or "cuda" (NCCL, one GPU a member).
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its banner belongs to no film
    environment = TorchElasticEnvironment()
    compute_exactly()
    # Before Fabric does it by a port that is open to every machine: a crew meets at a file, and speaks over the loopback.
    torch.distributed.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        store=torch.distributed.FileStore(  # type: ignore[attr-defined]
            os.environ[_MEETING], environment.world_size()
        ),
        rank=environment.global_rank(),
        world_size=environment.world_size(),
        timeout=timedelta(seconds=PATIENCE_SECONDS),
        device_id=torch.device("cuda", environment.local_rank()) if kind == "cuda" else None,
    )
    strategy = DDPStrategy(timeout=timedelta(seconds=PATIENCE_SECONDS))
    fabric = Fabric(accelerator=kind, devices=environment.world_size(), strategy=strategy, plugins=[environment])
    fabric.launch()
    return Crew(fabric)


@contextmanager
def leading_crew(members: Sequence[str], size: int, kind: str) -> Iterator[Crew]:
    """Start the other members of a crew, lead it while the `with` lasts, and wait for them to leave.

    Args:
        members: the command that each of the others runs; it must call `join_crew`.
        size: how many members there are, the leader included.
        kind: as for `join_crew`.
    Raises:
        ResourceError: a member died, or did not answer within `PATIENCE_SECONDS`; the others are stopped.
    """
    meeting = tempfile.mkdtemp(prefix="relook-crew-")
    shared = {
        _MEETING: os.path.join(meeting, "meeting"),
        **({"GLOO_SOCKET_IFNAME": _LOOPBACK, "NCCL_SOCKET_IFNAME": _LOOPBACK} if _LOOPBACK else {}),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "TORCHELASTIC_RUN_ID": "relook",
    }
    before = dict(os.environ)
    others = [
        subprocess.Popen(
            members, env=before | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, start_new_session=True
        )
        for rank in range(1, size)
    ]
    os.environ.update(shared | {"RANK": "0", "LOCAL_RANK": "0"})
    try:
        yield join_crew(kind)
        if any(other.wait(PATIENCE_SECONDS) for other in others):
            raise ResourceError("another process of this training failed; its message stands above")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        if any(_left(other) for other in others):
            said = f"another process of this training failed ({error}); its message, if it left one, stands above"
        elif "timed out" in str(error).lower():
            said = f"another process of this training has not answered for {PATIENCE_SECONDS:.0f} s and was stopped ({error})"
        else:
            raise
        raise ResourceError(f"{said}. --resume continues from the last checkpoint") from error
    finally:
        for other in others:
            other.kill()
            other.wait()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(meeting, ignore_errors=True)


def _left(member: subprocess.Popen[bytes]) -> bool:
    """Tell whether a member has failed; one whose connection just broke is given a moment to leave."""
    with suppress(subprocess.TimeoutExpired):
        return member.wait(timeout=5) != 0
    return False
