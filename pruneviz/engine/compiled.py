"""The passes over memory of `kernels`, compiled: the same names, the same arguments, the same bits, at memory's speed.

Only `kernels.choose` imports this file, so numba is loaded where it is needed and may be missing. Sixteen weights are
compared at once (LLVM vectors, which every processor's backend knows how to split). Large outputs are written with
non-temporal stores: an ordinary store first reads the line that it is about to overwrite, a third of all traffic.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LANES = 16
BLOCK = 64
LOOK, STORE, STREAM = 0, 1, 2


def _compile(function):
    """Compiled at the first call and kept on disk, where there is a place to write to."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


def _splat(builder, value):
    vector = ir.VectorType(ir.IntType(32), LANES)
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(vector, [0] * LANES))


def _block(how: int):
    """64 weights at `at`: writes those with key ≥ low, zero for the rest; returns a bit for each key in [low, low+width)."""

    def block(typingctx, bits, mask, source, out, at, low, width):
        signature = types.uint64(bits, types.int32, source, out, types.int64, types.int32, types.int32)

        def generate(context, builder, signature, arguments):
            word, long = ir.IntType(32), ir.IntType(64)
            vector = ir.VectorType(word, LANES)
            zeros = ir.Constant(vector, [0] * LANES)
            keep_bits, lowest, span = (_splat(builder, arguments[i]) for i in (1, 5, 6))
            hits = ir.Constant(long, 0)

            def place(argument: int, lane: int):
                array = context.make_array(signature.args[argument])(context, builder, arguments[argument])
                offset = builder.add(arguments[4], ir.Constant(long, lane))
                return builder.bitcast(builder.gep(array.data, [offset]), vector.as_pointer())

            for lane in range(0, BLOCK, LANES):
                key = builder.and_(builder.load(place(0, lane), align=4), keep_bits)
                if how != LOOK:
                    gone = builder.icmp_signed("<", key, lowest)
                    kept = builder.select(gone, zeros, builder.load(place(2, lane), align=4))
                    store = builder.store(kept, place(3, lane), align=64 if how == STREAM else 4)
                    if how == STREAM:
                        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(word, 1)]))
                hit = builder.icmp_unsigned("<", builder.sub(key, lowest), span)
                found = builder.zext(builder.bitcast(hit, ir.IntType(LANES)), long)
                hits = builder.or_(hits, builder.shl(found, ir.Constant(long, lane)))
            return hits

        return signature, generate

    return block


_look = intrinsic(_block(LOOK))
_store = intrinsic(_block(STORE))
_stream = intrinsic(_block(STREAM))


