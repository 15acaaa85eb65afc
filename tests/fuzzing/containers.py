"""Mutations of what a file holds, packed again with lengths and checksums that are right."""

from __future__ import annotations

import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import cdflib
import h5py
import numpy as np
import scipy.io

from tests.fuzzing.raw import spoil_bytes
from tests.fuzzing.trees import NAMES, NUMBERS, foreign, spoil_tree

Spoil = Callable[[Random, bytes, bytes], bytes]
HDF5, USERBLOCK = b"\x89HDF\r\n\x1a\n", 512


def spoil_content(rng: Random, data: bytes, other: bytes) -> bytes:
    """A file with one fault in what it holds.

    Parameters
    ----------
    data : the file
    other : another file of the corpus, of any kind
    """
    for matches, ways in KINDS:
        if matches(data):
            return rng.choice(ways)(rng, data, other)
    return spoil_bytes(rng, data, other)


def _npz_trees(rng: Random, data: bytes, other: bytes) -> bytes:
    """Members decoded, spoilt and written anew."""
    with np.load(io.BytesIO(data), allow_pickle=True) as file:
        tree = {name: _inner(file[name]) for name in file.files}
    tree = spoil_tree(rng, tree)
    tree = tree if isinstance(tree, dict) else {"positions_3d": tree}
    return _zipped(rng, {f"{name}.npy": _npy(value) for name, value in tree.items()})


def _npz_payloads(rng: Random, data: bytes, other: bytes) -> bytes:
    """A member's bytes spoilt under a checksum that is right: headers, opcodes, values."""
    members = _members(data)
    name = rng.choice(list(members))
    members[name] = spoil_bytes(rng, members[name], other)
    return _zipped(rng, members)


def _npz_members(rng: Random, data: bytes, other: bytes) -> bytes:
    """Members under other names, exchanged, left out, or taken from another archive."""
    members = _members(data)
    name, another = rng.choice(list(members)), rng.choice(list(members))
    strange = _members(other) if other.startswith(b"PK") else {"strange.npy": other[:2000]}
    way = rng.randrange(5)
    if way == 0:
        members[name], members[another] = members[another], members[name]
    elif way == 1:
        del members[name]
    elif way == 2:
        members |= strange
    elif way == 3:
        members[name] = rng.choice(list(strange.values()))
    else:
        members[rng.choice([f"{n}.npy" for n in NAMES if n.isascii()])] = members.pop(name)
    return _zipped(rng, members)


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _zipped(rng: Random, members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(target, "w", method) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode()), content, method)
    return target.getvalue()


def _inner(value: np.ndarray[Any, Any]) -> Any:
    return value.item() if value.dtype == object and not value.ndim else value


def _npy(value: Any) -> bytes:
    """As `numpy.save`, of anything."""
    if not isinstance(value, np.ndarray):
        boxed = np.empty((), object)
        boxed[()] = value
        value = boxed
    target = io.BytesIO()
    np.lib.format.write_array(target, value, allow_pickle=True)
    return target.getvalue()


def _npy_tree(rng: Random, data: bytes, other: bytes) -> bytes:
    return _npy(spoil_tree(rng, _inner(np.load(io.BytesIO(data), allow_pickle=True))))


def _pickle_tree(rng: Random, data: bytes, other: bytes) -> bytes:
    return pickle.dumps(spoil_tree(rng, pickle.loads(data)), protocol=rng.choice((2, 3, 4, 5)))


def _json_tree(rng: Random, data: bytes, other: bytes) -> bytes:
    return json.dumps(_for_json(spoil_tree(rng, json.loads(data)))).encode("utf-8", "surrogatepass")


def _for_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _text_tokens(rng: Random, data: bytes, other: bytes) -> bytes:
    """Lines and words of a text exchanged, left out, or replaced."""
    lines = data.decode("utf-8").split("\n")
    place = rng.randrange(len(lines))
    words = lines[place].split(" ")
    at = rng.randrange(len(words))
    way = rng.randrange(7)
    if way == 0:
        del lines[place]
    elif way == 1:
        lines.insert(place, rng.choice(lines))
    elif way == 2:
        lines = lines[:place]
    else:
        if way == 3:
            del words[at]
        elif way == 4:
            words.insert(at, rng.choice(words))
        else:
            words[at] = str(rng.choice([*NUMBERS, *NAMES, "nan", "inf", "-0", "1e400", "0x10", "1_0"]))
        lines[place] = " ".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _hdf5_tree(rng: Random, data: bytes, other: bytes) -> bytes:
    """Data sets and attributes read, spoilt and written anew."""
    tree: dict[str, Any] = {"data": {}, "attributes": {}}
    with h5py.File(io.BytesIO(data), "r") as file:
        tree["attributes"][""] = dict(file.attrs)

        def visit(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset):
                tree["data"][name] = _read_hdf5(node)
            if node.attrs:
                tree["attributes"][name] = dict(node.attrs)

        file.visititems(visit)
    part = "attributes" if any(tree["attributes"].values()) and rng.random() < 0.2 else "data"
    spoilt = spoil_tree(rng, tree[part])
    tree[part] = spoilt if isinstance(spoilt, dict) else {}
    head = b"" if data.startswith(HDF5) else data[:USERBLOCK]
    return head + _written_hdf5(rng, tree, USERBLOCK if head else 0)[len(head) :]


