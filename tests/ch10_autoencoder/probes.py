"""What the graders of chapter 10 run of the student's code."""

import struct
import zlib

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.compression import archive, arithmetic
from tinymlx.core import array as to_array
from tinymlx.latent import (
    bounds,
    codebook,
    corruption,
    gaussian,
    likelihoods,
    pca,
    probabilistic_pca,
    quality,
    schedules,
)
from tinymlx.models import autoencoder, vae

__all__ = ["to_array"]


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments.

    Where a result does not have the shape of its cotangent, the judge is to say so and not
    `core.vjp`: the results come back, and zeros for the gradients.
    """
    seen = []

    def watched(*arrays):
        outputs = function(*arrays)
        seen[:] = [core.stop_gradient(y) for y in outputs]
        return outputs

    try:
        outputs, gradients = core.vjp(watched, arrays, cotangents)
    except ValueError:
        if [y.shape for y in seen] == [g.shape for g in cotangents] or not seen:
            raise
        outputs, gradients = seen, [core.zeros_like(x) for x in arrays]
    return {"outputs": list(outputs), "gradients": list(gradients)}


def peak_of(function):
    """The most memory that a function needs beyond what there was, in bytes."""
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    core.eval(function())
    return mx.get_peak_memory() - before


# 10.1


def components(x, count, new):
    found = pca.PCA(x, count)
    return {
        "mean": found.mean,
        "components": found.components,
        "variances": found.variances,
        "shares": found.shares,
        "codes": found.encode(new),
        "back": found.decode(found.encode(new)),
    }


def memory_of_components(x):
    def function():
        found = pca.PCA(x, 2)
        return found.components, found.shares

    # Peaks differ a little from run to run, so what comes back is only on which side they are.
    return {"components": function()[0], "large": peak_of(function) > 300 * 4 * x.shape[0]}


# 10.2 and 10.3


def decibels(x, y, peak, g):
    options = {} if peak is None else {"peak": peak}

    def function(x):
        return [quality.mean_squared_error(x, y), quality.psnr(x, y, **options)]

    return pulled(function, [x], g)


def likeness(x, y, peak, g):
    options = {} if peak is None else {"peak": peak}
    return pulled(lambda x: [quality.ssim(x, y, **options)], [x], [g])


def around(x, g):
    return pulled(lambda x: [quality.local_mean(x)], [x], [g])


# 10.4


def tied_to(weight, bias):
    model = autoencoder.TiedAutoencoder(weight.shape[1], weight.shape[0])
    model.weight, model.bias = weight, bias
    return model


def tied(x, z, weight, bias, g):
    def function(x, z, weight, bias):
        model = tied_to(weight, bias)
        return [model.encode(x), model.decode(z), model(x)]

    return pulled(function, [x, z, weight, bias], g)


def tied_plane(x, weight, steps, rate):
    """The plane that gradient descent finds."""
    from tinymlx import optimizers

    model = tied_to(weight, core.mean(x, axis=0))
    optimizer = optimizers.Adam(rate)
    gradient = nn.value_and_grad(model, lambda: core.mean(core.square(model(x) - x)))
    for _ in range(steps):
        loss, gradients = gradient()
        optimizer.update(model, gradients)
        core.eval(loss, model.state, optimizer.state)
    return {"weight": model.weight, "loss": loss}


# 10.5


def spoiled(name, x, share, seed):
    function = {"masked": corruption.masked, "salted": corruption.salted}[name]
    first = function(x, share, key=core.random.key(seed))
    core.random.seed(seed)
    drawn, next_one = function(x, share), function(x, share)
    return {
        "first": first,
        "same key": core.array_equal(first, function(x, share, core.random.key(seed))),
        "the state moves on": not core.array_equal(drawn, next_one).item(),
        "drawn": drawn,
    }


class Scaled(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.w = w

    def __call__(self, x):
        return self.w * x


def mended(x, w, spoil, training, g):
    calls = []

    def corrupt(x):
        calls.append(1)
        return x + spoil

    def function(w):
        model = Scaled(w)
        model.train(training)
        return [corruption.denoising_loss(model, x, corrupt)]

    found = pulled(function, [w], g)
    return {**found, "calls": len(calls)}


# 10.6


def sizes(size, times):
    return {"sizes": [list(pair) for pair in autoencoder.halved(tuple(size), times)]}


def drawn(z, size, channels, weights, g):
    """The decoder with given weights: linear layer, then the stages."""

    shapes = []

    def function(z, *weights):
        model = autoencoder.ConvDecoder(tuple(size), tuple(channels), z.shape[-1])
        shapes.append(
            [[list(layer.weight.shape), list(layer.bias.shape), layer.training]
             for layer in (model.linear, *model.stages)] + [model.training]
        )  # fmt: skip
        model.linear.weight, model.linear.bias = weights[:2]
        for i, stage in enumerate(model.stages):
            stage.weight, stage.bias = weights[2 + 2 * i : 4 + 2 * i]
        return [model(z)]

    found = pulled(function, [z, *weights], g)
    return {**found, "fresh": shapes[0]}


# 10.7 and 10.8


def draws(mean, log_variance, noise, g):
    return pulled(lambda m, v: [gaussian.reparameterized(m, v, noise)], [mean, log_variance], [g])


def apart(four, g):
    return pulled(lambda *xs: [gaussian.kl_divergence(*xs)], four, [g])


def apart_from_standard(mean, log_variance):
    return {"kl": gaussian.kl_to_standard(mean, log_variance)}


# 10.9


def pixels(logits, x, g):
    return pulled(lambda logits: [likelihoods.bernoulli(logits, x)], [logits], g)


def black_and_white(x, threshold):
    if threshold is None:
        return {"y": likelihoods.binarized(x)}
    return {"y": likelihoods.binarized(x, threshold)}


# 10.10 and 10.11


class Small(nn.Module):
    """An encoder and a decoder of one linear layer each; what goes through is written down."""

    def __init__(self, encoder, decoder, shape):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self._shape, self._seen = tuple(shape), []

    def encode(self, x):
        self._seen.append({"x": x, "training": self.training})
        both = x.reshape(x.shape[0], -1) @ self.encoder
        # In training the mean is another one, as with dropout.
        mean, log_variance = core.split(both, 2, axis=-1)
        return (mean + 1 if self.training else mean), log_variance

    def decode(self, z):
        if self._seen:
            self._seen[-1]["z"] = core.stop_gradient(z)
        return (z @ self.decoder).reshape(*z.shape[:-1], *self._shape)


def two_terms(x, encoder, decoder, noise, g):
    def function(encoder, decoder):
        model = Small(encoder, decoder, x.shape[1:])
        model.eval()
        return list(bounds.terms(model, x, noise))

    return pulled(function, [encoder, decoder], g)


def one_bound(log_likelihood, kl, beta, g):
    options = {} if beta is None else {"beta": beta}
    return pulled(lambda a, b: [bounds.elbo(a, b, **options)], [log_likelihood, kl], [g])


def many_draws(x, encoder, decoder, noise, g):
    def function(encoder, decoder):
        model = Small(encoder, decoder, x.shape[1:])
        model.eval()
        return [bounds.importance_weighted(model, x, noise)]

    return pulled(function, [encoder, decoder], [g])


def growing(x, encoder, decoder, draws, seed):
    """The mean bound with more and more draws."""
    model = Small(encoder, decoder, x.shape[1:])
    model.eval()
    found = []
    for k in draws:
        noise = core.random.normal((k, x.shape[0], decoder.shape[0]), key=core.random.key(seed))
        found.append(core.mean(bounds.importance_weighted(model, x, noise)))
    return {"bounds": core.stack(found)}


def tested(x, encoder, decoder, draws, batch_size, seed, training):
    model = Small(encoder, decoder, x.shape[1:])
    model.train(training)
    core.random.seed(3)
    options = {} if draws is None else {"draws": draws}
    value = bounds.held_out(model, x, decoder.shape[0], batch_size=batch_size, seed=seed, **options)
    after = core.random.uniform()
    core.random.seed(3)
    sizes = [len(batch["x"]) for batch in model._seen]
    keys = mx.random.split(mx.random.key(seed), len(sizes))
    shapes = [(draws or 1, n, decoder.shape[0]) for n in sizes]
    return {
        "value": value,
        "a number": isinstance(value, float),
        "seen": list(model._seen),
        "noise": [mx.random.normal(s, key=key) for s, key in zip(shapes, keys, strict=True)],
        "training": model.training,
        "state left alone": core.array_equal(after, core.random.uniform()),
    }


def tested_and_failed(x, decoder):
    """The mode of a model whose encoder raises."""

    class Broken(Small):
        def encode(self, x):
            raise OverflowError("no code")

    model = Broken(None, decoder, x.shape[1:])
    try:
        bounds.held_out(model, x, 2)
    except OverflowError:
        return {"raised": True, "training": model.training}
    return {"raised": False, "training": model.training}


# 10.12


def plane_with_noise(x, count, new):
    found = probabilistic_pca.ProbabilisticPCA(x, count)
    mean, variance = found.posterior(new)
    return {
        "mean": found.mean,
        "noise": core.array(found.noise),
        "a number": isinstance(found.noise, float),
        "covariance": found.weight @ found.weight.T + found.noise * core.eye(x.shape[1]),
        "inner": found.weight.T @ found.weight,
        "log likelihood": found.log_likelihood(new),
        "code": mean @ found.weight.T,
        "variance": variance,
    }


def no_gap(x, count, z):
    """log p(x, z) - log q(z | x), which is log p(x) whatever z is."""
    found = probabilistic_pca.ProbabilisticPCA(x, count)
    mean, variance = found.posterior(x)
    zero = core.zeros(())
    noise = core.full((), found.noise)
    picture = gaussian.log_density(x, z @ found.weight.T + found.mean, core.log(noise))
    total = core.sum(picture, -1) + core.sum(gaussian.log_density(z, zero, zero), -1)
    total = total - core.sum(gaussian.log_density(z, mean, core.log(variance)), -1)
    return {"bound": total, "log likelihood": found.log_likelihood(x)}


# 10.13


def rising(steps, length, beta):
    options = {} if beta is None else {"beta": beta}
    weights = [schedules.warm_up(s, length, **options) for s in steps]
    compiled = core.compile(lambda s: schedules.warm_up(s, length, **options))
    return {"weights": core.stack(weights), "compiled": compiled(core.array(steps[1]))}


def charged(kl, least, g):
    return pulled(lambda kl: [schedules.free_bits(kl, least)], [kl], g)


# 10.14


def told(x, z, labels, encoder, decoder, g):
    """A conditional model whose two networks are one linear layer each."""
    classes = decoder.shape[0] - z.shape[1]

    def function(x, z, encoder, decoder):
        model = vae.ConditionalVAE(x.shape[1:], classes, 4, z.shape[1])
        model.encoder = lambda rows: rows @ encoder
        model.decoder = lambda rows: rows @ decoder
        return [*model.encode(x, labels), model.decode(z, labels)]

    return pulled(function, [x, z, encoder, decoder], g)


# 10.15


def levels(mean, log_scale, x, count, g):
    options = {} if count is None else {"levels": count}

    def function(mean, log_scale):
        return [likelihoods.discretized_logistic(mean, log_scale, x, **options)]

    return pulled(function, [mean, log_scale], g)


def bits(nats, dims):
    return {"bits": likelihoods.bits_a_dimension(nats, dims)}


# 10.16 and 10.17


def nearest_codes(z, book):
    codes = codebook.nearest(z, book)
    return {"codes": codes.astype(core.int32), "whole": core.issubdtype(codes.dtype, core.integer)}


def memory_of_codes(z, book):
    codes = codebook.nearest(z, book)
    table = 4 * z.shape[0] * book.shape[0]
    large = peak_of(lambda: codebook.nearest(z, book)) > 12 * table
    return {"codes": codes.astype(core.int32), "large": large}


def through(z, book, g):
    codes = []

    def function(z, book):
        *outputs, found = codebook.quantized(z, book)
        codes.append(found)
        return outputs

    found = {}
    for i, name in enumerate(("through", "codebook loss", "commitment")):
        only = [gi if i == j else core.zeros_like(gi) for j, gi in enumerate(g)]
        found[name] = pulled(function, [z, book], only)
    return {**found, "codes": codes[0].astype(core.int32)}


# 10.18


def unsure(counts):
    return {"perplexity": codebook.perplexity(counts)}


def book_of(vectors, counts, sums, decay):
    book = codebook.MovingCodebook(*vectors.shape, decay=decay)
    book.vectors, book.counts, book.sums = vectors, counts, sums
    return book


def followed(vectors, counts, sums, decay, batches):
    book = book_of(vectors, counts, sums, decay)
    found = []
    for z, codes in batches:
        book.follow(z, codes)
        found.append({"vectors": book.vectors, "counts": book.counts, "sums": book.sums})
    return {"after": found}


def followed_under_a_gradient(vectors, counts, sums, z, codes):
    """Training calls it inside of a gradient: what it keeps is not watched."""
    book = book_of(vectors, counts, sums, 0.5)

    def loss(z):
        book.follow(z, codes)
        return core.sum(z * book.vectors[codes])

    def new_life(z):
        book.revive(z, 100.0, core.random.key(1))
        return core.sum(book.vectors) + core.sum(book.sums) + core.sum(z)

    return {"dz": core.grad(loss)(z), "dz of the revived": core.grad(new_life)(z)}


def revived(vectors, counts, sums, z, least, seed):
    def state(key=None):
        book = book_of(vectors, counts, sums, 0.9)
        book.revive(z, least, *([] if key is None else [key]))
        return {"vectors": book.vectors, "counts": book.counts, "sums": book.sums}

    first, again = state(core.random.key(seed)), state(core.random.key(seed))
    core.random.seed(seed)
    return {
        "first": first,
        "same key": core.array_equal(first["vectors"], again["vectors"]),
        "by state": state(),
    }


# 10.19


def written(steps):
    """The bits of some intervals, and whether any waits."""
    encoder, waiting = arithmetic.Encoder(), []
    bits = encoder.bits
    for step in steps:
        encoder.encode(*step)
        waiting.append(encoder.waiting)
    same = encoder.bits is bits  # a new list for every digit would be quadratic
    found = {"bits": list(encoder.bits), "waiting": waiting, "same list": same}
    return {**found, "all": list(encoder.finish())}


def read_back(data, tables):
    decoder = arithmetic.Decoder(bytes(data))
    return {"symbols": [decoder.decode(sums) for sums in tables]}


def coded_and_read(symbols, tables):
    encoder, ends = arithmetic.Encoder(), []
    for s, sums in zip(symbols, tables, strict=True):
        encoder.encode(sums[s], sums[s + 1], sums[-1])
        ends.append((encoder.low, encoder.high))
    data = encoder.finish()
    decoder, found, alike = arithmetic.Decoder(data), [], []
    for sums, end in zip(tables, ends, strict=True):
        found.append(decoder.decode(sums))
        alike.append((decoder.low, decoder.high) == end)
    return {"symbols": found, "bits": len(encoder.bits), "bytes": len(data), "alike": alike}


# 10.20


def packed(model, size, shape, payload, reader=None):
    """A file and what is read of it."""
    given = archive.Archive(bytes(model), size, tuple(shape), bytes(payload))
    data = archive.pack(given)
    found = archive.unpack(data) if reader is None else archive.unpack(data, bytes(reader))
    return {
        "head": list(data[:7]),
        "extra": len(data) - len(payload),
        "model": list(found.model),
        "size": found.size,
        "shape": list(found.shape),
        "payload": list(found.payload),
        "again": archive.pack(given) == data,
    }


def sealed(data):
    """With a checksum that fits, as somebody could write it who knows the format."""
    return data + struct.pack("<I", zlib.crc32(data))


def answer(data, reader):
    """The sentence that is said of a file; "nothing", or the name of an error that is none."""
    try:
        archive.unpack(data, reader)
    except ValueError as error:
        return str(error)
    except (struct.error, IndexError, TypeError, OverflowError) as error:
        return type(error).__name__
    return "nothing"


def changed(model, size, shape, payload, fits=False):
    """What is said of every file that differs from a good one in a bit, or in its length.

    With ``fits`` the model is asked for that the good file was made with.
    """
    data = archive.pack(archive.Archive(bytes(model), size, tuple(shape), bytes(payload)))
    files = {
        "bits": [
            (
                f"bit {b} of byte {i} is another one",
                data[:i] + bytes([data[i] ^ 1 << b]) + data[i + 1 :],
            )
            for i in range(len(data))
            for b in (0, 3, 7)
        ],
        "swapped": [
            (
                f"bytes {i} and {i + 1} are exchanged",
                data[:i] + data[i : i + 2][::-1] + data[i + 2 :],
            )
            for i in range(7, len(data) - 1)
            if data[i] != data[i + 1]
        ],
        "cut": [(f"the first {n} bytes of a file", data[:n]) for n in range(len(data))],
        "longer": [
            ("a line end at the end", data + b"\n"),
            ("the file twice", data + data),
            ("a zero at the end", data + b"\0"),
        ],
        "foreign": [
            ("a PNG file", b"\x89PNG\r\n\x1a\n" + bytes(40)),
            ("a GIF file", b"GIF89a" + bytes(90)),
            ("a file without its first byte", data[1:]),
        ],
        "forged": [
            (f"{n} bytes of 255, with a checksum", sealed(data[:7] + bytes([255]) * n))
            for n in range(60)
        ],
        "later": [
            ("byte 6 is 2", data[:6] + b"\x02" + data[7:]),
            ("seven bytes, the last one 255", data[:6] + b"\xff"),
        ],
    }
    reader = bytes(model) if fits else None
    return {
        kind: [[what, answer(file, reader)] for what, file in each] for kind, each in files.items()
    }


def three_bytes(model, size, shape, payload):
    """Of every file with some of 17 neighbouring bits turned: what is said of those not damaged."""
    data = archive.pack(archive.Archive(bytes(model), size, tuple(shape), bytes(payload)))
    at = len(data) - 12
    head, old, rest = data[:at], int.from_bytes(data[at : at + 3], "little"), data[at + 3 :]
    missed = []
    for turned in range(1, 1 << 17):
        said = answer(head + (old ^ turned).to_bytes(3, "little") + rest, None)
        if "damaged" not in said:
            missed.append([f"bytes {at} to {at + 2} are changed by {turned:#08x}", said])
    return {"missed": missed[:3], "whole": answer(data, None)}
