# SPDX-License-Identifier: MIT
"""Compressors and decompressors of zlib, bz2 and lzma with what they have left over."""
import bz2
import io
import lzma
import os
import zlib

text = b"some text " * 1000
noise = os.urandom(5000)

deflating = [zlib.compressobj(), zlib.compressobj(zdict=b"some text")]
deflating[0].compress(text)
inflating = [zlib.decompressobj(), zlib.decompressobj(), zlib.decompressobj(zdict=b"some text"),
             zlib.decompressobj(), zlib.decompressobj()]
inflating[1].decompress(zlib.compress(text) + b"what follows")
inflating[3].decompress(zlib.compress(text), 10)
inflating.append(inflating[3].copy())
inflating[4].decompress(zlib.compress(noise)[:100])
if hasattr(zlib, "_ZlibDecompressor"):
    inflating += [zlib._ZlibDecompressor(), zlib._ZlibDecompressor(zdict=b"some text")]
    inflating[-2].decompress(zlib.compress(text) + b"what follows")

others = []
for compress, compressor, decompressor in ((bz2.compress, bz2.BZ2Compressor, bz2.BZ2Decompressor),
                                           (lzma.compress, lzma.LZMACompressor, lzma.LZMADecompressor)):
    fresh, finished, waiting = decompressor(), decompressor(), decompressor()
    finished.decompress(compress(text) + b"what follows")
    waiting.decompress(compress(noise), 10)
    others += [compressor(), compressor(), fresh, finished, waiting]
    others[-4].compress(text)
files = [bz2.BZ2File(io.BytesIO(bz2.compress(text))), lzma.LZMAFile(io.BytesIO(lzma.compress(text)))]
for file in files:
    file.read(10)
