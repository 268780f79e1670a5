"""Times of peers beside those of lsb-stego, on the same samples and payloads, in memory, one core, in one run.

`peers/run` installs what this needs. A ratio is how many times faster lsb-stego is; `!` marks a gate that is missed.
The peers are run as their users would: numpy in chunks that stay in the cache, the others by their own functions.
"""

import contextlib
import io
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

import numpy as np
from PIL import Image

import conseal.hill._costmap
import conseal.suniward._costmap
import stego_lsb.bit_manipulation
from stegano import lsb as stegano
from stegano import rdh
from stegpy import lsb as stegpy

arguments = sys.argv[1:]
ours = [arguments.pop(0)]
if arguments[:1] == ["--level"]:
    ours += [arguments.pop(0), arguments.pop(0)]
only = " ".join(arguments)
folder = tempfile.TemporaryDirectory()
rng = np.random.default_rng(1)
missed = 0


def picture(columns, rows, channels):
    """A slope with grain, 8 bits: what is timed does not depend on the values, but for costs."""
    row, column = np.mgrid[0:rows, 0:columns]
    slope = (row * 0.05 + column * 0.08)[:, :, None] % 180 + 30
    grain = rng.normal(0, 1 + 8 * (column[:, :, None] > columns / 2), (rows, columns, channels))
    return np.clip(slope + grain, 1, 254).astype(np.uint8)


def median(run, most=5):
    run()
    times = []
    while len(times) < most and sum(times) < 4:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def of_ours(operation, samples, length):
    path = os.path.join(folder.name, f"{id(samples)}.raw")
    if not os.path.exists(path):
        samples.tofile(path)
    rows, columns, channels = samples.shape
    return of_file(operation, path, columns, channels, length)


def of_file(operation, path, *numbers):
    words = [*ours, operation, path, "8", *numbers]
    return float(subprocess.run(list(map(str, words)), check=True, capture_output=True).stdout)


def written(operation):
    """Bytes of the file that a whole operation on cover.png left, which is removed."""
    path = os.path.join(folder.name, f"cover.{operation}")
    size = os.path.getsize(path)
    os.remove(path)
    return size


def row(what, size, peer, mine, gate):
    global missed
    ratio = peer / mine
    mark = "!" if gate and ratio < gate else " "
    missed += mark == "!"
    gate = f"gate {gate}" if gate else ""
    print(f"{what:34} {size:12} {peer * 1e3:11.2f} ms {mine * 1e3:9.3f} ms {ratio:10.1f}x{mark} {gate}", flush=True)


CHUNK = 1 << 15


