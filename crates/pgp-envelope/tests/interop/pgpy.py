# PGPy as a program: python pgpy.py seal SIGNER-KEY RECIPIENT-CERT, or open RECIPIENT-KEY SIGNER-CERT.
import sys
import warnings

warnings.simplefilter("ignore")
sys.path.pop(0)  # this folder, whose pgpy.py would hide the library

import pgpy
from pgpy.constants import HashAlgorithm, SymmetricKeyAlgorithm

command, secret, public = sys.argv[1:]
key, _ = pgpy.PGPKey.from_file(secret)
cert, _ = pgpy.PGPKey.from_file(public)
data = sys.stdin.buffer.read()
if command == "seal":
    message = pgpy.PGPMessage.new(data, format="b", compression=pgpy.constants.CompressionAlgorithm.Uncompressed)
    message |= key.sign(message, hash=HashAlgorithm.SHA256)
    sys.stdout.buffer.write(bytes(cert.encrypt(message, cipher=SymmetricKeyAlgorithm.AES256)))
else:
    message = key.decrypt(pgpy.PGPMessage.from_blob(data))
    assert cert.verify(message), "no signature verifies"
    content = message.message
    sys.stdout.buffer.write(content.encode("latin-1") if isinstance(content, str) else bytes(content))