@intrinsic
def _lowest_bit(typingctx, word):
    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def _fence(typingctx):
    """Non-temporal stores are weakly ordered: this makes them visible before the pass says that it is done."""

    def generate(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@_compile
def write(bits, mask, source, out, segments, hits, skew, streaming):
    found = 0
    for s in range(segments.shape[0]):
        i, stop = segments[s, 0], segments[s, 1]
        low, width = np.int32(segments[s, 2]), np.int32(segments[s, 3])
        head = min(stop, i + (-(i + skew)) % LANES)
        while i < stop:
            if i >= head and i + BLOCK <= stop:
                if streaming:
                    word = _stream(bits, mask, source, out, i, low, width)
                else:
                    word = _store(bits, mask, source, out, i, low, width)
                while word != np.uint64(0):
                    if found < hits.size:
                        hits[found] = i + np.int64(_lowest_bit(word))
                    found += 1
                    word &= word - np.uint64(1)
                i += BLOCK
            else:
                key = bits[i] & mask
                out[i] = np.int32(0) if key < low else source[i]
                if np.uint32(key - low) < np.uint32(width):
                    if found < hits.size:
                        hits[found] = i
                    found += 1
                i += 1
    _fence()
    return found


@_compile
def gather(bits, mask, segments, hits):
    found = 0
    for s in range(segments.shape[0]):
        i, stop = segments[s, 0], segments[s, 1]
        low, width = np.int32(segments[s, 2]), np.int32(segments[s, 3])
        while i < stop:
            if i + BLOCK <= stop:
                word = _look(bits, mask, bits, bits, i, low, width)
                while word != np.uint64(0):
                    if found < hits.size:
                        hits[found] = i + np.int64(_lowest_bit(word))
                    found += 1
                    word &= word - np.uint64(1)
                i += BLOCK
            else:
                if np.uint32((bits[i] & mask) - low) < np.uint32(width):
                    if found < hits.size:
                        hits[found] = i
                    found += 1
                i += 1
    return found


@_compile
def keep(bits, mask, segments, out):
    for s in range(segments.shape[0]):
        low = np.int32(segments[s, 2])
        for i in range(segments[s, 0], segments[s, 1]):
            out[i] = np.int32(bits[i] & mask) >= low


@_compile
def extremes(bits, mask, start, stop):
    least, most = np.int32(2147483647), np.int32(-2147483648)
    for i in range(start, stop):
        key = np.int32(bits[i] & mask)
        least = min(least, key)
        most = max(most, key)
    return least, most


@_compile
def histogram(bits, mask, start, stop, base, shift, least, most, out):
    for i in range(start, stop):
        key = np.int64(bits[i] & mask)
        if key >= least and key <= most:
            out[max(key - base, 0) >> shift] += 1


@_compile
def tally(bits, mask, start, stop, last, index):
    before, here = 0, 0
    for i in range(start, stop):
        key = np.int64(bits[i] & mask)
        before += key < last
        here += (key == last) & (i <= index)
    return before + here


@_compile
def nth(bits, mask, segments, key, r):
    for s in range(segments.shape[0]):
        for i in range(segments[s, 0], segments[s, 1]):
            if (bits[i] & mask) == key:
                r -= 1
                if r == 0:
                    return i
    return -1


@_compile
def sweep(bits, mask, start, stop, cuts, ladder, base, shift, out):
    for i in range(start, stop):
        key = np.int64(bits[i] & mask)
        place = (key << 32) + i
        rung = min(max(key - base, 0) >> shift, ladder.size - 2)
        low, high = ladder[rung], ladder[rung + 1]
        while low < high:
            middle = (low + high) >> 1
            if cuts[middle] < place:
                low = middle + 1
            else:
                high = middle
        out[i] = low


@_compile
def tabulate(values, places, start, stop, edges, absolute, table, squares):
    bins = table.shape[1]
    per = bins / (edges[bins] - edges[0])
    for i in range(start, stop):
        value = np.float64(values[i])
        size = abs(value) if absolute else value
        if not size < edges[bins]:  # NaN, too
            spot = bins - 1
        elif size < edges[1]:
            spot = 0
        else:  # edges lie evenly but for rounding
            spot = min(bins - 1, int((size - edges[0]) * per))
            while size < edges[spot]:
                spot -= 1
            while size >= edges[spot + 1]:
                spot += 1
        table[places[i], spot] += 1
        if abs(value) < np.inf:
            squares[places[i]] += value * value


@_compile
def stretch(source, out, first, spans, units, gone):
    for at in range(units.size):
        unit = units[at]
        for s in range(first[unit], first[unit + 1]):
            start, stop = spans[s, 0], spans[s, 1]
            if gone[unit]:
                out[start:stop] = np.float32(0)
            else:
                out[start:stop] = source[start:stop]


@_compile
def turns(sizes, total, done, step, stop):
    layers = sizes.size
    release, deadline = np.empty(layers, np.int64), np.empty(layers, np.int64)
    for layer in range(layers):
        release[layer] = (2 * done[layer] * total + sizes[layer]) // (2 * sizes[layer])
        deadline[layer] = (2 * (done[layer] + 1) * total + sizes[layer] - 1) // (2 * sizes[layer])
    for now in range(step, stop):
        best = -1
        for layer in range(layers):
            if release[layer] <= now and (best < 0 or deadline[layer] < deadline[best]):
                best = layer
        done[best] += 1
        release[best] = (2 * done[best] * total + sizes[best]) // (2 * sizes[best])
        deadline[best] = (2 * (done[best] + 1) * total + sizes[best] - 1) // (2 * sizes[best])
