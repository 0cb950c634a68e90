"""Parameters, an optimiser's memory and notes of one's own in one file that is whole or absent.

A checkpoint is a ``.npz`` archive of plain arrays (nothing in it is executed when it is read) with a
JSON header that names every array, its shape, its dtype and its checksum. Host memory only: arrays of
any library are moved on the way in and out.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from lstmlab.backend import to_numpy
from lstmlab.checks import dtype_name
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.typing import Array

FORMAT, VERSION = "lstmlab checkpoint", 1
#: What the names of the parameters begin with in the archive.
PARAMS = "params/"
#: Stands in the header's JSON where an array was, which lies in the archive under the name given.
ARRAY = "array in this file"
HostArrays = dict[str, "np.ndarray[Any, Any]"]


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or does not fit; nothing was changed."""


class Stateful(Protocol):
    """What has a memory that a checkpoint can keep: an optimiser."""

    def state(self) -> Mapping[str, Any]:
        """Return host arrays and numbers, by name."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""


@dataclass(frozen=True)
class Checkpoint:
    """What was read from a file and fits the parameters it was read for.

    Attributes
    ----------
    path
        Where it was read.
    params
        Name to host array.
    optimizer
        The class of the optimiser and its state, or ``None``.
    extra
        What the writer put beside them.
    """

    path: str
    params: HostArrays
    optimizer: list[Any] | None
    extra: Any

    def put(self, params: Parameters | ParameterGroup, optimizer: Stateful | None = None) -> None:
        """Write into the parameters and the optimiser: into both, or into neither.

        Raises
        ------
        CheckpointError
            If there is an optimiser and the file holds none, that of another class, or one that it
            does not take.
        """
        if optimizer is not None:
            wanted, found = type(optimizer).__name__, self.optimizer
            if found is None or found[0] != wanted:
                came = "none" if found is None else f"that of {found[0]}"
                raise CheckpointError(f"{self.path}: expected the state of an optimiser {wanted}, got {came}")
            before = copy.deepcopy(optimizer.state())  # it may be views of what is now overwritten
            try:
                optimizer.load_state(found[1])
            except Exception as error:
                optimizer.load_state(before)
                raise CheckpointError(
                    f"{self.path}: expected a state that this {wanted} takes: {error}"
                ) from error
        for name, value in self.params.items():
            params[name] = value


def save_checkpoint(
    path: str | os.PathLike[str],
    params: Mapping[str, Array],
    optimizer: Stateful | None = None,
    extra: Any = None,
) -> None:
    """Write a checkpoint; a crash on the way leaves the file that was there before.

    The file is written beside its place under another name, flushed to the disk, and moved over the
    old one in a single operation of the file system.

    Parameters
    ----------
    path
        The file, by custom ``something.npz``; its folder must exist.
    params
        :class:`~lstmlab.parameters.Parameters` or a group; finite, ``float32`` or ``float64``.
    optimizer
        Its ``state()`` is kept beside them.
    extra
        Anything JSON can hold; NumPy arrays may stand among it. Tuples come back as lists.

    Raises
    ------
    ValueError, TypeError
        If a parameter is not finite, or ``extra`` holds what neither JSON nor an array can.
    OSError
        If the file cannot be written. The old one stands.
    """
    path = Path(os.path.realpath(path))  # a link is followed, not replaced
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: expected a folder that exists, got {path.parent}")
    arrays: HostArrays = {}
    for name in params:
        arrays[PARAMS + name] = value = to_numpy(params[name])
        if not np.isfinite(value).all():
            raise ValueError(
                f"params: expected finite values, got NaN or infinity in {name}; nothing was saved"
            )
    memory = None if optimizer is None else [type(optimizer).__name__, optimizer.state()]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "optimizer": _pack(memory, "optimizer", arrays),
        "extra": _pack(extra, "extra", arrays),
        "arrays": {},  # filled below: packing has just added arrays
    }
    header["arrays"] = {name: _description(a) for name, a in arrays.items()}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, header=text, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def load_checkpoint(
    path: str | os.PathLike[str],
    params: Parameters | ParameterGroup,
    optimizer: Stateful | None = None,
) -> Any:
    """Read a checkpoint into parameters and an optimiser, after everything in it has been checked.

    Parameters
    ----------
    path
        A file of :func:`save_checkpoint`.
    params
        Those of a model built with the same sizes and dtype, on any library; overwritten.
    optimizer
        One of the same class, made for ``params``; its state is overwritten. ``None`` leaves what the
        file says of an optimiser unread.

    Returns
    -------
    object
        ``extra``, as it was given to :func:`save_checkpoint`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is cut short, damaged, of another format or a newer version, or was made for other
        parameters. ``params`` and ``optimizer`` are then as they were.
    """
    checkpoint = read_checkpoint(path, params)
    checkpoint.put(params, optimizer)
    return checkpoint.extra


def read_checkpoint(path: str | os.PathLike[str], params: Mapping[str, Array]) -> Checkpoint:
    """Read a checkpoint and check it against ``params``, which are not changed.

    Raises
    ------
    FileNotFoundError, CheckpointError
        As :func:`load_checkpoint`.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        try:
            return _read(name, file, params)
        except CheckpointError:
            raise
        except Exception as error:  # the readers of zip, arrays and JSON raise a dozen kinds
            raise CheckpointError(
                f"{name}: expected a {FORMAT}, got another kind of file, or one that is cut short or "
                f"damaged ({type(error).__name__}: {error})"
            ) from error


