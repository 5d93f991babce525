//! Gateway frames, opcodes and close codes; WebSocket framing; JSON, ETF, zlib and zstd.
