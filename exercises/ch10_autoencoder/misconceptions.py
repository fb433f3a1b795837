"""What people really write in chapter 10. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "10.1",
    "You look for directions without taking the mean away first: the first component then points at "
    "the mean, and not to where the rows differ.",
    symbol="PCA.__init__",
)
def __init__(self, x, count):
    rows, dims = x.shape
    if not 1 <= count <= min(rows, dims):
        raise ValueError("[PCA] count is out of range.")
    self.mean = core.mean(x, axis=0)
    _, r = core.linalg.qr(x, stream=core.cpu)
    _, s, vt = core.linalg.svd(r, stream=core.cpu)
    largest = core.argmax(core.abs(vt), axis=1, keepdims=True)
    vt = vt * core.sign(core.take_along_axis(vt, largest, axis=1))
    squares = core.square(s)
    self.components = vt[:count]
    self.variances = squares[:count] / (rows - 1)
    self.shares = squares[:count] / core.sum(squares)


@misconception(
    "10.1",
    "Your shares are parts of the components that are kept, and so sum to 1. They are parts of the "
    "sum over all directions: what is lost has a share, too.",
    symbol="PCA.__init__",
)
def __init__(self, x, count):
    rows, dims = x.shape
    if not 1 <= count <= min(rows, dims):
        raise ValueError("[PCA] count is out of range.")
    self.mean = core.mean(x, axis=0)
    _, r = core.linalg.qr(x - self.mean, stream=core.cpu)
    _, s, vt = core.linalg.svd(r, stream=core.cpu)
    largest = core.argmax(core.abs(vt), axis=1, keepdims=True)
    vt = vt * core.sign(core.take_along_axis(vt, largest, axis=1))
    squares = core.square(s)[:count]
    self.components = vt[:count]
    self.variances = squares / (rows - 1)
    self.shares = squares / core.sum(squares)


@misconception(
    "10.1",
    "Your shares are those of the singular values. The variances are their squares.",
    symbol="PCA.__init__",
)
def __init__(self, x, count):
    rows, dims = x.shape
    if not 1 <= count <= min(rows, dims):
        raise ValueError("[PCA] count is out of range.")
    self.mean = core.mean(x, axis=0)
    _, r = core.linalg.qr(x - self.mean, stream=core.cpu)
    _, s, vt = core.linalg.svd(r, stream=core.cpu)
    largest = core.argmax(core.abs(vt), axis=1, keepdims=True)
    vt = vt * core.sign(core.take_along_axis(vt, largest, axis=1))
    self.components = vt[:count]
    self.variances = core.square(s)[:count] / (rows - 1)
    self.shares = s[:count] / core.sum(s)


@misconception(
    "10.1",
    "The SVD of the whole table makes a matrix of N x N that nobody asked for. The triangle of a QR "
    "decomposition has the same directions.",
    symbol="PCA.__init__",
)
def __init__(self, x, count):
    rows, dims = x.shape
    if not 1 <= count <= min(rows, dims):
        raise ValueError("[PCA] count is out of range.")
    self.mean = core.mean(x, axis=0)
    _, s, vt = core.linalg.svd(x - self.mean, stream=core.cpu)
    largest = core.argmax(core.abs(vt), axis=1, keepdims=True)
    vt = vt * core.sign(core.take_along_axis(vt, largest, axis=1))
    squares = core.square(s)
    self.components = vt[:count]
    self.variances = squares[:count] / (rows - 1)
    self.shares = squares[:count] / core.sum(squares)


@misconception(
    "10.1",
    "You encode without taking the mean away. A code says how far a row is from the mean.",
    symbol="PCA.encode",
)
def encode(self, x):
    return x @ self.components.T


@misconception(
    "10.1",
    "The mean does not come back: what you decode lies around zero.",
    symbol="PCA.decode",
)
def decode(self, z):
    return z @ self.components


@misconception(
    "10.1",
    "You divide the squares by N. The mean is taken from the same rows: N - 1 are left to vary.",
    symbol="PCA.__init__",
)
def __init__(self, x, count):
    rows, dims = x.shape
    if not 1 <= count <= min(rows, dims):
        raise ValueError(
            f"[PCA] count should be from 1 to {min(rows, dims)} for {rows} rows of {dims} numbers; it is {count}."
        )
    self.mean = core.mean(x, axis=0)
    _, r = core.linalg.qr(x - self.mean, stream=core.cpu)
    _, s, vt = core.linalg.svd(r, stream=core.cpu)
    largest = core.argmax(core.abs(vt), axis=1, keepdims=True)
    vt = vt * core.sign(core.take_along_axis(vt, largest, axis=1))
    squares = core.square(s)
    self.components = vt[:count]
    self.variances = squares[:count] / rows
    self.shares = squares[:count] / core.sum(squares)


@misconception(
    "10.2",
    "You compute decibels for pixels up to 255. These go up to 1, and 48 dB are nothing but the wrong "
    "peak.",
)
def psnr(x, y, peak=255.0):
    error = mean_squared_error(x.astype(core.float32), y)
    return (10 * core.log10(peak**2 / error)).astype(x.dtype)


@misconception(
    "10.2",
    "Twenty times the logarithm is for a quotient of amplitudes. The mean squared error is a square "
    "already: ten times.",
)
def psnr(x, y, peak=1.0):
    error = mean_squared_error(x.astype(core.float32), y)
    return (20 * core.log10(peak**2 / error)).astype(x.dtype)


@misconception(
    "10.2",
    "The peak has to be squared, as the differences are.",
)
def psnr(x, y, peak=1.0):
    error = mean_squared_error(x.astype(core.float32), y)
    return (10 * core.log10(peak / error)).astype(x.dtype)


@misconception(
    "10.2",
    "You average over the whole batch. Each picture has an error of its own; the logarithm of a mean "
    "is not the mean of logarithms.",
)
def mean_squared_error(x, y):
    difference = x.astype(core.float32) - y
    return core.broadcast_to(core.mean(core.square(difference)), (x.shape[0],)).astype(x.dtype)


@misconception(
    "10.2",
    "You compute in the dtype of the pictures. In half precision the sum of a few squares of bytes is "
    "infinite already; compute in float32, and turn only the result back.",
)
def mean_squared_error(x, y):
    return core.mean(core.square(x - y).reshape(x.shape[0], -1), axis=1)


@misconception(
    "10.2",
    "Your quotient is one of the dtype of the pictures. In half precision 255 squared over a small "
    "error is infinite; compute in float32, and turn only the result back.",
)
def psnr(x, y, peak=1.0):
    return 10 * core.log10(peak**2 / mean_squared_error(x, y))


@misconception(
    "10.2",
    "That is the natural logarithm. Decibels have the base 10: ten more are a factor of ten.",
)
def psnr(x, y, peak=1.0):
    error = mean_squared_error(x.astype(core.float32), y)
    return (10 * core.log(peak**2 / error)).astype(x.dtype)


@misconception(
    "10.2",
    "You do not use the peak: with bytes the decibels are 48 too few.",
)
def psnr(x, y, peak=1.0):
    error = mean_squared_error(x.astype(core.float32), y)
    return (-10 * core.log10(error)).astype(x.dtype)


@misconception(
    "10.3",
    "All places of your window count alike. They are weighted: the bell of gaussian_window falls off "
    "from the middle.",
)
def local_mean(x):
    n, height, width, channels = x.shape
    x = x.transpose(0, 3, 1, 2).reshape(n * channels, height, width, 1)
    window = core.full((SIDE, SIDE), 1 / SIDE**2, dtype=x.dtype)
    return core.conv2d(x, window[None, :, :, None])


@misconception(
    "10.3",
    "You pad the picture with zeros, which look like edges at the border. The mean is over the places "
    "where the window fits.",
)
def local_mean(x):
    n, height, width, channels = x.shape
    x = x.transpose(0, 3, 1, 2).reshape(n * channels, height, width, 1)
    return core.conv2d(x, gaussian_window().astype(x.dtype)[None, :, :, None], padding=SIDE // 2)


@misconception(
    "10.3",
    "Your constants are those of pixels up to 255. They are parts of the peak, and for pixels from 0 "
    "to 1 they drown everything.",
)
def ssim(x, y, peak=1.0):
    if min(x.shape[1:3]) < SIDE:
        raise ValueError("[ssim] The window is larger than the pictures.")
    dtype, x, y = x.dtype, x.astype(core.float32), y.astype(core.float32)
    mean_x, mean_y = local_mean(x), local_mean(y)
    xx = local_mean(x * x) - mean_x * mean_x
    yy = local_mean(y * y) - mean_y * mean_y
    xy = local_mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * xy + c2) / (xx + yy + c2)
    return core.mean((light * structure).reshape(x.shape[0], -1), axis=1).astype(dtype)


@misconception(
    "10.3",
    "You take mean and variance of the whole picture. SSIM compares around every place, and averages "
    "the results.",
)
def ssim(x, y, peak=1.0):
    if min(x.shape[1:3]) < SIDE:
        raise ValueError("[ssim] The window is larger than the pictures.")
    dtype, x, y = x.dtype, x.astype(core.float32), y.astype(core.float32)
    mean_x = core.mean(x, axis=(1, 2))
    mean_y = core.mean(y, axis=(1, 2))
    xx = core.mean(x * x, axis=(1, 2)) - mean_x * mean_x
    yy = core.mean(y * y, axis=(1, 2)) - mean_y * mean_y
    xy = core.mean(x * y, axis=(1, 2)) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    return core.mean(light * (2 * xy + c2) / (xx + yy + c2), axis=1).astype(dtype)


@misconception(
    "10.3",
    "You compute in the dtype of the pictures. A variance is a small difference of large numbers, and "
    "in half precision it is nothing but rounding; compute in float32, and turn only the result back.",
)
def ssim(x, y, peak=1.0):
    if min(x.shape[1:3]) < SIDE:
        raise ValueError("[ssim] The window is larger than the pictures.")
    mean_x, mean_y = local_mean(x), local_mean(y)
    xx = local_mean(x * x) - mean_x * mean_x
    yy = local_mean(y * y) - mean_y * mean_y
    xy = local_mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * xy + c2) / (xx + yy + c2)
    return core.mean((light * structure).reshape(x.shape[0], -1), axis=1)


@misconception(
    "10.4",
    "Your decoder's matrix stands still: it is detached, and the weights learn from the encoder alone. "
    "One matrix with two uses gets two slopes.",
    symbol="TiedAutoencoder.decode",
)
def decode(self, z):
    return z @ core.stop_gradient(self.weight) + self.bias


@misconception(
    "10.4",
    "Your encoder does not take the bias away, which the decoder adds.",
    symbol="TiedAutoencoder.encode",
)
def encode(self, x):
    return x @ self.weight.T


@misconception(
    "10.4",
    "Your decoder does not give the bias back, which the encoder has taken away.",
    symbol="TiedAutoencoder.decode",
)
def decode(self, z):
    return z @ self.weight


@misconception(
    "10.5",
    "You make the numbers that are left larger, as dropout does. A spoiled picture is a picture with "
    "holes; nothing else of it changes.",
)
def masked(x, share, key=None):
    hole = core.random.uniform(shape=x.shape, key=key) < share
    return core.where(hole, core.zeros_like(x), x / max(1 - share, 1e-6))


@misconception(
    "10.5",
    "You keep the share that you should spoil.",
)
def masked(x, share, key=None):
    return core.where(core.random.uniform(shape=x.shape, key=key) > share, core.zeros_like(x), x)


@misconception(
    "10.5",
    "Salt and pepper together have the share, half of it each; with you each of the two has all of "
    "it.",
)
def salted(x, share, key=None):
    draw = core.random.uniform(shape=x.shape, key=key)
    x = core.where(draw < share, core.zeros_like(x), x)
    return core.where(draw > 1 - share, core.ones_like(x), x)


@misconception(
    "10.5",
    "Your network is praised for giving back the spoiled picture: it learns to copy the noise. "
    "Compare with the clean one.",
)
def denoising_loss(model, x, corrupt):
    seen = corrupt(x) if model.training else x
    return core.mean(core.square(model(seen) - seen))


@misconception(
    "10.5",
    "You spoil the pictures in evaluation, too. There the network gets them as they are.",
)
def denoising_loss(model, x, corrupt):
    return core.mean(core.square(model(corrupt(x)) - x))


@misconception(
    "10.6",
    "You round down. A convolution with kernel 3, stride 2 and padding 1 makes 4 of 7.",
)
def halved(size, times):
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((height // 2, width // 2))
    return sizes


@misconception(
    "10.6",
    "You always add a row and a column. That is right where the size is even; an odd size gets one "
    "too many.",
    symbol="ConvDecoder.__init__",
)
def __init__(self, size, channels, latent):
    super().__init__()
    sizes = halved(size, len(channels) - 1)
    self.start = (*sizes[-1], channels[-1])
    self.linear = nn.Linear(latent, math.prod(self.start))
    self.stages = [
        nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
        for outputs, inputs in reversed(list(zip(channels, channels[1:])))
    ]


@misconception(
    "10.6",
    "You look at the rows only, and treat the columns alike. A picture of 8 x 7 needs a row more and "
    "no column.",
    symbol="ConvDecoder.__init__",
)
def __init__(self, size, channels, latent):
    super().__init__()
    sizes = halved(size, len(channels) - 1)
    self.start = (*sizes[-1], channels[-1])
    self.linear = nn.Linear(latent, math.prod(self.start))
    self.stages = []
    for (height, _), outputs, inputs in reversed(list(zip(sizes, channels, channels[1:]))):
        self.stages.append(
            nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1 - height % 2)
        )


@misconception(
    "10.6",
    "There is a relu behind your last stage: every pixel that should have a negative logit is stuck "
    "at 0, and does not learn any more.",
    symbol="ConvDecoder.__call__",
)
def __call__(self, z):
    x = nn.relu(self.linear(z)).reshape(-1, *self.start)
    for stage in self.stages:
        x = nn.relu(stage(x))
    return x.reshape(*z.shape[:-1], *x.shape[1:])


@misconception(
    "10.6",
    "You read the linear layer's numbers as channels, rows, columns. The channels come last.",
    symbol="ConvDecoder.__call__",
)
def __call__(self, z):
    rows, columns, channels = self.start
    x = nn.relu(self.linear(z)).reshape(-1, channels, rows, columns).transpose(0, 2, 3, 1)
    for i, stage in enumerate(self.stages):
        x = stage(x if i == 0 else nn.relu(x))
    return x.reshape(*z.shape[:-1], *x.shape[1:])


@misconception(
    "10.6",
    "You add no row and no column. Without them a stage makes odd sizes only: 7 of 4, and never 8.",
    symbol="ConvDecoder.__init__",
)
def __init__(self, size, channels, latent):
    super().__init__()
    sizes = halved(size, len(channels) - 1)
    self.start = (*sizes[-1], channels[-1])
    self.linear = nn.Linear(latent, math.prod(self.start))
    self.stages = []
    for (height, _), outputs, inputs in reversed(list(zip(sizes, channels, channels[1:]))):
        self.stages.append(nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=0))


@misconception(
    "10.7",
    "You take the variance for the deviation. exp(log_variance) is the variance; the noise is "
    "multiplied by its root.",
)
def reparameterized(mean, log_variance, noise):
    return mean + core.exp(log_variance) * noise


@misconception(
    "10.7",
    "You do not draw: you return the mean. Without noise in training the encoder never learns how sure "
    "it is, and codes between those of two pictures mean nothing.",
)
def reparameterized(mean, log_variance, noise):
    return core.broadcast_to(mean, noise.shape)


@misconception(
    "10.7",
    "One noise vector for the whole batch: all codes are moved in the same direction. Each example "
    "has a row of the noise.",
)
def reparameterized(mean, log_variance, noise):
    return mean + core.exp(0.5 * log_variance) * noise[..., :1, :]


@misconception(
    "10.7",
    "You detach the deviation, and the encoder's log-variance gets no slope. That a draw can be "
    "differentiated by mean *and* deviation is what this form is for.",
)
def reparameterized(mean, log_variance, noise):
    return mean + core.stop_gradient(core.exp(0.5 * log_variance)) * noise


@misconception(
    "10.8",
    "The 1 is missing: your divergence of a Gaussian from itself is 0.5 and not 0.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-other_log_variance)
    return 0.5 * (difference + core.exp(-difference) + apart)


@misconception(
    "10.8",
    "The sign is wrong: a divergence is never negative. As it stands, the loss would push the codes "
    "away from the prior.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-other_log_variance)
    return -0.5 * (difference + core.exp(-difference) + apart - 1)


@misconception(
    "10.8",
    "You read log-variances as logarithms of deviations. The factors of 2 come from nowhere.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-2 * other_log_variance)
    return difference + 0.5 * (core.exp(-2 * difference) + apart - 1)


@misconception(
    "10.8",
    "That is the divergence of p from q. The two are not the same: the mean is taken under q, the "
    "first one.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = log_variance - other_log_variance
    apart = core.square(mean - other_mean) * core.exp(-log_variance)
    return 0.5 * (difference + core.exp(-difference) + apart - 1)


@misconception(
    "10.8",
    "The quotient of two variances is the exponential of the difference of their logarithms. Each by "
    "itself is infinite where the quotient is not.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    variance, other = core.exp(log_variance), core.exp(other_log_variance)
    apart = core.square(mean - other_mean)
    return 0.5 * (other_log_variance - log_variance + (variance + apart) / other - 1)


@misconception(
    "10.8",
    "The half is forgotten: it is the logarithm of a deviation, which is half that of the "
    "variance, and the halves of the squares.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-other_log_variance)
    return difference + core.exp(-difference) + apart - 1


@misconception(
    "10.8",
    "The difference of the log-variances has the wrong sign in the sum: your divergence falls "
    "where it should rise, and becomes negative.",
)
def kl_divergence(mean, log_variance, other_mean, other_log_variance):
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-other_log_variance)
    return 0.5 * (-difference + core.exp(-difference) + apart - 1)


@misconception(
    "10.9",
    "You average over the pixels. They are independent, so their log-probabilities add up. A mean "
    "makes the picture count 784 times less against the divergence, and the code dies.",
)
def bernoulli(logits, x):
    pixels = logits.reshape(*logits.shape[: logits.ndim - x.ndim + 1], -1)
    return -core.mean(nn.softplus(pixels) - x.reshape(x.shape[0], -1) * pixels, axis=-1)


@misconception(
    "10.9",
    "The logarithm of a sigmoid that has become exactly 0 is minus infinity. With softplus of the logit "
    "nothing is lost.",
)
def bernoulli(logits, x):
    pixels = logits.reshape(*logits.shape[: logits.ndim - x.ndim + 1], -1)
    flat = x.reshape(x.shape[0], -1)
    p = nn.sigmoid(pixels)
    return core.sum(flat * core.log(p) + (1 - flat) * core.log(1 - p), axis=-1)


@misconception(
    "10.9",
    "You keep the logarithm finite by adding a small number, and then a wrong pixel costs at most 16 "
    "nats, whatever its logit: its slope is gone.",
)
def bernoulli(logits, x):
    pixels = logits.reshape(*logits.shape[: logits.ndim - x.ndim + 1], -1)
    flat = x.reshape(x.shape[0], -1)
    p = nn.sigmoid(pixels)
    return core.sum(flat * core.log(p + 1e-7) + (1 - flat) * core.log(1 - p + 1e-7), axis=-1)


@misconception(
    "10.9",
    "That is the loss, the negative of what is asked for: a log-probability is never positive.",
)
def bernoulli(logits, x):
    pixels = logits.reshape(*logits.shape[: logits.ndim - x.ndim + 1], -1)
    return core.sum(nn.softplus(pixels) - x.reshape(x.shape[0], -1) * pixels, axis=-1)


@misconception(
    "10.9",
    "A grey of exactly the threshold is not above it.",
)
def binarized(x, threshold=0.5):
    return (x >= threshold).astype(x.dtype)


@misconception(
    "10.10",
    "Mean against sum: you average the pixels, and the divergence is a sum. It then outweighs the "
    "picture, the codes become the prior, and the decoder draws the same for all: a collapse.",
)
def terms(model, x, noise):
    mean, log_variance = model.encode(x)
    z = reparameterized(mean, log_variance, noise)
    pixels = x.size // x.shape[0]
    return bernoulli(model.decode(z), x) / pixels, kl_to_standard(mean, log_variance)


@misconception(
    "10.10",
    "Nothing is drawn: the decoder sees the mean. The encoder can make its deviations as the prior "
    "wants them, at no cost, and this is no bound of anything.",
)
def terms(model, x, noise):
    mean, log_variance = model.encode(x)
    return bernoulli(model.decode(mean), x), kl_to_standard(mean, log_variance)


@misconception(
    "10.10",
    "One noise vector for the whole batch: all codes are moved alike, and the gradient is as noisy as "
    "that of a single example.",
)
def terms(model, x, noise):
    mean, log_variance = model.encode(x)
    z = reparameterized(mean, log_variance, core.broadcast_to(noise[:1], noise.shape))
    return bernoulli(model.decode(z), x), kl_to_standard(mean, log_variance)


@misconception(
    "10.10",
    "The divergence is added. It is what the code costs: it is subtracted.",
)
def elbo(log_likelihood, kl, beta=1.0):
    return log_likelihood + beta * core.sum(kl, axis=-1)


@misconception(
    "10.10",
    "You average the divergence over the numbers of the code. They are independent: their divergences "
    "add up, as the pixels' log-probabilities do.",
)
def elbo(log_likelihood, kl, beta=1.0):
    return log_likelihood - beta * core.mean(kl, axis=-1)


@misconception(
    "10.10",
    "You left the divergence out. That is an autoencoder with noise: it reconstructs well, and draws "
    "from its prior are no pictures.",
)
def elbo(log_likelihood, kl, beta=1.0):
    return log_likelihood


@misconception(
    "10.10",
    "You average over the batch. The bound is that of each example; the mean is taken by the "
    "loss, outside.",
)
def elbo(log_likelihood, kl, beta=1.0):
    return core.mean(log_likelihood - beta * core.sum(kl, axis=-1))


@misconception(
    "10.11",
    "The mean of the logarithms is the plain bound again, however many draws you take. The logarithm "
    "of the mean is the larger one.",
)
def importance_weighted(model, x, noise):
    mean, log_variance = model.encode(x)
    z = reparameterized(mean, log_variance, noise)
    zero = core.zeros((), z.dtype)
    prior = core.sum(log_density(z, zero, zero), axis=-1)
    posterior = core.sum(log_density(z, mean, log_variance), axis=-1)
    return core.mean(bernoulli(model.decode(z), x) + prior - posterior, axis=0)


@misconception(
    "10.11",
    "exp of -500 is 0 in float32, and the logarithm of 0 is minus infinity. core.logsumexp never makes "
    "the small numbers.",
)
def importance_weighted(model, x, noise):
    mean, log_variance = model.encode(x)
    z = reparameterized(mean, log_variance, noise)
    zero = core.zeros((), z.dtype)
    prior = core.sum(log_density(z, zero, zero), axis=-1)
    posterior = core.sum(log_density(z, mean, log_variance), axis=-1)
    weights = bernoulli(model.decode(z), x) + prior - posterior
    return core.log(core.mean(core.exp(weights), axis=0))


@misconception(
    "10.11",
    "You add the quotients and do not divide by their number: with K draws the bound is log K "
    "too large, and is none.",
)
def importance_weighted(model, x, noise):
    mean, log_variance = model.encode(x)
    z = reparameterized(mean, log_variance, noise)
    zero = core.zeros((), z.dtype)
    prior = core.sum(log_density(z, zero, zero), axis=-1)
    posterior = core.sum(log_density(z, mean, log_variance), axis=-1)
    return core.logsumexp(bernoulli(model.decode(z), x) + prior - posterior, axis=0)


@misconception(
    "10.11",
    "Greys go into the likelihood of black and white. What comes out is no logarithm of a "
    "probability, and no nats of black-and-white digits can be compared with it.",
)
def held_out(model, x, dims, draws=1, batch_size=100, seed=0):
    starts = range(0, x.shape[0], batch_size)
    keys = core.random.split(core.random.key(seed), len(starts))
    training, total = model.training, 0.0
    model.eval()
    try:
        for start, key in zip(starts, keys):
            part = x[start : start + batch_size]
            noise = core.random.normal((draws, part.shape[0], dims), key=key)
            total += core.sum(importance_weighted(model, part, noise)).item()
    finally:
        model.train(training)
    return total / x.shape[0]


@misconception(
    "10.11",
    "The model still trains while you test it: dropout leaves out units. What a training loop prints is "
    "not the bound of the test set.",
)
def held_out(model, x, dims, draws=1, batch_size=100, seed=0):
    starts = range(0, x.shape[0], batch_size)
    keys = core.random.split(core.random.key(seed), len(starts))
    total = 0.0
    for start, key in zip(starts, keys):
        part = binarized(x[start : start + batch_size])
        noise = core.random.normal((draws, part.shape[0], dims), key=key)
        total += core.sum(importance_weighted(model, part, noise)).item()
    return total / x.shape[0]


@misconception(
    "10.11",
    "You average the batches' means. The last batch is smaller, and its pictures count more than the "
    "others.",
)
def held_out(model, x, dims, draws=1, batch_size=100, seed=0):
    starts = range(0, x.shape[0], batch_size)
    keys = core.random.split(core.random.key(seed), len(starts))
    training, total = model.training, 0.0
    model.eval()
    try:
        for start, key in zip(starts, keys):
            part = binarized(x[start : start + batch_size])
            noise = core.random.normal((draws, part.shape[0], dims), key=key)
            total += core.mean(importance_weighted(model, part, noise)).item()
    finally:
        model.train(training)
    return total / len(starts)


@misconception(
    "10.12",
    "Your noise is the sum of the variances that are left over. Each direction outside of the plane has "
    "the noise of its own; their mean it is.",
    symbol="ProbabilisticPCA.__init__",
)
def __init__(self, x, count):
    pca = PCA(x, x.shape[1])
    self.mean = pca.mean
    self.noise = core.sum(pca.variances[count:]).item()
    lengths = core.sqrt(core.maximum(pca.variances[:count] - self.noise, 0.0))
    self.weight = pca.components[:count].T * lengths


@misconception(
    "10.12",
    "The variance along a component of the plane contains the noise already. Take it away before the "
    "root: the code explains only the rest.",
    symbol="ProbabilisticPCA.__init__",
)
def __init__(self, x, count):
    pca = PCA(x, x.shape[1])
    self.mean = pca.mean
    self.noise = core.mean(pca.variances[count:]).item()
    self.weight = pca.components[:count].T * core.sqrt(pca.variances[:count])


@misconception(
    "10.12",
    "You subtract log det C whole. Half of it belongs there: it is the logarithm of a root.",
    symbol="ProbabilisticPCA.log_likelihood",
)
def log_likelihood(self, x):
    dims = x.shape[1]
    c = self.weight @ self.weight.T + self.noise * core.eye(dims)
    lower = core.linalg.cholesky(c, stream=core.cpu)
    away = core.linalg.solve_triangular(lower, (x - self.mean).T, stream=core.cpu)
    log_det = 2 * core.sum(core.log(core.diag(lower)))
    distance = core.sum(core.square(away), axis=0)
    return -0.5 * (dims * math.log(2 * math.pi) + distance) - log_det


@misconception(
    "10.12",
    "That is the density given a code of zero. The code is not known: its directions add to the "
    "covariance.",
    symbol="ProbabilisticPCA.log_likelihood",
)
def log_likelihood(self, x):
    dims = x.shape[1]
    distance = core.sum(core.square(x - self.mean), axis=1) / self.noise
    return -0.5 * (dims * math.log(2 * math.pi * self.noise) + distance)


@misconception(
    "10.12",
    "Your code is the projection on W, without the noise in M. A code is drawn towards 0 by the prior, "
    "the more the noisier the rows are.",
    symbol="ProbabilisticPCA.posterior",
)
def posterior(self, x):
    lengths = core.sum(core.square(self.weight), axis=0)
    return (x - self.mean) @ self.weight / lengths, self.noise / lengths


@misconception(
    "10.12",
    "Your noise is the mean of all variances. The first ones belong to the plane; the noise is "
    "the mean of those beyond it.",
    symbol="ProbabilisticPCA.__init__",
)
def __init__(self, x, count):
    pca = PCA(x, x.shape[1])
    self.mean = pca.mean
    self.noise = core.mean(pca.variances).item()
    lengths = core.sqrt(core.maximum(pca.variances[:count] - self.noise, 0.0))
    self.weight = pca.components[:count].T * lengths


@misconception(
    "10.13",
    "The weight goes on rising. From step `steps` on it is beta.",
)
def warm_up(step, steps, beta=1.0):
    return beta * core.array(step) / steps if steps else core.array(beta)


@misconception(
    "10.13",
    "Your rise ends at 1 whatever beta is: the whole ramp is multiplied by it.",
)
def warm_up(step, steps, beta=1.0):
    return core.minimum(core.array(step) / steps, beta) if steps else core.array(beta)


@misconception(
    "10.13",
    "You take the maximum for every example. The free nats belong to a number of the code, over the "
    "whole batch: for some examples it may say nothing.",
)
def free_bits(kl, least):
    return core.sum(core.mean(core.maximum(kl, least), axis=0))


@misconception(
    "10.13",
    "You take the maximum of the sum: one busy number of the code then pays for all the others, and "
    "those die.",
)
def free_bits(kl, least):
    return core.maximum(core.mean(core.sum(kl, axis=-1)), least)


@misconception(
    "10.13",
    "With the minimum it is the other way round: a number that says much gets the rest for nothing, "
    "and one that says little is still pushed to zero.",
)
def free_bits(kl, least):
    return core.sum(core.minimum(core.mean(kl, axis=0), least))


@misconception(
    "10.13",
    "You charge what is above the free nats, and 0 below. The slopes are the same; the charge is "
    "the larger one of the mean and the free nats.",
)
def free_bits(kl, least):
    return core.sum(core.maximum(core.mean(kl, axis=0) - least, 0.0))


@misconception(
    "10.14",
    "Your decoder is not told the label: it has to be in the code after all, and what you ask for is "
    "not what you get.",
    symbol="ConditionalVAE.decode",
)
def decode(self, z, labels):
    unknown = core.zeros_like(self.one_hot(labels))
    return self.decoder(core.concatenate([z, unknown], axis=-1)).reshape(-1, *self.shape)


@misconception(
    "10.14",
    "Your encoder is not told the label: the code spends nats on what the decoder knows anyway.",
    symbol="ConditionalVAE.encode",
)
def encode(self, x, labels):
    unknown = core.zeros_like(self.one_hot(labels))
    rows = core.concatenate([x.reshape(x.shape[0], -1), unknown], axis=-1)
    mean, log_variance = core.split(self.encoder(rows), 2, axis=-1)
    return mean, log_variance


@misconception(
    "10.14",
    "A label is a name and no amount: a 9 is not nine times a 1. One place for each class, with a "
    "single one in it.",
    symbol="ConditionalVAE.decode",
)
def decode(self, z, labels):
    amount = core.broadcast_to(labels[:, None].astype(z.dtype), (z.shape[0], self.classes))
    return self.decoder(core.concatenate([z, amount], axis=-1)).reshape(-1, *self.shape)


@misconception(
    "10.14",
    "The halves are exchanged: the mean is the first one.",
    symbol="ConditionalVAE.encode",
)
def encode(self, x, labels):
    rows = core.concatenate([x.reshape(x.shape[0], -1), self.one_hot(labels)], axis=-1)
    log_variance, mean = core.split(self.encoder(rows), 2, axis=-1)
    return mean, log_variance


@misconception(
    "10.15",
    "Without log 2 these are nats a dimension. A bit is log 2 of a nat.",
)
def bits_a_dimension(nats, dims):
    return nats / dims


@misconception(
    "10.15",
    "You multiply by log 2. There are more bits than nats, for the same picture.",
)
def bits_a_dimension(nats, dims):
    return nats * math.log(2) / dims


@misconception(
    "10.15",
    "That is a density, which can be as large as you like, and no probability. A level has a width of "
    "1 / (levels - 1), and the probability of that interval.",
)
def discretized_logistic(mean, log_scale, x, levels=256):
    a = (x - mean) * core.exp(-log_scale)
    return nn.log_sigmoid(a) + nn.log_sigmoid(-a) - log_scale


@misconception(
    "10.15",
    "The first and the last level have only their own interval with you. What lies beyond would be "
    "lost, and the probabilities of all levels do not sum to 1.",
)
def discretized_logistic(mean, log_scale, x, levels=256):
    half = 0.5 / (levels - 1)
    scale = core.exp(-log_scale)
    above, below = (x - mean + half) * scale, (x - mean - half) * scale
    up, down = nn.log_sigmoid(above), nn.log_sigmoid(-below)
    inside = up + down + core.log(-core.expm1(-2 * half * scale))
    return inside + 0 * x


@misconception(
    "10.15",
    "Far from the mean both sigmoids are 0 or 1, and their difference is 0 with an infinite "
    "logarithm. Take logarithms of factors that do not cancel.",
)
def discretized_logistic(mean, log_scale, x, levels=256):
    half = 0.5 / (levels - 1)
    scale = core.exp(-log_scale)
    above, below = (x - mean + half) * scale, (x - mean - half) * scale
    up, down = nn.log_sigmoid(above), nn.log_sigmoid(-below)
    inside = core.log(nn.sigmoid(above) - nn.sigmoid(below))
    return core.where(x < half, up, core.where(x > 1 - half, down, inside))


@misconception(
    "10.15",
    "256 levels from 0 to 1 have 255 steps between them: a level is 1 / (levels - 1) wide.",
)
def discretized_logistic(mean, log_scale, x, levels=256):
    half = 0.5 / levels
    scale = core.exp(-log_scale)
    above, below = (x - mean + half) * scale, (x - mean - half) * scale
    up, down = nn.log_sigmoid(above), nn.log_sigmoid(-below)
    inside = up + down + core.log(-core.expm1(-2 * half * scale))
    return core.where(x < half, up, core.where(x > 1 - half, down, inside))


@misconception(
    "10.16",
    "The largest product is not the nearest code: a long vector has large products with everything. "
    "The squared length of the code belongs to the distance.",
)
def nearest(z, codebook):
    return core.argmax(z @ codebook.T, axis=-1)


@misconception(
    "10.16",
    "The 2 in front of the product is missing.",
)
def nearest(z, codebook):
    return core.argmin(core.sum(core.square(codebook), axis=-1) - z @ codebook.T, axis=-1)


@misconception(
    "10.16",
    "You subtract every code from every vector: right, but of the size M x K x D. One matrix product "
    "does it without.",
)
def nearest(z, codebook):
    return core.argmin(core.sum(core.square(z[..., None, :] - codebook), axis=-1), axis=-1)


@misconception(
    "10.17",
    "The stop-gradients of the two losses are exchanged: what should move the codebook moves the "
    "encoder, and the other way round.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(core.stop_gradient(e) - z))
    commitment = core.mean(core.square(core.stop_gradient(z) - e))
    through = z + core.stop_gradient(e - z)
    return through, codebook_loss, commitment, codes


@misconception(
    "10.17",
    "You compute the losses from the output of the straight-through line. It has the values of the "
    "codes but no slope to them: the codebook never moves, and the pictures improve all the same.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    through = z + core.stop_gradient(codebook[codes] - z)
    codebook_loss = core.mean(core.square(through - core.stop_gradient(z)))
    commitment = core.mean(core.square(z - core.stop_gradient(through)))
    return through, codebook_loss, commitment, codes


@misconception(
    "10.17",
    "The straight-through output has a slope to the codebook: the reconstruction moves it, too, and it "
    "is no longer where the vectors are.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - core.stop_gradient(z)))
    commitment = core.mean(core.square(z - core.stop_gradient(e)))
    through = e + z - core.stop_gradient(z)
    return through, codebook_loss, commitment, codes


@misconception(
    "10.17",
    "The output is the code vectors themselves. Their slope goes to the codebook only: the encoder "
    "learns nothing from the reconstruction.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - core.stop_gradient(z)))
    commitment = core.mean(core.square(z - core.stop_gradient(e)))
    return e, codebook_loss, commitment, codes


@misconception(
    "10.17",
    "You compute the codebook's loss without stopping the gradient of the vectors: it moves the "
    "encoder, too, with a weight that you did not choose.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - z))
    commitment = core.mean(core.square(z - core.stop_gradient(e)))
    through = z + core.stop_gradient(e - z)
    return (through, codebook_loss, commitment, codes)


@misconception(
    "10.17",
    "You compute the commitment without stopping the gradient of the code vectors: it moves the "
    "codebook, too, with a weight that you did not choose.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - core.stop_gradient(z)))
    commitment = core.mean(core.square(z - e))
    through = z + core.stop_gradient(e - z)
    return (through, codebook_loss, commitment, codes)


@misconception(
    "10.17",
    "You stop no gradient in the two losses: each of them moves both, the encoder and the "
    "codebook, and they are twice the same.",
)
def quantized(z, codebook):
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - z))
    commitment = core.mean(core.square(z - e))
    through = z + core.stop_gradient(e - z)
    return (through, codebook_loss, commitment, codes)


@misconception(
    "10.18",
    "0 log 0 is 0, but 0 times minus infinity is no number. A code that was never taken adds nothing.",
)
def perplexity(counts):
    p = counts / core.sum(counts)
    return core.exp(-core.sum(p * core.log(p)))


@misconception(
    "10.18",
    "An entropy in bits needs a power of 2, one in nats a power of e. You mix the two.",
)
def perplexity(counts):
    p = counts / core.sum(counts)
    return core.exp(-core.sum(p * core.log2(core.where(p > 0, p, 1.0))))


@misconception(
    "10.18",
    "You average means. A batch in which a code was taken once moves it as far as one in which it was "
    "taken a hundred times, and a code that was not taken falls to zero.",
    symbol="MovingCodebook.follow",
)
def follow(self, z, codes):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    codes = codes.reshape(-1)
    n = usage(codes, self.counts.shape[0])
    s = core.zeros(self.sums.shape).at[codes].add(z)
    self.counts = self.decay * self.counts + (1 - self.decay) * n
    self.sums = self.decay * self.sums + (1 - self.decay) * s
    mean = s / core.maximum(n, 1)[:, None]
    self.vectors = self.decay * self.vectors + (1 - self.decay) * mean


@misconception(
    "10.18",
    "The two weights are exchanged: the past counts 1 - decay, and the codebook jumps with every batch.",
    symbol="MovingCodebook.follow",
)
def follow(self, z, codes):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    codes = codes.reshape(-1)
    n = usage(codes, self.counts.shape[0])
    s = core.zeros(self.sums.shape).at[codes].add(z)
    self.counts = (1 - self.decay) * self.counts + self.decay * n
    self.sums = (1 - self.decay) * self.sums + self.decay * s
    held = self.counts[:, None]
    self.vectors = core.where(held > 0, self.sums / core.maximum(held, 1e-12), self.vectors)


@misconception(
    "10.18",
    "You divide by a count of 0. A code that has faded away keeps its vector.",
    symbol="MovingCodebook.follow",
)
def follow(self, z, codes):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    codes = codes.reshape(-1)
    n = usage(codes, self.counts.shape[0])
    s = core.zeros(self.sums.shape).at[codes].add(z)
    self.counts = self.decay * self.counts + (1 - self.decay) * n
    self.sums = self.decay * self.sums + (1 - self.decay) * s
    self.vectors = self.sums / self.counts[:, None]


@misconception(
    "10.18",
    "All dead codes get the same new vector: the first one takes all vectors near it, and the others "
    "die again.",
    symbol="MovingCodebook.revive",
)
def revive(self, z, least, key=None):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    chosen = core.random.randint(0, z.shape[0], (1,), key=key)
    dead = self.counts < least
    self.vectors = core.where(dead[:, None], z[chosen], self.vectors)
    self.sums = core.where(dead[:, None], z[chosen], self.sums)
    self.counts = core.where(dead, 1.0, self.counts)


@misconception(
    "10.18",
    "The new vector is there, but count and sum are still the old ones: the next batch puts the vector "
    "back where it was.",
    symbol="MovingCodebook.revive",
)
def revive(self, z, least, key=None):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    chosen = core.random.randint(0, z.shape[0], self.counts.shape, key=key)
    dead = self.counts < least
    self.vectors = core.where(dead[:, None], z[chosen], self.vectors)


@misconception(
    "10.18",
    "The count of a revived code is still the old one: divided by it, the sum is a vector far "
    "away after the next batch.",
    symbol="MovingCodebook.revive",
)
def revive(self, z, least, key=None):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    chosen = core.random.randint(0, z.shape[0], self.counts.shape, key=key)
    dead = self.counts < least
    self.vectors = core.where(dead[:, None], z[chosen], self.vectors)
    self.sums = core.where(dead[:, None], z[chosen], self.sums)


@misconception(
    "10.18",
    "The sum of a revived code is still the old one: the next batch puts the vector somewhere "
    "else.",
    symbol="MovingCodebook.revive",
)
def revive(self, z, least, key=None):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    chosen = core.random.randint(0, z.shape[0], self.counts.shape, key=key)
    dead = self.counts < least
    self.vectors = core.where(dead[:, None], z[chosen], self.vectors)
    self.counts = core.where(dead, 1.0, self.counts)


@misconception(
    "10.18",
    "You average the means of the batch, and not the sums. Divided by the counts once more, "
    "every code that was taken often is far too short.",
    symbol="MovingCodebook.follow",
)
def follow(self, z, codes):
    z = core.stop_gradient(z).reshape(-1, z.shape[-1])
    codes = codes.reshape(-1)
    n = usage(codes, self.counts.shape[0])
    s = core.zeros(self.sums.shape).at[codes].add(z)
    s = s / core.maximum(n, 1)[:, None]
    self.counts = self.decay * self.counts + (1 - self.decay) * n
    self.sums = self.decay * self.sums + (1 - self.decay) * s
    held = self.counts[:, None]
    self.vectors = core.where(held > 0, self.sums / core.maximum(held, 1e-12), self.vectors)


@misconception(
    "10.19",
    "The middle case is missing. An interval around the middle then shrinks without a digit becoming "
    "certain, until there are not enough numbers in it for all symbols.",
    symbol="Encoder.encode",
)
def encode(self, start, end, total):
    self.low, self.high = narrowed(self.low, self.high, start, end, total)
    while True:
        if self.high <= HALF:
            self.put(0)
            taken = 0
        elif self.low >= HALF:
            self.put(1)
            taken = HALF
        else:
            return
        self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)


@misconception(
    "10.19",
    "A digit that waits is written at once as 0. It is not known yet: it becomes the opposite of the "
    "next certain one.",
    symbol="Encoder.encode",
)
def encode(self, start, end, total):
    self.low, self.high = narrowed(self.low, self.high, start, end, total)
    while True:
        if self.high <= HALF:
            self.put(0)
            taken = 0
        elif self.low >= HALF:
            self.put(1)
            taken = HALF
        elif self.low >= QUARTER and self.high <= HALF + QUARTER:
            self.put(0)
            taken = QUARTER
        else:
            return
        self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)


@misconception(
    "10.19",
    "The ends are rounded down by the encoder, so the part of a symbol begins a little before the exact "
    "quotient. Counting from value itself you find the symbol before it, now and then.",
    symbol="Decoder.decode",
)
def decode(self, sums):
    size, total = self.high - self.low, sums[-1]
    parts = (self.value - self.low) * total // size
    symbol = bisect_right(sums, parts) - 1
    self.low, self.high = narrowed(self.low, self.high, sums[symbol], sums[symbol + 1], total)
    while True:
        if self.high <= HALF:
            taken = 0
        elif self.low >= HALF:
            taken = HALF
        elif self.low >= QUARTER and self.high <= HALF + QUARTER:
            taken = QUARTER
        else:
            return symbol
        self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)
        self.value = 2 * (self.value - taken) + self.digit()


@misconception(
    "10.19",
    "The interval moves and value does not: what is taken from both ends is taken from it, too.",
    symbol="Decoder.decode",
)
def decode(self, sums):
    size, total = self.high - self.low, sums[-1]
    parts = ((self.value - self.low + 1) * total - 1) // size
    symbol = bisect_right(sums, min(max(parts, 0), total - 1)) - 1
    self.low, self.high = narrowed(self.low, self.high, sums[symbol], sums[symbol + 1], total)
    while True:
        if self.high <= HALF:
            taken = 0
        elif self.low >= HALF:
            taken = HALF
        elif self.low >= QUARTER and self.high <= HALF + QUARTER:
            taken = QUARTER
        else:
            return symbol
        self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)
        self.value = (2 * self.value + self.digit()) % WHOLE


@misconception(
    "10.19",
    "You write one digit at most. A symbol of probability 1/8 makes three certain: go on while "
    "one is.",
    symbol="Encoder.encode",
)
def encode(self, start, end, total):
    self.low, self.high = narrowed(self.low, self.high, start, end, total)
    if True:
        if self.high <= HALF:
            self.put(0)
            taken = 0
        elif self.low >= HALF:
            self.put(1)
            taken = HALF
        elif self.low >= QUARTER and self.high <= HALF + QUARTER:
            self.waiting += 1
            taken = QUARTER
        else:
            return
        self.low, self.high = (2 * (self.low - taken), 2 * (self.high - taken))


@misconception(
    "10.20",
    "Your checksum covers the payload only. A bit that turns in the shape makes other pictures, and "
    "nobody notices.",
)
def pack(archive):
    model, size, shape, payload = archive
    if len(model) != 8 or not 1 <= size < 1 << 16 or not 1 <= len(shape) <= 4:
        raise ValueError("An archive needs 8 bytes, 1 to 65535 codes and one to four axes.")
    if not all(0 <= n < 1 << 32 for n in shape):
        raise ValueError("The shape does not fit into 32 bits.")
    head = struct.pack(f"{HEAD}{len(shape)}I", VERSION, model, size, len(shape), *shape)
    return MAGIC + head + payload + struct.pack("<I", zlib.crc32(payload))


@misconception(
    "10.20",
    "There is no checksum that you look at. A file that has changed is decoded into something else.",
)
def unpack(data, model=None):
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    if len(data) > at and data[at] != VERSION:
        raise ValueError(f"The file has the version {data[at]}.")
    start = at + struct.calcsize(HEAD)
    if len(data) < start + 4:
        raise ValueError("The file is damaged or not complete.")
    _, name, size, axes = struct.unpack(HEAD, data[at:start])
    if model is not None and name != model:
        raise ValueError("The file was made with another model.")
    payload = start + 4 * axes
    if len(data) < payload + 4:
        raise ValueError("The file is damaged or not complete.")
    shape = struct.unpack(f"<{axes}I", data[start:payload])
    return Archive(name, size, shape, data[payload:-4])


@misconception(
    "10.20",
    "A file that is too short ends in an error of struct. Look at the length before you take it "
    "apart, and say in one sentence what is wrong.",
)
def unpack(data, model=None):
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    start = at + struct.calcsize(HEAD)
    version, name, size, axes = struct.unpack(HEAD, data[at:start])
    if version != VERSION:
        raise ValueError(f"The file has the version {version}.")
    if data[-4:] != struct.pack("<I", zlib.crc32(data[:-4])):
        raise ValueError("The file is damaged or not complete: its checksum does not fit.")
    if model is not None and name != model:
        raise ValueError("The file was made with another model.")
    payload = start + 4 * axes
    shape = struct.unpack(f"<{axes}I", data[start:payload])
    return Archive(name, size, shape, data[payload:-4])


@misconception(
    "10.20",
    "You decode the codes of another model: they are numbers of another codebook. Compare the names.",
)
def unpack(data, model=None):
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    if len(data) > at and data[at] != VERSION:
        raise ValueError(f"The file has the version {data[at]}.")
    body, end = data[:-4], data[-4:]
    damaged = ValueError("The file is damaged or not complete: its checksum does not fit.")
    start = at + struct.calcsize(HEAD)
    if len(body) < start or end != struct.pack("<I", zlib.crc32(body)):
        raise damaged
    _, name, size, axes = struct.unpack(HEAD, body[at:start])
    payload = start + 4 * axes
    if len(body) < payload:
        raise damaged
    shape = struct.unpack(f"<{axes}I", body[start:payload])
    return Archive(name, size, shape, body[payload:])


@misconception(
    "10.20",
    "You compare two bytes of the checksum. One change in 65,536 is overlooked by that; all four "
    "bytes overlook one in four thousand million.",
)
def unpack(data, model=None):
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    if len(data) > at and data[at] != VERSION:
        raise ValueError(f"The file has the version {data[at]}.")
    body, end = data[:-4], data[-4:]
    damaged = ValueError("The file is damaged or not complete: its checksum does not fit.")
    start = at + struct.calcsize(HEAD)
    if len(body) < start or end[:2] != struct.pack("<H", zlib.crc32(body) & 0xFFFF):
        raise damaged
    _, name, size, axes = struct.unpack(HEAD, body[at:start])
    payload = start + 4 * axes
    if len(body) < payload:
        raise damaged
    if model is not None and name != model:
        raise ValueError("The file was made with another model.")
    shape = struct.unpack(f"<{axes}I", body[start:payload])
    return Archive(name, size, shape, body[payload:])


@misconception(
    "10.20",
    "You compare the model's name before the checksum. A bit that has turned in the name makes it "
    "another model's file with you; it is a damaged one.",
)
def unpack(data, model=None):
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    if len(data) > at and data[at] != VERSION:
        raise ValueError(f"The file has the version {data[at]}.")
    body, end = data[:-4], data[-4:]
    damaged = ValueError("The file is damaged or not complete: its checksum does not fit.")
    start = at + struct.calcsize(HEAD)
    if len(body) < start:
        raise damaged
    _, name, size, axes = struct.unpack(HEAD, body[at:start])
    if model is not None and name != model:
        raise ValueError("The file was made with another model.")
    payload = start + 4 * axes
    if len(body) < payload or end != struct.pack("<I", zlib.crc32(body)):
        raise damaged
    shape = struct.unpack(f"<{axes}I", body[start:payload])
    return Archive(name, size, shape, body[payload:])


@misconception(
    "10.20",
    "One sentence for everything says nothing: whoever reads it does not know whether to fetch the "
    "file again, another program or another model. Each case has its own.",
)
def unpack(data, model=None):
    wrong = ValueError(
        "This is no file of this compressor, has another version or model, or is damaged."
    )
    at = len(MAGIC)
    start = at + struct.calcsize(HEAD)
    body, end = data[:-4], data[-4:]
    if data[:at] != MAGIC or len(body) < start or data[at] != VERSION:
        raise wrong
    if end != struct.pack("<I", zlib.crc32(body)):
        raise wrong
    _, name, size, axes = struct.unpack(HEAD, body[at:start])
    payload = start + 4 * axes
    if len(body) < payload or (model is not None and name != model):
        raise wrong
    shape = struct.unpack(f"<{axes}I", body[start:payload])
    return Archive(name, size, shape, body[payload:])
