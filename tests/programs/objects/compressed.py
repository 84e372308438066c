# SPDX-License-Identifier: MIT
"""Compressors and decompressors of Zstandard (3.14), with dictionaries and without."""


class Held:
    pass


try:
    from compression import zstd
except ImportError:
    zstd = None
if zstd:
    samples = [b"the quick brown fox %d jumps over the lazy dog" % number for number in range(1000)]
    trained = zstd.train_dict(samples, 1000)
    raw = zstd.ZstdDict(b"a raw dictionary of bytes", is_raw=True)
    compressors = [zstd.ZstdCompressor(), zstd.ZstdCompressor(level=3, zstd_dict=trained),
                   zstd.ZstdCompressor(zstd_dict=trained.as_undigested_dict), zstd.ZstdCompressor(zstd_dict=raw)]
    data = [compressor.compress(samples[1]) + compressor.flush() for compressor in compressors]
    decompressors = [zstd.ZstdDecompressor(), zstd.ZstdDecompressor(zstd_dict=trained),
                     zstd.ZstdDecompressor(zstd_dict=trained.as_digested_dict)]
    texts = [decompressors[0].decompress(data[0] + b"unused data"), decompressors[1].decompress(data[1])]
    partial = zstd.ZstdDecompressor()
    begun = partial.decompress(data[0][:10])
    failures = []
    try:
        zstd.decompress(b"nonsense")
    except zstd.ZstdError as error:
        error.held = Held()
        failures.append(error)