def numpy_write(samples, payload):
    """LSB replacement in place, chunk by chunk."""
    flat = samples.reshape(-1)
    for start in range(0, len(payload), CHUNK // 8):
        bits = np.unpackbits(payload[start : start + CHUNK // 8], bitorder="little")
        part = flat[8 * start : 8 * start + len(bits)]
        np.bitwise_and(part, 0xFE, out=part)
        np.bitwise_or(part, bits, out=part)


def numpy_read(samples, length):
    flat = samples.reshape(-1)
    payload = np.empty(length, np.uint8)
    for start in range(0, length, CHUNK // 8):
        count = min(CHUNK // 8, length - start)
        part = flat[8 * start : 8 * (start + count)] & 1
        payload[start : start + count] = np.packbits(part, bitorder="little")
    return payload


def numpy_keyed(samples, payload):
    """Positions of a permutation of all, as keyed scatter is usually written."""
    flat = samples.reshape(-1)
    places = np.random.default_rng(7).permutation(flat.size)[: 8 * len(payload)]
    flat[places] = (flat[places] & 0xFE) | np.unpackbits(payload, bitorder="little")


def reversible(samples):
    """Both ways, and every sample as it was."""
    image = Image.fromarray(samples[:, :, 0])
    text = "x" * min(rdh.capacity(image) - 16, 4096)

    def there_and_back():
        stego = rdh.hide(image, text)
        assert rdh.reveal(stego) == text
        assert rdh.recover(stego).tobytes() == image.tobytes()
    return len(text), median(there_and_back, 1)


def steghide(samples, length):
    """A BMP file, as it knows no PNG; without the ciphers and the compression that others do not have."""
    cover, secret, stego, found = [
        os.path.join(folder.name, name) for name in ("cover.bmp", "secret", "stego.bmp", "found")
    ]
    Image.fromarray(samples).save(cover)
    data = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    with open(secret, "wb") as file:
        file.write(data)
    quiet = ["-p", "p", "-q", "-f"]
    words = ["steghide", "embed", "-cf", cover, "-ef", secret, "-sf", stego, "-e", "none", "-Z", *quiet]
    taken = median(lambda: subprocess.run(words, check=True, capture_output=True), 1)
    subprocess.run(["steghide", "extract", "-sf", stego, "-xf", found, *quiet], check=True, capture_output=True)
    with open(found, "rb") as file:
        assert file.read() == data
    return taken


def dicom(samples):
    """Uncompressed, explicit VR, little endian: a few elements, then the samples."""

    def element(group, number, kind, value):
        length = struct.pack("<HI" if kind == b"OB" else "<H", *([0, len(value)] if kind == b"OB" else [len(value)]))
        return struct.pack("<HH", group, number) + kind + length + value

    rows, columns, channels = samples.shape
    short = lambda number: struct.pack("<H", number)
    meta = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0")
    head = [(2, channels), (0x10, rows), (0x11, columns), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)]
    elements = b"".join(element(0x28, number, b"US", short(value)) for number, value in head)
    meta = element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta
    return bytes(128) + b"DICM" + meta + elements + element(0x7FE0, 0x10, b"OB", samples.tobytes())


def raw_files(name, samples):
    """Patched in place, against a copy of the file: one bit in each sample."""
    image = Image.fromarray(samples if samples.shape[2] == 3 else samples[:, :, 0])
    for kind in ("ppm" if samples.shape[2] == 3 else "pgm", "bmp", "dcm"):
        path = os.path.join(folder.name, f"raw.{kind}")
        if kind == "dcm":
            with open(path, "wb") as file:
                file.write(dicom(samples))
        else:
            image.save(path)
        copied = of_file("copy", path, 0)
        patched = of_file("patch", path, samples.size // 8)
        row(f"copy of the file, .{kind} patched", name, copied, patched, 0.8)
        os.remove(path)


print({name: version(name) for name in ("numpy", "stego-lsb", "stegpy", "stegano", "conseal")})
print(f"{'operation':34} {'image':12} {'peer':>14} {'lsb-stego':>12} {'ratio':>11}")
for name, columns, rows, channels in (
    ("1 MP grey", 1024, 1024, 1),
    ("1 MP RGB", 1024, 1024, 3),
    ("24 MP grey", 6000, 4000, 1),
    ("24 MP RGB", 6000, 4000, 3),
):
    if only not in name:
        continue
    samples = picture(columns, rows, channels)
    small = rows < 2000
    for share in (10, 100):
        length = samples.size // 8 * share // 100
        payload = rng.integers(0, 256, length, dtype=np.uint8)
        size = f"{name} {share}%"
        stego = samples.copy()
        numpy_write(stego, payload)
        assert (numpy_read(stego, length) == payload).all()
        mine = of_ours("write", samples, length)
        row("numpy, write", size, median(lambda: numpy_write(stego, payload)), mine, 3.5 if small else 2)
        row("numpy, read", size, median(lambda: numpy_read(stego, length)), of_ours("read", samples, length), None)
        if share == 10:
            keyed = of_ours("keyed", samples, length)
            row("numpy, keyed permutation", size, median(lambda: numpy_keyed(stego, payload), 2), keyed, 150)
        carrier, data = samples.tobytes(), payload.tobytes()
        interleave = stego_lsb.bit_manipulation.lsb_interleave_bytes
        row("stego-lsb, write", size, median(lambda: interleave(carrier, data, 1), 3), mine, 28)
        message, host = np.frombuffer(data, np.uint8), samples.reshape(-1).copy()
        # It prints what it does.
        with contextlib.redirect_stdout(io.StringIO()):
            taken = median(lambda: stegpy.encode_message(host, message, 1), 3)
        row("stegpy, write", size, taken, mine, 50)
        if channels == 3:
            # It encrypts, and writes in order: so do we, of the first samples. It takes a password, from which it derives a
            # key in tens of milliseconds, which is part of every call and nearly all that it does for 16 bytes.
            gate = 45 if small else 35
            peer, derived = [of_ours("stego-rust", samples, bytes) for bytes in (length, 512 + 16)]
            ordered = of_ours("ordered", samples, length - 512)
            row("stego_rust, encrypted, in order", size, peer, ordered, gate)
            row(".. less what 16 bytes take", size, peer - derived, ordered, None)
            row(".. to ours scattered by a key", size, peer, of_ours("keyed", samples, length - 512), None)
        row("stegano-rs, embed", size, of_ours("stegano-rs", samples, length), mine, 45 if small else 35)
        if channels == 3:
            path = os.path.join(folder.name, "cover.png")
            Image.fromarray(samples).save(path, compress_level=1)
            # Its own container needs some room, and it leaves the last row and column. Its API knows files alone: what it takes
            # for more payload is printed, too.
            inside = length - (4096 if small else 16384)
            peer = of_file("stegano-core", path, inside)
            whole = of_file("png-stored", path, inside)
            row("stegano-core, to our PNG, stored", size, peer, whole, 2.5)
            row(".. to codec, disk and memory of that", size, peer, of_file("png-limit", path, inside), None)
            row(".. to ours, compressed", size, peer, of_file("png-small", path, inside), None)
            row(".. to ours, by medshare hide", size, peer, of_file("picture", path, inside), None)
            sizes = [written(operation) for operation in ("stegano-core.png", "png-stored", "png-small", "picture")]
            print("   {} bytes of a file of {}; ours: {}, compressed {}, by medshare hide {}".format(
                sizes[0], os.path.getsize(path), *sizes[1:]))
            if share == 10:
                before = peer, mine
                # It takes long, looking for pairs of samples to exchange.
                if small and shutil.which("steghide"):
                    row("steghide, BMP, to our PNG", size, steghide(samples, inside), whole, 100)
            else:
                row("stegano-core, 90 % more payload", size, peer - before[0], mine - before[1], None)
            if small or share == 10:
                image, text = Image.fromarray(samples), "x" * (length - 16)
                row("Stegano, hide", size, median(lambda: stegano.hide(image.copy(), text), 1), mine, 5000)
    raw_files(name, samples)
    if small and channels == 1:
        length, taken = reversible(samples)
        row(f"Stegano, rdh, {length} bytes", name, taken, of_ours("rdh", samples, length), 200)
        grey = samples[:, :, 0]
        for operation, model, gate in (
            ("hill", conseal.hill._costmap, 50),
            ("suniward", conseal.suniward._costmap, 60),
        ):
            taken = median(lambda: model.compute_cost(grey), 3)
            row(f"conseal, {operation}", name, taken, of_ours(operation, samples, 0), gate)
        for operation, gate in (("stc10", 3e6), ("stc7", None)):
            for part in (2, 10):
                taken = of_ours(operation, samples, part)
                speed = samples.size / taken
                mark = "!" if gate and speed < gate else " "
                missed += mark == "!"
                if operation == "stc7":
                    row(f"phasm-core, STC h = 7, 1/{part}", name, of_ours("phasm7", samples, part), taken, 5)
                print(f"{operation}, one bit in {part}: {speed / 1e6:.2f} M samples/s{mark} {'gate 3' if gate else ''}")
sys.exit(missed > 0)
