"""HDF5 files that lead elsewhere, claim too much, or become much more than they are."""

import struct
import zlib

import h5py
import numpy as np

from .cases import DAMAGED, UNSAFE, UNUSABLE, Attack

VALUES = np.arange(6.0).reshape(2, 3)


def made(fill, **options):
    def write(path):
        with h5py.File(path, "w", **options) as file:
            fill(file, path)

    return write


def external_link(file, path):
    with h5py.File(path.with_suffix(".other"), "w") as other:
        other["secret"] = VALUES
    file["poses"] = h5py.ExternalLink(path.with_suffix(".other").name, "/secret")
    file["real"] = VALUES


def link_in_a_group(file, path):
    file["group/real"] = VALUES
    file["group/poses"] = h5py.ExternalLink("/etc/passwd", "/secret")


def soft_link(file, path):
    file["real"] = VALUES
    file["poses"] = h5py.SoftLink("/real")


def soft_link_to_itself(file, path):
    file["poses"] = h5py.SoftLink("/poses")


def external_storage(file, path):
    file.create_dataset("poses", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file, path):
    with h5py.File(path.with_suffix(".other"), "w") as other:
        other["secret"] = np.arange(4.0)
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(path.with_suffix(".other")), "secret", (4,))
    file.create_virtual_dataset("poses", layout)


def virtual_of_itself(file, path):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(".", "poses", (4,))
    file.create_virtual_dataset("poses", layout)


def absurd(file, path):
    file.create_dataset("poses", (2**40,), "f8", chunks=(1024,))


def absurd_beside_nothing(file, path):
    file.create_dataset("poses", (0, 2**40), "f8", chunks=(1, 1024), maxshape=(None, None))


def never_written(file, path):
    file.create_dataset("poses", (3 << 27,), "f8", chunks=(1024,))


def chunk_of_gigabytes(file, path):
    file.create_dataset("poses", (1,), "f8", chunks=(1 << 28,), maxshape=(None,), compression="gzip")


def direct_chunk(stored, options, shape=(1000,)):
    """A chunk whose stored bytes are ours."""

    def fill(file, path):
        poses = file.create_dataset("poses", shape, "f8", chunks=shape, **options)
        poses.id.write_direct_chunk((0,) * len(shape), stored)

    return fill


def zeros(size):
    packer = zlib.compressobj(9)
    return packer.compress(bytes(size)) + packer.flush()


def filtered(*numbers):
    """A data set whose chunk says that it is packed by filters that HDF5 may not have."""

    def fill(file, path):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((10,))
        for number in numbers:
            plan.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (4,))
        space = h5py.h5s.create_simple((10,))
        poses = h5py.h5d.create(file.id, b"poses", h5py.h5t.NATIVE_DOUBLE, space, plan)
        poses.write_direct_chunk((0,), bytes(80))

    return fill


def with_plugin(number):
    """A filter of another number than HDF5's own, put in place of one that it has."""

    def write(path):
        with h5py.File(path, "w") as file:
            filtered(3)(file, path)
        data = path.read_bytes()
        # In the message of filters, version 1: the number, the length of its name, the flags, one value.
        for flags in (0, 1):
            own = struct.pack("<HHHH", 3, 11, flags, 1)
            data = data.replace(own, struct.pack("<HHHH", number, 11, flags, 1))
            own = struct.pack("<HHHH", 3, 16, flags, 1)
            data = data.replace(own, struct.pack("<HHHH", number, 16, flags, 1))
            own = struct.pack("<HHH", 3, flags, 1)
            data = data.replace(own, struct.pack("<HHH", number, flags, 1))
        path.write_bytes(data)

    return write


def deflated_twice(file, path):
    filtered(1, 1)(file, path)


def texts(count, length):
    """Many texts, all of which are the same one of the file."""

    def write(path):
        with h5py.File(path, "w") as file:
            kind = h5py.string_dtype()
            file.create_dataset("a", (1,), kind)[0] = "x" * length
            file.create_dataset("b", (count,), kind)
            file["b"][0] = "y"
        data = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            one, all_of_them = file["a"].id.get_offset(), file["b"].id.get_offset()
        data[all_of_them : all_of_them + 16 * count] = data[one : one + 16] * count
        path.write_bytes(data)

    return write


def sequences_of_any_length(count, length):
    def write(path):
        with h5py.File(path, "w") as file:
            kind = h5py.vlen_dtype(np.dtype("f8"))
            file.create_dataset("a", (1,), kind)[0] = np.zeros(length)
            file.create_dataset("b", (count,), kind)
            file["b"][0] = np.zeros(2)
        data = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            one, all_of_them = file["a"].id.get_offset(), file["b"].id.get_offset()
        data[all_of_them : all_of_them + 16 * count] = data[one : one + 16] * count
        path.write_bytes(data)

    return write


def texts_in_an_attribute(file, path):
    file["real"] = VALUES
    file.attrs.create("names", ["x" * 100_000] * 4000, dtype=h5py.string_dtype())


def attribute_of_megabytes(file, path):
    file["real"] = VALUES
    file.attrs["numbers"] = np.zeros(1 << 20)


def attributes(file, path):
    file["real"] = VALUES
    for index in range(1500):
        file.attrs[f"a{index}"] = 1


def groups_in_themselves(file, path):
    file["real"] = VALUES
    group = file.create_group("g")
    for index in range(300):
        group[f"h{index}"] = group


def root_in_itself(file, path):
    file["real"] = VALUES
    file["again"] = file["/"]


def many_sets(file, path):
    for index in range(10_500):
        file[f"d{index}"] = 1


