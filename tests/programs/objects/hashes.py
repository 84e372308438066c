# SPDX-License-Identifier: MIT
"""Hashes and message digests, of OpenSSL and of CPython's own."""
import hashlib
import hmac


class Held:
    pass


hashes = []
for name in sorted(hashlib.algorithms_available):
    try:
        hashes.append(hashlib.new(name))
        hashes[-1].update(b"x" * 5000)  # with a lock
    except Exception:
        pass
for module, names in (("_md5", "md5"), ("_sha1", "sha1"), ("_sha256", "sha224 sha256"), ("_sha512", "sha384 sha512"),
                      ("_sha2", "sha224 sha256 sha384 sha512"), ("_blake2", "blake2b blake2s"),
                      ("_sha3", "sha3_224 sha3_256 sha3_384 sha3_512 shake_128 shake_256")):
    for name in names.split():
        try:
            hashes.append(getattr(__import__(module), name)(b"data"))
        except ImportError:
            continue
        hashes.append(hashes[-1].copy())
        hashes[-1].update(b"y" * 5000)
        if isinstance(type(hashes[-1]), type) and type(hashes[-1]).__flags__ & 1 << 10:
            class Own(type(hashes[-1])):
                pass
            hashes.append(Own(b"own"))
            hashes[-1].held = Held()
macs = [hmac.new(b"key", b"message", name) for name in ("sha256", "sha1")]
macs.append(hmac.new(b"key", b"message", lambda data=b"", held=Held(): hashlib.sha256(data)))
macs.append(macs[0].copy())
try:
    import _hashlib
    macs.append(_hashlib.hmac_new(b"key", b"message", "sha256"))
except (ImportError, AttributeError):
    pass
try:
    import _hmac
    macs += [_hmac.new(b"key", b"message", "sha256"), _hmac.new(b"key", b"x" * 5000, "md5").copy()]
except ImportError:
    pass
