"""JSON and camera.calibration that are too deep, too large, or say things twice."""

from .cases import DAMAGED, REFUSED, UNSAFE, Attack

SKELETOOL = b"Skeletool Camera Calibration File V1.0\n"

FILES = {
    "brackets": (b"[" * 1_000_000, REFUSED, "JSON"),
    "brackets that close": (b"[" * 200_000 + b"]" * 200_000, UNSAFE, "nested too deeply"),
    "objects in objects": (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, UNSAFE, "nested too deeply"),
    "eight hundred levels": (b"[" * 800 + b"]" * 800, None, ""),
    "brackets beside each other": (b"[" + b"[]," * 50_000_000 + b"[]]", UNSAFE, "bytes once it is parsed"),
    "objects beside each other": (b"[" + b"{}," * 50_000_000 + b"{}]", UNSAFE, "bytes once it is parsed"),
    "twice": (b'{"S1": 1, "S1": 2}', DAMAGED, "'S1' is there twice"),
    "twice, deep": (b'{"a": [{"b": {"c": 1, "c": 1}}]}', DAMAGED, "'c' is there twice"),
    "twice, by another spelling": (b'{"S1": 1, "\\u00531": 2}', DAMAGED, "'S1' is there twice"),
    "ten thousand digits": (b"[" + b"9" * 10_000 + b"]", DAMAGED, "no valid JSON"),
    "ten million digits": (b"[" + b"9" * 10_000_000 + b"]", DAMAGED, "no valid JSON"),
    "four thousand digits": (b"[" + b"9" * 4000 + b"]", None, ""),
    "a float of a million digits": (b"[0." + b"9" * 1_000_000 + b"]", None, ""),
    "an infinite float": (b"[1e999, -1e999, 1e-999]", None, ""),
    "no numbers": (b"[NaN, Infinity, -Infinity]", None, ""),
    "lone surrogates": (b'{"\\ud800": "\\udfff"}', None, ""),
    "null signs": (b'{"a\\u0000": "\\u0000"}', None, ""),
    "null bytes": (b'{"a": 1}\0', DAMAGED, "no valid JSON"),
    "not UTF-8": (b'{"a": "\xff\xfe"}', DAMAGED, "no valid JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "foreign-file damaged", ""),
    "a mark of order": (b"\xef\xbb\xbf[1]", "foreign-file damaged", ""),
    "two values": (b"[1] [2]", DAMAGED, "no valid JSON"),
    "cut": (b'{"a": [1, 2', DAMAGED, "no valid JSON"),
    "comments": (b"[1, /* 2 */ 3]", DAMAGED, "no valid JSON"),
    "a key of megabytes": (b'{"' + b"k" * 5_000_000 + b'": 1, "a": }', DAMAGED, "no valid JSON"),
    "a key of megabytes, twice": (
        (b'{"' + b"k" * 1_000_000 + b'": 1, "' + b"k" * 1_000_000 + b'": 1}'), DAMAGED, "k{70,}"),
    "signs that steer, twice": (b'{"\\u001b[2J": 1, "\\u001b[2J": 1}', DAMAGED, "is there twice"),
    "a text of megabytes": (b'["' + b"x" * 30_000_000 + b'"]', None, ""),
    "escapes": (b'["' + b"\\u0041" * 3_000_000 + b'"]', None, ""),
    "code": (b"[__import__('os').system('touch marker')]", DAMAGED, "no valid JSON"),
    "calibration": (SKELETOOL + b"name 0\n" * 3, None, ""),
    "calibration that is not UTF-8": (SKELETOOL + b"name \xff\xfe\n", DAMAGED, "no valid text"),
    "calibration of one line": (SKELETOOL + b"1 " * 10_000_000, None, ""),
}  # fmt: skip


def attacks():
    return {name: Attack("json", *rest) for name, rest in FILES.items()}