def deep(file, path):
    file["real"] = VALUES
    file["/".join("g" * 500)] = VALUES


def references(file, path):
    file["real"] = VALUES
    file.create_dataset("objects", data=np.array([file["real"].ref] * 3, h5py.ref_dtype))
    file.create_dataset("regions", data=np.array([file["real"].regionref[:1]] * 3, h5py.regionref_dtype))


def odd_records(file, path):
    file["records"] = np.zeros(3, [("a", "f8"), ("b", "S4"), ("c", "u1", (2, 2)), ("d", [("e", "<i2")])])
    file.create_dataset("texts", (3,), [("a", h5py.string_dtype())])


def odd_types(file, path):
    file["opaque"] = np.zeros(3, "M8[s]").astype(h5py.opaque_dtype(np.dtype("M8[s]")))
    file["choices"] = np.zeros(3, h5py.enum_dtype({"A": 1}))
    file["void"] = np.zeros(3, "V7")
    file["complex"] = np.zeros(3, "c16")
    file["nothing"] = h5py.Empty("f8")
    file["type"] = np.dtype("f8")
    file["fixed"] = np.zeros(3, "S100")
    file["half"] = np.zeros(3, "f2")


def many_texts_in_records(file, path):
    kind = np.dtype([("a", h5py.string_dtype())])
    values = np.zeros(3000, kind)
    values["a"] = "x" * 200
    file["records"] = values


def steering_names(file, path):
    file["\x1b[2J\x07poses"] = h5py.Empty("f8")
    file["real"] = VALUES


def names_that_are_no_text(file, path):
    h5py.h5g.create(file.id, b"\xff\xfe\x80")
    file[b"\xff\xfe\x81"] = VALUES


def user_block(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["real"] = VALUES
    with path.open("r+b") as stream:
        stream.write(b"#!/bin/sh\ntouch marker\n")


def cut(path):
    with h5py.File(path, "w") as file:
        file["real"] = np.zeros(10_000)
    path.write_bytes(path.read_bytes()[:-5000])


def signature_only(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 600)


ATTACKS = {
    "external link": (made(external_link), None, ""),
    "external link in a group": (made(link_in_a_group), None, ""),
    "soft link": (made(soft_link), None, ""),
    "soft link to itself": (made(soft_link_to_itself), None, ""),
    "external storage": (made(external_storage), UNSAFE, "poses: its values lie in another file"),
    "virtual": (made(virtual), UNSAFE, "poses: its values lie in another file"),
    "virtual, of itself": (made(virtual_of_itself), UNSAFE, "poses: its values lie in another file"),
    "absurd": (made(absurd), UNSAFE, "poses: claims 8,796,093,022,208 bytes"),
    "absurd beside nothing": (made(absurd_beside_nothing), None, ""),
    "never written": (made(never_written), UNSAFE, "takes more memory than there is"),
    "a chunk of gigabytes": (made(chunk_of_gigabytes), UNSAFE, "poses: chunks of 2,147,483,648 bytes"),
    "a deflated chunk of gigabytes": (
        made(direct_chunk(zeros(1 << 27), {"compression": "gzip"})), UNSAFE, "poses: a chunk that holds more than its"),
    # HDF5 forgets what is too much; that it is bounded is what counts.
    "a deflated chunk of megabytes": (made(direct_chunk(zeros(1 << 25), {"compression": "gzip"})), None, ""),
    "a chunk of noise": (made(direct_chunk(b"\xff" * 900, {"compression": "gzip"})), DAMAGED, "poses: damaged HDF5"),
    "a wrong checksum": (made(direct_chunk(b"\x01" * 8004, {"fletcher32": True})), DAMAGED, "poses: damaged HDF5"),
    **{f"filter {number}": (with_plugin(number), UNSAFE, f"poses: packed by filter {number}")
       for number in (305, 307, 32001, 32004, 32013, 32015, 65535)},
    "deflated twice": (made(deflated_twice), UNSAFE, "packed several times over"),
    "one text, a hundred thousand times": (texts(100_000, 60_000), UNSAFE, "b: more text than the file's"),
    "one sequence, a hundred thousand times": (sequences_of_any_length(100_000, 8000), UNSAFE, "b: "),
    "texts in an attribute": (
        made(texts_in_an_attribute, libver="latest"), UNSAFE, "names: an attribute of 4,000 values"),
    "an attribute of megabytes": (
        made(attribute_of_megabytes, libver="latest"), UNSAFE, "numbers: an attribute of 1,048,576 values"),
    "attributes": (made(attributes), UNSAFE, "more than 1,000 attributes"),
    "groups in themselves": (made(groups_in_themselves), UNSAFE, "more than 10,000 links"),
    "the root in itself": (made(root_in_itself), None, ""),
    "ten thousand sets": (made(many_sets), UNSAFE, "more than 10,000 links"),
    "deep": (made(deep), None, ""),
    "references": (made(references), None, ""),
    "odd records": (made(odd_records), None, ""),
    "odd types": (made(odd_types), UNUSABLE, "nothing: an empty data set"),
    "texts in records": (made(many_texts_in_records), UNSAFE, "records: many records of any length"),
    "signs that steer": (made(steering_names), UNUSABLE, "\ufffdposes: an empty data set"),
    "names that are no text": (made(names_that_are_no_text), DAMAGED, "damaged HDF5"),
    "a user block": (user_block, "foreign-file", "not an archive"),
    "cut": (cut, DAMAGED, "damaged HDF5"),
    "its signature and no more": (signature_only, DAMAGED, "damaged HDF5"),
}  # fmt: skip


def attacks():
    return {name: Attack("h5", *rest) for name, rest in ATTACKS.items()}