def _read_hdf5(node: Any) -> Any:
    return node.asstr(errors="replace")[()] if h5py.check_string_dtype(node.dtype) else node[()]


def _written_hdf5(rng: Random, tree: dict[str, Any], userblock: int) -> bytes:
    target = io.BytesIO()
    packing = rng.choice(({}, {"compression": "gzip"}, {"chunks": True}))
    with h5py.File(target, "w", userblock_size=userblock) as file:
        for name, value in tree["data"].items():
            _try_writing(file, str(name), value, packing)
        for name, attributes in tree["attributes"].items():
            node = file if name == "" else file.get(str(name)) if isinstance(name, str) else None
            for key, value in attributes.items() if node is not None and isinstance(attributes, dict) else ():
                try:
                    node.attrs[str(key)] = value
                except (TypeError, ValueError, OSError, RuntimeError, UnicodeError):
                    node.attrs["other"] = 1
        if rng.random() < 0.03:
            file["linked"] = h5py.SoftLink("/nowhere") if rng.random() < 0.5 else h5py.ExternalLink("a.h5", "/b")
    return target.getvalue()


def _try_writing(file: h5py.File, name: str, value: Any, packing: dict[str, Any]) -> None:
    """Not everything can be put into HDF5: what cannot is left out."""
    if value is None:
        value = h5py.Empty("f4")
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value = value.astype(object)
    scalar = not isinstance(value, np.ndarray) or not value.ndim or not value.size
    try:
        file.create_dataset(name, data=value, **({} if scalar else packing))
    except (TypeError, ValueError, OSError, RuntimeError, KeyError, UnicodeError):
        return


def _matlab_tree(rng: Random, data: bytes, other: bytes) -> bytes:
    tree = {key: value for key, value in scipy.io.loadmat(io.BytesIO(data)).items() if not key.startswith("__")}
    spoilt = spoil_tree(rng, tree)
    target = io.BytesIO()
    try:
        scipy.io.savemat(target, spoilt, do_compression=rng.random() < 0.5)
    except Exception:  # whatever SciPy cannot write
        return spoil_bytes(rng, data, other)
    return target.getvalue()


def _cdf_variables(rng: Random, data: bytes, other: bytes) -> bytes:
    """The poses of a CDF with other values or shapes, or under another name."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "poses.cdf")
        path.write_bytes(data)
        source = cdflib.CDF(str(path))
        variables = {name: np.asarray(source.varget(name)) for name in source.cdf_info().zVariables}
        spoilt = spoil_tree(rng, variables)
        path = Path(scratch, "spoilt.cdf")
        try:
            _write_cdf(path, spoilt)
        except Exception:  # whatever cdflib cannot write
            return spoil_bytes(rng, data, other)
        return path.read_bytes()


def _write_cdf(path: Path, variables: dict[str, np.ndarray[Any, Any]]) -> None:
    file = cdflib.cdfwrite.CDF(str(path), cdf_spec={"Encoding": 6, "Majority": "row_major"}, delete=True)
    for name, values in variables.items():
        values = np.real(values).astype(np.float64 if values.dtype.itemsize == 8 else np.float32)
        file.write_var(
            {
                "Variable": name,
                "Data_Type": 45 if values.dtype == np.float64 else 44,
                "Num_Elements": 1,
                "Rec_Vary": True,
                "Dim_Sizes": list(values.shape[1:]),
                "Var_Type": "zVariable",
            },
            var_data=values,
        )
    file.close()


def _any_foreign(rng: Random, data: bytes, other: bytes) -> bytes:
    """A file of another kind, or a pickle of something else."""
    return rng.choice((other, _npy(foreign(rng)), pickle.dumps(foreign(rng)), b"", b"PK\x05\x06" + bytes(18), b"{}"))


KINDS: list[tuple[Callable[[bytes], bool], list[Spoil]]] = [
    (lambda data: data.startswith(b"PK"), [_npz_trees] * 6 + [_npz_payloads] * 3 + [_npz_members]),
    (lambda data: data.startswith(HDF5) or data[USERBLOCK:].startswith(HDF5), [_hdf5_tree] * 9 + [_any_foreign]),
    (lambda data: data.startswith(b"\x93NUMPY"), [_npy_tree] * 9 + [_any_foreign]),
    (lambda data: data.startswith(b"\x80"), [_pickle_tree] * 9 + [_any_foreign]),
    (lambda data: data.startswith(b"MATLAB 5.0"), [_matlab_tree] * 9 + [_any_foreign]),
    (lambda data: data.startswith(b"\xcd\xf3\x00\x01"), [_cdf_variables] * 9 + [_any_foreign]),
    (lambda data: data.lstrip()[:1] in (b"{", b"["), [_json_tree] * 9 + [_any_foreign]),
    (lambda data: b"Camera Calibration" in data[:40], [_text_tokens] * 9 + [_any_foreign]),
]