def _read(path: str, file: IO[bytes], params: Mapping[str, Array]) -> Checkpoint:
    with np.load(file, allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected a {FORMAT}, got {header['format']!r:.60}")
        if header["version"] != VERSION:
            raise CheckpointError(
                f"{path}: expected version {VERSION} of the format, got {header['version']!r:.20}; "
                "a newer one needs a newer lstmlab"
            )
        arrays = {name: archive[name] for name in header["arrays"]}
    for name, wanted in header["arrays"].items():
        found = _description(arrays[name])
        if found != wanted:
            raise CheckpointError(f"{path}: expected {name} with {wanted}, got {found}; the file is damaged")
    values = {name.removeprefix(PARAMS): a for name, a in arrays.items() if name.startswith(PARAMS)}
    _check_fit(path, values, params)
    return Checkpoint(path, values, _unpack(header["optimizer"], arrays), _unpack(header["extra"], arrays))


def _check_fit(path: str, values: HostArrays, params: Mapping[str, Array]) -> None:
    """Raise unless the file holds these names with these shapes and dtypes, all finite."""
    missing, unknown = set(params) - set(values), set(values) - set(params)
    if missing or unknown:
        raise CheckpointError(
            f"{path}: expected the parameters of this model, got those of another "
            f"(missing there: {', '.join(sorted(missing)) or 'none'}; "
            f"unknown here: {', '.join(sorted(unknown)) or 'none'})"
        )
    for name, a in values.items():
        shape, dtype = tuple(params[name].shape), dtype_name(params[name])
        if a.shape != shape or dtype_name(a) != dtype:
            raise CheckpointError(
                f"{path}: expected {name} of shape {shape} and dtype {dtype}, got {a.shape} and {a.dtype}"
            )
        if not np.isfinite(a).all():
            raise CheckpointError(f"{path}: expected finite values of {name}, got NaN or infinity")


def _description(a: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the header says of an array; the checksum is that of its bytes in row order."""
    return {
        "shape": list(a.shape),
        "dtype": a.dtype.str,
        "sha256": hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest(),
    }


def _pack(tree: Any, name: str, arrays: HostArrays) -> Any:
    """Return what JSON can hold, and put the arrays found on the way into ``arrays``."""
    if isinstance(tree, Mapping):
        for key in tree:
            if not isinstance(key, str) or key == ARRAY:
                raise TypeError(f"{name}: expected names that are strings, got {key!r:.60}")
        return {key: _pack(value, f"{name}/{key}", arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_pack(value, f"{name}/{k}", arrays) for k, value in enumerate(tree)]
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, np.ndarray) and tree.dtype.kind in "biuf":
        key = f"{name} ({len(arrays)})"  # numbered: "a/b" may be one name or two
        arrays[key] = tree
        return {ARRAY: key}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    raise TypeError(
        f"{name}: expected numbers, strings, lists, dicts or NumPy arrays, got {type(tree).__name__}"
    )


def _unpack(tree: Any, arrays: HostArrays) -> Any:
    """Undo :func:`_pack`."""
    if isinstance(tree, dict):
        if set(tree) == {ARRAY}:
            return arrays[tree[ARRAY]]
        return {key: _unpack(value, arrays) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_unpack(value, arrays) for value in tree]
    return tree


def _sync_folder(folder: Path) -> None:
    """Ask the file system to keep the new name too; Windows has no such call."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
