"""Pickles that run code where somebody un-pickles them: each would make a marker."""

import builtins
import bz2
import codecs
import copyreg
import cProfile
import dbm.dumb
import functools
import gzip
import importlib
import io
import itertools
import lzma
import marshal
import operator
import os
import pathlib
import pdb
import pickle
import posix
import profile
import re
import runpy
import shelve
import shutil
import sqlite3
import subprocess
import tarfile
import timeit
import urllib.request
import zipfile
from types import SimpleNamespace

import numpy as np

PROTOCOLS = range(6)
EXTENSION = 0x7FFF0001


class Call:
    """What a pickle calls when it is read; the function may itself be what another call returns."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments

    def __call__(self):
        raise AssertionError("only a pickle calls it")


class Named:
    """A global by its name, which pickle would write in another way, or not at all."""

    def __init__(self, module, name):
        self.text = f"c{module}\n{name}\n".encode()


def made(marker):
    return f"open({marker!r}, 'w').close()"


def script(marker):
    path = f"{marker}.source"
    pathlib.Path(path).write_text(made(marker))
    return path


def loaded(marker):
    """A file that makes the marker when it is un-pickled."""
    path = f"{marker}.npy"
    values = np.empty((), object)
    values[()] = Call(os.mkdir, marker)
    np.save(path, values, allow_pickle=True)
    return path


def module_name(marker):
    return "attack_" + re.sub(r"\W", "_", marker)


def module(marker):
    """A module that makes the marker when it is imported."""
    path = pathlib.Path(f"{marker}.source")
    path.mkdir(exist_ok=True)
    (path / f"{module_name(marker)}.py").write_text(made(marker))
    return str(path)


OS = Call(importlib.import_module, "os")

# By what they are called; each takes the marker's path and says what is to be called.
ARMED = {
    "os.system": lambda m: Call(os.system, f"touch {m}"),
    "posix.system": lambda m: Call(posix.system, f"touch {m}"),
    "os.mkdir": lambda m: Call(os.mkdir, m),
    "os.open": lambda m: Call(os.open, m, os.O_CREAT | os.O_WRONLY),
    "os.symlink": lambda m: Call(os.symlink, "/dev/null", m),
    "os.posix_spawn": lambda m: Call(os.waitpid, Call(os.posix_spawn, "/bin/mkdir", ["mkdir", m], {}), 0),
    "os.popen": lambda m: Call(operator.methodcaller("close"), Call(os.popen, f"touch {m}")),
    "builtins.eval": lambda m: Call(eval, made(m)),
    "builtins.exec": lambda m: Call(exec, made(m)),
    "builtins.compile": lambda m: Call(exec, Call(compile, made(m), "x", "exec")),
    "builtins.open": lambda m: Call(open, m, "w"),
    "builtins.getattr": lambda m: Call(Call(getattr, OS, "mkdir"), m),
    "builtins.__import__": lambda m: Call(Call(getattr, Call(builtins.__import__, "os"), "mkdir"), m),
    "builtins.map": lambda m: Call(list, Call(map, os.mkdir, [m])),
    "builtins.type": lambda m: Call(Call(type, "T", (io.FileIO,), {}), m, "w"),
    "io.FileIO": lambda m: Call(io.FileIO, m, "w"),
    "io.open": lambda m: Call(io.open, m, "w", -1, "latin-1"),
    "subprocess.Popen": lambda m: Call(operator.methodcaller("wait"), Call(subprocess.Popen, ["mkdir", m])),
    "subprocess.call": lambda m: Call(subprocess.call, ["mkdir", m]),
    "subprocess.check_output": lambda m: Call(subprocess.check_output, ["mkdir", m]),
    "subprocess.getoutput": lambda m: Call(subprocess.getoutput, f"touch {m}"),
    "shutil.copyfile": lambda m: Call(shutil.copyfile, script(m), m),
    "shutil.copytree": lambda m: Call(shutil.copytree, module(m), m),
    "pathlib.Path": lambda m: Call(pathlib.Path.touch, Call(pathlib.PosixPath, m)),
    "runpy.run_path": lambda m: Call(runpy.run_path, script(m)),
    "importlib.import_module": lambda m: Call(
        tuple, [Call(Call(operator.attrgetter("path.append"), Call(__import__, "sys")), module(m)),
                Call(importlib.import_module, module_name(m))]),
    "pickle.loads": lambda m: Call(pickle.loads, pickle.dumps(Call(os.mkdir, m), 2)),
    "pickle._loads": lambda m: Call(pickle._loads, pickle.dumps(Call(os.mkdir, m), 2)),
    "marshal.loads": lambda m: Call(
        Call(Call(operator.attrgetter("FunctionType"), Call(importlib.import_module, "types")),
             Call(marshal.loads, marshal.dumps(compile(made(m), "x", "exec"))),
             {"open": open})),
    "timeit.timeit": lambda m: Call(timeit.timeit, made(m), "pass", timeit.default_timer, 1),
    "cProfile.run": lambda m: Call(cProfile.run, made(m)),
    "profile.run": lambda m: Call(profile.run, made(m)),
    "pdb.Pdb": lambda m: Call(operator.methodcaller("runcall", os.mkdir, m),
                              Call(pdb.Pdb, "tab", None, None, None, True, False)),
    "functools.partial": lambda m: Call(Call(functools.partial, os.mkdir, m)),
    "functools.reduce": lambda m: Call(functools.reduce, os.open, [m, os.O_CREAT]),
    "operator.attrgetter": lambda m: Call(Call(operator.attrgetter("mkdir"), OS), m),
    "operator.methodcaller": lambda m: Call(operator.methodcaller("mkdir", m), OS),
    "itertools.starmap": lambda m: Call(list, Call(itertools.starmap, os.mkdir, [(m,)])),
    "urllib.request.urlretrieve": lambda m: Call(urllib.request.urlretrieve, f"file://{script(m)}", m),
    "zipfile.ZipFile": lambda m: Call(zipfile.ZipFile, m, "w"),
    "tarfile.open": lambda m: Call(tarfile.open, m, "w"),
    "gzip.open": lambda m: Call(gzip.open, m, "w"),
    "bz2.open": lambda m: Call(bz2.open, m, "w"),
    "lzma.open": lambda m: Call(lzma.open, m, "w"),
    "sqlite3.connect": lambda m: Call(
        operator.methodcaller("execute", "create table t (x)"), Call(sqlite3.connect, m)),
    "operator.itemgetter": lambda m: Call(Call(operator.itemgetter("a"), {"a": os.mkdir}), m),
    "numpy.load": lambda m: Call(np.load, loaded(m), None, True),
    "numpy.save": lambda m: Call(np.save, Call(open, m, "wb"), [1]),
    "numpy.savetxt": lambda m: Call(np.savetxt, m, [1]),
    "numpy.memmap": lambda m: Call(np.memmap, m, "u1", "w+", 0, (1,)),
    "numpy.lib.format.open_memmap": lambda m: Call(np.lib.format.open_memmap, m, "w+", "u1", (1,)),
    "numpy.testing.runstring": lambda m: Call(np.testing.runstring, made(m), {}),
}  # fmt: skip

# What is refused all the same, and would read, load or break rather than make a marker.
OTHERS = {
    "numpy.fromfile": lambda m: Call(np.fromfile, "/etc/hostname", "u1"),
    "numpy.ctypeslib.load_library": lambda m: Call(np.ctypeslib.load_library, "libc.so.6", "/lib"),
    "numpy.frombuffer": lambda m: Call(np.frombuffer, b"1234"),
    "numpy.vectorize": lambda m: Call(np.vectorize, os.mkdir),
    "dbm.dumb.open": lambda m: Call(dbm.dumb.open, m),
    "copyreg.add_extension": lambda m: Call(copyreg.add_extension, "os", "mkdir", 9),
    "copyreg._reconstructor": lambda m: Call(copyreg._reconstructor, SimpleNamespace, object, None),
    "codecs.lookup": lambda m: Call(codecs.lookup, "rot13"),
    "shelve.open": lambda m: Call(shelve.open, m),
    "sys.setrecursionlimit": lambda m: Call(__import__("sys").setrecursionlimit, 10**6),
    "os._exit": lambda m: Call(os._exit, 0),
    "os.kill": lambda m: Call(os.kill, 0, 9),
}


def pickled(call, protocol):
    return pickle.dumps(call, protocol)


def text(value):
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


# How else a pickle can come to a function and its arguments: each makes the marker too, or an object of the file.
def by_opcode(marker):
    """Whole pickles by name."""
    made_by = text(marker)
    mkdir, ndarray = b"cos\nmkdir\n", b"cnumpy\nndarray\n"
    return {
        "GLOBAL and REDUCE": b"\x80\x02" + mkdir + made_by + b"\x85R.",
        "STACK_GLOBAL and REDUCE": b"\x80\x04" + text("os") + text("mkdir") + b"\x93" + made_by + b"\x85R.",
        "STACK_GLOBAL of parts": b"\x80\x04" + text("posix") + text("mkdir") + b"\x93" + made_by + b"\x85R.",
        "STACK_GLOBAL of attributes": b"\x80\x04" + text("numpy") + text("os.mkdir") + b"\x93" + made_by + b"\x85R.",
        "INST": b"\x80\x02(" + made_by + b"ios\nmkdir\n.",
        "OBJ": b"\x80\x02(" + mkdir + made_by + b"o.",
        "NEWOBJ": b"\x80\x02cio\nFileIO\n" + made_by + text("w") + b"\x86\x81.",
        "NEWOBJ_EX": b"\x80\x04cio\nFileIO\n" + made_by + b"\x85}\x92.",
        "BUILD of a namespace": b"\x80\x02ctypes\nSimpleNamespace\n)R}" + text("a") + made_by + b"sb.",
        "NEWOBJ of an allowed name": b"\x80\x02" + ndarray + b"K\x04\x85\x85\x81.",
        "NEWOBJ_EX of an allowed name": b"\x80\x04" + ndarray + b"K\x04\x85\x85}\x92.",
        "INST of an allowed name": b"\x80\x02(K\x04\x85inumpy\nndarray\n.",
        "OBJ of an allowed name": b"\x80\x02(" + ndarray + b"K\x04\x85o.",
        "BUILD of an allowed name": b"\x80\x02" + ndarray + b"}b.",
        "BUILD of a dictionary": b"\x80\x02ccollections\nOrderedDict\n)R}" + text("items") + mkdir + b"sb.",
        "REDUCE of a memory of an allowed name": b"\x80\x02" + ndarray + b"q\x000h\x00K\x04\x85\x85R.",
        "EXT1": b"\x80\x02\x82\xf0" + made_by + b"\x85R.",
        "EXT2": b"\x80\x02\x83\xf0\xf0" + made_by + b"\x85R.",
        "EXT4": b"\x80\x02\x84" + EXTENSION.to_bytes(4, "little") + made_by + b"\x85R.",
        "PERSID": b"\x80\x02Pos.mkdir\n.",
        "BINPERSID": b"\x80\x02" + made_by + b"Q.",
        "NEXT_BUFFER": b"\x80\x05\x97.",
        "READONLY_BUFFER": b"\x80\x05N\x98.",
        "DUP": b"\x80\x02]2.",
        "EMPTY_SET": b"\x80\x04\x8f.",
        "FROZENSET": b"\x80\x04(\x91.",
        "ADDITEMS": b"\x80\x04](\x90.",
        "in a key": b"\x80\x02}" + mkdir + made_by + b"\x85RNs.",
        "in a tuple in a key": b"\x80\x02}" + mkdir + made_by + b"\x85R\x85Ns.",
        "in a shape": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n" + ndarray + mkdir + made_by
        + b"\x85RC\x01b\x87R.",
        "in a dtype": b"\x80\x02cnumpy\ndtype\n" + mkdir + made_by + b"\x85RK\x00K\x01\x87R.",
        "thrown away": b"\x80\x02" + mkdir + made_by + b"\x85R0N.",
        "behind the end": pickle.dumps([1], 2) + b"\x80\x02" + mkdir + made_by + b"\x85R.",
    }  # fmt: skip


def npy(payload, shape="()"):
    """An .npy of an object array, whose pickle is `payload`."""
    head = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + payload


def npz(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
    return stream.getvalue()


CONTAINERS = {"pkl": lambda data: data, "npy": npy, "npz": lambda data: npz(positions_3d=npy(data))}
